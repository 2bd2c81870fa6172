//! What the fuzz targets do, free of libFuzzer, so that a test can do the same with inputs of its own.
//!
//! A body takes any octets, panics when a promise is broken, and ends in a time that its input's length bounds. The
//! promises: no octets make a parser panic; what is read is written again octet for octet, so that one text has one
//! meaning; and nothing verifies but what the keys here signed.

use hongyan_tlog::{
    Frontier, Hash, Tile,
    bundle::{entries, push_entry},
    checkpoint::Checkpoint,
    key::{Algorithm, Signer, Verifier},
    leaf_hash,
    note::Note,
    proof::{verify_consistency, verify_inclusion},
    proof_text::TlogProof,
    range::{RangeProof, RangeVerifier, left, right},
    tile::Place,
};

/// What a fuzz target calls for each input.
pub(crate) type Body = fn(&[u8]);

/// Every target by name, which is also that of its file in `fuzz/fuzz_targets`.
pub(crate) const TARGETS: &[(&str, Body)] = &[
    ("bundle", bundle),
    ("checkpoint", checkpoint),
    ("frontier", frontier),
    ("key", key),
    ("note", note),
    ("proof", proof),
    ("range", range),
    ("tile", tile),
    ("tlog_proof", tlog_proof),
];

const ORIGIN: &str = "audit.example/log";
/// The leaves of the log that the seeds are of.
const LEAVES: [&[u8]; 5] = [b"a", b"bb", b"", b"dddd", b"e"];

/// Calls the body of this name.
///
/// # Panics
///
/// When there is no such target, or a promise is broken.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "called by the libFuzzer targets, which are another crate"
)]
pub fn run(target: &str, octets: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target that exists");
    body(octets);
}

/// True octets of every kind: what a mistake is one change away from.
#[allow(dead_code, reason = "libFuzzer finds its own")]
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let note = signed(&state());
    let mut all: Vec<Vec<u8>> = [
        "tile/0/x001/x234/067",
        "tile/entries/017.p/8",
        "tile/7/x018/x446/x744/x073/x709/x551/615",
    ]
    .map(|path| path.as_bytes().to_vec())
    .into();
    let mut bundle = vec![LEAVES.len() as u8];
    for leaf in LEAVES {
        push_entry(&mut bundle, leaf).expect("a short entry");
    }
    let hashes = proof_of_the_first();
    let true_proof = TlogProof {
        index: 0,
        hashes: hashes.clone(),
        checkpoint: note.clone(),
        extra: b"more".to_vec(),
    };
    let [log, _] = known();
    let verdict = true_proof.verify(&leaf_hash(LEAVES[0]), ORIGIN, &log, &[]);
    assert!(verdict.is_ok(), "what is damaged was true before");
    let mut arithmetic = [0u64, 5, 3].map(u64::to_be_bytes).concat();
    arithmetic.extend(hashes.iter().flat_map(|hash| *hash.as_bytes()));
    // Leaves 1 and 2 of the five: one hash on the left, two on the right.
    let mut ranged = [1u64, 3, 5].map(u64::to_be_bytes).concat();
    ranged.extend([1, 2]);
    for hash in [
        leaf_hash(LEAVES[0]),
        leaf_hash(LEAVES[3]),
        leaf_hash(LEAVES[4]),
        leaf_hash(LEAVES[1]),
        leaf_hash(LEAVES[2]),
    ] {
        ranged.extend(hash.as_bytes());
    }
    all.extend([
        ranged,
        bundle,
        state().to_string().into_bytes(),
        tree(&LEAVES).to_bytes(),
        signer().verifier().to_string().into_bytes(),
        note.to_string().into_bytes(),
        true_proof.to_string().into_bytes(),
        arithmetic,
    ]);
    all
}

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, Algorithm::Ed25519, &[7; 32]).expect("a signer")
}

fn known() -> [Verifier; 2] {
    let witness =
        Signer::from_seed("witness.example/w", Algorithm::CosignatureV1, &[9; 32]).expect("a signer");
    [signer().verifier().clone(), witness.verifier().clone()]
}

fn tree(leaves: &[&[u8]]) -> Frontier {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.push(leaf_hash(leaf));
    }
    tree
}

fn state() -> Checkpoint {
    Checkpoint::new(ORIGIN, LEAVES.len() as u64, tree(&LEAVES).root()).expect("a checkpoint")
}

fn signed(state: &Checkpoint) -> Note {
    Note::sign(&state.to_string(), &signer(), 0).expect("a note")
}

/// From the first of the five leaves to the root.
fn proof_of_the_first() -> Vec<Hash> {
    vec![
        leaf_hash(LEAVES[1]),
        tree(&LEAVES[2..4]).root(),
        leaf_hash(LEAVES[4]),
    ]
}

fn bundle(octets: &[u8]) {
    let (width, octets) = octets
        .split_first()
        .map_or((0, octets), |(width, rest)| (u16::from(*width), rest));
    if let Ok(found) = entries(octets, width) {
        assert_eq!(found.len(), usize::from(width));
        let mut again = Vec::new();
        for entry in found {
            push_entry(&mut again, entry).expect("as long as it was");
        }
        assert_eq!(again, octets);
    }
}

fn checkpoint(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    if let Ok(read) = Checkpoint::parse(text) {
        assert_eq!(read.to_string(), text);
        assert!(!read.origin().is_empty());
        assert_eq!(
            Checkpoint::parse_of(ORIGIN, text).is_ok(),
            read.origin() == ORIGIN
        );
    }
}

fn frontier(octets: &[u8]) {
    if let Ok(mut read) = Frontier::parse(octets) {
        assert_eq!(read.to_bytes(), octets);
        let before = (read.size(), read.root());
        read.push(leaf_hash(b"one more"));
        assert_eq!(read.size(), before.0 + 1);
        assert_ne!(read.root(), before.1);
    }
}

fn key(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    if let Ok(read) = text.parse::<Verifier>() {
        assert_eq!(read.to_string(), text);
        let honest = signed(&state());
        if read != *signer().verifier() {
            assert!(
                honest.verified_by(&[read]).is_err(),
                "another key did not sign this"
            );
        }
    }
    if let Ok(read) = Signer::parse(text) {
        assert!(text.contains(&read.verifier().name().to_owned()));
        assert!(!format!("{read:?}").contains(text.trim()));
    }
}

fn note(octets: &[u8]) {
    let Ok(read) = Note::parse(octets) else {
        return;
    };
    assert_eq!(read.to_string().as_bytes(), octets);
    assert!(read.text().ends_with('\n') && !read.signatures().is_empty());
    if read.verified_by(&known()).is_ok() {
        assert_eq!(read.text(), state().to_string(), "the one text that was signed");
    }
}

fn tile(octets: &[u8]) {
    if let Ok(path) = std::str::from_utf8(octets)
        && let Ok(read) = path.parse::<Tile>()
    {
        assert_eq!(read.to_string(), path);
        assert_eq!(Tile::new(read.kind(), read.index(), read.width()), Some(read));
        let (first, behind) = read.leaves();
        assert!(first <= behind && read.full().width() >= read.width());
    }
    // The same octets as the hashes of a tile, and a subtree that stands in it.
    if let Some(([level, number, size], hashes)) = octets.split_first_chunk() {
        let size = u64::from(*size) * 3;
        if let Some(place) = Place::of(level % 64, u64::from(*number), size) {
            assert!(place.first + place.count <= usize::from(place.tile.width()));
            let _ = place.root(hashes);
        }
    }
}

/// Index, sizes and hashes as they come; the true tree's root is not to be had with any but the true ones.
fn proof(octets: &[u8]) {
    let Some((numbers, rest)) = octets.split_first_chunk::<24>() else {
        return;
    };
    let (numbers, _) = numbers.as_chunks::<8>();
    let [index, size, old] = [0, 1, 2].map(|at| u64::from_be_bytes(numbers[at]));
    let (hashes, _) = rest.as_chunks::<32>();
    let hashes: Vec<Hash> = hashes.iter().copied().map(Hash).collect();
    let state = state();
    if verify_inclusion(&leaf_hash(LEAVES[0]), index, size, &hashes, state.root()).is_ok() {
        assert_eq!((index, &hashes), (0, &proof_of_the_first()));
    }
    let strangers = leaf_hash(b"not in the log");
    assert!(verify_inclusion(&strangers, index, size, &hashes, state.root()).is_err());
    assert!(verify_consistency(old, &strangers, size, state.root(), &hashes).is_err());
}

/// Numbers, how many hashes stand on each side, and hashes as they come; the rest are leaves.
fn range(octets: &[u8]) {
    let Some((numbers, rest)) = octets.split_first_chunk::<24>() else {
        return;
    };
    let Some(([lefts, rights], rest)) = rest.split_first_chunk() else {
        return;
    };
    let (numbers, _) = numbers.as_chunks::<8>();
    let [from, until, size] = [0, 1, 2].map(|at| u64::from_be_bytes(numbers[at]));
    assert!(left(from).count() <= 64 && right(until, size).count() < 128);
    let (hashes, _) = rest.as_chunks::<32>();
    let mut hashes = hashes.iter().copied().map(Hash);
    let proof = RangeProof {
        left: hashes.by_ref().take(usize::from(*lefts)).collect(),
        right: hashes.by_ref().take(usize::from(*rights)).collect(),
    };
    let leaves: Vec<Hash> = hashes.collect();
    let check = |size, root: Hash| {
        let mut verifier = RangeVerifier::new((from, until), (size, root), &proof)?;
        leaves.iter().try_for_each(|leaf| verifier.push(*leaf))?;
        verifier.finish()
    };
    // Whatever size the octets name, nothing breaks; under the true size and root only true leaves hold.
    let _ = check(size, *state().root());
    if check(state().size(), *state().root()).is_ok() {
        let (from, until) = (from as usize, until as usize);
        let truth: Vec<_> = LEAVES[from..until].iter().map(|leaf| leaf_hash(leaf)).collect();
        assert_eq!(leaves, truth, "the leaves that stand there");
    }
}

fn tlog_proof(octets: &[u8]) {
    let Ok(read) = TlogProof::parse(octets) else {
        return;
    };
    assert_eq!(read.to_string().as_bytes(), octets);
    let [log, witness] = known();
    let witnesses = [witness];
    if let Ok((checkpoint, cosigned)) = read.verify(&leaf_hash(LEAVES[0]), ORIGIN, &log, &witnesses) {
        assert_eq!((checkpoint, read.index), (state(), 0));
        assert_eq!(read.hashes, proof_of_the_first());
        assert!(cosigned.is_empty(), "the witness signed nothing");
    }
    assert!(
        read.verify(&leaf_hash(b"not in the log"), ORIGIN, &log, &witnesses)
            .is_err()
    );
}
