//! Proofs: that a leaf is in a tree, and that a tree is the beginning of another (RFC 6962, 2.1.1 and 2.1.2; the
//! checks as in RFC 9162, 2.1.3.2 and 2.1.4.2).
//!
//! Making one asks for the roots of complete subtrees, which is all that tiles hold; checking one needs nothing but
//! what is given.

use crate::{Hash, node_hash};

/// The most hashes that a proof in a tree of 2^64 leaves can have; longer ones are refused unread.
pub const MAX_PROOF_HASHES: usize = 64;

/// Why a proof proves nothing, or cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A leaf that the tree has not.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// Which.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// A tree that is larger than the one that should continue it, or has no leaf at all.
    #[error("a tree of {old} leaves is not the beginning of one of {new}")]
    NotABeginning {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer one.
        new: u64,
    },
    /// More or fewer hashes than such a proof has.
    #[error("such a proof has {expected} hashes; this one has {found}")]
    WrongLength {
        /// How many it must have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// The hashes lead elsewhere.
    #[error("the proof does not lead to the root")]
    WrongRoot,
}

/// How the roots of complete subtrees are got.
pub trait Nodes {
    /// What can go wrong in getting one.
    type Error;

    /// The root of the complete subtree of `2^level` leaves with this number among its like.
    fn node(&mut self, level: u8, number: u64) -> Result<Hash, Self::Error>;
}

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError<E> {
    /// There is no such proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A subtree's root could not be had.
    #[error("{0}")]
    Nodes(E),
}

/// The proof that leaf `index` is in the tree of `size` leaves: its sibling first, then upwards.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, MakeError<N::Error>> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size }.into());
    }
    let mut downwards = Vec::new();
    let (mut first, mut behind) = (0, size);
    while behind - first > 1 {
        let middle = first + split(behind - first);
        if index < middle {
            downwards.push(range_root(nodes, middle, behind)?);
            behind = middle;
        } else {
            downwards.push(range_root(nodes, first, middle)?);
            first = middle;
        }
    }
    downwards.reverse();
    Ok(downwards)
}

/// The proof that the tree of `old` leaves is the beginning of that of `new` leaves. Empty where they are one.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, new: u64) -> Result<Vec<Hash>, MakeError<N::Error>> {
    if old == 0 || old > new {
        return Err(ProofError::NotABeginning { old, new }.into());
    }
    let mut downwards = Vec::new();
    let (mut first, mut behind) = (0, new);
    // Whether what is left of the old tree is the old tree itself, whose root the other side has.
    let mut is_whole = true;
    while old != behind {
        let middle = first + split(behind - first);
        if old <= middle {
            downwards.push(range_root(nodes, middle, behind)?);
            behind = middle;
        } else {
            downwards.push(range_root(nodes, first, middle)?);
            first = middle;
            is_whole = false;
        }
    }
    if !is_whole {
        downwards.push(range_root(nodes, first, behind)?);
    }
    downwards.reverse();
    Ok(downwards)
}

/// The root of the whole tree of `size` leaves, at least one, from the roots of its complete subtrees.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, MakeError<N::Error>> {
    if size == 0 {
        return Ok(crate::empty_root());
    }
    range_root(nodes, 0, size)
}

/// The root over the leaves `first..behind`, which RFC 6962 splits off as one side of some node: `first` is a multiple
/// of the largest power of two in the length.
fn range_root<N: Nodes>(nodes: &mut N, first: u64, behind: u64) -> Result<Hash, MakeError<N::Error>> {
    let mut rights = Vec::new();
    let (mut at, mut left) = (first, behind - first);
    while left > 0 {
        let level = left.ilog2() as u8;
        rights.push(nodes.node(level, at >> level).map_err(MakeError::Nodes)?);
        at += 1 << level;
        left -= 1 << level;
    }
    Ok(rights
        .into_iter()
        .rev()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(crate::empty_root))
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// Checks that the leaf with this hash is leaf `index` of the tree with this size and root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let expected = inclusion_length(index, size);
    if proof.len() != expected {
        return Err(ProofError::WrongLength {
            expected,
            found: proof.len(),
        });
    }
    let (mut number, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        // A node that is the last of its level and a left one has no sibling there: its parent is itself.
        if number & 1 == 1 || number == last {
            hash = node_hash(sibling, &hash);
            while number & 1 == 0 && number != 0 {
                number >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        number >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

/// How many hashes the proof of leaf `index` has in a tree of `size` leaves, which has that leaf.
pub fn inclusion_length(index: u64, size: u64) -> usize {
    // Below the level where the ways to this leaf and to the last one part, every level has a sibling; above it, only
    // where the leaf's way goes right.
    let last = size.saturating_sub(1);
    let inner = u64::BITS - (index ^ last).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    (inner + border) as usize
}

/// Checks that the tree of `old` leaves with this root is the beginning of that of `new` leaves with that root.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::NotABeginning { old, new });
    }
    let expected = consistency_length(old, new);
    if proof.len() != expected {
        return Err(ProofError::WrongLength {
            expected,
            found: proof.len(),
        });
    }
    if old == new {
        return if old_root == new_root {
            Ok(())
        } else {
            Err(ProofError::WrongRoot)
        };
    }
    let (mut number, mut last) = (old - 1, new - 1);
    let shift = number.trailing_ones();
    number >>= shift;
    last >>= shift;
    // A power of two is one complete subtree, and its root is known: the proof leaves it out.
    let mut hashes = proof.iter();
    let start = if number == 0 {
        *old_root
    } else {
        *hashes.next().ok_or(ProofError::WrongRoot)?
    };
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in hashes {
        if last == 0 {
            return Err(ProofError::WrongRoot);
        }
        if number & 1 == 1 || number == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while number & 1 == 0 && number != 0 {
                number >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        number >>= 1;
        last >>= 1;
    }
    if last == 0 && old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

/// How many hashes the proof has that a tree of `old` leaves is the beginning of one of `new` leaves; `old` is from 1
/// to `new`.
pub fn consistency_length(old: u64, new: u64) -> usize {
    if old == new || old == 0 {
        return 0;
    }
    // The last complete subtree of the old tree stands at this level; its own proof of inclusion begins there.
    let shift = old.trailing_zeros();
    let (number, size) = ((old - 1) >> shift, ((new - 1) >> shift) + 1);
    let start = usize::from(!old.is_power_of_two());
    start + inclusion_length(number, size)
}

#[cfg(test)]
mod tests {
    use super::{
        MakeError, Nodes, ProofError, consistency, consistency_length, inclusion, inclusion_length, root,
        verify_consistency, verify_inclusion,
    };
    use crate::{Frontier, Hash, leaf_hash, node_hash};

    /// All levels of a tree, in memory.
    struct Memory(Vec<Vec<Hash>>);

    impl Memory {
        fn of(size: u64) -> Self {
            let mut levels = vec![(0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect::<Vec<_>>()];
            while levels[levels.len() - 1].len() > 1 {
                let above = levels[levels.len() - 1]
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[left, right]| node_hash(left, right))
                    .collect();
                levels.push(above);
            }
            Self(levels)
        }

        fn leaf(&self, index: u64) -> Hash {
            self.0[0][usize::try_from(index).unwrap()]
        }

        fn frontier_root(&self, size: u64) -> Hash {
            let mut frontier = Frontier::new();
            for index in 0..size {
                frontier.push(self.leaf(index));
            }
            frontier.root()
        }
    }

    impl Nodes for Memory {
        type Error = ();

        fn node(&mut self, level: u8, number: u64) -> Result<Hash, ()> {
            let nodes = self.0.get(usize::from(level)).ok_or(())?;
            nodes.get(usize::try_from(number).unwrap()).copied().ok_or(())
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_nothing_else_is() {
        let mut memory = Memory::of(70);
        for size in 1..=70 {
            let tree = root(&mut memory, size).unwrap();
            assert_eq!(tree, memory.frontier_root(size));
            for index in 0..size {
                let proof = inclusion(&mut memory, index, size).unwrap();
                let leaf = memory.leaf(index);
                assert_eq!(proof.len(), inclusion_length(index, size));
                assert_eq!(verify_inclusion(&leaf, index, size, &proof, &tree), Ok(()));
                let elsewhere = (index + 1) % size;
                if elsewhere != index {
                    assert!(verify_inclusion(&leaf, elsewhere, size, &proof, &tree).is_err());
                }
                for at in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[at].0[31] ^= 1;
                    assert_eq!(
                        verify_inclusion(&leaf, index, size, &wrong, &tree),
                        Err(ProofError::WrongRoot)
                    );
                }
                let mut longer = proof.clone();
                longer.push(leaf);
                assert!(matches!(
                    verify_inclusion(&leaf, index, size, &longer, &tree),
                    Err(ProofError::WrongLength { .. })
                ));
                let mut other = leaf;
                other.0[0] ^= 0x80;
                assert!(verify_inclusion(&other, index, size, &proof, &tree).is_err());
            }
        }
    }

    #[test]
    fn every_beginning_of_every_small_tree_is_proved_and_nothing_else_is() {
        let mut memory = Memory::of(70);
        for new in 1..=70 {
            let new_root = root(&mut memory, new).unwrap();
            for old in 1..=new {
                let old_root = root(&mut memory, old).unwrap();
                let proof = consistency(&mut memory, old, new).unwrap();
                assert_eq!(proof.len(), consistency_length(old, new), "{old} of {new}");
                assert_eq!(
                    verify_consistency(old, &old_root, new, &new_root, &proof),
                    Ok(()),
                    "{old} of {new}"
                );
                let mut other = old_root;
                other.0[7] ^= 2;
                assert!(verify_consistency(old, &other, new, &new_root, &proof).is_err());
                if old < new {
                    let mut other = new_root;
                    other.0[7] ^= 2;
                    assert!(verify_consistency(old, &old_root, new, &other, &proof).is_err());
                }
                for at in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[at].0[0] ^= 1;
                    assert!(verify_consistency(old, &old_root, new, &new_root, &wrong).is_err());
                    let mut shorter = proof.clone();
                    shorter.remove(at);
                    assert!(matches!(
                        verify_consistency(old, &old_root, new, &new_root, &shorter),
                        Err(ProofError::WrongLength { .. })
                    ));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut memory = Memory::of(4);
        let hash = memory.leaf(0);
        assert!(matches!(
            inclusion(&mut memory, 4, 4),
            Err(MakeError::Proof(ProofError::NoSuchLeaf { index: 4, size: 4 }))
        ));
        assert!(matches!(
            consistency(&mut memory, 0, 4),
            Err(MakeError::Proof(ProofError::NotABeginning { .. }))
        ));
        assert!(matches!(
            consistency(&mut memory, 5, 4),
            Err(MakeError::Proof(ProofError::NotABeginning { .. }))
        ));
        assert!(verify_inclusion(&hash, 0, 0, &[], &hash).is_err());
        assert!(verify_consistency(0, &hash, 4, &hash, &[]).is_err());
        assert!(verify_consistency(3, &hash, 2, &hash, &[]).is_err());
        let many = vec![hash; 1_000];
        assert!(verify_inclusion(&hash, u64::MAX - 1, u64::MAX, &many, &hash).is_err());
        assert!(verify_consistency(u64::MAX - 1, &hash, u64::MAX, &hash, &many).is_err());
        assert!(inclusion_length(u64::MAX - 1, u64::MAX) <= super::MAX_PROOF_HASHES);
    }
}
