//! Logs on disk, for tests.

use std::path::Path;

use hongyan_proto::audit::v1::Leaf;
use hongyan_tlog::{
    Hash, TILE_WIDTH, Tile,
    bundle::push_entry,
    checkpoint::Checkpoint,
    edge::Edge,
    key::{Algorithm, Signer},
    leaf_hash, node_hash,
    note::Note,
    proof,
    proof_text::TlogProof,
    tile::Kind,
};
use prost::Message as _;

use super::{CHECKPOINT, Copied};

pub(crate) const LOG: &str = "cdr/2026h2/0";
pub(crate) const ORIGIN: &str = "audit.example.org/cdr/2026h2/0";

/// The key that signs it.
pub(crate) fn signer() -> Signer {
    Signer::from_seed(ORIGIN, Algorithm::Ed25519, &[3; 32]).unwrap()
}

/// The leaf of this number.
pub(crate) fn entry(log_index: u64) -> Vec<u8> {
    Leaf {
        version: 2,
        index: log_index * 3,
        log: LOG.to_owned(),
        log_index,
        ..Leaf::default()
    }
    .encode_to_vec()
}

pub(crate) fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(entry).collect()
}

/// The checkpoint of a log of these entries.
pub(crate) fn checkpoint(entries: &[Vec<u8>]) -> Checkpoint {
    let mut edge = Edge::new();
    let mut full = Vec::new();
    for entry in entries {
        edge.push(leaf_hash(entry), &mut full);
    }
    Checkpoint::new(ORIGIN, edge.size(), edge.root()).unwrap()
}

/// A signed one.
pub(crate) fn note(checkpoint: &Checkpoint) -> String {
    Note::sign(&checkpoint.to_string(), &signer(), 0)
        .unwrap()
        .to_string()
}

/// Writes all files of a log with these entries.
pub(crate) fn write(dir: &Path, entries: &[Vec<u8>]) -> (Copied, Checkpoint) {
    let files = Copied::at(dir);
    let mut edge = Edge::new();
    let mut tiles = Vec::new();
    for entry in entries {
        edge.push(leaf_hash(entry), &mut tiles);
    }
    tiles.extend(edge.partial());
    for (nth, entries) in (0..).zip(entries.chunks(usize::from(TILE_WIDTH))) {
        let mut octets = Vec::new();
        for entry in entries {
            push_entry(&mut octets, entry).unwrap();
        }
        let width = u16::try_from(entries.len()).unwrap();
        tiles.push((Tile::new(Kind::Entries, nth, width).unwrap(), octets));
    }
    for (tile, octets) in tiles {
        files.write(&tile.to_string(), &octets).unwrap();
    }
    let checkpoint = Checkpoint::new(ORIGIN, edge.size(), edge.root()).unwrap();
    files.write(CHECKPOINT, note(&checkpoint).as_bytes()).unwrap();
    (files, checkpoint)
}

/// The names of all files below a directory, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    fn collect(dir: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    collect(dir, dir, &mut found);
    found.sort();
    found
}

/// The hashes of the entries, as the only level of a tree that is asked.
struct Leaves(Vec<Hash>);

impl proof::Nodes for Leaves {
    type Error = ();

    fn node(&mut self, level: u8, number: u64) -> Result<Hash, ()> {
        if level == 0 {
            return Ok(self.0[number as usize]);
        }
        let left = self.node(level - 1, 2 * number)?;
        let right = self.node(level - 1, 2 * number + 1)?;
        Ok(node_hash(&left, &right))
    }
}

/// The text of the proof of one of these entries.
pub(crate) fn proof_of(entries: &[Vec<u8>], index: u64) -> String {
    let mut leaves = Leaves(entries.iter().map(|entry| leaf_hash(entry)).collect());
    let hashes = proof::inclusion(&mut leaves, index, entries.len() as u64).unwrap();
    TlogProof {
        index,
        hashes,
        checkpoint: Note::parse(note(&checkpoint(entries)).as_bytes()).unwrap(),
        extra: Vec::new(),
    }
    .to_string()
}
