//! The tree of this crate against another one's: ct-merkle, written by others from RFC 6962.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::convert::Infallible;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use hongyan_tlog::{
    Frontier, Hash,
    edge::Edge,
    leaf_hash, node_hash,
    proof::{self, Nodes},
    range::{self, RangeError, RangeVerifier},
};
use proptest::prelude::*;
use sha2::Sha256;

/// All complete subtrees, in memory.
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn of(leaves: &[Vec<u8>]) -> Self {
        let mut levels = vec![leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>()];
        while levels[levels.len() - 1].len() > 1 {
            let (pairs, _) = levels[levels.len() - 1].as_chunks::<2>();
            let above = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
            levels.push(above);
        }
        Self(levels)
    }
}

impl Nodes for Levels {
    type Error = Infallible;

    fn node(&mut self, level: u8, number: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(number).unwrap()])
    }
}

fn octets(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Roots, proofs of inclusion and proofs of consistency are octet by octet those of the other library, and each
    /// library believes what the other one proves.
    #[test]
    fn both_libraries_say_the_same(
        leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..200),
        index in any::<prop::sample::Index>(),
        beginning in any::<prop::sample::Index>(),
    ) {
        let size = leaves.len();
        let (index, old) = (index.index(size), beginning.index(size) + 1);
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut old_theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let (mut frontier, mut edge, mut full) = (Frontier::new(), Edge::new(), Vec::new());
        for (nth, leaf) in leaves.iter().enumerate() {
            theirs.push(leaf.clone());
            if nth < old {
                old_theirs.push(leaf.clone());
            }
            frontier.push(leaf_hash(leaf));
            edge.push(leaf_hash(leaf), &mut full);
        }
        let mut levels = Levels::of(&leaves);
        let size_u64 = size as u64;
        let root = proof::root(&mut levels, size_u64).unwrap();
        let their_root = theirs.root();
        prop_assert_eq!(root.as_bytes().as_slice(), their_root.as_bytes().as_slice());
        prop_assert_eq!((root, root), (frontier.root(), edge.root()));

        let ours = proof::inclusion(&mut levels, index as u64, size_u64).unwrap();
        let their_proof = theirs.prove_inclusion(index);
        prop_assert_eq!(octets(&ours), their_proof.as_bytes().to_vec());
        prop_assert!(their_root.verify_inclusion(&leaves[index], index as u64, &their_proof).is_ok());
        let leaf = leaf_hash(&leaves[index]);
        prop_assert_eq!(proof::verify_inclusion(&leaf, index as u64, size_u64, &ours, &root), Ok(()));

        let ours = proof::consistency(&mut levels, old as u64, size_u64).unwrap();
        let old_root = proof::root(&mut levels, old as u64).unwrap();
        let their_old_root = old_theirs.root();
        prop_assert_eq!(old_root.as_bytes().as_slice(), their_old_root.as_bytes().as_slice());
        if old < size {
            let their_proof = theirs.prove_consistency(size - old);
            prop_assert_eq!(octets(&ours), their_proof.as_bytes().to_vec());
        }
        prop_assert_eq!(
            proof::verify_consistency(old as u64, &old_root, size_u64, &root, &ours),
            Ok(())
        );
    }

    /// Leaves of a range, one by one, lead to the other library's root, and to no other; nor do others lead there.
    #[test]
    fn a_range_leads_to_the_root_of_the_other_library(
        leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..600),
        ends in any::<[prop::sample::Index; 2]>(),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        for leaf in &leaves {
            theirs.push(leaf.clone());
        }
        let mut root = [0; 32];
        root.copy_from_slice(theirs.root().as_bytes());
        let size = leaves.len();
        let ends = ends.map(|end| end.index(size));
        let (from, until) = (ends[0].min(ends[1]), ends[0].max(ends[1]) + 1);
        let numbers = (from as u64, until as u64);
        let mut proof = range::prove(&mut Levels::of(&leaves), numbers.0, numbers.1, size as u64).unwrap();
        let hashes: Vec<Hash> = leaves[from..until].iter().map(|leaf| leaf_hash(leaf)).collect();
        let check = |proof: &range::RangeProof, hashes: &[Hash], root| {
            let mut verifier = RangeVerifier::new(numbers, (size as u64, root), proof)?;
            hashes.iter().try_for_each(|hash| verifier.push(*hash))?;
            verifier.finish()
        };
        prop_assert_eq!(check(&proof, &hashes, Hash(root)), Ok(()));

        // One bit of all that was given: root, leaves, both sides.
        let mut changed = hashes;
        let mut wrong_root = Hash(root);
        let mut all: Vec<&mut Hash> = changed
            .iter_mut()
            .chain(proof.left.iter_mut())
            .chain(proof.right.iter_mut())
            .chain([&mut wrong_root])
            .collect();
        let bit = bit.index(all.len() * 256);
        all[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(check(&proof, &changed, wrong_root), Err(RangeError::WrongRoot));
    }
}
