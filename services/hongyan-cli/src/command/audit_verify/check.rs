//! Checks one log from its files alone: every entry against its hash, every hash against the root. No IO of its own.

use hongyan_proto::audit::v1::Leaf;
use hongyan_tlog::{HASH_OCTETS, Tile, bundle, checkpoint::Checkpoint, edge::Edge, leaf_hash, tile::Kind};
use prost::Message as _;

/// What is wrong, and with which entry first; `None` where it is not about one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) index: Option<u64>,
    pub(super) why: String,
}

/// Reads each file once. `progress` hears entries done and entries in all.
pub(super) fn check(
    checkpoint: &Checkpoint,
    mut read: impl FnMut(&str) -> Result<Vec<u8>, String>,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), Bad> {
    let size = checkpoint.size();
    let mut edge = Edge::new();
    let mut full = Vec::new();
    for tile in Tile::all(Kind::Entries, size) {
        let first = tile.leaves().0;
        let at = |index: u64| {
            move |why: String| Bad {
                index: Some(index),
                why,
            }
        };
        let (octets, width) = found(&mut read, tile).map_err(|why| at(first)(format!("{tile}: {why}")))?;
        let mut entries =
            bundle::entries(&octets, width).map_err(|error| at(first)(format!("{tile}: {error}")))?;
        entries.truncate(usize::from(tile.width()));
        let hashes = hash_tile(tile);
        let expected = hashes_of(&mut read, hashes).map_err(|why| at(first)(format!("{hashes}: {why}")))?;
        if expected.len() != usize::from(tile.width()) * HASH_OCTETS {
            return Err(at(first)(format!("{hashes} has not one hash for each entry")));
        }
        for ((index, entry), hash) in (first..).zip(entries).zip(expected.as_chunks::<HASH_OCTETS>().0) {
            let leaf = leaf_hash(entry);
            if leaf.as_bytes() != hash {
                return Err(at(index)("the entry is not the one that was hashed".to_owned()));
            }
            says_its_place(checkpoint.origin(), index, entry).map_err(at(index))?;
            edge.push(leaf, &mut full);
        }
        for (tile, made) in full.drain(..) {
            same(&mut read, tile, &made)?;
        }
        progress(edge.size(), size);
    }
    let partial: Vec<_> = edge.partial().collect();
    for (tile, made) in partial {
        same(&mut read, tile, &made)?;
    }
    if edge.root() == *checkpoint.root() {
        Ok(())
    } else {
        Err(Bad {
            index: None,
            why: "the entries lead to another root than the one that was signed".to_owned(),
        })
    }
}

/// A file, and its width. A partial one gives way to the full one, which begins alike, when that is there: so a copy of
/// a log that went on meanwhile can be checked.
fn found(
    read: &mut impl FnMut(&str) -> Result<Vec<u8>, String>,
    tile: Tile,
) -> Result<(Vec<u8>, u16), String> {
    match read(&tile.to_string()) {
        Ok(octets) => Ok((octets, tile.width())),
        Err(why) if tile.is_partial() => match read(&tile.full().to_string()) {
            Ok(octets) => Ok((octets, tile.full().width())),
            Err(_) => Err(why),
        },
        Err(why) => Err(why),
    }
}

/// The octets of a tile of hashes.
fn hashes_of(read: &mut impl FnMut(&str) -> Result<Vec<u8>, String>, tile: Tile) -> Result<Vec<u8>, String> {
    let (mut octets, width) = found(read, tile)?;
    if width != tile.width() {
        octets.truncate(usize::from(tile.width()) * HASH_OCTETS);
    }
    Ok(octets)
}

/// The tile of hashes beside a bundle.
fn hash_tile(bundle: Tile) -> Tile {
    Tile::new(Kind::Hashes(0), bundle.index(), bundle.width()).unwrap_or(bundle)
}

/// A tile is what the entries make.
fn same(read: &mut impl FnMut(&str) -> Result<Vec<u8>, String>, tile: Tile, made: &[u8]) -> Result<(), Bad> {
    let index = Some(tile.leaves().0);
    let there = hashes_of(read, tile).map_err(|why| Bad {
        index,
        why: format!("{tile}: {why}"),
    })?;
    if there == made {
        Ok(())
    } else {
        Err(Bad {
            index,
            why: format!("{tile} is not what the entries below it make"),
        })
    }
}

/// A leaf of this record says where it stands; one that was moved says so.
fn says_its_place(origin: &str, index: u64, entry: &[u8]) -> Result<(), String> {
    let leaf = Leaf::decode(entry).map_err(|_| "the entry is no leaf of this record".to_owned())?;
    if leaf.log_index != index {
        return Err(format!("the leaf says that it is number {}", leaf.log_index));
    }
    if origin.ends_with(&format!("/{}", leaf.log)) {
        Ok(())
    } else {
        Err(format!("the leaf says that it is of the log {}", leaf.log))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hongyan_proto::audit::v1::Leaf;
    use hongyan_tlog::{
        TILE_WIDTH, Tile, bundle::push_entry, checkpoint::Checkpoint, edge::Edge, leaf_hash, tile::Kind,
    };
    use prost::Message as _;

    use super::check;

    const ORIGIN: &str = "audit.example.org/cdr/2026h2/0";

    fn entry(log_index: u64) -> Vec<u8> {
        Leaf {
            version: 2,
            log: "cdr/2026h2/0".to_owned(),
            log_index,
            ..Leaf::default()
        }
        .encode_to_vec()
    }

    /// All files of a log with these entries, and its checkpoint.
    fn log(entries: &[Vec<u8>]) -> (Checkpoint, BTreeMap<String, Vec<u8>>) {
        let mut edge = Edge::new();
        let mut files = Vec::new();
        for entry in entries {
            edge.push(leaf_hash(entry), &mut files);
        }
        files.extend(edge.partial());
        for (nth, entries) in entries.chunks(usize::from(TILE_WIDTH)).enumerate() {
            let mut octets = Vec::new();
            for entry in entries {
                push_entry(&mut octets, entry).unwrap();
            }
            let width = u16::try_from(entries.len()).unwrap();
            files.push((Tile::new(Kind::Entries, nth as u64, width).unwrap(), octets));
        }
        let checkpoint = Checkpoint::new(ORIGIN, edge.size(), edge.root()).unwrap();
        let files = files
            .into_iter()
            .map(|(tile, octets)| (tile.to_string(), octets))
            .collect();
        (checkpoint, files)
    }

    /// `Err` holds the first wrong entry; `None` where it is about none.
    fn checked(checkpoint: &Checkpoint, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Option<u64>> {
        let read = |path: &str| files.get(path).cloned().ok_or_else(|| "is missing".to_owned());
        check(checkpoint, read, |_, _| ()).map_err(|bad| bad.index)
    }

    #[test]
    fn a_whole_log_is_right_at_every_size() {
        for size in [0, 1, 255, 256, 257, 600] {
            let entries: Vec<_> = (0..size).map(entry).collect();
            let (checkpoint, files) = log(&entries);
            assert_eq!(checked(&checkpoint, &files), Ok(()), "size {size}");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_missing_file_is_found() {
        let entries: Vec<_> = (0..300).map(entry).collect();
        let (checkpoint, files) = log(&entries);
        for path in files.keys() {
            let mut missing = files.clone();
            missing.remove(path);
            assert!(checked(&checkpoint, &missing).is_err(), "{path}");
            for at in (0..files[path].len()).step_by(101) {
                let mut flipped = files.clone();
                flipped.get_mut(path).unwrap()[at] ^= 4;
                assert!(checked(&checkpoint, &flipped).is_err(), "{path}, octet {at}");
            }
        }
    }

    #[test]
    fn a_copy_of_a_log_that_went_on_is_checked_by_its_full_files() {
        let entries: Vec<_> = (0..300).map(entry).collect();
        let (old, _) = log(&entries[..200]);
        let (_, files) = log(&entries);
        assert_eq!(checked(&old, &files), Ok(()));
    }

    #[test]
    fn the_first_wrong_entry_is_named() {
        let entries: Vec<_> = (0..300).map(entry).collect();
        let (checkpoint, files) = log(&entries);
        let mut changed = files.clone();
        let bundle = changed.get_mut("tile/entries/001.p/44").unwrap();
        // Entry 258 is the third of the second bundle.
        let octets = 2 + entry(258).len();
        bundle[2 * octets + octets - 1] ^= 1;
        assert_eq!(checked(&checkpoint, &changed), Err(Some(258)));
    }

    #[test]
    fn a_moved_or_foreign_leaf_is_found_even_if_it_was_hashed_so() {
        let mut entries: Vec<_> = (0..3).map(entry).collect();
        entries.swap(1, 2);
        let (checkpoint, files) = log(&entries);
        assert_eq!(checked(&checkpoint, &files), Err(Some(1)));
        let (checkpoint, files) = log(&[b"no leaf".to_vec()]);
        assert_eq!(checked(&checkpoint, &files), Err(Some(0)));
    }

    #[test]
    fn a_root_that_was_not_made_of_the_entries_is_found() {
        let entries: Vec<_> = (0..5).map(entry).collect();
        let (_, files) = log(&entries);
        let other = Checkpoint::new(ORIGIN, 5, leaf_hash(b"other")).unwrap();
        assert_eq!(checked(&other, &files), Err(None));
    }
}
