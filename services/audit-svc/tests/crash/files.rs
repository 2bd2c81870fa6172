//! The logs as an outsider sees them: files, and nothing of the service.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use hongyan_audit_svc::record::LogId;
use hongyan_tlog::{
    Hash, Tile, bundle,
    checkpoint::Checkpoint,
    edge::Edge,
    leaf_hash,
    note::Note,
    proof::Nodes,
    tile::{Kind, Place},
};

use crate::child::{ORGANISATION, signer};

/// A checkpoint whose signature was checked.
pub(crate) fn checkpoint(log: LogId, octets: &[u8]) -> Result<Checkpoint, String> {
    let verifier = signer().verifier().named(&log.origin(ORGANISATION)).unwrap();
    let note = Note::parse(octets).map_err(|error| error.to_string())?;
    note.verified_by(std::slice::from_ref(&verifier))
        .map_err(|error| error.to_string())?;
    Checkpoint::parse_of(verifier.name(), note.text()).map_err(|error| error.to_string())
}

/// Every log that has a directory.
pub(crate) fn logs(tiles: &Path) -> Vec<LogId> {
    let below = |dir: PathBuf| {
        let entries = fs::read_dir(dir).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let periods = below(tiles.to_owned()).into_iter().flat_map(below);
    let partitions = periods.flat_map(below);
    let named = partitions.filter_map(|path| path.strip_prefix(tiles).unwrap().to_str()?.parse().ok());
    let mut logs: Vec<_> = named.collect();
    logs.sort_unstable();
    logs
}

/// The newest checkpoint of every log, as it stands beside the tiles, and as it stands in the locks.
pub(crate) fn checkpoints(dir: &Path) -> Result<BTreeMap<(LogId, &'static str), Checkpoint>, String> {
    let mut found = BTreeMap::new();
    for log in logs(&dir.join("tiles")) {
        let name = log.to_string();
        let lock = format!("{}.checkpoint", name.replace('/', "."));
        for (place, path) in [
            ("tiles", dir.join("tiles").join(&name).join("checkpoint")),
            ("locks", dir.join("locks").join(lock)),
        ] {
            // It may not be there yet.
            if let Ok(octets) = fs::read(path) {
                let checkpoint =
                    checkpoint(log, &octets).map_err(|error| format!("{place} of {log}: {error}"))?;
                found.insert((log, place), checkpoint);
            }
        }
    }
    Ok(found)
}

/// The files of one log.
pub(crate) struct Files {
    root: PathBuf,
    size: u64,
}

impl Files {
    pub(crate) fn of(tiles: &Path, log: LogId, size: u64) -> Self {
        Self {
            root: tiles.join(log.to_string()),
            size,
        }
    }

    /// A file; the full one where a partial one is gone.
    fn read(&self, tile: Tile) -> Result<Vec<u8>, String> {
        let read = |tile: Tile| fs::read(self.root.join(tile.to_string()));
        read(tile)
            .or_else(|_| read(tile.full()))
            .map_err(|error| format!("{tile}: {error}"))
    }

    /// The entries from one on.
    pub(crate) fn entries(&self, from: u64) -> Result<Vec<Vec<u8>>, String> {
        let mut found = Vec::new();
        for tile in Tile::all(Kind::Entries, self.size) {
            let (first, behind) = tile.leaves();
            if behind <= from {
                continue;
            }
            let octets = self.read(tile)?;
            let width = if octets.is_empty() { 0 } else { tile.width() };
            let entries = bundle::entries(&octets, width)
                .or_else(|_| bundle::entries(&octets, tile.full().width()))
                .map_err(|error| format!("{tile}: {error}"))?;
            let skipped = from.saturating_sub(first) as usize;
            let wanted = (tile.width() as usize).saturating_sub(skipped);
            found.extend(entries.into_iter().skip(skipped).take(wanted).map(<[u8]>::to_vec));
        }
        Ok(found)
    }

    /// Sees that every tile is what the entries make, and that these lead to the root.
    pub(crate) fn check(&self, root: &Hash) -> Result<(), String> {
        let mut edge = Edge::new();
        let mut full = Vec::new();
        for entry in self.entries(0)? {
            edge.push(leaf_hash(&entry), &mut full);
        }
        let partial: Vec<_> = edge.partial().collect();
        for (tile, expected) in full.into_iter().chain(partial) {
            if self.read(tile)?.get(..expected.len()) != Some(&expected[..]) {
                return Err(format!("{tile} is not what the entries make"));
            }
        }
        if (edge.size(), edge.root()) == (self.size, *root) {
            Ok(())
        } else {
            Err("the entries lead to another root".to_owned())
        }
    }
}

impl Nodes for Files {
    type Error = String;

    fn node(&mut self, level: u8, number: u64) -> Result<Hash, String> {
        let place = Place::of(level, number, self.size).ok_or("no such subtree")?;
        let octets = self.read(place.tile)?;
        let width = usize::from(place.tile.width()) * 32;
        let octets = octets.get(..width).ok_or("a tile is too short")?;
        place.root(octets).ok_or_else(|| "a tile is too short".to_owned())
    }
}
