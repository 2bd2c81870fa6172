//! Long messages: the user data header (GSM 03.40) that numbers the parts, and the cutting into parts.

mod split;
mod udh;

pub use split::{MAX_CONTENT_OCTETS, Part, SplitError, split};
pub use udh::{Concat, Reference, Udh, UdhError};
