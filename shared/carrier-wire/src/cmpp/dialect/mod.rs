//! CMPP as a [`crate::session::Session`] speaks it: [`Client`] is the SP's side, [`Server`] the gateway's.

mod client;
mod server;

pub use client::{Client, ClientSettings, IsmgCheck, LoggedIn};
pub use server::{Admitted, HigherVersion, Server, ServerSettings, Verdict};

use bytes::BytesMut;

use super::pdu::{CancelResp, DeliverResp, SubmitResp};
use super::{DecodeError, EncodeError, HEADER_LEN, MsgId, Pdu, Version, command, encode};
use crate::session::Kind;

/// Status of a `CONNECT_RESP` that says the version is too high.
const STATUS_VERSION_TOO_HIGH: u32 = 4;

/// Status and result that refuse a PDU which cannot be read.
const STRUCTURE: u32 = 1;

/// Writes a PDU; a result that the version's one octet cannot say becomes 255, which is refused as well.
fn write(version: Version, sequence: u32, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    const WIDEST: u32 = u8::MAX as u32;
    match pdu {
        Pdu::SubmitResp(resp) if version == Version::V2 && resp.result > WIDEST => {
            let result = WIDEST;
            encode(
                version,
                sequence,
                &Pdu::SubmitResp(SubmitResp { result, ..*resp }),
                out,
            )
        }
        Pdu::DeliverResp(resp) if version == Version::V2 && resp.result > WIDEST => {
            let result = WIDEST;
            encode(
                version,
                sequence,
                &Pdu::DeliverResp(DeliverResp { result, ..*resp }),
                out,
            )
        }
        Pdu::CancelResp(resp) if version == Version::V2 && resp.success_id > WIDEST => {
            let success_id = WIDEST;
            encode(
                version,
                sequence,
                &Pdu::CancelResp(CancelResp { success_id }),
                out,
            )
        }
        _ => encode(version, sequence, pdu, out),
    }
}

/// What a PDU is to either side, when it is neither of its login nor of its messages.
const fn common_kind(pdu: &Pdu) -> Kind {
    match pdu {
        Pdu::ActiveTest => Kind::KeepAlive,
        Pdu::ActiveTestResp(_) => Kind::KeepAliveAnswer,
        Pdu::Terminate => Kind::End,
        Pdu::TerminateResp => Kind::EndAnswer,
        Pdu::Unknown { .. } => Kind::Unknown,
        _ => Kind::Unexpected,
    }
}

/// What tells two requests apart besides their sequence: the id of a `DELIVER`, which its answer copies.
const fn identity(pdu: &Pdu) -> u64 {
    match pdu {
        Pdu::Deliver(deliver) => deliver.msg_id.0,
        Pdu::DeliverResp(resp) => resp.msg_id.0,
        _ => 0,
    }
}

/// The sequence of an answer that cannot be read.
const fn malformed_answer(malformed: &DecodeError) -> Option<u32> {
    if malformed.command & command::RESPONSE_BIT == 0 {
        None
    } else {
        Some(malformed.sequence)
    }
}

/// The id that opens the body of a `DELIVER` whose rest cannot be read, to answer it by.
fn leading_msg_id(frame: &[u8]) -> MsgId {
    let octets = frame
        .split_at_checked(HEADER_LEN)
        .and_then(|(_, body)| body.first_chunk::<8>());
    MsgId(octets.map_or(0, |octets| u64::from_be_bytes(*octets)))
}
