//! A conversation with a gateway, octets handed over by hand.

use bytes::BytesMut;
use hongyan_carrier_wire::{
    cmpp::{
        Client, ClientSettings, HigherVersion, IsmgCheck, MsgId, Pdu, Server, ServerSettings,
        Verdict as Login, Version,
        auth::Secret,
        pdu::{Deliver, SubmitResp},
    },
    field::{Content, FixedStr, TerminalId},
    session::{Actions, Event, Repeat, Session, SessionLimits, Uncertain, Up},
};
use hongyan_catalog::TextRules;

use super::Talk;
use crate::{
    codes::Codes,
    protocol::{Conversation, Direction, News, NotSent, Outcome, Refused, Segment, Verdict, cmpp::Cmpp},
    testing,
};

/// Both ends of a connection.
struct Wire {
    ours: Talk<Cmpp>,
    theirs: Session<Server>,
    actions: Actions<Up<Server>>,
    to_us: BytesMut,
    to_them: BytesMut,
}

impl Wire {
    fn new() -> Self {
        let limits = SessionLimits {
            response_timeout_ms: 1_000,
            attempts: 3,
            ..SessionLimits::default()
        };
        let client = Client::new(ClientSettings {
            source_addr: FixedStr::new("900001").unwrap(),
            secret: Secret::new("888888"),
            version: Version::V3,
            ismg_check: IsmgCheck::Required,
            first_sequence: 1,
        });
        let server = Server::new(ServerSettings {
            max_version: Version::V3,
            on_higher_version: HigherVersion::Refuse,
        });
        let protocol = Cmpp {
            link: testing::link("127.0.0.1:1".parse().unwrap()).into(),
        };
        Self {
            ours: Talk::new(protocol, client, limits, Codes::default()).unwrap(),
            theirs: Session::new(server, limits).unwrap(),
            actions: Actions::default(),
            to_us: BytesMut::new(),
            to_them: BytesMut::new(),
        }
    }

    fn logged_in() -> Self {
        let mut wire = Self::new();
        wire.ours.connected(0, 0);
        wire.theirs
            .on(Event::Connected { unix_ms: 0 }, 0, &mut wire.actions);
        assert!(wire.exchange().is_empty());
        wire.theirs.on(
            Event::LoginAnswered(Login::Check(Secret::new("888888"))),
            0,
            &mut wire.actions,
        );
        wire.exchange();
        assert!(
            matches!(wire.ours.news(), Some(News::Opened(opened)) if opened.is_proved && opened.version == "CMPP 3.0")
        );
        wire
    }

    /// Hands over what both have to say; gives the submits that arrived.
    fn exchange(&mut self) -> Vec<u32> {
        let mut submits = Vec::new();
        while !self.ours.octets().is_empty() || !self.actions.send.is_empty() {
            self.to_them.unsplit(self.ours.octets().split());
            self.theirs
                .on(Event::Received(&mut self.to_them), 0, &mut self.actions);
            for up in std::mem::take(&mut self.actions.up) {
                if let Up::Request { sequence, .. } = up {
                    submits.push(sequence);
                }
            }
            self.to_us.unsplit(self.actions.send.split());
            self.ours.received(&mut self.to_us, 0);
        }
        submits
    }

    fn submit(&mut self, token: u64, may_repeat: bool) {
        let outbound = testing::outbound("短", 1);
        let parts = outbound.parts(1, TextRules::default()).unwrap();
        let segment = Segment {
            token,
            outbound: &outbound,
            part: &parts[0],
            number: 1,
            total: 1,
            reserved: None,
            may_repeat,
        };
        self.ours.submit(&segment, 0);
    }

    fn outcome(&mut self) -> Option<(u64, Option<u32>, Outcome, bool)> {
        match self.ours.news()? {
            News::Outcome {
                token,
                sequence,
                outcome,
                is_late,
            } => Some((token, sequence, outcome, is_late)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn answers_are_told_in_the_words_of_the_table_of_codes() {
    let mut wire = Wire::logged_in();
    for (result, why) in [
        (8, Refused::Throttled),
        (9, Refused::NoRoute),
        (3, Refused::Repeated),
        (11, Refused::Final),
    ] {
        wire.submit(7, false);
        let sequence = wire.exchange()[0];
        let answer = Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(5),
            result,
        });
        wire.theirs.on(
            Event::Answer {
                sequence,
                pdu: &answer,
            },
            0,
            &mut wire.actions,
        );
        wire.exchange();
        let raw_code = format!("CMPP:{result}");
        let expected = (7, Some(sequence), Outcome::Refused { raw_code, why }, false);
        assert_eq!(wire.outcome(), Some(expected));
    }
    assert_eq!(wire.ours.direction(), Direction::Both);
    assert_eq!(wire.ours.reserve(0), None, "the carrier gives the id");
}

#[test]
fn what_may_be_repeated_is_and_is_counted_and_a_late_answer_corrects() {
    let mut wire = Wire::logged_in();
    wire.submit(1, true);
    wire.submit(2, false);
    let sequences = wire.exchange();
    for now_ms in [1_000, 2_000] {
        wire.ours.tick(now_ms);
        assert_eq!(wire.ours.repeated(), 1);
        assert_eq!(wire.ours.repeated(), 0);
        assert!(wire.exchange().is_empty(), "the gateway knows it by its number");
    }
    let timed_out = Outcome::Uncertain(Uncertain::TimedOut);
    assert_eq!(
        wire.outcome(),
        Some((2, Some(sequences[1]), timed_out.clone(), false))
    );
    assert_eq!((wire.ours.in_flight(), wire.ours.free_slots()), (1, 15));
    wire.ours.tick(3_000);
    assert_eq!(wire.outcome(), Some((1, Some(sequences[0]), timed_out, false)));
    let answer = Pdu::SubmitResp(SubmitResp {
        msg_id: MsgId(5),
        result: 0,
    });
    let sequence = sequences[0];
    wire.theirs.on(
        Event::Answer {
            sequence,
            pdu: &answer,
        },
        0,
        &mut wire.actions,
    );
    wire.exchange();
    let taken = Outcome::Taken {
        carrier_message_id: "0000000000000005".to_owned(),
    };
    assert_eq!(wire.outcome(), Some((1, Some(sequence), taken, true)));
}

#[test]
fn what_cannot_leave_is_told_at_once() {
    let mut wire = Wire::new();
    wire.submit(1, false);
    let no_room = Outcome::NotSent(NotSent::NoRoom);
    assert_eq!(wire.outcome(), Some((1, None, no_room, false)));
    let mut wire = Wire::logged_in();
    wire.submit(2, false);
    wire.ours.disconnected(0);
    let (token, _, outcome, _) = wire.outcome().unwrap();
    assert_eq!(
        (token, outcome),
        (2, Outcome::Uncertain(Uncertain::ConnectionLost))
    );
    assert!(wire.ours.close_reason().is_some());
}

#[test]
fn a_delivery_is_answered_once_and_under_its_own_number() {
    let mut wire = Wire::logged_in();
    let deliver = Pdu::Deliver(Deliver {
        msg_id: MsgId(0x99),
        src_terminal_id: TerminalId::new("13800138000").unwrap(),
        content: Content::from(b"hi".to_vec()),
        ..Deliver::default()
    });
    wire.theirs.on(
        Event::Request {
            token: 4,
            sequence: None,
            pdu: &deliver,
            repeat: Repeat::Never,
        },
        0,
        &mut wire.actions,
    );
    wire.exchange();
    let Some(News::Delivered(delivered)) = wire.ours.news() else {
        panic!("nothing was delivered");
    };
    assert_eq!(delivered.id.as_deref(), Some("0000000000000099"));
    wire.ours.answer(delivered.key, Verdict::SlowDown, 0);
    wire.ours.answer(delivered.key, Verdict::Taken, 0);
    wire.to_them.unsplit(wire.ours.octets().split());
    wire.theirs
        .on(Event::Received(&mut wire.to_them), 0, &mut wire.actions);
    let answered: Vec<_> = std::mem::take(&mut wire.actions.up);
    assert!(
        matches!(
            answered.as_slice(),
            [Up::Outcome { token: 4, outcome: hongyan_carrier_wire::session::Outcome::Answered(Pdu::DeliverResp(resp)), .. }]
                if resp.result == 8 && resp.msg_id == MsgId(0x99)
        ),
        "{answered:?}"
    );
}
