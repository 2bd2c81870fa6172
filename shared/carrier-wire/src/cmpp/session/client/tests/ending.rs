//! Silence, nonsense and ends.

use super::*;

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
