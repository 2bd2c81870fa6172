//! Hashes of leaves and nodes (RFC 6962, 2.1).

use std::{fmt, hash};

use ring::digest::{Context, SHA256};

/// Octets of a hash.
pub const HASH_OCTETS: usize = 32;

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// A SHA-256 hash of a leaf, a node or a root. Printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, hash::Hash)]
pub struct Hash(pub [u8; HASH_OCTETS]);

impl Hash {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8; HASH_OCTETS] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// The hash of a leaf's data.
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[LEAF], data])
}

/// The hash of the node above two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[NODE], &left.0, &right.0])
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

fn sha256(pieces: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(piece);
    }
    let mut hash = [0; HASH_OCTETS];
    hash.copy_from_slice(context.finish().as_ref());
    Hash(hash)
}
