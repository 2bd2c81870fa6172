//! The client against a gateway that the tests play by hand.

use bytes::BytesMut;

use super::super::super::codec::{decode, encode};
use super::super::super::pdu::{ActiveTestResp, ConnectResp, Deliver, DeliverResp, Recipients, SubmitResp};
use super::super::super::{Packet, Pdu, auth};
use super::super::{Actions, CloseReason};
use super::*;
use crate::field::{Content, TerminalId};

struct Table {
    client: ClientSession,
    actions: Actions<Up>,
    now_ms: u64,
}

fn settings(version: Version) -> ClientSettings {
    ClientSettings {
        source_addr: FixedStr::new("900001").unwrap(),
        secret: Secret::new("888888"),
        version,
        ismg_check: IsmgCheck::Required,
        limits: SessionLimits::default(),
        first_sequence: 1,
    }
}

fn message() -> Submit {
    Submit {
        recipients: Recipients::one(TerminalId::new("13800138000").unwrap()),
        content: Content::from(b"hello".to_vec()),
        ..Submit::default()
    }
}

fn accepted(layout: Version, octet: u8, source: &[u8; 16]) -> Pdu {
    Pdu::ConnectResp(ConnectResp {
        layout,
        status: 0,
        authenticator_ismg: auth::authenticator_ismg(layout, 0, source, &Secret::new("888888")),
        version: octet,
    })
}

impl Table {
    fn new(settings: ClientSettings) -> Self {
        Self {
            client: ClientSession::new(settings).unwrap(),
            actions: Actions::default(),
            now_ms: 1_000,
        }
    }

    fn on(&mut self, event: Event<'_>) {
        self.client.on(event, self.now_ms, &mut self.actions);
    }

    /// What the client has sent since the last look.
    fn sent(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(frame) =
            crate::frame::next_frame(&mut self.actions.send, super::super::super::FRAME_LIMITS).unwrap()
        {
            packets.push(decode(self.client.version(), &frame).unwrap());
        }
        packets
    }

    fn up(&mut self) -> Vec<Up> {
        std::mem::take(&mut self.actions.up)
    }

    fn receive(&mut self, version: Version, sequence: u32, pdu: &Pdu) {
        let mut octets = BytesMut::new();
        encode(version, sequence, pdu, &mut octets).unwrap();
        self.on(Event::Received(&mut octets));
    }

    /// Connects and gives back the authenticator that was sent.
    fn connect(&mut self) -> [u8; 16] {
        self.on(Event::Connected {
            timestamp: Timestamp::from_wire(108_155_548),
        });
        match self.sent().as_slice() {
            [
                Packet {
                    sequence: 1,
                    pdu: Pdu::Connect(connect),
                },
            ] => connect.authenticator_source,
            other => panic!("expected CONNECT, saw {other:?}"),
        }
    }

    fn logged_in() -> Self {
        let mut table = Self::new(settings(Version::V3));
        let source = table.connect();
        table.receive(Version::V3, 1, &accepted(Version::V3, 0x30, &source));
        assert!(matches!(
            table.up().as_slice(),
            [Up::LoggedIn {
                version: Version::V3,
                ..
            }]
        ));
        table
    }

    fn submit(&mut self, token: u64) {
        self.on(Event::Submit {
            token,
            submit: &message(),
        });
    }

    fn wait_for_deadline(&mut self) {
        self.now_ms = self.actions.deadline_ms.unwrap();
        self.on(Event::Tick);
    }
}

fn outcome(token: u64, sequence: Option<u32>, outcome: SubmitOutcome) -> Up {
    Up::SubmitOutcome {
        token,
        sequence,
        outcome,
        late: false,
    }
}

#[test]
fn logs_in_and_submits() {
    let mut table = Table::logged_in();
    assert_eq!(table.client.free_slots(), 16);
    table.submit(7);
    assert!(matches!(
        table.sent().as_slice(),
        [Packet {
            sequence: 2,
            pdu: Pdu::Submit(_)
        }]
    ));
    assert_eq!(table.client.free_slots(), 15);
    let msg_id = MsgId(99);
    table.receive(Version::V3, 2, &Pdu::SubmitResp(SubmitResp { msg_id, result: 0 }));
    assert_eq!(
        table.up(),
        [outcome(7, Some(2), SubmitOutcome::Accepted { msg_id })]
    );
    assert_eq!(table.client.free_slots(), 16);
}

#[test]
fn falls_back_to_the_version_of_the_gateway() {
    // (layout of the answer, its version octet, layout agreed)
    let cases = [
        (Version::V3, 0x30, Version::V3),
        (Version::V3, 0x20, Version::V2),
        (Version::V2, 0x20, Version::V2),
        (Version::V2, 0x21, Version::V2),
        (Version::V2, 0x30, Version::V2),
        (Version::V3, 0x00, Version::V3),
    ];
    for (layout, octet, agreed) in cases {
        let mut table = Table::new(settings(Version::V3));
        let source = table.connect();
        table.receive(Version::V3, 1, &accepted(layout, octet, &source));
        assert_eq!(table.client.version(), agreed, "{layout:?} {octet:#x}");
        assert!(table.client.is_open());
        table.submit(1);
        assert_eq!(
            table.actions.send.len(),
            if agreed == Version::V2 {
                138 + 21 + 5
            } else {
                163 + 32 + 5
            }
        );
    }
    let mut asks_for_2 = Table::new(settings(Version::V2));
    let source = asks_for_2.connect();
    asks_for_2.receive(Version::V2, 1, &accepted(Version::V2, 0x30, &source));
    assert_eq!(asks_for_2.client.version(), Version::V2);
}

#[test]
fn a_version_too_high_asks_for_a_lower_one() {
    let refusal = |layout| {
        Pdu::ConnectResp(ConnectResp {
            layout,
            status: 4,
            authenticator_ismg: [0; 16],
            version: 0x20,
        })
    };
    let mut table = Table::new(settings(Version::V3));
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V2));
    assert_eq!(
        table.actions.close,
        Some(CloseReason::VersionRefused {
            retry_with: Some(Version::V2)
        })
    );
    let mut table = Table::new(settings(Version::V2));
    table.connect();
    table.receive(Version::V3, 1, &refusal(Version::V3));
    assert_eq!(
        table.actions.close,
        Some(CloseReason::VersionRefused { retry_with: None })
    );
}

#[test]
fn refusals_and_forged_gateways_end_the_session() {
    let mut table = Table::new(settings(Version::V3));
    table.connect();
    let refused = ConnectResp {
        layout: Version::V3,
        status: 3,
        authenticator_ismg: [0; 16],
        version: 0x30,
    };
    table.receive(Version::V3, 1, &Pdu::ConnectResp(refused));
    assert_eq!(table.actions.close, Some(CloseReason::LoginRefused { status: 3 }));

    let forged = |authenticator_ismg, ismg_check| {
        let mut table = Table::new(ClientSettings {
            ismg_check,
            ..settings(Version::V3)
        });
        table.connect();
        let resp = ConnectResp {
            layout: Version::V3,
            status: 0,
            authenticator_ismg,
            version: 0x30,
        };
        table.receive(Version::V3, 1, &Pdu::ConnectResp(resp));
        table.actions.close
    };
    assert_eq!(
        forged([0; 16], IsmgCheck::Required),
        Some(CloseReason::WrongAuthenticator)
    );
    assert_eq!(
        forged([1; 16], IsmgCheck::TolerateMissing),
        Some(CloseReason::WrongAuthenticator)
    );
    assert_eq!(forged([0; 16], IsmgCheck::TolerateMissing), None);
}

#[test]
fn a_login_without_answer_is_given_up() {
    let mut table = Table::new(settings(Version::V3));
    table.connect();
    assert_eq!(table.actions.deadline_ms, Some(1_000 + 15_000));
    table.wait_for_deadline();
    assert_eq!(table.actions.close, Some(CloseReason::LoginTimeout));
    assert_eq!(table.actions.deadline_ms, None);
}

#[test]
fn the_window_is_kept() {
    let mut table = Table::logged_in();
    for token in 0..17 {
        table.submit(token);
    }
    assert_eq!(table.sent().len(), 16);
    assert_eq!(
        table.up(),
        [outcome(16, None, SubmitOutcome::NotSent(NotSent::WindowFull))]
    );
}

#[test]
fn a_message_that_does_not_fit_the_version_takes_no_slot() {
    let mut table = Table::logged_in();
    let long = Submit {
        content: Content::from(vec![0; 256]),
        ..message()
    };
    table.on(Event::Submit {
        token: 1,
        submit: &long,
    });
    assert!(matches!(
        table.up().as_slice(),
        [Up::SubmitOutcome {
            token: 1,
            outcome: SubmitOutcome::NotSent(NotSent::Encode(_)),
            ..
        }]
    ));
    assert_eq!((table.client.free_slots(), table.actions.send.len()), (16, 0));
}

#[test]
fn refusals_carry_the_code() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.receive(
        Version::V3,
        2,
        &Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(0),
            result: 8,
        }),
    );
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), SubmitOutcome::Refused { result: 8 })]
    );
}

#[test]
fn an_unanswered_message_is_uncertain_and_a_late_answer_corrects_it() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    // The gateway stays awake, so only the answer is missing.
    while table.now_ms < 61_000 {
        table.wait_for_deadline();
        for packet in table.sent() {
            table.receive(
                Version::V3,
                packet.sequence,
                &Pdu::ActiveTestResp(ActiveTestResp::default()),
            );
        }
    }
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), SubmitOutcome::Uncertain(Uncertain::TimedOut))]
    );
    assert_eq!(table.client.free_slots(), 16);
    let resp = Pdu::SubmitResp(SubmitResp {
        msg_id: MsgId(5),
        result: 0,
    });
    table.receive(Version::V3, 2, &resp);
    let corrected = SubmitOutcome::Accepted { msg_id: MsgId(5) };
    assert_eq!(
        table.up(),
        [Up::SubmitOutcome {
            token: 1,
            sequence: Some(2),
            outcome: corrected,
            late: true
        }]
    );
    table.receive(Version::V3, 2, &resp);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::UnmatchedResponse { sequence: 2, .. })]
    ));
}

#[test]
fn a_lost_connection_makes_every_open_message_uncertain() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.submit(2);
    table.on(Event::Disconnected);
    let lost = SubmitOutcome::Uncertain(Uncertain::ConnectionLost);
    assert_eq!(table.up(), [outcome(1, Some(2), lost), outcome(2, Some(3), lost)]);
    assert_eq!(table.actions.close, Some(CloseReason::ConnectionLost));
    table.submit(3);
    assert_eq!(
        table.up(),
        [outcome(3, None, SubmitOutcome::NotSent(NotSent::NotOpen))]
    );
}

#[test]
fn a_silent_gateway_is_asked_three_times_and_given_up() {
    let mut table = Table::logged_in();
    for at in [31_000, 41_000, 51_000] {
        table.wait_for_deadline();
        assert_eq!(table.now_ms, at);
        assert!(matches!(
            table.sent().as_slice(),
            [Packet {
                pdu: Pdu::ActiveTest,
                ..
            }]
        ));
    }
    table.wait_for_deadline();
    assert_eq!(
        (table.now_ms, table.actions.close),
        (61_000, Some(CloseReason::PeerSilent))
    );
}

#[test]
fn answers_keep_alives_and_takes_answers_of_both_lengths() {
    let mut table = Table::logged_in();
    table.receive(Version::V3, 77, &Pdu::ActiveTest);
    let resp = Pdu::ActiveTestResp(ActiveTestResp { reserved: Some(0) });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 77,
            pdu: resp
        }]
    );
    table.receive(
        Version::V3,
        2,
        &Pdu::ActiveTestResp(ActiveTestResp { reserved: None }),
    );
    table.receive(
        Version::V3,
        3,
        &Pdu::ActiveTestResp(ActiveTestResp { reserved: Some(1) }),
    );
    assert_eq!(table.up(), []);
}

#[test]
fn delivers_go_up_once_and_are_answered_when_the_application_says_so() {
    let mut table = Table::logged_in();
    let deliver = Deliver {
        msg_id: MsgId(42),
        ..Deliver::default()
    };
    let pdu = Pdu::Deliver(Box::new(deliver.clone()));
    table.receive(Version::V3, 9, &pdu);
    assert_eq!(
        table.up(),
        [Up::Deliver {
            sequence: 9,
            deliver: Box::new(deliver)
        }]
    );
    assert_eq!(
        table.sent(),
        [],
        "nothing is answered before the application has it safe"
    );
    table.receive(Version::V3, 9, &pdu);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::RepeatedRequest { .. })]
    ));

    table.on(Event::DeliverAnswered {
        sequence: 9,
        msg_id: MsgId(42),
        result: 0,
    });
    let resp = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(42),
        result: 0,
    });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 9,
            pdu: resp
        }]
    );
    table.on(Event::DeliverAnswered {
        sequence: 9,
        msg_id: MsgId(42),
        result: 0,
    });
    assert_eq!(table.sent(), [], "a second answer is not sent");
}

#[test]
fn a_flood_of_delivers_is_slowed_down() {
    let mut limited = settings(Version::V3);
    limited.limits.max_unanswered_inbound = 2;
    let mut table = Table::new(limited);
    let source = table.connect();
    table.receive(Version::V3, 1, &accepted(Version::V3, 0x30, &source));
    for id in 1..=3u64 {
        let deliver = Deliver {
            msg_id: MsgId(id),
            ..Deliver::default()
        };
        table.receive(Version::V3, id as u32, &Pdu::Deliver(Box::new(deliver)));
    }
    let resp = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(3),
        result: 8,
    });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 3,
            pdu: resp
        }]
    );
}

#[test]
fn an_unreadable_deliver_is_answered_and_the_session_lives() {
    let mut table = Table::logged_in();
    let mut octets = BytesMut::new();
    let deliver = Deliver {
        msg_id: MsgId(42),
        ..Deliver::default()
    };
    encode(Version::V2, 5, &Pdu::Deliver(Box::new(deliver)), &mut octets).unwrap();
    table.on(Event::Received(&mut octets));
    let resp = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(42),
        result: 1,
    });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 5,
            pdu: resp
        }]
    );
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::Undecodable(_))]
    ));
    assert!(table.client.is_open());
}

#[test]
fn nonsense_is_tolerated_up_to_a_bound() {
    let mut table = Table::logged_in();
    let unknown = Pdu::Unknown {
        command: 9,
        body: bytes::Bytes::from_static(b"fwd"),
    };
    for _ in 0..100 {
        table.receive(Version::V3, 1, &unknown);
    }
    assert_eq!(table.actions.close, None);
    assert!(
        table
            .up()
            .iter()
            .all(|up| *up == Up::Oddity(Oddity::UnknownCommand { command: 9 }))
    );
    // A minute later the count begins again.
    table.now_ms += 60_000;
    for _ in 0..100 {
        table.receive(Version::V3, 1, &unknown);
    }
    assert_eq!(table.actions.close, None);
    table.receive(Version::V3, 1, &unknown);
    assert_eq!(table.actions.close, Some(CloseReason::TooManyOddities));
}

#[test]
fn lost_framing_ends_the_session_at_once() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.on(Event::Received(&mut BytesMut::from(&[0xff; 64][..])));
    assert!(matches!(table.actions.close, Some(CloseReason::Framing(_))));
    assert_eq!(
        table.up(),
        [outcome(
            1,
            Some(2),
            SubmitOutcome::Uncertain(Uncertain::ConnectionLost)
        )]
    );
}

#[test]
fn an_end_waits_for_open_answers() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    table.on(Event::Terminate);
    assert_eq!(table.sent(), [], "an answer is still awaited");
    table.submit(2);
    assert_eq!(
        table.up(),
        [outcome(2, None, SubmitOutcome::NotSent(NotSent::NotOpen))]
    );
    table.receive(
        Version::V3,
        2,
        &Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(5),
            result: 0,
        }),
    );
    assert!(matches!(
        table.sent().as_slice(),
        [Packet {
            sequence: 3,
            pdu: Pdu::Terminate
        }]
    ));
    assert_eq!(table.actions.close, None);
    table.receive(Version::V3, 3, &Pdu::TerminateResp);
    assert_eq!(table.actions.close, Some(CloseReason::Terminated));
}

#[test]
fn an_end_does_not_wait_for_ever() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    table.on(Event::Terminate);
    table.wait_for_deadline();
    assert_eq!(table.now_ms, 11_000);
    assert!(matches!(
        table.sent().as_slice(),
        [Packet {
            pdu: Pdu::Terminate,
            ..
        }]
    ));
    table.wait_for_deadline();
    assert_eq!(
        (table.now_ms, table.actions.close),
        (16_000, Some(CloseReason::TerminateTimeout))
    );
    assert_eq!(
        table.up(),
        [outcome(
            1,
            Some(2),
            SubmitOutcome::Uncertain(Uncertain::ConnectionLost)
        )]
    );
}

#[test]
fn the_gateway_may_end_the_session() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    table.receive(Version::V3, 50, &Pdu::Terminate);
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 50,
            pdu: Pdu::TerminateResp
        }]
    );
    assert_eq!(table.actions.close, Some(CloseReason::PeerTerminated));
    assert_eq!(
        table.up(),
        [outcome(
            1,
            Some(2),
            SubmitOutcome::Uncertain(Uncertain::ConnectionLost)
        )]
    );
}
