//! What is found wrong, and where.

use hongyan_tlog::{Tile, checkpoint::Checkpoint, leaf_hash, proof, range, tile::Place};

use super::{Bad, Checking};
use crate::copied::{
    CHECKPOINT, Copied, PART, Part,
    testing::{ORIGIN, entries, entry, names, write},
};

fn checking<'a>(files: &'a Copied, checkpoint: &'a Checkpoint) -> Checking<'a> {
    Checking {
        files,
        checkpoint,
        may_be_pruned: false,
    }
}

/// `Err` holds the first wrong entry; `None` where it is about none.
fn checked(files: &Copied, checkpoint: &Checkpoint) -> Result<u64, Option<u64>> {
    checking(files, checkpoint)
        .whole(|_, _| ())
        .map_err(|bad| bad.index)
}

/// With one file changed for the time of the check.
fn with<T>(files: &Copied, name: &str, change: impl FnOnce(&mut Vec<u8>), check: impl FnOnce() -> T) -> T {
    let path = files.path().join(name);
    let before = std::fs::read(&path).unwrap();
    let mut octets = before.clone();
    change(&mut octets);
    std::fs::write(&path, octets).unwrap();
    let found = check();
    std::fs::write(&path, before).unwrap();
    found
}

fn without<T>(files: &Copied, name: &str, check: impl FnOnce() -> T) -> T {
    let path = files.path().join(name);
    let aside = files.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    let found = check();
    std::fs::rename(&aside, &path).unwrap();
    found
}

#[test]
fn a_whole_log_is_right_at_every_size() {
    for size in [0, 1, 255, 256, 257, 600] {
        let dir = tempfile::tempdir().unwrap();
        let (files, checkpoint) = write(dir.path(), &entries(size));
        let mut seen = 0;
        let found = checking(&files, &checkpoint).whole(|done, all| {
            assert!(done > seen && all == size);
            seen = done;
        });
        assert_eq!((found, seen), (Ok(0), size));
    }
}

#[test]
fn every_flipped_bit_and_every_missing_file_is_found_and_names_an_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (files, checkpoint) = write(dir.path(), &entries(700));
    for name in names(dir.path()) {
        if name == CHECKPOINT {
            continue;
        }
        let missing = without(&files, &name, || checked(&files, &checkpoint));
        let first = name.parse::<Tile>().unwrap().leaves().0;
        assert_eq!(missing, Err(Some(first)), "{name}");
        let octets = std::fs::metadata(dir.path().join(&name)).unwrap().len() as usize;
        for at in (0..octets).step_by(211) {
            let found = with(
                &files,
                &name,
                |file| file[at] ^= 4,
                || checked(&files, &checkpoint),
            );
            assert!(matches!(found, Err(Some(_))), "{name}, octet {at}: {found:?}");
        }
        let cut = with(
            &files,
            &name,
            |file| file.truncate(octets - 1),
            || checked(&files, &checkpoint),
        );
        assert!(matches!(cut, Err(Some(_))), "{name}: {cut:?}");
        let longer = with(
            &files,
            &name,
            |file| file.push(0),
            || checked(&files, &checkpoint),
        );
        assert!(matches!(longer, Err(Some(_))), "{name}: {longer:?}");
    }
    assert_eq!(checked(&files, &checkpoint), Ok(0));
}

#[test]
fn the_first_wrong_entry_is_named_wherever_the_damage_is() {
    let dir = tempfile::tempdir().unwrap();
    let (files, checkpoint) = write(dir.path(), &entries(1_000));
    let octets = 2 + entry(258).len();
    let flip = |name: &str, at: usize| {
        with(
            &files,
            name,
            |file| file[at] ^= 1,
            || checked(&files, &checkpoint),
        )
    };
    // The last octet of the third entry of the second bundle; its length; the hash of it; the hash over that bundle.
    assert_eq!(flip("tile/entries/001", 2 * octets + octets - 1), Err(Some(258)));
    assert_eq!(flip("tile/entries/001", 2 * octets), Err(Some(258)));
    assert_eq!(flip("tile/0/001", 2 * 32), Err(Some(258)));
    assert_eq!(flip("tile/1/000.p/3", 32), Err(Some(256)));
    // Of two, the first one, also where it is found last.
    let both = with(
        &files,
        "tile/1/000.p/3",
        |file| file[31] ^= 1,
        || flip("tile/entries/002", 2),
    );
    assert_eq!(both, Err(Some(0)));
}

#[test]
fn a_copy_of_a_log_that_went_on_is_checked_by_its_full_files() {
    let dir = tempfile::tempdir().unwrap();
    let all = entries(300);
    let old = crate::copied::testing::checkpoint(&all[..200]);
    let (files, _) = write(dir.path(), &all);
    assert_eq!(checked(&files, &old), Ok(0));
}

#[test]
fn a_moved_or_foreign_leaf_is_found_even_if_it_was_hashed_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut moved = entries(3);
    moved.swap(1, 2);
    let (files, checkpoint) = write(dir.path(), &moved);
    assert_eq!(checked(&files, &checkpoint), Err(Some(1)));
    let dir = tempfile::tempdir().unwrap();
    let (files, checkpoint) = write(dir.path(), &[b"\xffno leaf".to_vec()]);
    assert_eq!(checked(&files, &checkpoint), Err(Some(0)));
}

#[test]
fn a_root_that_was_not_made_of_the_entries_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = write(dir.path(), &entries(5));
    let other = Checkpoint::new(ORIGIN, 5, leaf_hash(b"other")).unwrap();
    assert_eq!(checked(&files, &other), Err(None));
}

#[test]
fn entries_that_were_dropped_are_missed_unless_that_is_expected() {
    let dir = tempfile::tempdir().unwrap();
    let (files, checkpoint) = write(dir.path(), &entries(700));
    let pruned = |files| {
        let checking = Checking {
            may_be_pruned: true,
            ..checking(files, &checkpoint)
        };
        checking.whole(|_, _| ()).map_err(|bad| bad.index)
    };
    assert_eq!(pruned(&files), Ok(0));
    without(&files, "tile/entries/000", || {
        assert_eq!(checked(&files, &checkpoint), Err(Some(0)));
        assert_eq!(pruned(&files), Ok(256));
        // Their hashes are checked all the same.
        let flipped = with(&files, "tile/0/000", |file| file[9] ^= 1, || pruned(&files));
        assert_eq!(flipped, Err(Some(0)));
    });
    // A hole is none.
    without(&files, "tile/entries/001", || {
        assert_eq!(pruned(&files), Err(Some(256)));
    });
}

/// The hashes of a directory's tiles.
struct Tiles<'a>(&'a Copied, u64);

impl proof::Nodes for Tiles<'_> {
    type Error = String;

    fn node(&mut self, level: u8, number: u64) -> Result<hongyan_tlog::Hash, String> {
        let place = Place::of(level, number, self.1).ok_or("no such subtree")?;
        let octets = self.0.tile(place.tile)?.ok_or("no such tile")?;
        place.root(&octets).ok_or_else(|| "cut".to_owned())
    }
}

#[test]
fn a_part_is_right_or_says_where_not() {
    let dir = tempfile::tempdir().unwrap();
    let (files, checkpoint) = write(dir.path(), &entries(1_000));
    let proof = range::prove(&mut Tiles(&files, 1_000), 256, 768, 1_000).unwrap();
    let part = Part::new(256, 768, &proof);
    let checked = |part: &Part| checking(&files, &checkpoint).part(part, |_, _| ());
    // What stands outside of it is not looked at.
    for name in [
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/3",
        "tile/entries/003.p/232",
    ] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert_eq!(checked(&part), Ok(()));
    let octets = 2 + entry(300).len();
    let at = (300 - 256) * octets + 5;
    let found = with(
        &files,
        "tile/entries/001",
        |file| file[at] ^= 1,
        || checked(&part),
    );
    assert_eq!(found.unwrap_err().index, Some(300));
    let found = without(&files, "tile/entries/002", || checked(&part));
    assert_eq!(found.unwrap_err().index, Some(512));
    for wrong in [
        Part::new(256, 512, &proof),
        Part::new(0, 768, &proof),
        Part::new(257, 768, &proof),
    ] {
        assert!(checked(&wrong).unwrap_err().why.contains(PART));
    }
    let mut other = proof;
    other.right[0].0[0] ^= 1;
    let Bad { index, why } = checked(&Part::new(256, 768, &other)).unwrap_err();
    assert_eq!(index, None);
    assert!(why.contains("root"), "{why}");
}
