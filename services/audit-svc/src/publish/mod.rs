//! From the record to transparency logs that anybody can check: hashes, tiles, signed checkpoints, proofs.
//!
//! The record takes events and answers for their durability ([`crate::record`]); it knows their order and nothing of
//! trees. This follows it, a step behind:
//!
//! | step | what happens | killed behind it |
//! |---|---|---|
//! | 1 | leaves come from the record, each into its log: hashes, tiles, bundles, in memory | they come again |
//! | 2 | the checkpoint of each log is signed and swapped into the lock store; a lost swap ends the process | the next start finds the lock ahead of the tiles and writes the same files from the same leaves |
//! | 3 | tiles and bundles are written, each once, synced | files that are there are compared |
//! | 4 | where the settings name witnesses, enough of them cosign ([`witness`]) | they are asked again |
//! | 5 | the checkpoint is put beside them: now it is published | |
//! | 6 | partial files that are there in full now are removed | they stay, which does no harm |
//!
//! So for one size there is one root, and no checkpoint is smaller than one that was seen: both are checked at every start,
//! and a directory that was rolled back is refused with the log's name and both sizes.

#[cfg(test)]
mod bucket_testing;
#[cfg(test)]
mod bucket_tests;
#[cfg(test)]
mod damage_tests;
mod error;
mod growing;
mod load;
mod locks;
mod log;
mod place;
mod proofs;
mod pruning;
mod published;
mod publisher;
pub mod serve;
#[cfg(test)]
mod serve_tests;
mod store;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod turn_tests;
pub mod witness;

pub use error::PublishError;
#[cfg(test)]
pub(crate) use growing::Growing;
pub use place::{Bucket, TilesPlace};
pub(crate) use proofs::{ProofError, Subtrees};
pub(crate) use pruning::Pruning;
pub use published::{Ended, Publication, Published, State};
pub use publisher::Publisher;
pub use store::TileStore;
pub use witness::{WitnessPolicy, Witnesses};
