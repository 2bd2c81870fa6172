//! The right edge of a growing log, as tiles: what a log must remember to go on and to write its next tiles.

use crate::{
    HASH_OCTETS, Hash, TILE_WIDTH, Tile, empty_root, node_hash,
    tile::{Kind, MAX_LEVEL},
};

/// The hashes of the partial tile of each level: for `n` leaves, `(n >> 8·level) mod 256` of them. At most 255 for each
/// level; three levels hold sixteen million leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

/// Why an edge cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError<E> {
    /// A tile could not be had.
    #[error("{tile}: {source}")]
    Tile {
        /// Which.
        tile: Tile,
        /// Why.
        source: E,
    },
    /// A tile has not as many octets as its width says.
    #[error("{tile} should have {expected} octets; it has {found}")]
    WrongLength {
        /// Which.
        tile: Tile,
        /// What its width says.
        expected: usize,
        /// How many it has.
        found: usize,
    },
}

impl Edge {
    /// The edge of the log without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a log of `size` leaves, from its tiles. The caller compares the root with a signed one.
    pub fn load<E>(
        size: u64,
        mut read: impl FnMut(Tile) -> Result<Vec<u8>, E>,
    ) -> Result<Self, EdgeError<E>> {
        let mut levels = Vec::new();
        for level in 0..=MAX_LEVEL {
            let kind = Kind::Hashes(level);
            let has = size >> (u32::from(level) * 8);
            let width = (has % u64::from(TILE_WIDTH)) as u16;
            let mut hashes = Vec::new();
            if let Some(tile) = Tile::new(kind, has / u64::from(TILE_WIDTH), width) {
                let octets = read(tile).map_err(|source| EdgeError::Tile { tile, source })?;
                let expected = usize::from(width) * HASH_OCTETS;
                let (found, rest) = octets.as_chunks::<HASH_OCTETS>();
                if found.len() != usize::from(width) || !rest.is_empty() {
                    return Err(EdgeError::WrongLength {
                        tile,
                        expected,
                        found: octets.len(),
                    });
                }
                hashes.extend(found.iter().copied().map(Hash));
            }
            levels.push(hashes);
        }
        Ok(Self { size, levels })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash. Tiles of hashes that become full go to `full`, lower levels first.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<(Tile, Vec<u8>)>) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0..=MAX_LEVEL {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else {
                return;
            };
            hashes.push(hash);
            if hashes.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let index = (self.size >> (u32::from(level) * 8)) / u64::from(TILE_WIDTH) - 1;
            if let Some(tile) = Tile::new(Kind::Hashes(level), index, TILE_WIDTH) {
                full.push((tile, octets(hashes)));
            }
            hash = complete_root(hashes);
            hashes.clear();
        }
    }

    /// The partial tiles of hashes that a log of this size has.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, Vec<u8>)> + '_ {
        (0_u8..).zip(&self.levels).filter_map(|(level, hashes)| {
            let index = (self.size >> (u32::from(level) * 8)) / u64::from(TILE_WIDTH);
            let width = u16::try_from(hashes.len()).ok()?;
            // No tile is empty: `Tile::new` refuses a width of 0.
            let tile = Tile::new(Kind::Hashes(level), index, width)?;
            Some((tile, octets(hashes)))
        })
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for hashes in &self.levels {
            // The complete subtrees in a tile, one for each bit of its width, the smallest stands last.
            let mut rest = &hashes[..];
            while !rest.is_empty() {
                let smallest = 1_usize << rest.len().trailing_zeros();
                let (before, subtree) = rest.split_at(rest.len() - smallest);
                let left = complete_root(subtree);
                root = Some(root.map_or(left, |right| node_hash(&left, &right)));
                rest = before;
            }
        }
        root.unwrap_or_else(empty_root)
    }
}

fn octets(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The root over a power of two of hashes.
pub(crate) fn complete_root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    level.first().copied().unwrap_or_else(empty_root)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Edge, EdgeError};
    use crate::{Frontier, HASH_OCTETS, Hash, Tile, leaf_hash, tile::Kind};

    fn leaf(n: u64) -> Hash {
        leaf_hash(&n.to_be_bytes())
    }

    /// Grows to `size`, publishing after every one of `steps`, as a log does; gives all tiles ever written.
    fn grown(size: u64, step: u64) -> (Edge, BTreeMap<Tile, Vec<u8>>) {
        let mut edge = Edge::new();
        let mut written = BTreeMap::new();
        let mut full = Vec::new();
        while edge.size() < size {
            let until = size.min(edge.size() + step);
            while edge.size() < until {
                edge.push(leaf(edge.size()), &mut full);
            }
            for (tile, octets) in full.drain(..).chain(edge.partial()) {
                assert_eq!(octets.len(), usize::from(tile.width()) * HASH_OCTETS);
                if let Some(before) = written.insert(tile, octets.clone()) {
                    assert_eq!(before, octets, "{tile} was written with other octets");
                }
            }
        }
        (edge, written)
    }

    #[test]
    fn the_root_is_the_frontiers_at_every_size() {
        let mut edge = Edge::new();
        let mut frontier = Frontier::new();
        let mut full = Vec::new();
        for n in 0..1_500 {
            assert_eq!(edge.root(), frontier.root(), "size {n}");
            edge.push(leaf(n), &mut full);
            frontier.push(leaf(n));
        }
    }

    #[test]
    fn around_every_edge_the_tiles_are_those_of_the_census_and_the_edge_is_read_back() {
        for size in [1, 255, 256, 257, 65_535, 65_536, 65_537] {
            let (edge, written) = grown(size, 20_000);
            for level in 0..4 {
                for tile in Tile::all(Kind::Hashes(level), size) {
                    assert!(written.contains_key(&tile), "size {size}: {tile} is missing");
                }
            }
            let read = |tile| written.get(&tile).cloned().ok_or("no such tile");
            let loaded = Edge::load(size, read).unwrap();
            assert_eq!((loaded.size(), loaded.root()), (size, edge.root()));
            let mut frontier = Frontier::new();
            (0..size).for_each(|n| frontier.push(leaf(n)));
            assert_eq!(edge.root(), frontier.root(), "size {size}");
        }
    }

    #[test]
    fn tiles_are_the_same_however_often_a_log_publishes() {
        let (_, seldom) = grown(70_000, 70_000);
        let (_, often) = grown(70_000, 997);
        for (tile, octets) in &seldom {
            assert_eq!(often.get(tile), Some(octets), "{tile}");
        }
    }

    #[test]
    fn a_missing_or_cut_tile_is_named() {
        let (_, written) = grown(300, 300);
        let tile: Tile = "tile/0/001.p/44".parse().unwrap();
        let missing = Edge::load(300, |_| Err("gone"));
        let source = "gone";
        assert_eq!(missing, Err(EdgeError::Tile { tile, source }));
        let cut = Edge::load(300, |tile| {
            Ok::<_, ()>(written.get(&tile).map(|octets| octets[1..].to_vec()).unwrap())
        });
        let (expected, found) = (44 * HASH_OCTETS, 44 * HASH_OCTETS - 1);
        assert_eq!(
            cut,
            Err(EdgeError::WrongLength {
                tile,
                expected,
                found
            })
        );
    }
}
