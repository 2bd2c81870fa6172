//! One log as it grows: from leaves to files. No IO.

use hongyan_tlog::{
    Hash, TILE_WIDTH, Tile,
    bundle::{BundleError, push_entry},
    edge::Edge,
    leaf_hash,
    tile::Kind,
};

/// A file of a log: which, and its octets.
pub(crate) type TileFile = (Tile, Vec<u8>);

/// A log between two checkpoints.
#[derive(Debug, Clone, Default)]
pub(crate) struct Growing {
    edge: Edge,
    /// The entries of the partial bundle.
    bundle: Vec<u8>,
    /// Files that became full since the last time they were taken.
    full: Vec<TileFile>,
}

impl Growing {
    /// A log that goes on behind the edge, with the entries of its partial bundle.
    pub(crate) fn new(edge: Edge, bundle: Vec<u8>) -> Self {
        Self {
            edge,
            bundle,
            full: Vec::new(),
        }
    }

    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root over all of them.
    pub(crate) fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Appends a leaf.
    pub(crate) fn push(&mut self, leaf: &[u8]) -> Result<(), BundleError> {
        push_entry(&mut self.bundle, leaf)?;
        self.edge.push(leaf_hash(leaf), &mut self.full);
        let size = self.edge.size();
        if size.is_multiple_of(u64::from(TILE_WIDTH))
            && let Some(tile) = Tile::new(Kind::Entries, size / u64::from(TILE_WIDTH) - 1, TILE_WIDTH)
        {
            self.full.push((tile, std::mem::take(&mut self.bundle)));
        }
        Ok(())
    }

    /// What is to be written so that a checkpoint of this size has all its files: those that became full, and the partial
    /// ones as they are now.
    pub(crate) fn take_files(&mut self) -> Vec<TileFile> {
        let mut files = std::mem::take(&mut self.full);
        files.extend(self.edge.partial());
        let size = self.edge.size();
        let width = (size % u64::from(TILE_WIDTH)) as u16;
        // No bundle is empty: `Tile::new` refuses a width of 0.
        if let Some(tile) = Tile::new(Kind::Entries, size / u64::from(TILE_WIDTH), width) {
            files.push((tile, self.bundle.clone()));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use hongyan_tlog::{Tile, bundle, edge::Edge, tile::Kind};

    use super::Growing;

    fn leaf(n: u64) -> Vec<u8> {
        format!("leaf {n}").into_bytes()
    }

    #[test]
    fn every_checkpoint_has_all_its_files_and_every_entry_is_in_one() {
        let mut growing = Growing::default();
        let mut files = BTreeMap::new();
        for size in [1, 255, 256, 257, 600] {
            while growing.size() < size {
                growing.push(&leaf(growing.size())).unwrap();
            }
            files.extend(growing.take_files());
            let tiles = (0..2).map(Kind::Hashes).chain([Kind::Entries]);
            for tile in tiles.flat_map(|kind| Tile::all(kind, size)) {
                assert!(files.contains_key(&tile), "size {size}: {tile}");
            }
            let mut entries = Vec::new();
            for tile in Tile::all(Kind::Entries, size) {
                let found = bundle::entries(&files[&tile], tile.width()).unwrap();
                entries.extend(found.into_iter().map(<[u8]>::to_vec));
            }
            let expected: Vec<_> = (0..size).map(leaf).collect();
            assert_eq!(entries, expected);
            // What a new start reads goes on alike.
            let edge = Edge::load(size, |tile| files.get(&tile).cloned().ok_or(())).unwrap();
            assert_eq!(edge.root(), growing.root());
        }
    }

    #[test]
    fn around_every_edge_one_round_writes_the_files_of_the_census_and_no_others() {
        for size in [255, 256, 257, 65_535, 65_536, 65_537] {
            let mut growing = Growing::default();
            for n in 0..size {
                growing.push(&leaf(n)).unwrap();
            }
            let written: Vec<_> = growing.take_files().into_iter().map(|(tile, _)| tile).collect();
            let once: BTreeSet<_> = written.iter().copied().collect();
            assert_eq!(once.len(), written.len(), "size {size}: a file twice");
            assert_eq!(once, Tile::all_since(0, size).collect(), "size {size}");
        }
    }
}
