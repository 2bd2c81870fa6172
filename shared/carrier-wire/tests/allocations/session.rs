//! A session in the middle of its work.

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::auth;
use hongyan_carrier_wire::cmpp::pdu::{ConnectResp, Recipients, Submit, SubmitResp};
use hongyan_carrier_wire::cmpp::{
    Client, ClientSettings, IsmgCheck, MsgId, Pdu, Version, auth::Secret, decode, encode,
};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::session::{Actions, Event, Outcome, Repeat, Session, SessionLimits, Up};

const WINDOW: u32 = 16;

struct Work {
    session: Session<Client>,
    actions: Actions<Up<Client>>,
    submit: Pdu,
    answers: BytesMut,
}

impl Work {
    fn open() -> Self {
        let secret = Secret::new("888888");
        let settings = ClientSettings {
            source_addr: FixedStr::new("900001").unwrap(),
            secret: secret.clone(),
            version: Version::V3,
            ismg_check: IsmgCheck::Required,
            first_sequence: 0,
        };
        let mut session = Session::new(Client::new(settings), SessionLimits::default()).unwrap();
        let mut actions = Actions::default();
        session.on(
            Event::Connected {
                unix_ms: 1_767_858_948_000,
            },
            0,
            &mut actions,
        );
        let Pdu::Connect(connect) = decode(Version::V3, &actions.send.split().freeze()).unwrap().pdu else {
            panic!("expected CONNECT")
        };
        let source = connect.authenticator_source;
        let resp = ConnectResp {
            layout: Version::V3,
            status: 0,
            authenticator_ismg: auth::authenticator_ismg(Version::V3, 0, &source, &secret),
            version: 0x30,
        };
        let mut answers = BytesMut::with_capacity(64 * 1024);
        encode(Version::V3, 0, &Pdu::ConnectResp(resp), &mut answers).unwrap();
        session.on(Event::Received(&mut answers), 0, &mut actions);
        assert!(session.is_open());
        actions.up.clear();
        let submit = Pdu::Submit(Submit {
            recipients: Recipients::one(TerminalId::new("13800138000").unwrap()),
            content: Content::from(vec![0; 140]),
            ..Submit::default()
        });
        Self {
            session,
            actions,
            submit,
            answers,
        }
    }

    /// Sends as much as the window holds and takes every answer.
    fn round(&mut self, first_sequence: u32) {
        self.actions.send.clear();
        for token in 0..u64::from(WINDOW) {
            self.session.on(
                Event::Request {
                    token,
                    sequence: None,
                    pdu: &self.submit,
                    repeat: Repeat::Never,
                },
                1,
                &mut self.actions,
            );
        }
        for sequence in first_sequence..first_sequence + WINDOW {
            let resp = SubmitResp {
                msg_id: MsgId(1),
                result: 0,
            };
            encode(Version::V3, sequence, &Pdu::SubmitResp(resp), &mut self.answers).unwrap();
        }
        let received = Event::Received(&mut self.answers);
        self.session.on(received, 2, &mut self.actions);
        assert!(self.actions.up.iter().all(|up| matches!(
            up,
            Up::Outcome {
                outcome: Outcome::Answered(_),
                ..
            }
        )));
        assert_eq!(self.actions.up.len(), WINDOW as usize);
        self.actions.up.clear();
    }
}

#[test]
fn messages_and_their_answers_allocate_nothing_when_the_buffers_are_there() {
    let mut work = Work::open();
    for round in 0..3 {
        work.round(1 + round * WINDOW);
    }
    let counted = allocation_counter::measure(|| {
        for round in 3..13 {
            work.round(1 + round * WINDOW);
        }
    });
    assert_eq!(counted.count_total, 0);
}
