//! Requests, their answers, and what is none.

use super::{Table, carry, pair};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::{Content, FieldError, TerminalId};
use hongyan_carrier_wire::session::{Dialect, Event, NotSent, Oddity, Outcome, Repeat, Uncertain, Up};
use hongyan_carrier_wire::sgip::pdu::{Deliver, Report, Resp, Submit, UserRpt, Users};
use hongyan_carrier_wire::sgip::trace::{Hop, Hops, Trace};
use hongyan_carrier_wire::sgip::{Direction, Initiator, Pdu, Sequence, encode, results};

fn submit() -> Pdu {
    let number = TerminalId::new("8613800138000").unwrap();
    Pdu::Submit(Submit {
        users: Users::one(&number).unwrap(),
        ..Submit::default()
    })
}

fn request(table: &mut Table<Initiator>, token: u64, pdu: &Pdu, now_ms: u64) {
    let event = Event::Request {
        token,
        sequence: None,
        pdu,
        repeat: Repeat::Never,
    };
    table.on(event, now_ms);
}

fn answered<D: Dialect<Pdu = Pdu>>(token: u64, sequence: D::Sequence, pdu: Pdu) -> Up<D> {
    Up::Outcome {
        token,
        sequence: Some(sequence),
        outcome: Outcome::Answered(pdu),
        late: false,
    }
}

#[test]
fn every_request_reaches_the_other_side_and_its_answer_comes_back() {
    let submitting = [
        (submit(), Pdu::SubmitResp(Resp::new(0))),
        (
            Pdu::Trace(Trace::default()),
            Pdu::TraceResp(Hops::new(&[Hop::default()]).unwrap()),
        ),
    ];
    let delivering = [
        (
            Pdu::Deliver(Deliver::default()),
            Pdu::DeliverResp(Resp::new(results::NODE_BUSY)),
        ),
        (Pdu::Report(Report::default()), Pdu::ReportResp(Resp::new(0))),
        (Pdu::UserRpt(UserRpt::default()), Pdu::UserRptResp(Resp::new(0))),
    ];
    for (direction, exchanges) in [
        (Direction::Submitting, &submitting[..]),
        (Direction::Delivering, &delivering[..]),
    ] {
        let (mut asks, mut answers) = pair(direction);
        for (token, (asked, answer)) in (1..).zip(exchanges) {
            request(&mut asks, token, asked, 1_000);
            carry(&mut asks, &mut answers, 1_000);
            let told = answers.told();
            let [Up::Request { sequence, pdu }] = &told[..] else {
                panic!("{told:?}")
            };
            assert_eq!(pdu, asked);
            let (sequence, pdu) = (*sequence, answer);
            answers.on(Event::Answer { sequence, pdu }, 1_001);
            carry(&mut asks, &mut answers, 1_001);
            assert_eq!(asks.told(), [answered(token, sequence, answer.clone())]);
        }
    }
}

#[test]
fn the_sequence_can_be_known_before_the_message_leaves() {
    let (mut sp, mut smg) = pair(Direction::Submitting);
    let sequence = sp.session.reserve_sequence(3_000);
    // The login had the first one.
    assert_eq!((sequence.node, sequence.counter), (3_010_031_059, 2));
    assert_eq!(sequence.time, 1_216_131_130);
    let pdu = submit();
    let event = Event::Request {
        token: 9,
        sequence: Some(sequence),
        pdu: &pdu,
        repeat: Repeat::Never,
    };
    sp.on(event, 7_000);
    carry(&mut sp, &mut smg, 7_000);
    assert_eq!(smg.told(), [Up::Request { sequence, pdu }]);
    request(&mut sp, 10, &submit(), 8_000);
    assert_eq!(sp.said()[0].0.counter, 3);
}

#[test]
fn no_more_than_the_window_are_without_an_answer() {
    let (mut sp, _) = pair(Direction::Submitting);
    for token in 0..33 {
        request(&mut sp, token, &submit(), 0);
    }
    assert_eq!(sp.said().len(), 32);
    assert_eq!(
        sp.told(),
        [Up::Outcome {
            token: 32,
            sequence: None,
            outcome: Outcome::NotSent(NotSent::WindowFull),
            late: false
        }]
    );
}

#[test]
fn silence_is_uncertain_after_half_a_minute_and_a_late_answer_corrects_it() {
    let (mut sp, _) = pair(Direction::Submitting);
    request(&mut sp, 5, &submit(), 0);
    let (sequence, _) = sp.said().remove(0);
    sp.on(Event::Tick, 29_999);
    assert_eq!(sp.told(), []);
    sp.on(Event::Tick, 30_000);
    let timed_out = Up::Outcome {
        token: 5,
        sequence: Some(sequence),
        outcome: Outcome::Uncertain(Uncertain::TimedOut),
        late: false,
    };
    assert_eq!(sp.told(), [timed_out]);
    sp.hear(sequence, &Pdu::SubmitResp(Resp::new(0)), 31_000);
    let late = Up::Outcome {
        token: 5,
        sequence: Some(sequence),
        outcome: Outcome::Answered(Pdu::SubmitResp(Resp::new(0))),
        late: true,
    };
    assert_eq!(sp.told(), [late]);
}

#[test]
fn an_answer_is_found_by_all_three_words() {
    let (mut sp, _) = pair(Direction::Submitting);
    request(&mut sp, 5, &submit(), 0);
    let (sequence, _) = sp.said().remove(0);
    let others = [
        Sequence {
            node: 10_031_059,
            ..sequence
        },
        Sequence {
            time: sequence.time + 1,
            ..sequence
        },
        Sequence {
            counter: sequence.counter + 1,
            ..sequence
        },
    ];
    for other in others {
        sp.hear(other, &Pdu::SubmitResp(Resp::new(0)), 1);
        let command = 0x8000_0003;
        let sequence = other;
        assert_eq!(
            sp.told(),
            [Up::Oddity(Oddity::UnmatchedResponse { command, sequence })]
        );
    }
    sp.hear(sequence, &Pdu::SubmitResp(Resp::Short { result: 6 }), 1);
    let refused = Pdu::SubmitResp(Resp::Short { result: 6 });
    assert_eq!(sp.told(), [answered(5, sequence, refused)]);
}

#[test]
fn an_answer_that_cannot_be_read_settles_its_request_as_uncertain() {
    let (mut sp, _) = pair(Direction::Submitting);
    request(&mut sp, 5, &submit(), 0);
    let (sequence, _) = sp.said().remove(0);
    let mut octets = BytesMut::new();
    encode(sequence, &Pdu::SubmitResp(Resp::new(0)), &mut octets).unwrap();
    octets.truncate(25);
    octets[3] = 25;
    sp.hear_octets(octets, 1);
    let told = sp.told();
    assert!(
        matches!(
            &told[..],
            [
                Up::Outcome {
                    token: 5,
                    outcome: Outcome::Uncertain(Uncertain::Unreadable),
                    ..
                },
                Up::Oddity(Oddity::Undecodable(_))
            ]
        ),
        "{told:?}"
    );
    assert_eq!(sp.said(), [], "an answer is never answered");
}

#[test]
fn a_request_of_the_other_direction_is_refused() {
    let sequence = Sequence {
        node: 101_000,
        time: 1,
        counter: 1,
    };
    let refused = Resp::new(results::LOGIN_TYPE);
    let (mut sp, mut smg) = pair(Direction::Submitting);
    for (pdu, answer) in [
        (Pdu::Deliver(Deliver::default()), Pdu::DeliverResp(refused)),
        (Pdu::Report(Report::default()), Pdu::ReportResp(refused)),
        (Pdu::UserRpt(UserRpt::default()), Pdu::UserRptResp(refused)),
    ] {
        for told in [sp.session.is_open(), smg.session.is_open()] {
            assert!(told);
        }
        sp.hear(sequence, &pdu, 1);
        assert_eq!(sp.said(), [(sequence, answer.clone())]);
        smg.hear(sequence, &pdu, 1);
        assert_eq!(smg.said(), [(sequence, answer)]);
    }
    let (_, mut listener) = pair(Direction::Delivering);
    listener.hear(sequence, &submit(), 1);
    assert_eq!(listener.said(), [(sequence, Pdu::SubmitResp(refused))]);
    assert_eq!(listener.told(), [Up::Oddity(Oddity::Unexpected { command: 3 })]);
}

#[test]
fn a_request_that_cannot_be_read_is_answered_so_that_it_does_not_come_again() {
    let (_, mut listener) = pair(Direction::Delivering);
    let sequence = Sequence {
        node: 101_000,
        time: 1,
        counter: 7,
    };
    let mut octets = BytesMut::new();
    encode(sequence, &Pdu::Deliver(Deliver::default()), &mut octets).unwrap();
    octets.truncate(70);
    octets[3] = 70;
    listener.hear_octets(octets, 1);
    assert_eq!(
        listener.said(),
        [(sequence, Pdu::DeliverResp(Resp::new(results::PARAMETER_FORMAT)))]
    );
    let told = listener.told();
    let [Up::Oddity(Oddity::Undecodable(error))] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((error.pdu, error.sequence), ("DELIVER", sequence));
    assert!(matches!(
        error.fault,
        FieldError::Truncated {
            field: "Reserve",
            offset: 69,
            ..
        }
    ));
}

#[test]
fn operations_between_gateways_are_answered_as_not_provided() {
    let (_, mut smg) = pair(Direction::Submitting);
    let sequence = Sequence {
        node: 101_000,
        time: 1,
        counter: 7,
    };
    let check_user = Pdu::Unknown {
        command: 0x10,
        body: Bytes::from_static(&[b'1'; 30]).into(),
    };
    smg.hear(sequence, &check_user, 1);
    assert_eq!(
        smg.said(),
        [(
            sequence,
            Pdu::Unknown {
                command: 0x8000_0010,
                body: Bytes::from_static(&[30, 0, 0, 0, 0, 0, 0, 0, 0]).into()
            }
        )]
    );
    for command in [0x7777, 0x8000_0010] {
        let body = Content::default();
        smg.hear(sequence, &Pdu::Unknown { command, body }, 1);
        assert_eq!(smg.said(), [], "{command:#x}");
    }
    assert!(smg.session.is_open());
}

#[test]
fn a_repeated_request_goes_up_once_while_it_is_open() {
    let (_, mut listener) = pair(Direction::Delivering);
    let sequence = Sequence {
        node: 101_000,
        time: 1,
        counter: 7,
    };
    let report = Pdu::Report(Report::default());
    listener.hear(sequence, &report, 1);
    listener.hear(sequence, &report, 2);
    let told = listener.told();
    assert!(
        matches!(
            told[..],
            [
                Up::Request { .. },
                Up::Oddity(Oddity::RepeatedRequest { command: 5, .. })
            ]
        ),
        "{told:?}"
    );
    let pdu = Pdu::ReportResp(Resp::new(0));
    listener.on(Event::Answer { sequence, pdu: &pdu }, 3);
    listener.on(Event::Answer { sequence, pdu: &pdu }, 4);
    assert_eq!(listener.said(), [(sequence, pdu)], "answered once");
    // Another kind of answer is none to what is open.
    listener.hear(sequence, &report, 5);
    let wrong = Pdu::DeliverResp(Resp::new(0));
    listener.on(
        Event::Answer {
            sequence,
            pdu: &wrong,
        },
        6,
    );
    assert_eq!(listener.said(), []);
}

#[test]
fn too_many_open_requests_are_told_to_slow_down() {
    let (_, mut listener) = pair(Direction::Delivering);
    for counter in 0..=256 {
        let sequence = Sequence {
            node: 101_000,
            time: 1,
            counter,
        };
        listener.hear(sequence, &Pdu::Report(Report::default()), 1);
    }
    let said = listener.said();
    let [(sequence, Pdu::ReportResp(resp))] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((sequence.counter, resp.result()), (256, Some(results::NODE_BUSY)));
}

#[test]
fn a_report_may_be_sent_again_with_its_sequence() {
    let (mut smg, _) = pair(Direction::Delivering);
    let event = Event::Request {
        token: 1,
        sequence: None,
        pdu: &Pdu::Report(Report::default()),
        repeat: Repeat::OnSilence,
    };
    smg.on(event, 0);
    let first = smg.said();
    smg.on(Event::Tick, 30_000);
    assert_eq!(smg.said(), first);
    smg.on(Event::Tick, 60_000);
    assert_eq!(smg.said(), first);
    assert_eq!(smg.told(), []);
    smg.on(Event::Tick, 90_000);
    assert_eq!(smg.said(), []);
    assert!(matches!(
        smg.told()[..],
        [Up::Outcome {
            token: 1,
            outcome: Outcome::Uncertain(Uncertain::TimedOut),
            ..
        }]
    ));
}
