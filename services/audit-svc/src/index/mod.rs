//! Finds leaves. Derived from the log and from nothing else: delete its directory, and the next start builds it again
//! with the same answers. It follows the log and is no part of the way in: an append never waits for it.

mod follower;
mod keys;
mod search;
mod store;
#[cfg(test)]
mod tests;

pub use follower::Follower;
pub(crate) use keys::Field;
pub use search::Conditions;
pub(crate) use search::{Course, Page, search};
pub use store::{Index, IndexError, Progress};
