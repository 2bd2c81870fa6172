//! SMPP 3.4: PDUs, codec, optional parameters, receipts, message ids and both ends of a session.
//!
//! | Module | What it knows |
//! |---|---|
//! | [`pdu`] | every PDU of version 3.4 as a value |
//! | [`codec`] | octets to PDUs and back |
//! | [`tlv`] | optional parameters, known and unknown |
//! | [`status`] | `command_status` and its names |
//! | [`receipt`] | delivery receipts, from parameters and from text |
//! | [`message_id`] | one form for an id that an SMSC writes in two |
//! | [`dialect`] | both sides of a session, for [`crate::session`] |
//!
//! Facts are from the specification, version 3.4 issue 1.2. Where gateways differ, reading is lenient and writing
//! keeps to the document.

pub mod codec;
pub mod dialect;
pub mod message_id;
pub mod pdu;
pub mod receipt;
pub mod status;
pub mod tlv;

mod command;
mod text;

pub use codec::{DecodeError, EncodeError, Packet, decode, encode};
pub use command::Command;
pub use pdu::Pdu;
pub use status::Status;
pub use text::{CText, CTextError};

use crate::frame::FrameLimits;

/// Octets of the header: length, command, status, sequence.
pub const HEADER_LEN: usize = 16;

/// The bounds of a PDU. The longest has a `message_payload` of 65,535 octets beside 255 recipients.
pub const FRAME_LIMITS: FrameLimits = FrameLimits {
    header_len: HEADER_LEN,
    max_len: 72 * 1024,
};

/// `interface_version` of 3.4.
pub const VERSION_3_4: u8 = 0x34;

/// The highest sequence number that a request may have; after it comes 1.
pub const MAX_SEQUENCE: u32 = 0x7fff_ffff;
