//! SGIP 1.2, the protocol between a service provider (SP) and China Unicom's gateway (SMG).
//!
//! After the carrier's document of 2001, with the tolerance that real gateways need: a response may lack its
//! reserved octets, or its whole body ([`pdu::Resp`]).
//!
//! What sets SGIP apart from the other protocols:
//!
//! * **Two connections.** A connection carries the requests of the side that opened it. The SP opens one to
//!   [`pdu::Submit`]; the gateway opens its own, to an address of the SP, for [`pdu::Deliver`], [`pdu::Report`] and
//!   [`pdu::UserRpt`].
//! * **The sequence is the message id.** A response carries no id: what a report refers to is the [`Sequence`] that
//!   the `SUBMIT` had, all twelve octets of it, so it must be stored before the `SUBMIT` leaves.
//! * **No keep-alive.** Who has nothing more to say sends `UNBIND`; who hears nothing for a minute closes.
//! * **The password goes in clear.** A link belongs on a leased line or in a tunnel.

pub mod codec;
mod command;
mod credentials;
pub mod dialect;
pub mod node;
pub mod pdu;
pub mod results;
mod sequence;
pub mod trace;

pub use codec::{DecodeError, EncodeError, decode, encode};
pub use command::{Command, command_name};
pub use credentials::{LoginType, Password};
pub use dialect::{Acceptor, Direction, Initiator};
pub use pdu::{Packet, Pdu};
pub use sequence::{Numbering, ParseSequenceError, Sequence};

use crate::frame::FrameLimits;

/// Octets of the header: length, command, sequence of three words.
pub const HEADER_LEN: usize = 20;

/// The longest PDU that is accepted by default, in octets. The document speaks of 2 KB, yet a `SUBMIT` to its 100
/// recipients has 2 243 octets and its content.
pub const DEFAULT_MAX_LEN: usize = 4096;

/// The framing of SGIP with [`DEFAULT_MAX_LEN`].
pub const FRAME_LIMITS: FrameLimits = FrameLimits {
    header_len: HEADER_LEN,
    max_len: DEFAULT_MAX_LEN,
};
