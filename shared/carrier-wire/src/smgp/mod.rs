//! SMGP 3.0 and 1.3, the protocol between a service provider (SP) and China Telecom's gateway (SMGW).
//!
//! After SMGP V3.0.3 (CT/T SN RC1, 2008), with the tolerance that real gateways need: optional parameters in any
//! order, of unknown tags and of other lengths than the document's, and status reports found by their keys, however
//! those are spelled.
//!
//! The layout is settled once a session by the login ([`Version`]): a `Submit` of version 1.3 has no `FixedFee`, and
//! nothing in the PDU tells. [`decode`] and [`encode`] take it as an argument; [`Client`] and [`Server`] are the two sides
//! of a [`crate::session::Session`], which settle it.

pub mod auth;
pub mod codec;
pub mod command;
mod dialect;
pub mod msg_id;
pub mod pdu;
pub mod report;
pub mod tlv;
mod version;

pub use codec::{DecodeError, EncodeError, decode, encode};
pub use command::Command;
pub use dialect::{
    Admitted, Client, ClientSettings, HigherVersion, LoggedIn, Server, ServerCheck, ServerSettings, Verdict,
};
pub use msg_id::MsgId;
pub use pdu::{Packet, Pdu};
pub use version::Version;

use crate::frame::FrameLimits;

/// Octets of the header: length, request id, sequence.
pub const HEADER_LEN: usize = 12;

/// The longest PDU that is accepted by default, in octets. The longest `Submit` without optional parameters, to 100
/// recipients with 255 octets of content, has 2 481.
pub const DEFAULT_MAX_LEN: usize = 4096;

/// The framing of SMGP with [`DEFAULT_MAX_LEN`].
pub const FRAME_LIMITS: FrameLimits = FrameLimits {
    header_len: HEADER_LEN,
    max_len: DEFAULT_MAX_LEN,
};

/// Statuses that a session gives or understands by itself; the others are the deployment's table of codes.
pub mod status {
    /// Taken.
    pub const OK: u32 = 0;
    /// The system is busy: slow down and try again. No code for too high a speed is defined.
    pub const BUSY: u32 = 1;
    /// The PDU's structure is wrong.
    pub const STRUCTURE: u32 = 10;
    /// The request id is wrong, or not allowed on this connection.
    pub const COMMAND: u32 = 11;
    /// The login's proof is wrong.
    pub const AUTHENTICATION: u32 = 21;
    /// The version is higher than the gateway's.
    pub const VERSION_TOO_HIGH: u32 = 22;
}
