//! Server and client against each other, and the server against clients that behave badly.

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::auth::{self, Secret, Timestamp};
use hongyan_carrier_wire::cmpp::pdu::{Cancel, CancelResp, DeliverResp, Query, QueryResp};
use hongyan_carrier_wire::cmpp::{
    EncodeError, HigherVersion, MsgId, Pdu, Server, ServerSettings, Verdict, Version,
};
use hongyan_carrier_wire::session::{
    Actions, CloseReason, Event, NotSent, Oddity, Outcome, Repeat, Session, SessionLimits, Uncertain, Up,
};

use super::pair::Pair;
use super::{
    LOGIN_AT, account, deliver, octets, packet, packets, secret, server_settings, submit, submit_resp,
};

fn outcome(token: u64, sequence: Option<u32>, outcome: Outcome<Pdu, EncodeError>) -> Up<Server> {
    Up::Outcome {
        token,
        sequence,
        outcome,
        late: false,
    }
}

fn accepting() -> (Session<Server>, Actions<Up<Server>>) {
    let mut server = Session::new(Server::new(server_settings()), SessionLimits::default()).unwrap();
    let mut actions = Actions::default();
    server.on(Event::Connected { unix_ms: LOGIN_AT }, 0, &mut actions);
    (server, actions)
}

#[test]
fn every_pair_of_versions_finds_a_layout() {
    for asked in [Version::V2, Version::V3] {
        for own in [Version::V2, Version::V3] {
            let settings = ServerSettings {
                max_version: own,
                ..server_settings()
            };
            let pair = Pair::open(asked, settings);
            assert_eq!(pair.client.dialect().version(), asked.min(own));
        }
    }
}

#[test]
fn a_server_may_refuse_a_higher_version() {
    let refusing = ServerSettings {
        max_version: Version::V2,
        on_higher_version: HigherVersion::Refuse,
    };
    let mut pair = Pair::new(Version::V3, refusing);
    pair.decide(Verdict::Check(secret()));
    let retry_with = Some(0x20);
    let refused = Some(CloseReason::VersionRefused { retry_with });
    assert_eq!((pair.of_client.close, pair.of_server.close), (refused, refused));
    Pair::open(Version::V2, refusing);
}

#[test]
fn a_wrong_secret_and_an_unknown_account_are_refused() {
    let mut pair = Pair::new(Version::V3, server_settings());
    pair.decide(Verdict::Check(Secret::new("other")));
    let refused = Some(CloseReason::LoginRefused { status: 3 });
    assert_eq!((pair.of_client.close, pair.of_server.close), (refused, refused));
    let mut pair = Pair::new(Version::V2, server_settings());
    pair.decide(Verdict::Refuse { status: 2 });
    assert_eq!(
        pair.of_client.close,
        Some(CloseReason::LoginRefused { status: 2 })
    );
}

#[test]
fn messages_and_their_answers_cross() {
    for version in [Version::V2, Version::V3] {
        let mut pair = Pair::open(version, server_settings());
        for token in 0..16 {
            pair.on_client(Event::Request {
                token,
                sequence: None,
                pdu: &submit(),
                repeat: Repeat::Never,
            });
        }
        pair.exchange();
        let taken: Vec<u32> = pair
            .of_server
            .up
            .drain(..)
            .map(|up| match up {
                Up::Request { sequence, pdu } => {
                    assert_eq!(pdu, submit());
                    sequence
                }
                other => panic!("expected SUBMIT, saw {other:?}"),
            })
            .collect();
        assert_eq!(taken.len(), 16);
        // Answers may come in any order.
        for sequence in taken.into_iter().rev() {
            let pdu = &submit_resp(u64::from(sequence), 0);
            pair.on_server(Event::Answer { sequence, pdu });
        }
        pair.exchange();
        assert_eq!(pair.of_client.up.len(), 16);
        for up in &pair.of_client.up {
            let Up::Outcome {
                token,
                sequence: Some(sequence),
                outcome,
                ..
            } = up
            else {
                panic!("expected an outcome, saw {up:?}")
            };
            assert_eq!(*outcome, Outcome::Answered(submit_resp(u64::from(*sequence), 0)));
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
    let mut pair = Pair::open(Version::V3, server_settings());
    pair.deliver(5, &deliver(1));
    pair.exchange();
    let [Up::Request { sequence, .. }] = pair.of_client.up.as_slice() else {
        panic!("no DELIVER came")
    };
    let sequence = *sequence;
    let taken = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(1),
        result: 0,
    });
    pair.on_client(Event::Answer {
        sequence,
        pdu: &taken,
    });
    pair.exchange();
    assert_eq!(
        pair.of_server.up,
        [outcome(5, Some(sequence), Outcome::Answered(taken))]
    );
}

#[test]
fn delivers_keep_their_window_and_time_out() {
    let mut pair = Pair::open(Version::V3, server_settings());
    for token in 0..17 {
        pair.deliver(token, &deliver(0));
    }
    let full = Outcome::NotSent(NotSent::WindowFull);
    assert_eq!(pair.of_server.up, [outcome(16, None, full)]);
    pair.of_server.up.clear();
    pair.now_ms = 60_000;
    pair.on_server(Event::Tick);
    assert_eq!(pair.of_server.up.len(), 16);
    assert!(pair.of_server.up.iter().all(|up| matches!(
        up,
        Up::Outcome {
            outcome: Outcome::Uncertain(Uncertain::TimedOut),
            ..
        }
    )));
}

#[test]
fn queries_and_cancels_are_answered() {
    let mut pair = Pair::open(Version::V3, server_settings());
    let query = Pdu::Query(Query::default());
    let cancel = Pdu::Cancel(Cancel { msg_id: MsgId(3) });
    pair.to_server = octets(Version::V3, 70, &query);
    pair.to_server.unsplit(octets(Version::V3, 71, &cancel));
    pair.exchange();
    assert_eq!(
        pair.of_server.up,
        [
            Up::Request {
                sequence: 70,
                pdu: query
            },
            Up::Request {
                sequence: 71,
                pdu: cancel
            }
        ]
    );
    let counts = Pdu::QueryResp(QueryResp {
        mt_messages: 12,
        ..QueryResp::default()
    });
    let too_late = Pdu::CancelResp(CancelResp { success_id: 1 });
    pair.on_server(Event::Answer {
        sequence: 70,
        pdu: &counts,
    });
    pair.on_server(Event::Answer {
        sequence: 71,
        pdu: &too_late,
    });
    assert_eq!(
        packets(Version::V3, &mut pair.of_server.send),
        [packet(70, counts), packet(71, too_late)]
    );
}

#[test]
fn a_result_is_cut_to_what_the_version_can_say() {
    let mut pair = Pair::open(Version::V2, server_settings());
    pair.to_server = octets(Version::V2, 70, &submit());
    pair.exchange();
    let pdu = &submit_resp(0, 0x1_0000);
    pair.on_server(Event::Answer { sequence: 70, pdu });
    assert_eq!(
        packets(Version::V2, &mut pair.of_server.send),
        [packet(70, submit_resp(0, 255))]
    );
}

#[test]
fn both_sides_end_in_order() {
    let ended = Some(CloseReason::Terminated);
    let by_peer = Some(CloseReason::PeerTerminated);
    let mut pair = Pair::open(Version::V3, server_settings());
    pair.on_client(Event::End);
    pair.exchange();
    assert_eq!((pair.of_client.close, pair.of_server.close), (ended, by_peer));
    let mut pair = Pair::open(Version::V3, server_settings());
    pair.on_server(Event::End);
    pair.exchange();
    assert_eq!((pair.of_server.close, pair.of_client.close), (ended, by_peer));
}

#[test]
fn nothing_but_a_login_is_taken_before_the_login() {
    let (mut server, mut actions) = accepting();
    let mut read = octets(Version::V3, 1, &submit());
    server.on(Event::Received(&mut read), 0, &mut actions);
    assert_eq!(actions.up, [Up::Oddity(Oddity::Unexpected { command: 4 })]);
    assert!(actions.send.is_empty());
    server.on(Event::Tick, 15_000, &mut actions);
    assert_eq!(actions.close, Some(CloseReason::LoginTimeout));
}

#[test]
fn what_follows_a_login_waits_for_its_decision() {
    let (mut server, mut actions) = accepting();
    let connect = auth::connect(
        account(),
        &secret(),
        Version::V2,
        Timestamp::from_wire(108_155_548),
    );
    let mut read = octets(Version::V2, 1, &Pdu::Connect(connect));
    read.unsplit(octets(Version::V2, 2, &submit()));
    server.on(Event::Received(&mut read), 0, &mut actions);
    assert_eq!(actions.up, [Up::LoginRequested(connect)]);
    assert!(
        !read.is_empty(),
        "the message is not read in a layout that is not settled"
    );
    server.on(Event::LoginAnswered(Verdict::Check(secret())), 0, &mut actions);
    server.on(Event::Received(&mut read), 0, &mut actions);
    assert!(matches!(actions.up.last(), Some(Up::Request { sequence: 2, .. })));
}

#[test]
fn a_login_that_nobody_decides_is_given_up() {
    let (mut server, mut actions) = accepting();
    let connect = auth::connect(account(), &secret(), Version::V3, Timestamp::default());
    let mut read: BytesMut = octets(Version::V3, 1, &Pdu::Connect(connect));
    server.on(Event::Received(&mut read), 10_000, &mut actions);
    assert_eq!(actions.deadline_ms, Some(15_000));
    server.on(Event::Tick, 15_000, &mut actions);
    assert_eq!(actions.close, Some(CloseReason::LoginTimeout));
}

#[test]
fn an_unreadable_submit_is_refused_and_the_session_lives() {
    let mut pair = Pair::open(Version::V3, server_settings());
    let mut read = octets(Version::V2, 9, &submit());
    pair.on_server(Event::Received(&mut read));
    assert_eq!(
        packets(Version::V3, &mut pair.of_server.send),
        [packet(9, submit_resp(0, 1))]
    );
    assert!(pair.server.is_open());
}
