//! Silence and ends. There is no keep-alive: the initiator says goodbye, the acceptor closes.

use super::{carry, pair};
use hongyan_carrier_wire::session::{CloseReason, Event, NotSent, Outcome, Repeat, Uncertain, Up};
use hongyan_carrier_wire::sgip::pdu::{Report, Resp, Submit};
use hongyan_carrier_wire::sgip::{Direction, Pdu, Sequence};

const SEQUENCE: Sequence = Sequence {
    node: 101_000,
    time: 1,
    counter: 7,
};

#[test]
fn the_initiator_unbinds_when_nothing_is_to_do() {
    let (mut sp, mut smg) = pair(Direction::Submitting);
    sp.on(Event::Tick, 49_999);
    assert_eq!(sp.said(), []);
    assert_eq!(sp.actions.deadline_ms, Some(50_000));
    sp.on(Event::Tick, 50_000);
    carry(&mut sp, &mut smg, 50_000);
    assert_eq!(smg.actions.close, Some(CloseReason::PeerTerminated));
    assert_eq!(sp.actions.close, Some(CloseReason::Idle));
}

#[test]
fn what_is_under_way_keeps_the_connection() {
    let (mut sp, _) = pair(Direction::Submitting);
    let pdu = Pdu::Submit(Submit::default());
    let event = Event::Request {
        token: 1,
        sequence: None,
        pdu: &pdu,
        repeat: Repeat::Never,
    };
    sp.on(event, 40_000);
    sp.said();
    sp.on(Event::Tick, 50_000);
    assert_eq!(sp.said(), []);
    // The answer begins the silence anew.
    sp.on(Event::Tick, 69_999);
    sp.on(Event::Tick, 70_000);
    let told = sp.told();
    assert!(matches!(
        told[..],
        [Up::Outcome {
            outcome: Outcome::Uncertain(Uncertain::TimedOut),
            ..
        }]
    ));
}

#[test]
fn the_acceptor_closes_after_a_minute_without_anything() {
    let (_, mut listener) = pair(Direction::Delivering);
    listener.hear(SEQUENCE, &Pdu::Report(Report::default()), 30_000);
    listener.on(Event::Tick, 90_000);
    assert_eq!(listener.actions.close, None, "a request is open");
    let pdu = Pdu::ReportResp(Resp::new(0));
    let sequence = SEQUENCE;
    listener.on(Event::Answer { sequence, pdu: &pdu }, 95_000);
    listener.said();
    listener.on(Event::Tick, 154_999);
    assert_eq!(listener.actions.close, None);
    listener.on(Event::Tick, 155_000);
    assert_eq!(listener.actions.close, Some(CloseReason::Idle));
    assert_eq!(listener.said(), [], "the wish to end is the initiator's");
}

#[test]
fn an_unbind_is_agreed_to_and_ends() {
    for direction in [Direction::Submitting, Direction::Delivering] {
        let (mut asks, mut answers) = pair(direction);
        answers.hear(SEQUENCE, &Pdu::Unbind, 1);
        assert_eq!(answers.said(), [(SEQUENCE, Pdu::UnbindResp)]);
        assert_eq!(answers.actions.close, Some(CloseReason::PeerTerminated));
        // Some gateways end connections that they did not open.
        asks.hear(SEQUENCE, &Pdu::Unbind, 1);
        assert_eq!(asks.said(), [(SEQUENCE, Pdu::UnbindResp)]);
        assert_eq!(asks.actions.close, Some(CloseReason::PeerTerminated));
    }
}

#[test]
fn an_end_waits_for_open_answers_and_sends_nothing_new() {
    let (mut sp, mut smg) = pair(Direction::Submitting);
    let pdu = Pdu::Submit(Submit::default());
    let request = |token| Event::Request {
        token,
        sequence: None,
        pdu: &pdu,
        repeat: Repeat::Never,
    };
    sp.on(request(1), 0);
    let (sequence, _) = sp.said().remove(0);
    sp.on(Event::End, 1);
    assert_eq!(sp.said(), []);
    sp.on(request(2), 2);
    assert!(matches!(
        sp.told()[..],
        [Up::Outcome {
            token: 2,
            outcome: Outcome::NotSent(NotSent::NotOpen),
            ..
        }]
    ));
    sp.hear(sequence, &Pdu::SubmitResp(Resp::new(0)), 3);
    assert!(matches!(
        sp.told()[..],
        [Up::Outcome {
            token: 1,
            outcome: Outcome::Answered(_),
            ..
        }]
    ));
    carry(&mut sp, &mut smg, 4);
    assert_eq!(sp.actions.close, Some(CloseReason::Terminated));
    assert_eq!(smg.actions.close, Some(CloseReason::PeerTerminated));
}

#[test]
fn a_lost_connection_leaves_what_was_open_uncertain() {
    let (mut sp, _) = pair(Direction::Submitting);
    let pdu = Pdu::Submit(Submit::default());
    let event = Event::Request {
        token: 1,
        sequence: None,
        pdu: &pdu,
        repeat: Repeat::Never,
    };
    sp.on(event, 0);
    let (sequence, _) = sp.said().remove(0);
    sp.on(Event::Disconnected, 5);
    assert_eq!(sp.actions.close, Some(CloseReason::ConnectionLost));
    assert_eq!(
        sp.told(),
        [Up::Outcome {
            token: 1,
            sequence: Some(sequence),
            outcome: Outcome::Uncertain(Uncertain::ConnectionLost),
            late: false
        }]
    );
}

#[test]
fn an_end_without_agreement_ends_too() {
    let (mut sp, _) = pair(Direction::Submitting);
    sp.on(Event::End, 0);
    assert!(matches!(sp.said()[..], [(_, Pdu::Unbind)]));
    sp.on(Event::Tick, 4_999);
    assert_eq!(sp.actions.close, None);
    sp.on(Event::Tick, 5_000);
    assert_eq!(sp.actions.close, Some(CloseReason::TerminateTimeout));
}
