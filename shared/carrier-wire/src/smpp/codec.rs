//! Octets to PDUs and back.

mod decode;
mod encode;
mod error;
pub(in crate::smpp) mod fields;

pub use decode::{Packet, decode, decode_strict};
pub use encode::{encode, encoded_len};
pub use error::{DecodeError, EncodeError};
