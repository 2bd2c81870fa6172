//! Sessions without a keep-alive end when there is nothing to do.

use hongyan_carrier_wire::session::{CloseReason, Event, SessionLimits};

use super::toy::{ASK, END, Table, answer, ask};

fn limits() -> SessionLimits {
    SessionLimits {
        idle_ms: 50_000,
        ..SessionLimits::default()
    }
}

#[test]
fn an_initiator_ends_an_idle_session_in_order() {
    let mut table = Table::open(true, false, limits());
    table.wait_for_deadline();
    assert_eq!((table.now_ms, table.sent()), (50_000, vec![(2, ask(END))]));
    assert!(!table.session.is_open());
    table.hear(2, answer(END));
    assert_eq!(table.actions.close, Some(CloseReason::Idle));
}

#[test]
fn an_acceptor_closes_an_idle_session_without_a_word() {
    let mut table = Table::open(false, false, limits());
    table.wait_for_deadline();
    assert_eq!((table.now_ms, table.sent()), (50_000, vec![]));
    assert_eq!(table.actions.close, Some(CloseReason::Idle));
}

#[test]
fn a_session_with_something_open_is_not_idle() {
    let mut table = Table::open(true, false, limits());
    table.now_ms = 40_000;
    table.request(1, ask(ASK));
    assert_eq!(
        table.actions.deadline_ms,
        Some(100_000),
        "the answer's, and no other"
    );
    table.now_ms = 60_000;
    table.hear(2, answer(ASK));
    assert_eq!(table.actions.deadline_ms, Some(110_000));
    // What the application owes keeps it as well.
    table.hear(9, ask(ASK));
    assert_eq!(table.actions.deadline_ms, None);
    table.now_ms = 200_000;
    table.on(Event::Tick);
    assert!(table.session.is_open());
    table.on(Event::Answer {
        sequence: 9,
        pdu: &answer(ASK),
    });
    assert_eq!(table.actions.deadline_ms, Some(250_000));
}

#[test]
fn with_a_keep_alive_an_idle_session_lives() {
    let mut table = Table::open(false, true, limits());
    for sequence in 1..=3 {
        table.wait_for_deadline();
        assert_eq!(table.sent().len(), 1, "asked whether it lives");
        table.hear(sequence, answer(super::toy::PING));
    }
    assert!(table.session.is_open());
    assert_eq!(table.now_ms, 150_000);
}

#[test]
fn an_end_that_shall_not_wait_does_not() {
    let hasty = SessionLimits {
        drain_timeout_ms: 0,
        ..limits()
    };
    let mut table = Table::open(true, true, hasty);
    table.request(1, ask(ASK));
    table.sent();
    table.on(Event::End);
    assert_eq!(table.sent(), [(3, ask(END))]);
}
