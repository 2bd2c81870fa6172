//! Messages both ways, keep-alive, the end, and what makes no sense.

use super::*;
use crate::session::{CloseReason, Oddity, Outcome, Repeat, Uncertain};
use crate::smgp::pdu::{DeliverResp, SubmitResp};
use crate::smgp::status;

const BOTH_VERSIONS: [Version; 2] = [Version::V1, Version::V3];

fn send<D: crate::session::Dialect>(side: &mut Side<D>, token: u64, pdu: &D::Pdu) {
    side.on(
        Event::Request {
            token,
            sequence: None,
            pdu,
            repeat: Repeat::Never,
        },
        0,
    );
}

#[test]
fn a_message_is_submitted_and_answered_by_its_sequence() {
    for version in BOTH_VERSIONS {
        let (mut client, mut server) = in_session(version, LoginMode::Both);
        send(&mut client, 7, &Pdu::Submit(message()));
        send(&mut client, 8, &Pdu::Submit(message()));
        let said = client.said();
        let expected = if version == Version::V1 { 146 } else { 152 };
        assert_eq!(said.len(), 2 * expected, "{version:?}: FixedFee or not");
        server.hears(&said, 0);
        let requests = server.told();
        assert_eq!(requests.len(), 2);
        // Answered in the other order.
        for (index, request) in requests.into_iter().enumerate().rev() {
            let Up::Request { sequence, pdu } = request else {
                panic!("{request:?}")
            };
            assert_eq!(pdu, Pdu::Submit(message()));
            let answer = Pdu::SubmitResp(SubmitResp {
                msg_id: MsgId([index as u8; 10]),
                status: index as u32,
            });
            server.on(
                Event::Answer {
                    sequence,
                    pdu: &answer,
                },
                0,
            );
        }
        client.hears(&server.said(), 0);
        let outcomes: Vec<_> = client
            .told()
            .into_iter()
            .map(|up| match up {
                Up::Outcome {
                    token,
                    outcome: Outcome::Answered(Pdu::SubmitResp(resp)),
                    late: false,
                    ..
                } => (token, resp.status, resp.msg_id),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(outcomes, [(8, 1, MsgId([1; 10])), (7, 0, MsgId([0; 10]))]);
    }
}

#[test]
fn what_is_delivered_is_answered_with_its_id() {
    for version in BOTH_VERSIONS {
        for mode in [LoginMode::Both, LoginMode::Receive] {
            let (mut client, mut server) = in_session(version, mode);
            send(&mut server, 1, &Pdu::Deliver(uplink(5)));
            client.hears(&server.said(), 0);
            let Some(Up::Request { sequence, pdu }) = client.told().pop() else {
                panic!("a request")
            };
            assert_eq!(pdu, Pdu::Deliver(uplink(5)));
            let resp = |id| {
                Pdu::DeliverResp(DeliverResp {
                    msg_id: MsgId([id; 10]),
                    status: 0,
                })
            };
            let wrong = resp(6);
            client.on(
                Event::Answer {
                    sequence,
                    pdu: &wrong,
                },
                0,
            );
            assert!(client.said().is_empty(), "an answer to another one");
            let right = resp(5);
            client.on(
                Event::Answer {
                    sequence,
                    pdu: &right,
                },
                0,
            );
            server.hears(&client.said(), 0);
            let Some(Up::Outcome {
                token: 1,
                outcome: Outcome::Answered(answer),
                ..
            }) = server.told().pop()
            else {
                panic!("an outcome")
            };
            assert_eq!(answer, right);
        }
    }
}

#[test]
fn a_connection_that_receives_may_not_submit() {
    let (mut client, mut server) = in_session(Version::V3, LoginMode::Receive);
    send(&mut client, 1, &Pdu::Submit(message()));
    server.hears(&client.said(), 0);
    assert!(matches!(
        server.told()[..],
        [Up::Oddity(Oddity::Unexpected { command: 2 })]
    ));
    client.hears(&server.said(), 0);
    let told = client.told();
    let [
        Up::Outcome {
            token: 1,
            outcome: Outcome::Answered(Pdu::SubmitResp(resp)),
            ..
        },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(resp.status, status::COMMAND);
}

#[test]
fn what_cannot_be_read_is_refused_so_that_it_is_not_repeated() {
    let (mut client, mut server) = in_session(Version::V3, LoginMode::Both);
    // A message in the layout of the other version: its counts stand elsewhere.
    let mut narrow = message();
    narrow.msg_format = 8;
    server.hears(&octets(Version::V1, 4, &Pdu::Submit(narrow)), 0);
    let answers = packets(Version::V3, server.said());
    assert!(
        matches!(
            answers[..],
            [Packet {
                sequence: 4,
                pdu: Pdu::SubmitResp(SubmitResp {
                    status: status::STRUCTURE,
                    ..
                })
            }]
        ),
        "{answers:?}"
    );

    // An uplink with a cut optional parameter.
    let mut cut = octets(Version::V3, 6, &Pdu::Deliver(uplink(3)));
    cut.extend_from_slice(&[0, 2, 0, 1]);
    let len = u8::try_from(cut.len()).unwrap();
    cut[3] = len;
    client.hears(&cut, 0);
    assert!(matches!(client.told()[..], [Up::Oddity(Oddity::Undecodable(_))]));
    let expected = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId([3; 10]),
        status: status::STRUCTURE,
    });
    assert_eq!(
        packets(Version::V3, client.said()),
        [Packet {
            sequence: 6,
            pdu: expected
        }]
    );
    assert!(client.session.is_open() && server.session.is_open());
}

#[test]
fn an_answer_that_cannot_be_read_settles_its_request() {
    let (mut client, _) = in_session(Version::V3, LoginMode::Both);
    send(&mut client, 1, &Pdu::Submit(message()));
    let sequence = packets(Version::V3, client.said())[0].sequence;
    let mut cut = octets(Version::V3, sequence, &Pdu::SubmitResp(SubmitResp::default()));
    cut.truncate(20);
    cut[3] = 20;
    client.hears(&cut, 0);
    assert!(matches!(
        client.told()[0],
        Up::Outcome {
            token: 1,
            outcome: Outcome::Uncertain(Uncertain::Unreadable),
            ..
        }
    ));
}

#[test]
fn too_many_uplinks_are_told_to_come_again() {
    let limits = SessionLimits {
        max_unanswered_inbound: 1,
        ..SessionLimits::default()
    };
    let (mut client, _) = in_session(Version::V3, LoginMode::Both);
    let mut small = Side {
        session: Session::new(Client::new(asking(Version::V3, LoginMode::Both)), limits).unwrap(),
        actions: Actions::default(),
        input: BytesMut::new(),
    };
    small.connected();
    let resp = "00000021800000010000000100000000ee5e73c5275efdbedabd4dfc4450866630";
    small.hears(&hex::decode(resp).unwrap(), 0);
    small.said();
    for side in [&mut small, &mut client] {
        for id in 1..=2 {
            side.hears(&octets(Version::V3, u32::from(id), &Pdu::Deliver(uplink(id))), 0);
        }
    }
    assert!(client.said().is_empty());
    let busy = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId([2; 10]),
        status: status::BUSY,
    });
    assert_eq!(
        packets(Version::V3, small.said()),
        [Packet {
            sequence: 2,
            pdu: busy
        }]
    );
}

#[test]
fn silence_is_asked_about_from_either_side_and_then_given_up() {
    let (mut client, mut server) = in_session(Version::V3, LoginMode::Both);
    client.on(Event::Tick, 30_000);
    let asked = client.said();
    assert_eq!(asked.len(), 12);
    server.hears(&asked, 30_000);
    let answer = server.said();
    assert_eq!(hex::encode(&answer[..8]), "0000000c80000004");
    client.hears(&answer, 30_000);
    assert!(client.told().is_empty() && server.told().is_empty());

    for now_ms in [60_000, 70_000, 80_000] {
        server.on(Event::Tick, now_ms);
        assert_eq!(server.said().len(), 12);
    }
    server.on(Event::Tick, 90_000);
    assert_eq!(server.actions.close, Some(CloseReason::PeerSilent));
}

#[test]
fn either_side_ends_the_session() {
    let (mut client, mut server) = in_session(Version::V3, LoginMode::Both);
    client.on(Event::End, 1_000);
    let exit = client.said();
    assert_eq!(hex::encode(&exit[..8]), "0000000c00000006");
    server.hears(&exit, 1_000);
    assert_eq!(server.actions.close, Some(CloseReason::PeerTerminated));
    client.hears(&server.said(), 1_000);
    assert_eq!(client.actions.close, Some(CloseReason::Terminated));

    let (mut client, mut server) = in_session(Version::V1, LoginMode::Both);
    server.on(Event::End, 1_000);
    client.hears(&server.said(), 1_000);
    server.hears(&client.said(), 1_000);
    assert_eq!(client.actions.close, Some(CloseReason::PeerTerminated));
    assert_eq!(server.actions.close, Some(CloseReason::Terminated));
}

#[test]
fn what_gateways_say_among_each_other_is_odd_and_nothing_more() {
    let (mut client, _) = in_session(Version::V3, LoginMode::Both);
    let forward = Pdu::Unknown {
        command: 5,
        body: b"anything".to_vec().into(),
    };
    client.hears(&octets(Version::V3, 3, &forward), 0);
    assert!(matches!(
        client.told()[..],
        [Up::Oddity(Oddity::UnknownCommand { command: 5 })]
    ));
    assert!(client.said().is_empty() && client.session.is_open());
}
