//! Parts of long messages back to whole ones, bounded in number, size and age.
//!
//! Parts come in any order, twice, or not at all, and senders reuse references. What is known of a message is
//! never dropped silently: a message that expires, that must make room, or whose reference is taken by another
//! one is handed out as far as it came.

mod message;
mod parts;

pub use message::{Assembled, PartBody};
pub use parts::{Added, Limits, PartKey, Reassembler};
