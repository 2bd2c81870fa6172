//! Queries and cancels, repetition, numbers taken beforehand.

use hongyan_carrier_wire::cmpp::pdu::{Cancel, CancelResp, Query, QueryResp};
use hongyan_carrier_wire::cmpp::{MsgId, Pdu, Version};
use hongyan_carrier_wire::session::{Event, Oddity, Outcome, Repeat, SessionLimits, Uncertain, Up};

use super::client::Table;
use super::{outcome, packet, submit, submit_resp};

fn patient() -> SessionLimits {
    SessionLimits {
        response_timeout_ms: 10_000,
        ..SessionLimits::default()
    }
}

fn cancel() -> Pdu {
    Pdu::Cancel(Cancel { msg_id: MsgId(3) })
}

fn cancelled() -> Pdu {
    Pdu::CancelResp(CancelResp { success_id: 0 })
}

#[test]
fn queries_and_cancels_share_the_window_and_get_their_own_answers() {
    let mut table = Table::logged_in();
    let query = Pdu::Query(Query::default());
    table.request(1, &query, Repeat::OnSilence);
    table.request(2, &cancel(), Repeat::OnSilence);
    assert_eq!(table.sent(), [packet(2, query), packet(3, cancel())]);
    assert_eq!(table.client.free_slots(), 14);
    let counts = Pdu::QueryResp(QueryResp {
        mt_messages: 12,
        ..QueryResp::default()
    });
    // An answer of another kind does not settle it.
    table.receive(Version::V3, 3, &counts);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::UnmatchedResponse { sequence: 3, .. })]
    ));
    table.receive(Version::V3, 3, &cancelled());
    table.receive(Version::V3, 2, &counts);
    assert_eq!(
        table.up(),
        [
            outcome(2, Some(3), Outcome::Answered(cancelled())),
            outcome(1, Some(2), Outcome::Answered(counts))
        ]
    );
}

#[test]
fn a_request_that_may_come_twice_is_sent_again_on_silence() {
    let mut table = Table::logged_in_with(patient());
    table.request(1, &cancel(), Repeat::OnSilence);
    table.sent();
    for at in [11_000, 21_000] {
        table.wait_for_deadline();
        assert_eq!(
            (table.now_ms, table.sent()),
            (at, vec![packet(2, cancel())]),
            "the same octets"
        );
        assert_eq!(table.client.free_slots(), 15);
    }
    table.wait_for_deadline();
    // Third deadline: the silent peer is asked whether it lives, and the request is given up after N = 3.
    assert_eq!(table.now_ms, 31_000);
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), Outcome::Uncertain(Uncertain::TimedOut))]
    );
    assert_eq!(table.sent(), [packet(3, Pdu::ActiveTest)]);
}

#[test]
fn both_answers_to_a_repeated_request_are_taken_without_a_word() {
    let mut table = Table::logged_in_with(patient());
    table.request(1, &cancel(), Repeat::OnSilence);
    table.wait_for_deadline();
    table.receive(Version::V3, 2, &cancelled());
    table.receive(Version::V3, 2, &cancelled());
    assert_eq!(table.up(), [outcome(1, Some(2), Outcome::Answered(cancelled()))]);
    table.receive(Version::V3, 2, &cancelled());
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::UnmatchedResponse { .. })]
    ));
}

#[test]
fn a_message_is_not_sent_again() {
    let mut table = Table::logged_in_with(patient());
    table.submit(1);
    table.sent();
    table.wait_for_deadline();
    assert_eq!(table.sent(), []);
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), Outcome::Uncertain(Uncertain::TimedOut))]
    );
}

#[test]
fn a_number_can_be_taken_before_the_request() {
    let mut table = Table::logged_in();
    let reserved = table.client.reserve_sequence(table.now_ms);
    table.submit(1);
    table.on(Event::Request {
        token: 2,
        sequence: Some(reserved),
        pdu: &submit(),
        repeat: Repeat::Never,
    });
    assert_eq!(table.sent(), [packet(3, submit()), packet(2, submit())]);
    table.receive(Version::V3, reserved, &submit_resp(5, 0));
    assert_eq!(
        table.up(),
        [outcome(2, Some(reserved), Outcome::Answered(submit_resp(5, 0)))]
    );
}
