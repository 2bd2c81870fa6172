//! SMGP as a [`crate::session::Session`] speaks it: [`Client`] is the SP's side, [`Server`] the gateway's.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Client, ClientSettings, LoggedIn, ServerCheck};
pub use server::{Admitted, HigherVersion, Server, ServerSettings, Verdict};

use super::{DecodeError, HEADER_LEN, MsgId, Pdu, command};
use crate::session::Kind;

/// What a PDU is to either side, when it is neither of its login nor of its messages.
const fn common_kind(pdu: &Pdu) -> Kind {
    match pdu {
        Pdu::ActiveTest => Kind::KeepAlive,
        Pdu::ActiveTestResp => Kind::KeepAliveAnswer,
        Pdu::Exit => Kind::End,
        Pdu::ExitResp => Kind::EndAnswer,
        Pdu::Unknown { .. } => Kind::Unknown,
        _ => Kind::Unexpected,
    }
}

/// What tells two requests apart besides their sequence: the id of a `Deliver`, which its answer copies. Eight octets
/// of the ten suffice, the first two are a gateway's area.
fn identity(pdu: &Pdu) -> u64 {
    let MsgId(octets) = match pdu {
        Pdu::Deliver(deliver) => deliver.msg_id,
        Pdu::DeliverResp(resp) => resp.msg_id,
        _ => return 0,
    };
    octets.last_chunk().map_or(0, |last| u64::from_be_bytes(*last))
}

/// The sequence of an answer that cannot be read.
const fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
    if malformed.command & command::RESPONSE_BIT == 0 {
        None
    } else {
        Some(malformed.sequence)
    }
}

/// The id that opens the body of a `Deliver` whose rest cannot be read, to answer it by.
fn leading_msg_id(frame: &[u8]) -> MsgId {
    let octets = frame
        .split_at_checked(HEADER_LEN)
        .and_then(|(_, body)| body.first_chunk());
    MsgId(octets.copied().unwrap_or_default())
}
