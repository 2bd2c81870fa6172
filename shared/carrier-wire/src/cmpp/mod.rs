//! CMPP 2.0 and 3.0, the protocol between a service provider (SP) and China Mobile's gateway (ISMG).
//!
//! After QB-GF-028-2003 (CMPP 3.0.0) and its predecessor, with the tolerance that real gateways need: a
//! `CONNECT_RESP` is read by its length, an `ACTIVE_TEST_RESP` with or without its one octet, a report body by
//! its own length, whatever the session's version.
//!
//! The layout is settled once a session by the login ([`Version`]); [`codec::decode`] and [`codec::encode`]
//! take it as an argument. [`Client`] and [`Server`] are the two ends of a [`crate::session::Session`].

pub mod auth;
pub mod codec;
mod command;
mod dialect;
pub mod msg_id;
pub mod pdu;
mod recipients;
pub mod report;
mod version;

pub use codec::{DecodeError, EncodeError, decode, encode};
pub use command::Command;
pub use dialect::{
    Admitted, Client, ClientSettings, HigherVersion, IsmgCheck, LoggedIn, Server, ServerSettings, Verdict,
};
pub use msg_id::MsgId;
pub use pdu::{Packet, Pdu};
pub use version::Version;

use crate::frame::FrameLimits;

/// Octets of the header: length, command, sequence.
pub const HEADER_LEN: usize = 12;

/// The longest PDU that is accepted by default, in octets. The longest that the document allows, a 3.0 `SUBMIT`
/// to 99 recipients with 255 octets of content, has 3 586.
pub const DEFAULT_MAX_LEN: usize = 4096;

/// The framing of CMPP with [`DEFAULT_MAX_LEN`].
pub const FRAME_LIMITS: FrameLimits = FrameLimits {
    header_len: HEADER_LEN,
    max_len: DEFAULT_MAX_LEN,
};

/// Result code by which a gateway asks to slow down and try again.
pub const RESULT_THROTTLED: u32 = 8;
