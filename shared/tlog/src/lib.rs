//! A transparency log's arithmetic and texts, without IO: what is needed to write such a log, to prove from it, and to
//! check what others wrote.
//!
//! `leaf = SHA-256(0x00 ‖ data)`, `node = SHA-256(0x01 ‖ left ‖ right)` (RFC 6962, 2.1); the two prefixes keep a node from
//! being passed off as a leaf. The left subtree of a tree of `n` leaves holds the largest power of two below `n`.
//!
//! | module | what it knows | source |
//! |---|---|---|
//! | [`struct@Hash`], [`leaf_hash`], [`node_hash`] | hashes | RFC 6962, 2.1 |
//! | [`Frontier`] | all that must be remembered to append and to tell the root | RFC 6962, 2.1 |
//! | [`tile`] | where hashes and entries stand as files | C2SP tlog-tiles |
//! | [`edge`] | the tiles of a growing log, and its root | C2SP tlog-tiles |
//! | [`bundle`] | entries of a file | C2SP tlog-tiles |
//! | [`proof`] | inclusion and consistency, made and checked | RFC 6962, 2.1.1–2; RFC 9162, 2.1.3–4 |
//! | [`range`] | leaves without a hole, made and checked | [`range`] itself |
//! | [`key`], [`note`] | signed notes, cosignatures of witnesses | C2SP signed-note, tlog-cosignature |
//! | [`checkpoint`] | what a log states about itself | C2SP tlog-checkpoint |
//! | [`proof_text`] | a proof that travels by itself | C2SP tlog-proof |
//!
//! Whatever is read comes from somebody who may be an enemy: every length is bounded before it is used, what is not
//! exactly as the specification says is refused with the reason, and nothing verifies by being empty.

pub mod bundle;
pub mod checkpoint;
pub mod edge;
mod frontier;
mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod proof_text;
pub mod range;
pub mod tile;

pub use frontier::{Frontier, FrontierError};
pub use hash::{HASH_OCTETS, Hash, empty_root, leaf_hash, node_hash};
pub use tile::{TILE_WIDTH, Tile};
