//! Octets to PDUs and back.

mod decode;
mod encode;
mod error;

pub use decode::decode;
pub use encode::{encode, encoded_len};
pub use error::{DecodeError, EncodeError};
