//! Finds leaves. Derived from the published logs and from nothing else: delete its directory, and the next start builds it
//! again with the same answers. It follows the publisher and is no part of the way in: an append never waits for it, unless
//! it is told again where an event stands that was submitted before.
//!
//! Leaves come from bundles, merged by their index in the record. An index of the record is turned into a log and a place
//! in it, and leaves are read from their bundles, so that nothing here needs the journal. Where a log's entries were
//! dropped when their time was over, its part of the index goes as a whole, and the record has holes there.

mod bundles;
mod feed;
mod follower;
mod keys;
mod numbers;
mod places;
mod postings;
mod reader;
#[cfg(test)]
mod rebuilding;
mod search;
mod statistics;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use follower::Follower;
pub(crate) use keys::Field;
pub use reader::{Found, Index, Whereabouts};
pub use search::Conditions;
pub(crate) use search::{Course, Page, search};
pub(crate) use statistics::hours;
pub use store::IndexError;
pub use writer::Progress;
