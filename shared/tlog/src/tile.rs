//! Tiles: where the hashes of a log and its entries stand as files (C2SP `tlog-tiles`, "Merkle Tree" and "Log entries").
//!
//! A full tile is 256 hashes of one level; each is the root of a full tile one level below, at level 0 of a leaf. The
//! last tile of a level may be partial, then its path ends in `.p/<width>`. Every path is written once and never
//! changes, so a directory of tiles can be copied, cached and served by any program that serves files.

use std::{fmt, str::FromStr};

use crate::{HASH_OCTETS, Hash, edge::complete_root};

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the binary tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// The highest level of a tile that a tree of 2^64 leaves needs.
pub const MAX_LEVEL: u8 = 7;

/// Which kind of file a tile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub enum Kind {
    /// Hashes of this level, 0 for the leaves' own.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// One file of a log: its kind, its place among its kind, and how much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub struct Tile {
    kind: Kind,
    index: u64,
    width: u16,
}

/// Why a path names no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TilePathError {
    /// It does not begin with `tile/`, or has more or fewer pieces than a tile's path.
    #[error("a tile's path is tile/<level or entries>/<number>, and .p/<width> where it is partial")]
    Shape,
    /// The level is no number from 0 to 63 without leading zeros, or higher than any tree needs.
    #[error("a level is 0 to {MAX_LEVEL}, without leading zeros")]
    Level,
    /// The number is not written in groups of three digits, all but the last behind an `x`, without empty groups.
    #[error("a tile's number is groups of three digits, all but the last with an x in front")]
    Number,
    /// The width is no number from 1 to 255 without leading zeros.
    #[error("a partial tile is 1 to 255 wide")]
    Width,
}

impl Tile {
    /// A tile; `None` where the width is not 1 to 256 or the level is above [`MAX_LEVEL`].
    pub fn new(kind: Kind, index: u64, width: u16) -> Option<Self> {
        let level_fits = match kind {
            Kind::Hashes(level) => level <= MAX_LEVEL,
            Kind::Entries => true,
        };
        ((1..=TILE_WIDTH).contains(&width) && level_fits).then_some(Self { kind, index, width })
    }

    /// What it holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its place among the tiles of its kind, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds: 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether fewer than 256.
    pub fn is_partial(&self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The same tile when it is full.
    #[must_use]
    pub fn full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// All tiles of a kind that a tree of `size` leaves has: the full ones, then the partial one where there is one.
    pub fn all(kind: Kind, size: u64) -> impl Iterator<Item = Self> {
        Self::since(kind, 0, size)
    }

    /// The tiles of a kind that a tree of `size` leaves has and one of `before` leaves had not.
    pub fn since(kind: Kind, before: u64, size: u64) -> impl Iterator<Item = Self> {
        let (had, has) = (hashes_of(kind, before), hashes_of(kind, size));
        let width = u64::from(TILE_WIDTH);
        let first = if had < has { had / width } else { u64::MAX };
        let full = has / width;
        let rest = (has % width) as u16;
        let partial = (first != u64::MAX)
            .then_some(rest)
            .filter(|rest| *rest > 0)
            .map(|width| Self {
                kind,
                index: full,
                width,
            });
        (first..full)
            .map(move |index| Self {
                kind,
                index,
                width: TILE_WIDTH,
            })
            .chain(partial)
    }

    /// Every tile, of hashes and of entries, that a tree of `size` leaves has and one of `before` leaves had not.
    pub fn all_since(before: u64, size: u64) -> impl Iterator<Item = Self> {
        (0..=MAX_LEVEL)
            .map(Kind::Hashes)
            .chain([Kind::Entries])
            .flat_map(move |kind| Self::since(kind, before, size))
    }

    /// The tile of a tree of `size` leaves that holds the hash of this kind with this number; `None` where the tree
    /// has none.
    pub fn holding(kind: Kind, number: u64, size: u64) -> Option<Self> {
        let has = hashes_of(kind, size);
        let index = number / u64::from(TILE_WIDTH);
        let first = index * u64::from(TILE_WIDTH);
        let width = has.checked_sub(first)?.min(u64::from(TILE_WIDTH)) as u16;
        (number < has).then_some(Self { kind, index, width })
    }

    /// The indices of the leaves below it: the first, and the one behind the last.
    pub fn leaves(&self) -> (u64, u64) {
        let first = u64::from(TILE_WIDTH).saturating_mul(self.index);
        let behind = first.saturating_add(u64::from(self.width));
        match self.kind {
            Kind::Entries => (first, behind),
            Kind::Hashes(level) => {
                let each = |number: u64| {
                    let shift = u32::from(level) * u32::from(TILE_HEIGHT);
                    number
                        .checked_shl(shift)
                        .filter(|leaves| leaves >> shift == number)
                };
                (each(first).unwrap_or(u64::MAX), each(behind).unwrap_or(u64::MAX))
            }
        }
    }
}

/// How many hashes of a kind a tree of `size` leaves has in tiles.
fn hashes_of(kind: Kind, size: u64) -> u64 {
    match kind {
        Kind::Entries => size,
        Kind::Hashes(level) => size
            .checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))
            .unwrap_or(0),
    }
}

/// The path below a log's root, e.g. `tile/0/x001/x234/067.p/8`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Entries => f.write_str("tile/entries/")?,
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        // At most seven groups of three digits stand for a u64.
        let mut groups = [0_u16; 7];
        let mut count = 0;
        let mut rest = self.index;
        for group in &mut groups {
            *group = (rest % 1_000) as u16;
            rest /= 1_000;
            count += 1;
            if rest == 0 {
                break;
            }
        }
        for (behind, group) in groups.iter().enumerate().take(count).rev() {
            if behind == 0 {
                write!(f, "{group:03}")?;
            } else {
                write!(f, "x{group:03}/")?;
            }
        }
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for Tile {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, TilePathError> {
        let rest = path.strip_prefix("tile/").ok_or(TilePathError::Shape)?;
        let (kind, rest) = rest.split_once('/').ok_or(TilePathError::Shape)?;
        let kind = match kind {
            "entries" => Kind::Entries,
            level => Kind::Hashes(
                decimal(level, 2)
                    .and_then(|level| u8::try_from(level).ok())
                    .filter(|level| *level <= MAX_LEVEL)
                    .ok_or(TilePathError::Level)?,
            ),
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((number, width)) => {
                let width = decimal(width, 3)
                    .and_then(|width| u16::try_from(width).ok())
                    .filter(|width| (1..TILE_WIDTH).contains(width))
                    .ok_or(TilePathError::Width)?;
                (number, width)
            }
        };
        let index = number_of(number).ok_or(TilePathError::Number)?;
        Ok(Self { kind, index, width })
    }
}

/// Digits without sign and without leading zeros, at most so many.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= digits && text.bytes().all(|octet| octet.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (plain && canonical).then(|| text.parse().ok()).flatten()
}

fn number_of(text: &str) -> Option<u64> {
    let mut number = 0_u64;
    let mut groups = text.split('/').peekable();
    let mut is_first = true;
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = if is_last { group } else { group.strip_prefix('x')? };
        if digits.len() != 3 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        // One number has one path: a leading group of zeros is none.
        if is_first && !is_last && digits == "000" {
            return None;
        }
        is_first = false;
        number = number.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(number)
}

/// Where the root of a complete subtree is found: in which tile of hashes, and which of its hashes are to be hashed
/// together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The tile.
    pub tile: Tile,
    /// The first of the hashes in it.
    pub first: usize,
    /// How many, a power of two.
    pub count: usize,
}

impl Place {
    /// Of the complete subtree of `2^level` leaves with this number among its like, in a tree of `size` leaves; `None`
    /// where the tree does not hold it whole.
    pub fn of(level: u8, number: u64, size: u64) -> Option<Self> {
        let height = level % TILE_HEIGHT;
        let first = number.checked_shl(u32::from(height))?;
        if first >> height != number {
            return None;
        }
        let last = first.checked_add((1 << height) - 1)?;
        let tile = Tile::holding(Kind::Hashes(level / TILE_HEIGHT), last, size)?;
        Some(Self {
            tile,
            first: (first % u64::from(TILE_WIDTH)) as usize,
            count: 1 << height,
        })
    }

    /// The subtree's root, from the tile's octets; `None` where the tile is shorter than its width says.
    pub fn root(&self, octets: &[u8]) -> Option<Hash> {
        let (hashes, rest) = octets.as_chunks::<HASH_OCTETS>();
        if !rest.is_empty() || hashes.len() != usize::from(self.tile.width) {
            return None;
        }
        let wanted = hashes.get(self.first..self.first.checked_add(self.count)?)?;
        let wanted: Vec<Hash> = wanted.iter().copied().map(Hash).collect();
        Some(complete_root(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Place, TILE_WIDTH, Tile, TilePathError};
    use crate::{Frontier, Hash, leaf_hash, node_hash};

    fn hashes(level: u8, index: u64, width: u16) -> Tile {
        Tile::new(Kind::Hashes(level), index, width).unwrap()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let examples = [
            (hashes(0, 1_234_067, TILE_WIDTH), "tile/0/x001/x234/067"),
            (hashes(0, 0, 1), "tile/0/000.p/1"),
            (hashes(2, 999, TILE_WIDTH), "tile/2/999"),
            (hashes(1, 1_000, 255), "tile/1/x001/000.p/255"),
            (
                Tile::new(Kind::Entries, 17, TILE_WIDTH).unwrap(),
                "tile/entries/017",
            ),
            (
                hashes(7, u64::MAX, TILE_WIDTH),
                "tile/7/x018/x446/x744/x073/x709/x551/615",
            ),
        ];
        for (tile, path) in examples {
            assert_eq!(tile.to_string(), path);
            assert_eq!(path.parse(), Ok(tile));
        }
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (path, why) in [
            ("", TilePathError::Shape),
            ("tile", TilePathError::Shape),
            ("tile/0", TilePathError::Shape),
            ("tiles/0/000", TilePathError::Shape),
            ("tile//000", TilePathError::Level),
            ("tile/00/000", TilePathError::Level),
            ("tile/8/000", TilePathError::Level),
            ("tile/-1/000", TilePathError::Level),
            ("tile/999/000", TilePathError::Level),
            ("tile/0/", TilePathError::Number),
            ("tile/0/00", TilePathError::Number),
            ("tile/0/0000", TilePathError::Number),
            ("tile/0/x000/000", TilePathError::Number),
            ("tile/0/001/000", TilePathError::Number),
            ("tile/0/x001", TilePathError::Number),
            ("tile/0/x001/x000", TilePathError::Number),
            ("tile/0/../000", TilePathError::Number),
            ("tile/0/000/", TilePathError::Number),
            ("tile/0/x999/x999/x999/x999/x999/x999/999", TilePathError::Number),
            ("tile/0/000.p/0", TilePathError::Width),
            ("tile/0/000.p/256", TilePathError::Width),
            ("tile/0/000.p/01", TilePathError::Width),
            ("tile/0/000.p/", TilePathError::Width),
            ("tile/0/000.p/1/2", TilePathError::Width),
        ] {
            assert_eq!(path.parse::<Tile>(), Err(why), "{path}");
        }
    }

    /// The census that the specification gives for 70,000 leaves, and the edges around one and two levels.
    #[test]
    fn the_census_of_sizes_around_the_edges() {
        let census = |size| {
            (0..=3_u8)
                .map(|level| {
                    let tiles: Vec<_> = Tile::all(Kind::Hashes(level), size).collect();
                    let full = tiles.iter().filter(|tile| !tile.is_partial()).count();
                    let partial = tiles.iter().find(|tile| tile.is_partial()).map_or(0, Tile::width);
                    (full, partial)
                })
                .collect::<Vec<_>>()
        };
        for (size, expected) in [
            (0, [(0, 0), (0, 0), (0, 0), (0, 0)]),
            (1, [(0, 1), (0, 0), (0, 0), (0, 0)]),
            (255, [(0, 255), (0, 0), (0, 0), (0, 0)]),
            (256, [(1, 0), (0, 1), (0, 0), (0, 0)]),
            (257, [(1, 1), (0, 1), (0, 0), (0, 0)]),
            (65_535, [(255, 255), (0, 255), (0, 0), (0, 0)]),
            (65_536, [(256, 0), (1, 0), (0, 1), (0, 0)]),
            (65_537, [(256, 1), (1, 0), (0, 1), (0, 0)]),
            (70_000, [(273, 112), (1, 17), (0, 1), (0, 0)]),
        ] {
            assert_eq!(census(size), expected, "size {size}");
        }
    }

    #[test]
    fn growing_step_by_step_makes_every_tile_once() {
        let mut made = std::collections::BTreeSet::new();
        let mut size = 0;
        for step in [0, 1, 3, 250, 1, 1, 1, 500, 256, 65_000, 7, 512] {
            for tile in Tile::all_since(size, size + step) {
                assert!(made.insert(tile), "{tile} twice");
            }
            size += step;
        }
        for tile in Tile::all_since(0, size) {
            assert!(made.contains(&tile), "{tile} is missing");
        }
        assert_eq!(Tile::all_since(size, size).count(), 0);
    }

    #[test]
    fn a_tile_knows_its_leaves() {
        assert_eq!(hashes(0, 2, 5).leaves(), (512, 517));
        assert_eq!(hashes(1, 1, 2).leaves(), (65_536, 66_048));
        assert_eq!(hashes(7, u64::MAX / 256, 1).leaves().1, u64::MAX);
    }

    #[test]
    fn every_complete_subtree_is_found_in_its_tile() {
        let size = 1_000_u64;
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut levels = vec![leaves];
        while levels[levels.len() - 1].len() > 1 {
            let below = &levels[levels.len() - 1];
            let above = below
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[left, right]| node_hash(left, right))
                .collect();
            levels.push(above);
        }
        for (level, nodes) in (0_u8..).zip(&levels) {
            for (number, node) in (0_u64..).zip(nodes) {
                let place = Place::of(level, number, size).unwrap();
                let Kind::Hashes(tile_level) = place.tile.kind() else {
                    panic!("hashes are asked for")
                };
                let first = usize::try_from(place.tile.index() * 256).unwrap();
                let held = &levels[usize::from(tile_level) * 8][first..][..usize::from(place.tile.width())];
                let octets: Vec<u8> = held.iter().flat_map(|hash| *hash.as_bytes()).collect();
                assert_eq!(place.root(&octets), Some(*node), "level {level}, number {number}");
                assert_eq!(place.root(&octets[1..]), None);
            }
            assert_eq!(Place::of(level, nodes.len() as u64, size), None);
        }
        let mut frontier = Frontier::new();
        for leaf in &levels[0] {
            frontier.push(*leaf);
        }
        assert_eq!(frontier.size(), size);
    }
}
