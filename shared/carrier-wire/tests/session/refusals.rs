//! What is refused, by whom, and what cannot be said.

use hongyan_carrier_wire::session::{
    CloseReason, Event, NotSent, Oddity, Outcome, SessionLimits, Uncertain, Up,
};

use super::toy::{ASK, LOGIN, LOUD, NO, NOTICE, PING, Table, TooLoud, answer, ask};

fn open(initiates: bool) -> Table {
    Table::open(initiates, true, SessionLimits::default())
}

#[test]
fn notices_go_up_without_an_answer() {
    let mut table = open(true);
    table.hear(9, ask(NOTICE));
    assert_eq!(table.up(), [Up::OneWay(ask(NOTICE))]);
    assert_eq!(table.sent(), []);
}

#[test]
fn what_is_not_known_and_what_is_not_allowed_are_refused() {
    let mut table = open(true);
    table.hear(9, ask(77));
    table.hear(10, ask(LOGIN));
    assert_eq!(table.sent(), [(9, answer(NO)), (10, answer(NO))]);
    assert_eq!(
        table.up(),
        [
            Up::Oddity(Oddity::UnknownCommand { command: 77 }),
            Up::Oddity(Oddity::Unexpected { command: 1 })
        ]
    );
    // An answer that nobody knows is not answered: two of these machines would talk for ever.
    table.hear(11, answer(77));
    assert_eq!(table.sent(), []);
}

#[test]
fn what_comes_before_the_login_is_refused() {
    let mut table = Table::connected(false, true, SessionLimits::default());
    table.hear(1, ask(ASK));
    assert_eq!(table.sent(), [(1, answer(NO))]);
    table.hear(2, ask(PING));
    assert_eq!(table.sent(), [(2, answer(NO))], "nobody is logged in to be kept");
    assert_eq!(table.actions.close, None);
}

#[test]
fn a_general_refusal_settles_the_request_it_belongs_to() {
    let mut table = open(true);
    table.request(1, ask(ASK));
    table.hear(2, answer(NO));
    assert_eq!(
        table.up(),
        [Up::Outcome {
            token: 1,
            sequence: Some(2),
            outcome: Outcome::Answered(answer(NO)),
            late: false
        }]
    );
}

#[test]
fn a_general_refusal_of_the_login_ends_it() {
    let mut table = Table::connected(true, true, SessionLimits::default());
    table.hear(7, answer(NO));
    assert_eq!(table.actions.close, None, "of something else");
    table.hear(1, answer(NO));
    assert_eq!(table.actions.close, Some(CloseReason::LoginRefused { status: 1 }));
}

#[test]
fn an_unreadable_answer_to_the_login_ends_it() {
    let mut table = Table::connected(true, true, SessionLimits::default());
    table.hear_octets(&[0, 0, 0, 7, 0x80 | LOGIN, 1, 0]);
    assert_eq!(table.actions.close, Some(CloseReason::LoginUnreadable));
}

#[test]
fn an_unreadable_request_is_refused_and_an_unreadable_answer_settles() {
    let mut table = open(true);
    table.request(1, ask(ASK));
    table.sent();
    table.hear_octets(&[0, 0, 0, 7, ASK, 9, 0]);
    assert_eq!(table.sent(), [(9, answer(NO))]);
    table.hear_octets(&[0, 0, 0, 7, 0x80 | ASK, 2, 0]);
    assert_eq!(table.sent(), []);
    assert!(table.up().contains(&Up::Outcome {
        token: 1,
        sequence: Some(2),
        outcome: Outcome::Uncertain(Uncertain::Unreadable),
        late: false
    }));
}

#[test]
fn what_cannot_be_said_is_told() {
    let mut table = open(true);
    table.request(1, ask(LOUD));
    assert_eq!(
        table.up(),
        [Up::Outcome {
            token: 1,
            sequence: None,
            outcome: Outcome::NotSent(NotSent::Encode(TooLoud)),
            late: false
        }]
    );
    assert_eq!(table.session.in_flight(), 0);
    table.hear(9, ask(LOUD));
    table.up();
    table.on(Event::Answer {
        sequence: 9,
        pdu: &answer(LOUD),
    });
    assert_eq!(
        table.up(),
        [Up::AnswerNotSent {
            sequence: 9,
            why: TooLoud
        }]
    );
    // It is still owed, and may be answered by something else.
    table.on(Event::Answer {
        sequence: 9,
        pdu: &answer(NO),
    });
    assert_eq!(table.sent(), [(9, answer(NO))]);
}

#[test]
fn a_verdict_that_nobody_waits_for_changes_nothing() {
    let mut table = open(false);
    table.on(Event::LoginAnswered(false));
    assert!(table.session.is_open());
    assert_eq!(table.sent(), []);
}

#[test]
fn a_request_that_crosses_the_end_is_left_to_be_sent_again() {
    let mut table = open(true);
    table.on(Event::End);
    assert_eq!(table.sent().len(), 1, "the wish to end");
    table.hear(9, ask(ASK));
    assert_eq!(table.sent(), [], "neither taken nor refused");
    assert_eq!(table.up(), [Up::Oddity(Oddity::Unexpected { command: 3 })]);
}
