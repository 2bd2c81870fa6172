use bytes::{Bytes, BytesMut};

use super::*;
use crate::field::Content;
use crate::frame::next_frame;
use crate::login::Secret;
use crate::session::{
    Actions, CloseReason, Dialect, Event, Oddity, Outcome, Repeat, Session, SessionLimits, Uncertain, Up,
};
use crate::smpp::pdu::{
    Address, AlertNotification, Bind, BindMode, CancelSm, DataSm, Message, MessageBody, MessageId,
    MessageResp, Password,
};
use crate::smpp::{CText, FRAME_LIMITS, Packet, codec};

const UNIX_MS: u64 = 1_763_000_000_000;

fn bind(mode: BindMode) -> Bind {
    Bind {
        mode,
        system_id: CText::new("hongyan").unwrap(),
        password: Password::new(&Secret::new("secret08")).unwrap(),
        system_type: CText::EMPTY,
        interface_version: 0x34,
        addr_ton: 0,
        addr_npi: 0,
        address_range: CText::EMPTY,
    }
}

/// One side with what follows from its events.
struct Side<D: Dialect> {
    session: Session<D>,
    actions: Actions<Up<D>>,
    now_ms: u64,
}

impl<D: Dialect<Sequence = u32, Pdu = Pdu>> Side<D> {
    fn new(dialect: D) -> Self {
        let limits = SessionLimits {
            window: 2,
            max_unanswered_inbound: 2,
            ..SessionLimits::default()
        };
        let mut side = Self {
            session: Session::new(dialect, limits).unwrap(),
            actions: Actions::default(),
            now_ms: 0,
        };
        side.on(Event::Connected { unix_ms: UNIX_MS });
        side
    }

    fn on(&mut self, event: Event<'_, D>) {
        self.session.on(event, self.now_ms, &mut self.actions);
    }

    fn hear(&mut self, octets: &[u8]) {
        let mut buffer = BytesMut::from(octets);
        self.on(Event::Received(&mut buffer));
    }

    fn receive(&mut self, sequence: u32, pdu: &Pdu) {
        let mut octets = BytesMut::new();
        codec::encode(sequence, pdu, &mut octets).unwrap();
        self.hear(&octets);
    }

    fn request(&mut self, token: u64, pdu: &Pdu) {
        self.on(Event::Request {
            token,
            sequence: None,
            pdu,
            repeat: Repeat::Never,
        });
    }

    /// What it has sent since the last look.
    fn sent(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(frame) = next_frame(&mut self.actions.send, FRAME_LIMITS).unwrap() {
            packets.push(codec::decode(&frame).unwrap());
        }
        packets
    }

    /// What it has told since the last look.
    fn told(&mut self) -> Vec<Up<D>> {
        std::mem::take(&mut self.actions.up)
    }
}

/// Carries octets between the two until neither has any.
fn exchange(esme: &mut Side<Esme>, smsc: &mut Side<Smsc>) {
    while !(esme.actions.send.is_empty() && smsc.actions.send.is_empty()) {
        let octets = esme.actions.send.split();
        smsc.hear(&octets);
        let octets = smsc.actions.send.split();
        esme.hear(&octets);
    }
}

fn open(mode: BindMode) -> (Side<Esme>, Side<Smsc>) {
    let mut esme = Side::new(Esme::new(bind(mode), 1));
    let mut smsc = Side::new(Smsc::new(CText::new("centre").unwrap(), 1));
    exchange(&mut esme, &mut smsc);
    assert_eq!(smsc.told(), [Up::LoginRequested(bind(mode))]);
    smsc.on(Event::LoginAnswered(LoginVerdict::Check(Secret::new("secret08"))));
    exchange(&mut esme, &mut smsc);
    let opened = EsmeOpened {
        system_id: CText::new("centre").unwrap(),
        interface_version: Some(0x34),
    };
    assert_eq!(esme.told(), [Up::Opened(opened)]);
    let opened = SmscOpened {
        system_id: CText::new("hongyan").unwrap(),
        mode,
        interface_version: 0x34,
    };
    assert_eq!(smsc.told(), [Up::Opened(opened)]);
    (esme, smsc)
}

fn message() -> Message {
    Message {
        destination: Address {
            ton: 1,
            npi: 1,
            number: CText::new("8613800138000").unwrap(),
        },
        body: MessageBody {
            registered_delivery: 1,
            short_message: Content::from(b"hello".to_vec()),
            ..MessageBody::default()
        },
        ..Message::default()
    }
}

fn packet(sequence: u32, pdu: Pdu) -> Packet {
    Packet { sequence, pdu }
}

#[test]
fn a_message_and_its_receipt_go_through() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    esme.request(7, &Pdu::SubmitSm(message()));
    exchange(&mut esme, &mut smsc);
    let asked = Up::Request {
        sequence: 2,
        pdu: Pdu::SubmitSm(message()),
    };
    assert_eq!(smsc.told(), [asked]);
    let taken = MessageResp::with_id(Status::ROK, MessageId::new("38601fa").unwrap());
    smsc.on(Event::Answer {
        sequence: 2,
        pdu: &Pdu::SubmitSmResp(taken.clone()),
    });
    smsc.request(1, &Pdu::DeliverSm(message()));
    exchange(&mut esme, &mut smsc);
    let outcome = Up::Outcome {
        token: 7,
        sequence: Some(2),
        outcome: Outcome::Answered(Pdu::SubmitSmResp(taken)),
        late: false,
    };
    let delivered = Up::Request {
        sequence: 1,
        pdu: Pdu::DeliverSm(message()),
    };
    assert_eq!(esme.told(), [outcome, delivered]);
    let answer = Pdu::DeliverSm(message()).answer(Status::ROK).unwrap();
    esme.on(Event::Answer {
        sequence: 1,
        pdu: &answer,
    });
    exchange(&mut esme, &mut smsc);
    assert!(matches!(
        smsc.told().as_slice(),
        [Up::Outcome {
            token: 1,
            outcome: Outcome::Answered(Pdu::DeliverSmResp(_)),
            ..
        }]
    ));
}

#[test]
fn a_wrong_password_is_told_without_a_body() {
    let mut esme = Side::new(Esme::new(bind(BindMode::Transmitter), 9));
    let mut smsc = Side::new(Smsc::new(CText::EMPTY, 1));
    exchange(&mut esme, &mut smsc);
    smsc.on(Event::LoginAnswered(LoginVerdict::Check(Secret::new("secret09"))));
    assert_eq!(
        hex::encode(&smsc.actions.send),
        "00000010800000020000000e00000009"
    );
    exchange(&mut esme, &mut smsc);
    let refused = Some(CloseReason::LoginRefused { status: 0x0e });
    assert_eq!((esme.actions.close, smsc.actions.close), (refused, refused));
}

#[test]
fn an_older_peer_is_sent_no_parameters() {
    let mut smsc = Side::new(Smsc::new(CText::new("centre").unwrap(), 1));
    let old = Bind {
        interface_version: 0x33,
        ..bind(BindMode::Transceiver)
    };
    smsc.receive(1, &Pdu::Bind(old));
    smsc.on(Event::LoginAnswered(LoginVerdict::Check(Secret::new("secret08"))));
    let sent = smsc.sent();
    assert!(matches!(&sent[0].pdu, Pdu::BindResp(resp) if resp.tlvs.is_empty() && resp.status.is_ok()));
}

#[test]
fn a_login_can_be_refused_by_generic_nack() {
    let mut esme = Side::new(Esme::new(bind(BindMode::Receiver), 5));
    esme.receive(5, &Pdu::GenericNack(Status::RINVCMDID));
    assert_eq!(esme.actions.close, Some(CloseReason::LoginRefused { status: 3 }));
}

#[test]
fn the_answer_to_another_kind_of_login_is_none() {
    let mut esme = Side::new(Esme::new(bind(BindMode::Receiver), 1));
    let other = codec_answer(BindMode::Transceiver);
    esme.receive(1, &other);
    assert!(!esme.session.is_open() && esme.actions.close.is_none());
    assert!(matches!(
        esme.told().as_slice(),
        [Up::Oddity(Oddity::Unexpected { .. })]
    ));
}

fn codec_answer(mode: BindMode) -> Pdu {
    Pdu::Bind(bind(mode)).answer(Status::ROK).unwrap()
}

#[test]
fn generic_nack_answers_a_request_by_its_sequence() {
    let (mut esme, _smsc) = open(BindMode::Transceiver);
    esme.request(7, &Pdu::SubmitSm(message()));
    esme.receive(2, &Pdu::GenericNack(Status::RINVCMDLEN));
    assert!(matches!(
        esme.told().as_slice(),
        [Up::Outcome {
            token: 7,
            outcome: Outcome::Answered(Pdu::GenericNack(Status::RINVCMDLEN)),
            ..
        }]
    ));
    esme.receive(99, &Pdu::GenericNack(Status::RINVCMDLEN));
    assert!(matches!(
        esme.told().as_slice(),
        [Up::Oddity(Oddity::UnmatchedResponse { sequence: 99, .. })]
    ));
}

#[test]
fn an_error_without_body_is_an_answer() {
    let (mut esme, _smsc) = open(BindMode::Transmitter);
    esme.request(7, &Pdu::SubmitSm(message()));
    esme.hear(&hex::decode("00000010800000040000005800000002").unwrap());
    let throttled = Pdu::SubmitSmResp(MessageResp::without_body(Status::RTHROTTLED));
    assert!(matches!(
        esme.told().as_slice(),
        [Up::Outcome { token: 7, outcome: Outcome::Answered(answer), .. }] if *answer == throttled
    ));
}

#[test]
fn an_answer_that_cannot_be_read_leaves_its_request_uncertain() {
    let (mut esme, _smsc) = open(BindMode::Transmitter);
    esme.request(7, &Pdu::SubmitSm(message()));
    // Taken, with an id of 65 octets and no NUL.
    let mut octets = hex::decode("00000051800000040000000000000002").unwrap();
    octets.extend([b'7'; 65]);
    esme.hear(&octets);
    assert!(matches!(
        esme.told().as_slice(),
        [
            Up::Outcome {
                token: 7,
                outcome: Outcome::Uncertain(Uncertain::Unreadable),
                ..
            },
            Up::Oddity(Oddity::Undecodable(_))
        ]
    ));
    assert!(
        esme.sent()
            .iter()
            .all(|sent| sent.sequence != 2 || !matches!(sent.pdu, Pdu::GenericNack(_)))
    );
}

#[test]
fn a_cut_parameter_is_refused_by_the_smsc_and_borne_by_the_esme() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    let mut cut = message();
    cut.body.tlvs = crate::smpp::tlv::Tlvs::from_wire(Bytes::from_static(&[0]));
    smsc.receive(8, &Pdu::SubmitSm(cut.clone()));
    assert!(matches!(
        smsc.told().as_slice(),
        [Up::Oddity(Oddity::Undecodable(_))]
    ));
    let refused = Pdu::SubmitSmResp(MessageResp::without_body(Status::RINVOPTPARSTREAM));
    assert_eq!(smsc.sent(), [packet(8, refused)]);
    esme.receive(8, &Pdu::DeliverSm(cut.clone()));
    let up = Up::Request {
        sequence: 8,
        pdu: Pdu::DeliverSm(cut),
    };
    assert_eq!(esme.told(), [up]);
}

#[test]
fn requests_that_cannot_be_read_are_answered_with_what_is_wrong() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    // sm_length says five octets, four are there.
    let mut octets = BytesMut::new();
    codec::encode(8, &Pdu::SubmitSm(message()), &mut octets).unwrap();
    octets.truncate(octets.len() - 1);
    let len = octets.len() as u32;
    octets[..4].copy_from_slice(&len.to_be_bytes());
    smsc.hear(&octets);
    let refused = Pdu::SubmitSmResp(MessageResp::without_body(Status::RINVMSGLEN));
    assert_eq!(smsc.sent(), [packet(8, refused)]);
    // A deliver_sm that ends in its first field.
    esme.hear(&hex::decode("000000110000000500000000000000093f").unwrap());
    let refused = Pdu::DeliverSmResp(MessageResp::with_id(Status::RINVSERTYP, MessageId::EMPTY));
    assert_eq!(esme.sent(), [packet(9, refused)]);
}

#[test]
fn unknown_commands_get_a_generic_nack_and_unknown_answers_silence() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    for (command, answered) in [(0x0000_010a, true), (0x8000_010a, false)] {
        let unknown = Pdu::Unknown {
            command,
            status: Status::ROK,
            body: Bytes::new().into(),
        };
        let expected: Vec<Packet> = answered
            .then(|| packet(8, Pdu::GenericNack(Status::RINVCMDID)))
            .into_iter()
            .collect();
        esme.receive(8, &unknown);
        assert_eq!(esme.sent(), expected);
        smsc.receive(8, &unknown);
        assert_eq!(smsc.sent(), expected);
    }
}

#[test]
fn what_a_mode_does_not_allow_is_refused() {
    let (_esme, mut smsc) = open(BindMode::Receiver);
    smsc.receive(8, &Pdu::SubmitSm(message()));
    smsc.receive(9, &Pdu::CancelSm(CancelSm::default()));
    smsc.receive(10, &Pdu::Bind(bind(BindMode::Transmitter)));
    assert_eq!(
        smsc.sent(),
        [
            packet(
                8,
                Pdu::SubmitSmResp(MessageResp::without_body(Status::RINVBNDSTS))
            ),
            packet(9, Pdu::CancelSmResp(Status::RINVBNDSTS)),
            packet(
                10,
                Pdu::Bind(bind(BindMode::Transmitter))
                    .answer(Status::RALYBND)
                    .unwrap()
            ),
        ]
    );
    assert!(smsc.told().iter().all(|up| matches!(up, Up::Oddity(_))));
}

#[test]
fn nothing_goes_before_the_login() {
    let mut smsc = Side::new(Smsc::new(CText::EMPTY, 1));
    smsc.receive(1, &Pdu::SubmitSm(message()));
    let refused = Pdu::SubmitSmResp(MessageResp::without_body(Status::RINVBNDSTS));
    assert_eq!(smsc.sent(), [packet(1, refused)]);
    assert!(!smsc.session.is_open());
}

#[test]
fn what_has_no_answer_gets_none() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    let alert = Pdu::AlertNotification(AlertNotification::default());
    esme.receive(8, &alert);
    assert_eq!(
        (esme.told(), esme.sent()),
        (vec![Up::OneWay(alert.clone())], vec![])
    );
    // An ESME sends no alerts.
    smsc.receive(8, &alert);
    assert_eq!(smsc.sent(), []);
}

#[test]
fn too_many_unanswered_requests_are_told_to_slow_down() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    for sequence in 10..13 {
        esme.receive(sequence, &Pdu::DataSm(DataSm::default()));
        smsc.receive(sequence, &Pdu::SubmitSm(message()));
    }
    let later = Pdu::DataSmResp(MessageResp::without_body(Status::RX_T_APPN));
    assert_eq!(esme.sent(), [packet(12, later)]);
    let throttled = Pdu::SubmitSmResp(MessageResp::without_body(Status::RTHROTTLED));
    assert_eq!(smsc.sent(), [packet(12, throttled)]);
}

#[test]
fn a_full_window_does_not_keep_enquire_link_back() {
    let (mut esme, _smsc) = open(BindMode::Transceiver);
    for token in 0..2 {
        esme.request(token, &Pdu::SubmitSm(message()));
    }
    assert_eq!(esme.session.free_slots(), 0);
    esme.sent();
    esme.now_ms = SessionLimits::default().idle_ms;
    esme.on(Event::Tick);
    assert!(matches!(
        esme.sent().as_slice(),
        [Packet {
            pdu: Pdu::EnquireLink,
            ..
        }]
    ));
}

#[test]
fn a_silent_peer_is_found_out_and_a_living_one_is_not() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    let limits = SessionLimits::default();
    esme.now_ms = limits.idle_ms;
    esme.on(Event::Tick);
    exchange(&mut esme, &mut smsc);
    assert_eq!((esme.told(), esme.actions.close), (vec![], None));
    for _ in 0..=limits.keep_alive_attempts {
        esme.now_ms += limits.idle_ms;
        esme.on(Event::Tick);
    }
    assert_eq!(esme.actions.close, Some(CloseReason::PeerSilent));
}

#[test]
fn either_side_may_unbind() {
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    esme.on(Event::End);
    exchange(&mut esme, &mut smsc);
    assert_eq!(esme.actions.close, Some(CloseReason::Terminated));
    assert_eq!(smsc.actions.close, Some(CloseReason::PeerTerminated));
    let (mut esme, mut smsc) = open(BindMode::Transceiver);
    smsc.on(Event::End);
    exchange(&mut esme, &mut smsc);
    assert_eq!(smsc.actions.close, Some(CloseReason::Terminated));
    assert_eq!(esme.actions.close, Some(CloseReason::PeerTerminated));
}

#[test]
fn sequences_stay_in_their_range() {
    let mut sequences = Sequences::from(0x7fff_fffe);
    let numbers: Vec<u32> = (0..3).map(|_| sequences.next()).collect();
    assert_eq!(numbers, [0x7fff_fffe, 0x7fff_ffff, 1]);
    assert_eq!(Sequences::from(0).next(), 1);
    assert_eq!(Sequences::from(u32::MAX).next(), 1);
}
