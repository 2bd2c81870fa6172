//! Silence, nonsense and ends.

use bytes::Bytes;
use hongyan_carrier_wire::cmpp::pdu::ActiveTestResp;
use hongyan_carrier_wire::cmpp::{EncodeError, Packet, Pdu, Version};
use hongyan_carrier_wire::session::{CloseReason, Event, NotSent, Oddity, Outcome, Uncertain, Up};

use super::client::Table;
use super::{outcome, packet, submit_resp};

const LOST: Outcome<Pdu, EncodeError> = Outcome::Uncertain(Uncertain::ConnectionLost);
const NOT_OPEN: Outcome<Pdu, EncodeError> = Outcome::NotSent(NotSent::NotOpen);

#[test]
fn a_lost_connection_makes_every_open_message_uncertain() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.submit(2);
    table.on(Event::Disconnected);
    assert_eq!(table.up(), [outcome(1, Some(2), LOST), outcome(2, Some(3), LOST)]);
    assert_eq!(table.actions.close, Some(CloseReason::ConnectionLost));
    table.submit(3);
    assert_eq!(table.up(), [outcome(3, None, NOT_OPEN)]);
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
fn keep_alives_are_not_starved_by_a_full_window() {
    let mut table = Table::logged_in();
    for token in 0..16 {
        table.submit(token);
    }
    table.sent();
    table.wait_for_deadline();
    assert_eq!(table.client.free_slots(), 0);
    assert!(matches!(
        table.sent().as_slice(),
        [Packet {
            pdu: Pdu::ActiveTest,
            ..
        }]
    ));
}

#[test]
fn answers_keep_alives_and_takes_answers_of_both_lengths() {
    let mut table = Table::logged_in();
    table.receive(Version::V3, 77, &Pdu::ActiveTest);
    let answer = |reserved| Pdu::ActiveTestResp(ActiveTestResp { reserved });
    assert_eq!(table.sent(), [packet(77, answer(Some(0)))]);
    table.receive(Version::V3, 2, &answer(None));
    table.receive(Version::V3, 3, &answer(Some(1)));
    assert_eq!(table.up(), []);
}

#[test]
fn nonsense_is_tolerated_up_to_a_bound() {
    let mut table = Table::logged_in();
    let unknown = Pdu::Unknown {
        command: 9,
        body: Bytes::from_static(b"fwd").into(),
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
    table.receive_octets(&[0xff; 64]);
    assert!(matches!(table.actions.close, Some(CloseReason::Framing(_))));
    assert_eq!(table.up(), [outcome(1, Some(2), LOST)]);
}

#[test]
fn an_end_waits_for_open_answers() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    table.on(Event::End);
    assert_eq!(table.sent(), [], "an answer is still awaited");
    table.submit(2);
    assert_eq!(table.up(), [outcome(2, None, NOT_OPEN)]);
    table.receive(Version::V3, 2, &submit_resp(5, 0));
    assert_eq!(table.sent(), [packet(3, Pdu::Terminate)]);
    assert_eq!(table.actions.close, None);
    table.receive(Version::V3, 3, &Pdu::TerminateResp);
    assert_eq!(table.actions.close, Some(CloseReason::Terminated));
}

#[test]
fn an_end_does_not_wait_for_ever() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    table.on(Event::End);
    table.wait_for_deadline();
    assert_eq!(table.now_ms, 11_000);
    assert_eq!(table.sent(), [packet(3, Pdu::Terminate)]);
    table.wait_for_deadline();
    assert_eq!(
        (table.now_ms, table.actions.close),
        (16_000, Some(CloseReason::TerminateTimeout))
    );
    assert_eq!(table.up(), [outcome(1, Some(2), LOST)]);
}

#[test]
fn an_end_before_the_login_closes_at_once() {
    let mut table = Table::of(Version::V3);
    table.connect();
    table.on(Event::End);
    assert_eq!(table.actions.close, Some(CloseReason::Terminated));
    assert_eq!(table.sent(), []);
}

#[test]
fn the_gateway_may_end_the_session() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    table.receive(Version::V3, 50, &Pdu::Terminate);
    assert_eq!(table.sent(), [packet(50, Pdu::TerminateResp)]);
    assert_eq!(table.actions.close, Some(CloseReason::PeerTerminated));
    assert_eq!(table.up(), [outcome(1, Some(2), LOST)]);
}
