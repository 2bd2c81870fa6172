//! The right edge of a growing tree.

use crate::hash::{HASH_OCTETS, Hash, empty_root, node_hash};

const SIZE_OCTETS: usize = 8;
/// More leaves than any record will hold; a larger size in a file is damage, and counting on from it would overflow.
const MAX_SIZE: u64 = 1 << 62;

/// The roots of the complete subtrees that a tree of some size consists of, largest first: one for each bit that is
/// set in the size. At most 64 hashes stand for the whole tree, and appending a leaf costs two hashes on average.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

/// Why octets are no frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Fewer octets than the size in front needs.
    #[error("a frontier begins with its size in {SIZE_OCTETS} octets; there are {octets}")]
    NoSize {
        /// How many there are.
        octets: usize,
    },
    /// A size that no tree here can have.
    #[error("a frontier has at most {MAX_SIZE} leaves")]
    TooLarge,
    /// Not one hash for each bit that is set in the size.
    #[error("a frontier of {size} leaves has {expected} octets; there are {octets}")]
    WrongLength {
        /// The size in front.
        size: u64,
        /// What it asks for.
        expected: usize,
        /// How many there are.
        octets: usize,
    },
}

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        // Each trailing one in the size is a complete subtree as large as the one just made: the two become one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                root = node_hash(&left, &root);
            }
        }
        self.roots.push(root);
        self.size += 1;
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        self.roots
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }

    /// The size in eight octets, big-endian, and the hashes, largest subtree first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(SIZE_OCTETS + self.roots.len() * HASH_OCTETS);
        octets.extend_from_slice(&self.size.to_be_bytes());
        for root in &self.roots {
            octets.extend_from_slice(root.as_bytes());
        }
        octets
    }

    /// Reads what [`Frontier::to_bytes`] wrote. Checks the length; whether the hashes are right, only the leaves can
    /// tell.
    pub fn parse(octets: &[u8]) -> Result<Self, FrontierError> {
        let (size, hashes) = octets
            .split_first_chunk()
            .ok_or(FrontierError::NoSize { octets: octets.len() })?;
        let size = u64::from_be_bytes(*size);
        if size > MAX_SIZE {
            return Err(FrontierError::TooLarge);
        }
        let expected = size.count_ones() as usize * HASH_OCTETS;
        if hashes.len() != expected {
            return Err(FrontierError::WrongLength {
                size,
                expected: SIZE_OCTETS + expected,
                octets: octets.len(),
            });
        }
        let (roots, _) = hashes.as_chunks::<HASH_OCTETS>();
        let roots = roots.iter().copied().map(Hash).collect();
        Ok(Self { size, roots })
    }
}

#[cfg(test)]
mod tests {
    use super::{Frontier, FrontierError};
    use crate::{Hash, empty_root, leaf_hash, node_hash};

    /// The reference leaves of the certificate-transparency project.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    /// The roots of the first one to eight of them.
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// MTH of RFC 6962, 2.1, word by word; knows nothing of the frontier.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node_hash(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
            }
        }
    }

    #[test]
    fn known_roots_of_the_reference_leaves() {
        assert_eq!(
            Frontier::new().root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for (leaf, root) in LEAVES.iter().zip(ROOTS) {
            leaves.push(leaf_hash(&hex::decode(leaf).unwrap()));
            frontier.push(leaves[leaves.len() - 1]);
            assert_eq!(frontier.root().to_string(), root, "size {}", frontier.size());
            assert_eq!(naive_root(&leaves).to_string(), root, "size {}", frontier.size());
        }
    }

    #[test]
    fn the_frontier_agrees_with_the_naive_root_at_every_size() {
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for n in 0..=600_u32 {
            assert_eq!(frontier.size(), u64::from(n));
            assert_eq!(frontier.root(), naive_root(&leaves), "size {n}");
            let leaf = leaf_hash(&n.to_be_bytes());
            leaves.push(leaf);
            frontier.push(leaf);
        }
    }

    #[test]
    fn a_frontier_reads_back_at_every_size_and_goes_on_alike() {
        let mut frontier = Frontier::new();
        for n in 0..130_u32 {
            let mut read = Frontier::parse(&frontier.to_bytes()).unwrap();
            assert_eq!(read, frontier);
            let leaf = leaf_hash(&n.to_be_bytes());
            read.push(leaf);
            frontier.push(leaf);
            assert_eq!(read.root(), frontier.root());
        }
    }

    #[test]
    fn octets_of_the_wrong_length_are_refused() {
        assert_eq!(Frontier::parse(&[]), Err(FrontierError::NoSize { octets: 0 }));
        assert_eq!(Frontier::parse(&[0; 7]), Err(FrontierError::NoSize { octets: 7 }));
        assert_eq!(
            Frontier::parse(&[0xff; 8 + 64 * 32]),
            Err(FrontierError::TooLarge)
        );
        assert_eq!(Frontier::parse(&[0; 8]), Ok(Frontier::new()));
        let mut frontier = Frontier::new();
        for n in 0..3_u8 {
            frontier.push(leaf_hash(&[n]));
        }
        let octets = frontier.to_bytes();
        let wrong = |octets| FrontierError::WrongLength {
            size: 3,
            expected: 72,
            octets,
        };
        assert_eq!(Frontier::parse(&octets[..71]), Err(wrong(71)));
        assert_eq!(Frontier::parse(&[&octets[..], &[0]].concat()), Err(wrong(73)));
    }
}
