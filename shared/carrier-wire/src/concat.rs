//! Long messages: the user data header (GSM 03.40) that numbers the parts, and the cutting into parts.

mod split;
mod udh;

pub use split::{
    CMPP_ASCII_OCTETS, MAX_CONTENT_OCTETS, Part, Place, Segmenting, Signature, SplitError, split,
    split_octets,
};
pub use udh::{Concat, Reference, Udh, UdhError};
