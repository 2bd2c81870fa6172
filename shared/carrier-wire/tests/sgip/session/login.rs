//! From the connection to the login.

use super::{NAME, Table, UNIX_MS, acceptor, carry, initiator, secret};
use bytes::BytesMut;
use hongyan_carrier_wire::field::FixedStr;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::{CloseReason, Event, Oddity, Up};
use hongyan_carrier_wire::sgip::dialect::{Login, Opened, Verdict};
use hongyan_carrier_wire::sgip::pdu::{Bind, Deliver, Resp, Submit};
use hongyan_carrier_wire::sgip::{Direction, LoginType, Password, Pdu, Sequence, results};

fn bind(login_type: LoginType, password: &str) -> Pdu {
    Pdu::Bind(Bind {
        login_type,
        login_name: FixedStr::new(NAME).unwrap(),
        login_password: Password::of(&Secret::new(password)).unwrap(),
        reserve: FixedStr::default(),
    })
}

const FIRST: Sequence = Sequence {
    node: 3_010_031_059,
    time: 1_216_131_127,
    counter: 1,
};

#[test]
fn the_first_octets_are_those_of_a_real_login() {
    let mut sp = Table::new(initiator(Direction::Submitting));
    sp.connected();
    let vector = crate::common::of_protocol("SGIP", 10)
        .into_iter()
        .find(|vector| vector.id == "S-01");
    assert_eq!(
        hex::encode(&sp.actions.send),
        hex::encode(&vector.unwrap().frames()[0])
    );
    assert_eq!(sp.actions.deadline_ms, Some(15_000));
}

#[test]
fn both_directions_log_in_with_their_type() {
    for (direction, login_type) in [
        (Direction::Submitting, LoginType::SP_TO_SMG),
        (Direction::Delivering, LoginType::SMG_TO_SP),
    ] {
        let (mut asks, mut answers) = (Table::new(initiator(direction)), Table::new(acceptor(direction)));
        asks.connected();
        answers.connected();
        carry(&mut asks, &mut answers, 0);
        let login_name = FixedStr::new(NAME).unwrap();
        assert_eq!(
            answers.told(),
            [Up::LoginRequested(Login {
                login_type,
                login_name,
                login_password: Password::of(&secret()).unwrap()
            })]
        );
        answers.on(Event::LoginAnswered(Verdict::Check(secret())), 0);
        carry(&mut asks, &mut answers, 0);
        assert_eq!(answers.told(), [Up::Opened(Opened { login_name })]);
        assert_eq!(asks.told(), [Up::Opened(Opened { login_name })]);
        assert!(asks.session.is_open() && answers.session.is_open());
        assert_eq!(asks.session.free_slots(), 32);
    }
}

/// What the acceptor says to this login, and how it ends.
fn judged(direction: Direction, login: &Pdu, verdict: Verdict) -> (Option<u8>, Option<CloseReason>) {
    let mut answers = Table::new(acceptor(direction));
    answers.connected();
    answers.hear(FIRST, login, 0);
    answers.on(Event::LoginAnswered(verdict), 0);
    let said = answers.said();
    let [(FIRST, Pdu::BindResp(resp))] = &said[..] else {
        panic!("{said:?}")
    };
    (resp.result(), answers.actions.close)
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_refused_alike() {
    let refused = |result: u8| {
        let status = u32::from(result);
        (Some(result), Some(CloseReason::LoginRefused { status }))
    };
    let check = || Verdict::Check(secret());
    let submitting = Direction::Submitting;
    let sp = LoginType::SP_TO_SMG;
    assert_eq!(judged(submitting, &bind(sp, "wrong"), check()), refused(1));
    assert_eq!(judged(submitting, &bind(sp, ""), check()), refused(1));
    let unknown = Verdict::Refuse { result: 1 };
    assert_eq!(judged(submitting, &bind(sp, "x"), unknown), refused(1));
    let ok_is_no_refusal = Verdict::Refuse { result: 0 };
    assert_eq!(judged(submitting, &bind(sp, "x"), ok_is_no_refusal), refused(1));
    let crowded = Verdict::Refuse {
        result: results::TOO_MANY_CONNECTIONS,
    };
    assert_eq!(judged(submitting, &bind(sp, "x"), crowded), refused(3));
    assert_eq!(
        judged(submitting, &bind(sp, "testpw000001"), check()),
        (Some(0), None)
    );
}

#[test]
fn a_listener_of_an_sp_serves_gateways_alone() {
    for login_type in [1, 3, 4, 5, 6, 11, 0, 255].map(LoginType) {
        assert_eq!(
            judged(
                Direction::Delivering,
                &bind(login_type, "testpw000001"),
                Verdict::Check(secret())
            ),
            (Some(4), Some(CloseReason::LoginRefused { status: 4 })),
            "{login_type:?}"
        );
    }
    let gateway = bind(LoginType::SMG_TO_SP, "testpw000001");
    let verdict = Verdict::Check(secret());
    assert_eq!(judged(Direction::Delivering, &gateway, verdict), (Some(0), None));
}

#[test]
fn a_refusal_ends_the_session_with_its_result() {
    for (resp, status) in [
        (Resp::new(1), 1),
        (Resp::Short { result: 3 }, 3),
        (Resp::Bare, results::NONE_TOLD),
    ] {
        let mut sp = Table::new(initiator(Direction::Submitting));
        sp.connected();
        sp.hear(FIRST, &Pdu::BindResp(resp), 10);
        assert_eq!(sp.actions.close, Some(CloseReason::LoginRefused { status }));
    }
}

#[test]
fn a_connection_that_is_closed_instead_of_answered_is_no_lost_connection() {
    let mut sp = Table::new(initiator(Direction::Submitting));
    sp.connected();
    sp.on(Event::Disconnected, 10);
    assert_eq!(sp.actions.close, Some(CloseReason::LoginCutOff));

    let (mut sp, _) = super::pair(Direction::Submitting);
    sp.on(Event::Disconnected, 10);
    assert_eq!(sp.actions.close, Some(CloseReason::ConnectionLost));
}

#[test]
fn who_does_not_log_in_in_time_is_closed() {
    let mut smg = Table::new(acceptor(Direction::Submitting));
    smg.connected();
    smg.on(Event::Tick, 14_999);
    assert_eq!(smg.actions.close, None);
    smg.on(Event::Tick, 15_000);
    assert_eq!(smg.actions.close, Some(CloseReason::LoginTimeout));
}

#[test]
fn a_request_before_the_login_is_refused_as_one() {
    let mut sp = Table::new(acceptor(Direction::Delivering));
    sp.connected();
    sp.hear(FIRST, &Pdu::Deliver(Deliver::default()), 0);
    assert_eq!(
        sp.said(),
        [(FIRST, Pdu::DeliverResp(Resp::new(results::ILLEGAL_LOGIN)))]
    );
    assert_eq!(sp.told(), [Up::Oddity(Oddity::Unexpected { command: 4 })]);
}

#[test]
fn a_login_that_cannot_be_read_is_answered_and_another_may_follow() {
    let mut sp = Table::new(acceptor(Direction::Delivering));
    sp.connected();
    let mut short = BytesMut::new();
    short.extend_from_slice(&[0, 0, 0, 22, 0, 0, 0, 1]);
    short.extend_from_slice(&FIRST.wire());
    short.extend_from_slice(&[2, b'x']);
    sp.hear_octets(short, 0);
    assert_eq!(
        sp.said(),
        [(FIRST, Pdu::BindResp(Resp::new(results::PARAMETER_FORMAT)))]
    );
    sp.told();
    sp.hear(FIRST, &bind(LoginType::SMG_TO_SP, "testpw000001"), 0);
    assert!(matches!(sp.told()[..], [Up::LoginRequested(_)]));
}

#[test]
fn a_second_login_is_a_repeated_one() {
    let (_, mut smg) = super::pair(Direction::Submitting);
    smg.hear(FIRST, &bind(LoginType::SP_TO_SMG, "testpw000001"), 1);
    assert_eq!(
        smg.said(),
        [(FIRST, Pdu::BindResp(Resp::new(results::REPEATED_LOGIN)))]
    );
    assert!(smg.session.is_open());
    smg.hear(FIRST, &Pdu::Submit(Submit::default()), 2);
    smg.told();
    assert!(smg.session.is_open());
}

#[test]
fn what_comes_behind_the_login_waits_for_the_verdict() {
    let mut smg = Table::new(acceptor(Direction::Submitting));
    smg.connected();
    let mut octets = BytesMut::new();
    let login = bind(LoginType::SP_TO_SMG, "testpw000001");
    for (counter, pdu) in [(1, login), (2, Pdu::Submit(Submit::default()))] {
        hongyan_carrier_wire::sgip::encode(Sequence { counter, ..FIRST }, &pdu, &mut octets).unwrap();
    }
    smg.on(Event::Received(&mut octets), 0);
    assert!(matches!(smg.told()[..], [Up::LoginRequested(_)]));
    smg.on(Event::LoginAnswered(Verdict::Check(secret())), 0);
    smg.on(Event::Received(&mut octets), 0);
    assert!(matches!(
        smg.told()[..],
        [
            Up::Opened(_),
            Up::Request {
                sequence: Sequence { counter: 2, .. },
                ..
            }
        ]
    ));
    assert_eq!(UNIX_MS, 1_481_865_087_000);
}
