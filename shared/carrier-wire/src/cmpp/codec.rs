//! Octets to PDUs and back.

mod decode;
mod encode;
mod error;

pub use decode::decode;
pub use encode::{encode, encoded_len};
pub(super) use encode::{encode_deliver, encode_submit};
pub use error::{DecodeError, EncodeError};
