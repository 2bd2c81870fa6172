//! Checks one log from its files alone: every entry against its hash, every hash against the root.
//!
//! Files are read and entries hashed on all processors, a bundle each; the tree above them is made in order, so that the
//! first wrong entry is the one that is named. A few bundles stand in memory, however large the log.

use std::ops::ControlFlow;

use hongyan_tlog::{
    HASH_OCTETS, Hash, TILE_WIDTH, Tile, bundle, checkpoint::Checkpoint, edge::Edge, leaf_hash,
    range::RangeVerifier, tile::Kind,
};

use crate::copied::{Copied, PART, Part, in_order, says_its_place};

/// What is wrong, and with which entry first; `None` where it is not about one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) index: Option<u64>,
    pub(super) why: String,
}

impl Bad {
    fn at(index: u64, why: impl Into<String>) -> Self {
        Self {
            index: Some(index),
            why: why.into(),
        }
    }

    fn of_no_entry(why: impl Into<String>) -> Self {
        Self {
            index: None,
            why: why.into(),
        }
    }
}

/// One log's files, the checkpoint that they must lead to, and whether entries may be gone from its beginning.
pub(super) struct Checking<'a> {
    pub(super) files: &'a Copied,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) may_be_pruned: bool,
}

/// The leaves of one bundle.
struct Leaves {
    hashes: Vec<Hash>,
    /// The entries are gone; the hashes are the tile's.
    are_pruned: bool,
}

impl Checking<'_> {
    /// A whole log; gives how many entries at its beginning are gone. `progress` hears entries done and entries in all.
    pub(super) fn whole(&self, mut progress: impl FnMut(u64, u64)) -> Result<u64, Bad> {
        let size = self.checkpoint.size();
        let mut edge = Edge::new();
        let mut pruned = 0;
        let mut full = Vec::new();
        let mut each = |leaves: Leaves| {
            let first = edge.size();
            if leaves.are_pruned {
                if pruned != first {
                    return Err(Bad::at(
                        first,
                        "its bundle is missing, and others before it are not",
                    ));
                }
                pruned += leaves.hashes.len() as u64;
            }
            for leaf in leaves.hashes {
                edge.push(leaf, &mut full);
            }
            let wrong = full
                .drain(..)
                .filter_map(|(tile, made)| self.same(tile, &made).err());
            progress(edge.size(), size);
            wrong.min_by_key(|bad| bad.index).map_or(Ok(()), Err)
        };
        let checked = self.bundles(0, size, &mut each);
        // What the tiles above hold of the entries so far: they may be wrong before the entry that was found wrong.
        let above = edge
            .partial()
            .filter_map(|(tile, made)| self.same(tile, &made).err());
        let first = above.chain(checked.err()).min_by_key(|bad| bad.index);
        match first {
            Some(bad) => Err(bad),
            None if edge.root() == *self.checkpoint.root() => Ok(pruned),
            None => Err(Bad::of_no_entry(
                "the entries lead to another root than the one that was signed",
            )),
        }
    }

    /// A part of a log.
    pub(super) fn part(&self, part: &Part, mut progress: impl FnMut(u64, u64)) -> Result<(), Bad> {
        let wrong = |why: String| Bad::of_no_entry(format!("{PART}: {why}"));
        let width = u64::from(TILE_WIDTH);
        if !part.from.is_multiple_of(width) {
            return Err(wrong(format!("from must be a multiple of {width}")));
        }
        let (range, tree) = (
            (part.from, part.until),
            (self.checkpoint.size(), *self.checkpoint.root()),
        );
        let mut verifier = RangeVerifier::new(range, tree, &part.proof().map_err(wrong)?)
            .map_err(|error| wrong(error.to_string()))?;
        let count = part.until - part.from;
        self.bundles(part.from, part.until, &mut |leaves: Leaves| {
            if leaves.are_pruned {
                return Err(Bad::at(verifier.next(), "its bundle is missing"));
            }
            for leaf in leaves.hashes {
                let at = verifier.next();
                verifier
                    .push(leaf)
                    .map_err(|error| Bad::at(at, error.to_string()))?;
            }
            progress(verifier.next() - part.from, count);
            Ok(())
        })?;
        verifier
            .finish()
            .map_err(|error| Bad::of_no_entry(error.to_string()))
    }

    /// The bundles of these entries, in order; `from` begins one.
    fn bundles(
        &self,
        from: u64,
        until: u64,
        each: &mut dyn FnMut(Leaves) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        let width = u64::from(TILE_WIDTH);
        let mut ended = Ok(());
        in_order(
            (until - from).div_ceil(width),
            |nth| {
                let first = from + nth * width;
                match Tile::holding(Kind::Entries, first, until) {
                    Some(tile) => self.leaves(tile),
                    None => Err(Bad::at(first, "is behind the last entry")),
                }
            },
            |_, leaves| {
                ended = leaves.and_then(&mut *each);
                match ended {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            },
        );
        ended
    }

    /// The entries of a bundle against the tile of hashes beside it.
    fn leaves(&self, tile: Tile) -> Result<Leaves, Bad> {
        let (first, _) = tile.leaves();
        let beside = Tile::new(Kind::Hashes(0), tile.index(), tile.width()).unwrap_or(tile);
        let expected = self
            .hashes(beside)
            .map_err(|why| Bad::at(first, format!("{beside}: {why}")))?;
        let wrong = |why: String| Bad::at(first, format!("{tile}: {why}"));
        let Some((octets, width)) = self.files.tile_or_full(tile).map_err(wrong)? else {
            return if self.may_be_pruned {
                Ok(Leaves {
                    hashes: expected,
                    are_pruned: true,
                })
            } else {
                Err(wrong("is missing".to_owned()))
            };
        };
        let mut entries = bundle::entries(&octets, width).map_err(|error| {
            // Entries in front of the damage may be wrong too, and are named then.
            let index = first + first_other(&octets, &expected);
            Bad::at(index, format!("{tile}: {error}"))
        })?;
        entries.truncate(usize::from(tile.width()));
        for ((index, entry), expected) in (first..).zip(&entries).zip(&expected) {
            if leaf_hash(entry) != *expected {
                return Err(Bad::at(index, "the entry is not the one that was hashed"));
            }
            says_its_place(self.checkpoint.origin(), index, entry).map_err(|why| Bad::at(index, why))?;
        }
        Ok(Leaves {
            hashes: expected,
            are_pruned: false,
        })
    }

    /// The hashes of a tile, as many as it is wide.
    fn hashes(&self, tile: Tile) -> Result<Vec<Hash>, String> {
        let (octets, width) = self
            .files
            .tile_or_full(tile)?
            .ok_or_else(|| "is missing".to_owned())?;
        let (hashes, rest) = octets.as_chunks::<HASH_OCTETS>();
        if hashes.len() != usize::from(width) || !rest.is_empty() {
            let expected = usize::from(width) * HASH_OCTETS;
            return Err(format!("should have {expected} octets; it has {}", octets.len()));
        }
        let wanted = hashes.iter().take(usize::from(tile.width()));
        Ok(wanted.copied().map(Hash).collect())
    }

    /// A tile begins with what the entries make.
    fn same(&self, made: Tile, octets: &[u8]) -> Result<(), Bad> {
        let Kind::Hashes(level @ 1..) = made.kind() else {
            // Those of the entries themselves were compared with each entry.
            return Ok(());
        };
        let (first, _) = made.leaves();
        let number = made.index() * u64::from(TILE_WIDTH);
        let Some(tile) = Tile::holding(made.kind(), number, self.checkpoint.size()) else {
            return Ok(());
        };
        let there = self
            .hashes(tile)
            .map_err(|why| Bad::at(first, format!("{tile}: {why}")))?;
        let (made, _) = octets.as_chunks::<HASH_OCTETS>();
        let differs = made.iter().zip(&there).position(|(made, there)| made != &there.0);
        match differs {
            None => Ok(()),
            Some(nth) => {
                let leaves = (nth as u64) << (u32::from(level) * TILE_WIDTH.ilog2());
                Err(Bad::at(
                    first + leaves,
                    format!("{tile} is not what the entries below it make"),
                ))
            }
        }
    }
}

/// How many entries of a damaged bundle are still those that were hashed.
fn first_other(octets: &[u8], expected: &[Hash]) -> u64 {
    let mut rest = octets;
    let mut same = 0;
    for hash in expected {
        let Some((length, behind)) = rest.split_first_chunk::<2>() else {
            break;
        };
        let Some((entry, behind)) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
            break;
        };
        if leaf_hash(entry) != *hash {
            break;
        }
        same += 1;
        rest = behind;
    }
    same.min(expected.len().saturating_sub(1) as u64)
}

#[cfg(test)]
mod tests;
