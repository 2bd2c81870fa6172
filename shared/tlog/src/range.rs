//! Ranges: that leaves without a hole are exactly those of a checkpoint, from a place to another.
//!
//! # Which hashes
//!
//! Let a tree have `n` leaves, and `D[a:b)` be those from `a` to before `b`, `0 ≤ a < b ≤ n`. A *complete subtree* is the
//! tree over `D[k·2^l : (k+1)·2^l)`; wherever it ends at or before `n`, it is a node of the tree of RFC 6962, 2.1. The proof
//! for `D[a:b)` is two lists of roots of complete subtrees:
//!
//! ```text
//! left(a)      the subtrees of D[0:a), the largest first: one for each bit that is set in a
//! right(b, n)  those of D[b:n): from b on, each the largest that begins there and ends at or before n
//!
//!      n = 13      0   1   2   3   4   5   6   7   8   9  10  11  12
//! [a, b) = [5, 7)  └──── 2 ────┘   0  <leaf leaf>  0   └──── 2 ────┘   0
//!                  left(5) = 2·0, 0·4              right(7, 13) = 0·7, 2·2, 0·12     (level · number)
//! ```
//!
//! Both lists depend on the numbers alone, so their lengths are checked before any hash: `left(a)` has as many as bits
//! are set in `a`, `right(b, n)` fewer than 128. `left(a)` is the same in every tree that has `a` leaves: an export that
//! broke off is taken up behind its last leaf, and what is there already must lead to `left`.
//!
//! # How they are checked
//!
//! Keep one hash for each bit that is set in the number of leaves so far, as [`crate::Frontier`] does. Begin with
//! `left(a)` at `a` leaves. Append each leaf's hash, then each hash of `right(b, n)`: a subtree of level `l` comes where the
//! number is a multiple of `2^l`, and joins the subtree of its own size beside it as long as there is one. At `n` leaves
//! the hashes are folded from the right into the root, which must be the signed one.
//!
//! Every node on the way is hashed from its two children, so under a size and a root that are given, no leaf of `[a, b)`
//! can be another, be left out, or stand elsewhere. Size and root must come from one checkpoint: a root alone does not
//! say how many leaves are below it.

use std::fmt;

use crate::{Hash, node_hash, proof::Nodes};

/// Which side of the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before the first.
    Left,
    /// Behind the last.
    Right,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
        })
    }
}

/// Why leaves are not those of a checkpoint, or there is no such range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Empty, or beyond the tree.
    #[error("a tree of {size} leaves has no range from {from} to before {until}")]
    NoSuchRange {
        /// The first leaf.
        from: u64,
        /// The one behind the last.
        until: u64,
        /// How many leaves the tree has.
        size: u64,
    },
    /// More or fewer hashes than such a proof has on a side.
    #[error("{side} of such a range are {expected} hashes; here are {found}")]
    WrongLength {
        /// On which side.
        side: Side,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A leaf behind the last one.
    #[error("the range ends before leaf {until}; there is one more")]
    TooMany {
        /// The leaf behind the last.
        until: u64,
    },
    /// The end, before the last leaf came.
    #[error("leaf {next} is missing; the range ends before leaf {until}")]
    TooFew {
        /// The first leaf that did not come.
        next: u64,
        /// The leaf behind the last.
        until: u64,
    },
    /// The hashes lead elsewhere.
    #[error("the leaves and the hashes beside them do not lead to the root")]
    WrongRoot,
}

/// A complete subtree: that of `2^level` leaves with this number among its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    /// Levels above the leaves, at most 63.
    pub level: u8,
    /// From 0.
    pub number: u64,
}

/// The complete subtrees that the leaves before `from` consist of, the largest first.
pub fn left(from: u64) -> impl Iterator<Item = Subtree> {
    (0..u64::BITS as u8)
        .rev()
        .filter(move |level| from >> level & 1 == 1)
        // The leaves before this one are the larger subtrees: the bits above.
        .map(move |level| Subtree {
            level,
            number: (from >> level) - 1,
        })
}

/// The complete subtrees that the leaves from `until` to before `size` consist of, in their order.
pub fn right(until: u64, size: u64) -> impl Iterator<Item = Subtree> {
    let mut at = until;
    std::iter::from_fn(move || {
        let rest = size.checked_sub(at).filter(|rest| *rest > 0)?;
        // As large as can begin here, and as large as there is room for.
        let level = at.trailing_zeros().min(rest.ilog2());
        let number = at >> level;
        at += 1 << level;
        Some(Subtree {
            // At most 63: it is the logarithm of a u64.
            level: level as u8,
            number,
        })
    })
}

/// What stands beside the leaves of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeProof {
    /// The roots of [`left`].
    pub left: Vec<Hash>,
    /// The roots of [`right`].
    pub right: Vec<Hash>,
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such range.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// A subtree's root could not be had.
    #[error("{0}")]
    Nodes(E),
}

/// The proof for the leaves `from` to before `until` of a tree of `size` leaves.
pub fn prove<N: Nodes>(
    nodes: &mut N,
    from: u64,
    until: u64,
    size: u64,
) -> Result<RangeProof, ProveError<N::Error>> {
    is_range(from, until, size)?;
    let mut root = |subtree: Subtree| {
        nodes
            .node(subtree.level, subtree.number)
            .map_err(ProveError::Nodes)
    };
    Ok(RangeProof {
        left: left(from).map(&mut root).collect::<Result<_, _>>()?,
        right: right(until, size).map(&mut root).collect::<Result<_, _>>()?,
    })
}

fn is_range(from: u64, until: u64, size: u64) -> Result<(), RangeError> {
    if from < until && until <= size {
        Ok(())
    } else {
        Err(RangeError::NoSuchRange { from, until, size })
    }
}

/// The first leaves of a tree as the roots of the complete subtrees that they consist of, the largest first: one for each
/// bit of their number. Like [`crate::Frontier`], and takes whole subtrees too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beginning {
    size: u64,
    roots: Vec<Hash>,
}

impl Beginning {
    /// Of so many leaves, from the roots of [`left`].
    pub fn new(size: u64, roots: &[Hash]) -> Result<Self, RangeError> {
        let expected = size.count_ones() as usize;
        has_length(Side::Left, expected, roots.len())?;
        Ok(Self {
            size,
            roots: roots.to_vec(),
        })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.append(0, leaf);
    }

    /// Appends a complete subtree, whose level is not above the number's trailing zeros.
    fn append(&mut self, level: u8, root: Hash) {
        let mut root = root;
        for _ in 0..(self.size >> level).trailing_ones() {
            if let Some(left) = self.roots.pop() {
                root = node_hash(&left, &root);
            }
        }
        self.roots.push(root);
        self.size = self.size.saturating_add(1 << level);
    }

    /// The root of the tree that these leaves are.
    pub fn root(&self) -> Hash {
        let folded = self.roots.iter().rev().copied();
        folded
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(crate::empty_root)
    }
}

fn has_length(side: Side, expected: usize, found: usize) -> Result<(), RangeError> {
    if expected == found {
        Ok(())
    } else {
        Err(RangeError::WrongLength {
            side,
            expected,
            found,
        })
    }
}

/// Checks leaves as they come; remembers at most 64 hashes of them. Nothing is proved before [`RangeVerifier::finish`].
#[derive(Debug, Clone)]
pub struct RangeVerifier {
    so_far: Beginning,
    until: u64,
    size: u64,
    root: Hash,
    right: Vec<Hash>,
}

impl RangeVerifier {
    /// For the leaves `from` to before `until` of the tree with this size and root, which a checkpoint signs.
    pub fn new(
        (from, until): (u64, u64),
        (size, root): (u64, Hash),
        proof: &RangeProof,
    ) -> Result<Self, RangeError> {
        is_range(from, until, size)?;
        has_length(Side::Right, right(until, size).count(), proof.right.len())?;
        Ok(Self {
            so_far: Beginning::new(from, &proof.left)?,
            until,
            size,
            root,
            right: proof.right.clone(),
        })
    }

    /// The next leaf, by its hash.
    pub fn push(&mut self, leaf: Hash) -> Result<(), RangeError> {
        if self.so_far.size() >= self.until {
            return Err(RangeError::TooMany { until: self.until });
        }
        self.so_far.push(leaf);
        Ok(())
    }

    /// Which leaf comes next.
    pub fn next(&self) -> u64 {
        self.so_far.size()
    }

    /// All leaves came: are they the tree's?
    pub fn finish(self) -> Result<(), RangeError> {
        let Self {
            mut so_far,
            until,
            size,
            root,
            right: hashes,
        } = self;
        let next = so_far.size();
        if next < until {
            return Err(RangeError::TooFew { next, until });
        }
        for (subtree, hash) in right(until, size).zip(hashes) {
            so_far.append(subtree.level, hash);
        }
        if so_far.size() == size && so_far.root() == root {
            Ok(())
        } else {
            Err(RangeError::WrongRoot)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Beginning, ProveError, RangeError, RangeProof, RangeVerifier, Side, Subtree, left, prove, right,
    };
    use crate::{
        Hash, leaf_hash, node_hash,
        proof::{self, Nodes},
    };

    struct Memory(Vec<Vec<Hash>>);

    impl Memory {
        fn of(size: u64) -> Self {
            let mut levels = vec![(0..size).map(leaf).collect::<Vec<_>>()];
            while levels[levels.len() - 1].len() > 1 {
                let (pairs, _) = levels[levels.len() - 1].as_chunks::<2>();
                levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
            }
            Self(levels)
        }
    }

    impl Nodes for Memory {
        type Error = ();

        fn node(&mut self, level: u8, number: u64) -> Result<Hash, ()> {
            let nodes = self.0.get(usize::from(level)).ok_or(())?;
            nodes.get(usize::try_from(number).unwrap()).copied().ok_or(())
        }
    }

    fn leaf(n: u64) -> Hash {
        leaf_hash(&n.to_be_bytes())
    }

    fn checked(
        range: (u64, u64),
        tree: (u64, Hash),
        proof: &RangeProof,
        leaves: impl IntoIterator<Item = Hash>,
    ) -> Result<(), RangeError> {
        let mut verifier = RangeVerifier::new(range, tree, proof)?;
        for leaf in leaves {
            verifier.push(leaf)?;
        }
        verifier.finish()
    }

    #[test]
    fn the_example_of_the_documentation() {
        let subtree = |level, number| Subtree { level, number };
        let found: Vec<_> = left(5).collect();
        assert_eq!(found, [subtree(2, 0), subtree(0, 4)]);
        let found: Vec<_> = right(7, 13).collect();
        assert_eq!(found, [subtree(0, 7), subtree(2, 2), subtree(0, 12)]);
    }

    #[test]
    fn the_subtrees_of_both_sides_stand_side_by_side() {
        for (from, until, size) in [
            (0, 1, 1),
            (1, 2, 3),
            (255, 257, 65_537),
            (u64::MAX - 1, u64::MAX, u64::MAX),
            (0, 1, u64::MAX),
            (1 << 63, (1 << 63) + 1, u64::MAX),
        ] {
            let mut at = 0;
            for subtree in left(from) {
                assert_eq!(u128::from(subtree.number) << subtree.level, at);
                at += 1_u128 << subtree.level;
            }
            assert_eq!(at, u128::from(from));
            let mut at = u128::from(until);
            for subtree in right(until, size) {
                assert_eq!(u128::from(subtree.number) << subtree.level, at);
                at += 1_u128 << subtree.level;
            }
            assert_eq!(at, u128::from(size));
        }
        assert_eq!(left(0).count() + right(7, 7).count() + right(8, 7).count(), 0);
    }

    #[test]
    fn every_range_of_every_small_tree_is_proved_and_nothing_else_is() {
        let mut memory = Memory::of(34);
        for size in 1..=34 {
            let tree = (size, proof::root(&mut memory, size).unwrap());
            for from in 0..size {
                for until in from + 1..=size {
                    let range = (from, until);
                    let proof = prove(&mut memory, from, until, size).unwrap();
                    assert_eq!(checked(range, tree, &proof, (from..until).map(leaf)), Ok(()));
                    // Any other leaf, anywhere.
                    for wrong in from..until {
                        let leaves = (from..until).map(|n| leaf(if n == wrong { n + 1_000 } else { n }));
                        assert_eq!(checked(range, tree, &proof, leaves), Err(RangeError::WrongRoot));
                    }
                    // Any other hash beside them.
                    for side in 0..proof.left.len() + proof.right.len() {
                        let mut wrong = proof.clone();
                        let lefts = wrong.left.len();
                        let hash = match wrong.left.get_mut(side) {
                            Some(hash) => hash,
                            None => &mut wrong.right[side - lefts],
                        };
                        hash.0[0] ^= 1;
                        let found = checked(range, tree, &wrong, (from..until).map(leaf));
                        assert_eq!(found, Err(RangeError::WrongRoot));
                    }
                }
            }
        }
    }

    #[test]
    fn lengths_and_numbers_are_exact() {
        let mut memory = Memory::of(13);
        let tree = (13, proof::root(&mut memory, 13).unwrap());
        let proof = prove(&mut memory, 5, 7, 13).unwrap();
        assert_eq!((proof.left.len(), proof.right.len()), (2, 3));
        for (from, until) in [(5, 5), (7, 5), (5, 14), (13, 14)] {
            let size = 13;
            let none = RangeError::NoSuchRange { from, until, size };
            assert_eq!(
                prove(&mut memory, from, until, size),
                Err(ProveError::Range(none))
            );
            assert_eq!(checked((from, until), tree, &proof, []), Err(none));
        }
        let wrong = |side, expected, found| {
            Err(RangeError::WrongLength {
                side,
                expected,
                found,
            })
        };
        let mut longer = proof.clone();
        longer.left.push(leaf(0));
        assert_eq!(checked((5, 7), tree, &longer, []), wrong(Side::Left, 2, 3));
        let mut shorter = proof.clone();
        shorter.right.pop();
        assert_eq!(checked((5, 7), tree, &shorter, []), wrong(Side::Right, 3, 2));
        let few = RangeError::TooFew { next: 6, until: 7 };
        assert_eq!(checked((5, 7), tree, &proof, [leaf(5)]), Err(few));
        let many = RangeError::TooMany { until: 7 };
        assert_eq!(checked((5, 7), tree, &proof, (5..8).map(leaf)), Err(many));
        // The same leaves as another range of the same length.
        assert!(checked((4, 6), tree, &proof, (5..7).map(leaf)).is_err());
        assert!(checked((5, 7), (12, tree.1), &proof, (5..7).map(leaf)).is_err());
    }

    #[test]
    fn what_came_already_leads_to_the_left_side_of_the_rest() {
        let mut memory = Memory::of(300);
        let mut beginning = Beginning::default();
        for size in 0..300 {
            if size > 0 {
                assert_eq!(beginning.root(), proof::root(&mut memory, size).unwrap());
            }
            let rest = prove(&mut memory, size, 300, 300).unwrap();
            assert_eq!((beginning.size(), beginning.roots()), (size, &rest.left[..]));
            beginning.push(leaf(size));
        }
    }
}
