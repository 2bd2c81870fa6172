//! Server and client against each other, and the server against clients that behave badly.

use bytes::BytesMut;

use super::super::super::Pdu;
use super::super::super::auth::{self, Timestamp};
use super::super::super::codec::encode;
use super::super::super::pdu::{Recipients, SubmitResp};
use super::super::client::{self, ClientSession, ClientSettings, IsmgCheck, SubmitOutcome};
use super::super::{Actions, CloseReason};
use super::*;
use crate::field::{Content, TerminalId};

fn settings() -> ServerSettings {
    ServerSettings {
        max_version: Version::V3,
        on_higher_version: HigherVersion::AnswerOwn,
        limits: SessionLimits::default(),
    }
}

fn secret() -> Secret {
    Secret::new("888888")
}

/// Both ends and the wire between them.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    of_client: Actions<client::Up>,
    of_server: Actions<Up>,
    to_client: BytesMut,
    to_server: BytesMut,
    now_ms: u64,
}

impl Pair {
    fn new(version: Version, settings: ServerSettings) -> Self {
        let client = ClientSettings {
            source_addr: FixedStr::new("900001").unwrap(),
            secret: secret(),
            version,
            ismg_check: IsmgCheck::Required,
            limits: SessionLimits::default(),
            first_sequence: u32::MAX,
        };
        let mut pair = Self {
            client: ClientSession::new(client).unwrap(),
            server: ServerSession::new(settings).unwrap(),
            of_client: Actions::default(),
            of_server: Actions::default(),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            now_ms: 0,
        };
        pair.server.on(Event::Accepted, 0, &mut pair.of_server);
        let timestamp = Timestamp::from_wire(108_155_548);
        pair.client
            .on(client::Event::Connected { timestamp }, 0, &mut pair.of_client);
        pair.exchange();
        pair
    }

    fn exchange(&mut self) {
        // Everything settles within a few rounds; the bound is there for a session that answers answers.
        for _ in 0..10 {
            self.to_server.unsplit(self.of_client.send.split());
            self.server.on(
                Event::Received(&mut self.to_server),
                self.now_ms,
                &mut self.of_server,
            );
            self.to_client.unsplit(self.of_server.send.split());
            self.client.on(
                client::Event::Received(&mut self.to_client),
                self.now_ms,
                &mut self.of_client,
            );
        }
        assert!(self.of_client.send.is_empty() && self.of_server.send.is_empty());
    }

    fn answer_login(&mut self, answer: LoginAnswer<'_>) {
        self.server
            .on(Event::LoginAnswered(answer), self.now_ms, &mut self.of_server);
        self.exchange();
    }

    fn open(version: Version, settings: ServerSettings) -> Self {
        let mut pair = Self::new(version, settings);
        assert!(
            matches!(pair.of_server.up.as_slice(), [Up::LoginRequested(connect)]
            if connect.source_addr.as_str() == Some("900001"))
        );
        pair.answer_login(LoginAnswer::Check(&secret()));
        assert!(pair.client.is_open() && pair.server.is_open());
        assert_eq!(pair.client.version(), pair.server.version());
        pair.of_client.up.clear();
        pair.of_server.up.clear();
        pair
    }
}

fn message() -> Submit {
    Submit {
        recipients: Recipients::one(TerminalId::new("13800138000").unwrap()),
        content: Content::from(b"hello".to_vec()),
        ..Submit::default()
    }
}

#[test]
fn every_pair_of_versions_finds_a_layout() {
    for asked in [Version::V2, Version::V3] {
        for own in [Version::V2, Version::V3] {
            let pair = Pair::open(
                asked,
                ServerSettings {
                    max_version: own,
                    ..settings()
                },
            );
            assert_eq!(pair.client.version(), asked.min(own));
        }
    }
}

#[test]
fn a_server_may_refuse_a_higher_version() {
    let refusing = ServerSettings {
        max_version: Version::V2,
        on_higher_version: HigherVersion::Refuse,
        ..settings()
    };
    let mut pair = Pair::new(Version::V3, refusing);
    pair.answer_login(LoginAnswer::Check(&secret()));
    assert_eq!(
        pair.of_client.close,
        Some(CloseReason::VersionRefused {
            retry_with: Some(Version::V2)
        })
    );
    Pair::open(Version::V2, refusing);
}

#[test]
fn a_wrong_secret_and_an_unknown_account_are_refused() {
    let mut pair = Pair::new(Version::V3, settings());
    pair.answer_login(LoginAnswer::Check(&Secret::new("other")));
    assert_eq!(
        pair.of_client.close,
        Some(CloseReason::LoginRefused { status: 3 })
    );
    assert_eq!(
        pair.of_server.close,
        Some(CloseReason::LoginRefused { status: 3 })
    );
    let mut pair = Pair::new(Version::V2, settings());
    pair.answer_login(LoginAnswer::Refuse { status: 2 });
    assert_eq!(
        pair.of_client.close,
        Some(CloseReason::LoginRefused { status: 2 })
    );
}

#[test]
fn messages_and_their_answers_cross() {
    for version in [Version::V2, Version::V3] {
        let mut pair = Pair::open(version, settings());
        for token in 0..16 {
            let event = client::Event::Submit {
                token,
                submit: &message(),
            };
            pair.client.on(event, 0, &mut pair.of_client);
        }
        pair.exchange();
        let taken: Vec<u32> = pair
            .of_server
            .up
            .drain(..)
            .map(|up| match up {
                Up::Submit { sequence, submit } => {
                    assert_eq!(*submit, message());
                    sequence
                }
                other => panic!("expected SUBMIT, saw {other:?}"),
            })
            .collect();
        assert_eq!(taken.len(), 16);
        // Answers may come in any order.
        for sequence in taken.into_iter().rev() {
            let msg_id = MsgId(u64::from(sequence));
            let event = Event::SubmitAnswered {
                sequence,
                msg_id,
                result: 0,
            };
            pair.server.on(event, 0, &mut pair.of_server);
        }
        pair.exchange();
        assert_eq!(pair.of_client.up.len(), 16);
        for up in &pair.of_client.up {
            let client::Up::SubmitOutcome {
                token,
                sequence: Some(sequence),
                outcome,
                ..
            } = up
            else {
                panic!("expected an outcome, saw {up:?}")
            };
            assert_eq!(
                *outcome,
                SubmitOutcome::Accepted {
                    msg_id: MsgId(u64::from(*sequence))
                }
            );
            assert_eq!(
                u64::from(*sequence),
                *token,
                "CONNECT took 2^32 - 1, so numbers came round to 0"
            );
        }
    }
}

#[test]
fn delivers_are_answered() {
    let mut pair = Pair::open(Version::V3, settings());
    let deliver = Deliver {
        msg_id: MsgId(1),
        ..Deliver::default()
    };
    pair.server.on(
        Event::Deliver {
            token: 5,
            deliver: &deliver,
        },
        0,
        &mut pair.of_server,
    );
    pair.exchange();
    let [client::Up::Deliver { sequence, .. }] = pair.of_client.up.as_slice() else {
        panic!("no DELIVER came")
    };
    let event = client::Event::DeliverAnswered {
        sequence: *sequence,
        msg_id: MsgId(1),
        result: 0,
    };
    pair.client.on(event, 0, &mut pair.of_client);
    pair.exchange();
    assert_eq!(
        pair.of_server.up,
        [Up::DeliverOutcome {
            token: 5,
            outcome: DeliverOutcome::Answered { result: 0 }
        }]
    );
}

#[test]
fn delivers_keep_their_window_and_time_out() {
    let mut pair = Pair::open(Version::V3, settings());
    let deliver = Deliver::default();
    for token in 0..17 {
        pair.server.on(
            Event::Deliver {
                token,
                deliver: &deliver,
            },
            0,
            &mut pair.of_server,
        );
    }
    let full = DeliverOutcome::NotSent(NotSent::WindowFull);
    assert_eq!(
        pair.of_server.up,
        [Up::DeliverOutcome {
            token: 16,
            outcome: full
        }]
    );
    pair.of_server.up.clear();
    pair.server.on(Event::Tick, 60_000, &mut pair.of_server);
    assert_eq!(pair.of_server.up.len(), 16);
    assert!(pair.of_server.up.iter().all(|up| matches!(
        up,
        Up::DeliverOutcome {
            outcome: DeliverOutcome::Uncertain(Uncertain::TimedOut),
            ..
        }
    )));
}

#[test]
fn queries_and_cancels_are_answered() {
    let mut pair = Pair::open(Version::V3, settings());
    encode(
        Version::V3,
        70,
        &Pdu::Query(Query::default()),
        &mut pair.to_server,
    )
    .unwrap();
    encode(
        Version::V3,
        71,
        &Pdu::Cancel(Cancel { msg_id: MsgId(3) }),
        &mut pair.to_server,
    )
    .unwrap();
    pair.exchange();
    assert_eq!(
        pair.of_server.up,
        [
            Up::Query {
                sequence: 70,
                query: Query::default()
            },
            Up::Cancel {
                sequence: 71,
                cancel: Cancel { msg_id: MsgId(3) }
            }
        ]
    );
    let resp = QueryResp {
        mt_messages: 12,
        ..QueryResp::default()
    };
    pair.server.on(
        Event::QueryAnswered { sequence: 70, resp },
        0,
        &mut pair.of_server,
    );
    assert_eq!(pair.of_server.send.len(), 63);
    pair.of_server.send.clear();
    pair.server.on(
        Event::CancelAnswered {
            sequence: 71,
            cancelled: false,
        },
        0,
        &mut pair.of_server,
    );
    assert_eq!(pair.of_server.send.last(), Some(&1));
}

#[test]
fn both_sides_end_in_order() {
    let mut pair = Pair::open(Version::V3, settings());
    pair.client.on(client::Event::Terminate, 0, &mut pair.of_client);
    pair.exchange();
    assert_eq!(pair.of_client.close, Some(CloseReason::Terminated));
    assert_eq!(pair.of_server.close, Some(CloseReason::PeerTerminated));
    let mut pair = Pair::open(Version::V3, settings());
    pair.server.on(Event::Terminate, 0, &mut pair.of_server);
    pair.exchange();
    assert_eq!(pair.of_server.close, Some(CloseReason::Terminated));
    assert_eq!(pair.of_client.close, Some(CloseReason::PeerTerminated));
}

#[test]
fn nothing_but_a_login_is_taken_before_the_login() {
    let mut server = ServerSession::new(settings()).unwrap();
    let mut actions = Actions::default();
    server.on(Event::Accepted, 0, &mut actions);
    let mut octets = BytesMut::new();
    encode(Version::V3, 1, &Pdu::Submit(message()), &mut octets).unwrap();
    server.on(Event::Received(&mut octets), 0, &mut actions);
    assert!(matches!(
        actions.up.as_slice(),
        [Up::Oddity(Oddity::Unexpected { command: 4 })]
    ));
    assert!(actions.send.is_empty());
    server.on(Event::Tick, 15_000, &mut actions);
    assert_eq!(actions.close, Some(CloseReason::LoginTimeout));
}

#[test]
fn what_follows_a_login_waits_for_its_decision() {
    let mut server = ServerSession::new(ServerSettings {
        max_version: Version::V3,
        ..settings()
    })
    .unwrap();
    let mut actions = Actions::default();
    server.on(Event::Accepted, 0, &mut actions);
    let account = FixedStr::new("900001").unwrap();
    let connect = auth::connect(account, &secret(), Version::V2, Timestamp::from_wire(108_155_548));
    let mut octets = BytesMut::new();
    encode(Version::V2, 1, &Pdu::Connect(connect), &mut octets).unwrap();
    encode(Version::V2, 2, &Pdu::Submit(message()), &mut octets).unwrap();
    server.on(Event::Received(&mut octets), 0, &mut actions);
    assert!(matches!(actions.up.as_slice(), [Up::LoginRequested(_)]));
    assert!(
        !octets.is_empty(),
        "the message is not read in a layout that is not settled"
    );
    server.on(
        Event::LoginAnswered(LoginAnswer::Check(&secret())),
        0,
        &mut actions,
    );
    server.on(Event::Received(&mut octets), 0, &mut actions);
    assert!(matches!(actions.up.last(), Some(Up::Submit { sequence: 2, .. })));
}

#[test]
fn an_unreadable_submit_is_refused_and_the_session_lives() {
    let mut pair = Pair::open(Version::V3, settings());
    let mut octets = BytesMut::new();
    encode(Version::V2, 9, &Pdu::Submit(message()), &mut octets).unwrap();
    pair.server
        .on(Event::Received(&mut octets), 0, &mut pair.of_server);
    let mut expected = BytesMut::new();
    let resp = SubmitResp {
        msg_id: MsgId(0),
        result: 1,
    };
    encode(Version::V3, 9, &Pdu::SubmitResp(resp), &mut expected).unwrap();
    assert_eq!(pair.of_server.send, expected);
    assert!(pair.server.is_open());
}
