//! Both sides of a session, for [`crate::session::Session`].

mod esme;
mod smsc;

pub use esme::{Esme, EsmeOpened};
pub use smsc::{LoginVerdict, Smsc, SmscOpened};

use super::command::RESPONSE_BIT;
use super::pdu::answer_to;
use super::{Command, DecodeError, MAX_SEQUENCE, Pdu, Status};
use crate::session::Refusal;

/// Numbers requests from 1 to 0x7FFFFFFF and then from 1 again.
#[derive(Debug, Clone, Copy)]
struct Sequences(u32);

impl Sequences {
    /// The first number is `first`, brought into the range.
    const fn from(first: u32) -> Self {
        if first == 0 || first > MAX_SEQUENCE {
            Self(1)
        } else {
            Self(first)
        }
    }

    const fn next(&mut self) -> u32 {
        let next = self.0;
        *self = Self::from(next.saturating_add(1));
        next
    }
}

/// Whether `answer` answers a request with this command: its own response does, and a generic_nack answers anything.
fn answers(request_command: u32, answer: &Pdu) -> bool {
    let command = answer.command_id();
    command == request_command | RESPONSE_BIT || command == Command::GenericNack.id()
}

/// The answer of a status to a request; none to an answer, nor to what has none.
fn refusal(command: u32, status: Status) -> Option<Pdu> {
    let silent = command & RESPONSE_BIT != 0
        || command == Command::Outbind.id()
        || command == Command::AlertNotification.id();
    (!silent).then(|| answer_to(command, status).unwrap_or(Pdu::GenericNack(status)))
}

/// The answer to a PDU that does not reach the application; `throttled` is the status of "slow down".
fn refuse(to: &Pdu, why: Refusal, throttled: Status, not_allowed: Status) -> Option<Pdu> {
    let status = match why {
        Refusal::Throttled => throttled,
        Refusal::NotAllowed => not_allowed,
        Refusal::Unknown => Status::RINVCMDID,
    };
    refusal(to.command_id(), status)
}

/// The answer to a request that cannot be read.
fn refuse_malformed(malformed: &DecodeError) -> Option<(u32, Pdu)> {
    refusal(malformed.command, malformed.status()).map(|answer| (malformed.sequence, answer))
}

/// The sequence of an answer that cannot be read.
fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
    malformed.is_response().then_some(malformed.sequence)
}

#[cfg(test)]
mod tests;
