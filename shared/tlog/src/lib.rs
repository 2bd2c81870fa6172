//! The Merkle tree of RFC 6962 over a growing list: leaf and node hashes, and the [`Frontier`], which is all that must
//! be remembered to append and to tell the root.
//!
//! `leaf = SHA-256(0x00 ‖ data)`, `node = SHA-256(0x01 ‖ left ‖ right)`; the two prefixes keep a node from being passed
//! off as a leaf. The left subtree of a tree of `n` leaves holds the largest power of two below `n`.

mod frontier;
mod hash;

pub use frontier::{Frontier, FrontierError};
pub use hash::{HASH_OCTETS, Hash, empty_root, leaf_hash, node_hash};
