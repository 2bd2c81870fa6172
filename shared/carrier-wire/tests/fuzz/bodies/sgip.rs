//! SGIP.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::sgip::dialect::Verdict;
use hongyan_carrier_wire::sgip::pdu::{Bind, Deliver, Report, Resp, Submit, UserRpt, Users};
use hongyan_carrier_wire::sgip::trace::{Hop, Hops, Trace};
use hongyan_carrier_wire::sgip::{
    Acceptor, Direction, FRAME_LIMITS, Initiator, LoginType, Numbering, Packet, Password, Pdu, Sequence,
    codec, decode, encode,
};

use super::frames::each_frame;
use super::session::{Side, story};

/// Any octets: framed, read, looked into and, whatever could be read, written back the same.
pub(crate) fn decoding(octets: &[u8]) {
    each_frame(octets, FRAME_LIMITS, check);
}

/// Any events against both sides, in either direction.
pub(crate) fn sessions(octets: &[u8]) {
    story::<OfInitiator>(octets);
    story::<OfAcceptor>(octets);
}

fn check(frame: &Bytes) {
    let Ok(Packet { sequence, pdu }) = decode(frame) else {
        return;
    };
    look_inside(&pdu);
    assert_eq!(codec::encoded_len(&pdu), frame.len());
    let mut out = BytesMut::new();
    encode(sequence, &pdu, &mut out).expect("what was read can be written");
    assert_eq!(out, frame);
}

fn look_inside(pdu: &Pdu) {
    match pdu {
        Pdu::Submit(submit) => {
            assert!((1..=Users::MAX).contains(&submit.users.count()));
            assert_eq!(submit.users.iter().count(), submit.users.count());
        }
        Pdu::Report(report) => {
            let sequence = report.submit_sequence;
            assert_eq!(sequence.to_string().parse::<Sequence>(), Ok(sequence));
        }
        Pdu::TraceResp(hops) => assert_eq!(hops.iter().count(), usize::from(hops.count())),
        _ => {}
    }
}

const fn direction(variant: u8) -> Direction {
    if variant & 1 == 0 {
        Direction::Submitting
    } else {
        Direction::Delivering
    }
}

fn name() -> FixedStr<16> {
    FixedStr::new("sp").expect("short enough")
}

fn password() -> Password {
    Password::of(&Secret::new("secret")).expect("short enough")
}

fn numbering() -> Numbering {
    Numbering::new(1, 0..=u32::MAX, 0)
}

fn sequence(number: u8) -> Sequence {
    let mut octets = [0; 12];
    octets[11] = number;
    Sequence::from_wire(octets)
}

fn requests() -> Vec<Pdu> {
    let users = Users::one(&TerminalId::new("8613800138000").expect("fits"));
    vec![
        Pdu::Submit(Submit {
            users: users.expect("fits"),
            ..Submit::default()
        }),
        Pdu::Deliver(Deliver::default()),
        Pdu::Report(Report::default()),
        Pdu::UserRpt(UserRpt::default()),
        Pdu::Trace(Trace {
            submit_sequence: sequence(1),
            user_number: TerminalId::default(),
            reserve: FixedStr::default(),
        }),
    ]
}

fn hops() -> Hops {
    let hop = Hop {
        result: 0,
        node_id: FixedStr::default(),
        receive_time: FixedStr::default(),
        send_time: FixedStr::default(),
        reserve: FixedStr::default(),
    };
    Hops::new(&[hop]).expect("one is allowed")
}

/// Every kind of PDU.
fn heard() -> Vec<Pdu> {
    let mut heard = requests();
    heard.extend([
        Pdu::SubmitResp(Resp::new(0)),
        Pdu::SubmitResp(Resp::new(29)),
        Pdu::DeliverResp(Resp::new(0)),
        Pdu::ReportResp(Resp::new(0)),
        Pdu::UserRptResp(Resp::new(0)),
        Pdu::TraceResp(hops()),
        bind(LoginType::SP_TO_SMG),
        bind(LoginType::SMG_TO_SP),
        Pdu::BindResp(Resp::new(0)),
        Pdu::BindResp(Resp::new(1)),
        Pdu::Unbind,
        Pdu::UnbindResp,
        Pdu::Unknown {
            command: 6,
            body: Bytes::new().into(),
        },
    ]);
    heard
}

fn bind(login_type: LoginType) -> Pdu {
    Pdu::Bind(Bind {
        login_type,
        login_name: name(),
        login_password: password(),
        reserve: FixedStr::default(),
    })
}

fn answer(to: &Pdu) -> Option<Pdu> {
    match to {
        Pdu::Submit(_) => Some(Pdu::SubmitResp(Resp::new(0))),
        Pdu::Deliver(_) => Some(Pdu::DeliverResp(Resp::new(0))),
        Pdu::Report(_) => Some(Pdu::ReportResp(Resp::new(0))),
        Pdu::UserRpt(_) => Some(Pdu::UserRptResp(Resp::new(0))),
        Pdu::Trace(_) => Some(Pdu::TraceResp(hops())),
        _ => None,
    }
}

struct OfInitiator;

impl Side for OfInitiator {
    type Dialect = Initiator;

    fn dialect(variant: u8) -> Initiator {
        Initiator::new(direction(variant), name(), password(), numbering())
    }

    fn welcome(_variant: u8, _dialect: &Initiator, _said: Option<&Pdu>) -> Pdu {
        Pdu::BindResp(Resp::new(0))
    }

    fn verdict() -> Option<std::convert::Infallible> {
        None
    }

    fn requests() -> Vec<Pdu> {
        requests()
    }

    fn answer(to: &Pdu) -> Option<Pdu> {
        answer(to)
    }

    fn heard() -> Vec<Pdu> {
        heard()
    }

    fn sequence(number: u8) -> Sequence {
        sequence(number)
    }
}

struct OfAcceptor;

impl Side for OfAcceptor {
    type Dialect = Acceptor;

    fn dialect(variant: u8) -> Acceptor {
        Acceptor::new(direction(variant), numbering())
    }

    fn welcome(variant: u8, _dialect: &Acceptor, _said: Option<&Pdu>) -> Pdu {
        bind(direction(variant).login_type())
    }

    fn verdict() -> Option<Verdict> {
        Some(Verdict::Check(Secret::new("secret")))
    }

    fn requests() -> Vec<Pdu> {
        requests()
    }

    fn answer(to: &Pdu) -> Option<Pdu> {
        answer(to)
    }

    fn heard() -> Vec<Pdu> {
        heard()
    }

    fn sequence(number: u8) -> Sequence {
        sequence(number)
    }
}
