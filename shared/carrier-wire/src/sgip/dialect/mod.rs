//! SGIP as a [`Session`](crate::session::Session) speaks it: two sides, two directions.
//!
//! | Connection | Opened by | Logs in with | [`Initiator`] | [`Acceptor`] |
//! |---|---|---|---|---|
//! | [`Direction::Submitting`] | the SP | type 1 | the SP: `SUBMIT`, `TRACE` | the gateway |
//! | [`Direction::Delivering`] | the gateway | type 2 | the gateway: `DELIVER`, `REPORT`, `USERRPT` | the SP's listener |
//!
//! There is no keep-alive: the initiator sends `UNBIND` when nothing happens for the idle time, the acceptor closes
//! when nothing does for its own, which should be the longer one.

mod acceptor;
mod initiator;

pub use acceptor::{Acceptor, Login, Verdict};
pub use initiator::Initiator;

use bytes::Bytes;

use super::command::{RESPONSE_BIT, is_response};
use super::pdu::Resp;
use super::trace::Hops;
use super::{Command, DecodeError, LoginType, Pdu, Sequence, command_name, results};
use crate::field::{Content, FixedStr};
use crate::session::{Kind, Refusal, SessionLimits};

/// Who opened a connection, and with it whose requests it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The SP opened it, to submit.
    Submitting,
    /// The gateway opened it, to deliver and to report.
    Delivering,
}

impl Direction {
    /// The type that a login of this direction has.
    pub const fn login_type(self) -> LoginType {
        match self {
            Self::Submitting => LoginType::SP_TO_SMG,
            Self::Delivering => LoginType::SMG_TO_SP,
        }
    }

    /// Whether the initiator makes this request.
    const fn has_request(self, pdu: &Pdu) -> bool {
        match self {
            Self::Submitting => matches!(pdu, Pdu::Submit(_) | Pdu::Trace(_)),
            Self::Delivering => matches!(pdu, Pdu::Deliver(_) | Pdu::Report(_) | Pdu::UserRpt(_)),
        }
    }

    /// Whether the acceptor gives this answer.
    const fn has_answer(self, pdu: &Pdu) -> bool {
        match self {
            Self::Submitting => matches!(pdu, Pdu::SubmitResp(_) | Pdu::TraceResp(_)),
            Self::Delivering => {
                matches!(
                    pdu,
                    Pdu::DeliverResp(_) | Pdu::ReportResp(_) | Pdu::UserRptResp(_)
                )
            }
        }
    }
}

/// The login is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Who logged in.
    pub login_name: FixedStr<16>,
}

/// The limits of the document, for an initiator: 32 unanswered requests, answers within 30 seconds; and 50 seconds
/// without anything to do before it ends the session, which is before a peer closes it.
pub fn initiator_limits() -> SessionLimits {
    SessionLimits {
        window: 32,
        response_timeout_ms: 30_000,
        idle_ms: 50_000,
        ..SessionLimits::default()
    }
}

/// The limits of the document, for an acceptor: it closes after 60 seconds without anything.
pub fn acceptor_limits() -> SessionLimits {
    SessionLimits {
        idle_ms: 60_000,
        ..initiator_limits()
    }
}

/// The body of an answer that says "not provided".
const NOT_PROVIDED: [u8; 9] = [results::NOT_PROVIDED, 0, 0, 0, 0, 0, 0, 0, 0];

/// What is the same for both sides.
const fn common_kind(pdu: &Pdu) -> Kind {
    match pdu {
        Pdu::Unbind => Kind::End,
        Pdu::UnbindResp => Kind::EndAnswer,
        Pdu::Unknown { .. } => Kind::Unknown,
        _ => Kind::Unexpected,
    }
}

/// The answer to a request with this command, when it is one that this crate reads.
const fn answer_to(command: Command, result: Resp) -> Option<Pdu> {
    match command {
        Command::Bind => Some(Pdu::BindResp(result)),
        Command::Submit => Some(Pdu::SubmitResp(result)),
        Command::Deliver => Some(Pdu::DeliverResp(result)),
        Command::Report => Some(Pdu::ReportResp(result)),
        Command::UserRpt => Some(Pdu::UserRptResp(result)),
        _ => None,
    }
}

/// What a session answers to a request that goes no further. A gateway's own operation is answered as not provided
/// here, whoever asks: all of these are answered by a result and reserved octets.
fn refuse(to: &Pdu, why: Refusal, logged_in: bool) -> Option<Pdu> {
    let command = to.command_id();
    if is_response(command) {
        return None;
    }
    let result = match why {
        Refusal::Throttled => results::NODE_BUSY,
        Refusal::Unknown => {
            command_name(command)?;
            return Some(Pdu::Unknown {
                command: command | RESPONSE_BIT,
                body: Content::new(Bytes::from_static(&NOT_PROVIDED)),
            });
        }
        Refusal::NotAllowed if !logged_in => results::ILLEGAL_LOGIN,
        Refusal::NotAllowed if matches!(to, Pdu::Bind(_)) => results::REPEATED_LOGIN,
        // The request belongs to the other direction, which another type of login opens.
        Refusal::NotAllowed => results::LOGIN_TYPE,
    };
    match to {
        Pdu::Trace(_) => Some(Pdu::TraceResp(Hops::default())),
        _ => answer_to(Command::of_id(command)?, Resp::new(result)),
    }
}

/// What a session answers to a request that cannot be read.
fn refuse_malformed(malformed: &DecodeError) -> Option<(Sequence, Pdu)> {
    let command = Command::of_id(malformed.command)?;
    let answer = match command {
        Command::Trace => Some(Pdu::TraceResp(Hops::default())),
        _ => answer_to(command, Resp::new(results::PARAMETER_FORMAT)),
    };
    answer.map(|answer| (malformed.sequence, answer))
}

/// Whose answer it was that cannot be read.
const fn malformed_answer(malformed: &DecodeError) -> Option<Sequence> {
    if is_response(malformed.command) {
        Some(malformed.sequence)
    } else {
        None
    }
}
