//! Exports that break off, directories that hold something else, services that lie.

use std::{collections::BTreeMap, path::Path};

use hongyan_proto::audit::v1::{ExportLeaves, ExportProof};
use hongyan_tlog::{Hash, leaf_hash, node_hash, proof::Nodes, range};

use super::{Copying, Signed, Stop, Wanted};
use crate::copied::{
    CHECKPOINT, Copied, PART, UNFINISHED,
    testing::{checkpoint, entries, entry, names, note, signer, write},
};

/// All complete subtrees.
struct Levels(Vec<Vec<Hash>>);

impl Nodes for Levels {
    type Error = ();

    fn node(&mut self, level: u8, number: u64) -> Result<Hash, ()> {
        Ok(self.0[usize::from(level)][number as usize])
    }
}

fn levels(leaves: &[Vec<u8>]) -> Levels {
    let mut levels = vec![leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>()];
    while levels[levels.len() - 1].len() > 1 {
        let (pairs, _) = levels[levels.len() - 1].as_chunks::<2>();
        levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
    }
    Levels(levels)
}

/// What a service with these entries answers.
fn answer(all: &[Vec<u8>], from: u64, until: u64) -> (ExportProof, Vec<ExportLeaves>) {
    let proof = range::prove(&mut levels(all), from, until, all.len() as u64).unwrap();
    let octets = |hash: &Hash| hash.as_bytes().to_vec().into();
    let proof = ExportProof {
        note: note(&checkpoint(all)),
        verifier_key: signer().verifier().to_string(),
        from,
        until,
        left_hashes: proof.left.iter().map(octets).collect(),
        right_hashes: proof.right.iter().map(octets).collect(),
    };
    let parts = (from..until).step_by(100).map(|first| ExportLeaves {
        first,
        leaves: all[first as usize..until.min(first + 100) as usize]
            .iter()
            .map(|leaf| leaf.clone().into())
            .collect(),
    });
    (proof, parts.collect())
}

fn newest(all: &[Vec<u8>]) -> Signed {
    let checkpoint = checkpoint(all);
    let note = note(&checkpoint);
    Signed { checkpoint, note }
}

fn whole(all: &[Vec<u8>]) -> Wanted {
    Wanted {
        from: 0,
        until: all.len() as u64,
        is_whole: true,
    }
}

const fn part(from: u64, until: u64) -> Wanted {
    Wanted {
        from,
        until,
        is_whole: false,
    }
}

fn open(dir: &Path, wanted: Wanted) -> Result<Copying, Stop> {
    Copying::open(Copied::at(dir), signer().verifier().clone(), wanted, |_| ())
}

/// As the command does it; breaks off after so many messages with entries.
fn export(dir: &Path, all: &[Vec<u8>], wanted: Wanted, messages: usize) -> Result<u64, Stop> {
    let mut copying = open(dir, wanted)?;
    let resumed_at = copying.next();
    let (proof, parts) = answer(all, resumed_at, wanted.until);
    copying.begin(&proof)?;
    let count = parts.len();
    for part in parts.iter().take(messages) {
        copying.take(part)?;
    }
    if messages < count {
        return Ok(resumed_at);
    }
    copying.finish(&newest(all)).map(|_| resumed_at)
}

fn octets_below(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    names(dir)
        .into_iter()
        .map(|name| {
            let octets = std::fs::read(dir.join(&name)).unwrap();
            (name, octets)
        })
        .collect()
}

const ALL: usize = usize::MAX;

#[test]
fn a_whole_log_becomes_the_same_files_octet_by_octet() {
    for size in [1, 255, 256, 257, 512, 700] {
        let all = entries(size);
        let theirs = tempfile::tempdir().unwrap();
        write(theirs.path(), &all);
        let ours = tempfile::tempdir().unwrap();
        export(&ours.path().join("new"), &all, whole(&all), ALL).unwrap();
        assert_eq!(
            octets_below(&ours.path().join("new")),
            octets_below(theirs.path()),
            "size {size}"
        );
    }
}

#[test]
fn an_export_that_broke_off_anywhere_goes_on_and_becomes_the_same() {
    let all = entries(1_000);
    let theirs = tempfile::tempdir().unwrap();
    write(theirs.path(), &all);
    for messages in 0..10 {
        let ours = tempfile::tempdir().unwrap();
        export(ours.path(), &all, whole(&all), messages).unwrap();
        assert!(names(ours.path()).iter().all(|name| name != CHECKPOINT));
        // Grown meanwhile.
        let resumed_at = export(ours.path(), &all, whole(&all), ALL).unwrap();
        assert_eq!(resumed_at, messages as u64 * 100 / 256 * 256);
        assert_eq!(
            octets_below(ours.path()),
            octets_below(theirs.path()),
            "{messages}"
        );
    }
}

#[test]
fn a_copy_follows_a_log_that_grows() {
    let all = entries(1_000);
    let ours = tempfile::tempdir().unwrap();
    for size in [100, 100, 300, 512, 513, 1_000] {
        let now = &all[..size];
        export(ours.path(), now, whole(now), ALL).unwrap();
        let theirs = tempfile::tempdir().unwrap();
        write(theirs.path(), now);
        assert_eq!(
            octets_below(ours.path()),
            octets_below(theirs.path()),
            "size {size}"
        );
    }
}

fn why(result: Result<u64, Stop>) -> String {
    match result {
        Err(Stop::Wrong { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_that_was_rewritten_or_rolled_back_since_the_copy_is_found() {
    let all = entries(600);
    let ours = tempfile::tempdir().unwrap();
    export(ours.path(), &all, whole(&all), ALL).unwrap();
    let before = octets_below(ours.path());
    let shorter = &all[..599];
    let found = why(export(ours.path(), shorter, whole(shorter), ALL));
    assert!(found.contains("rolled back"), "{found}");
    // Another history, signed by the same key: in what the copy has in whole bundles, and behind that.
    for changed in [5, 599] {
        let mut other = entries(700);
        other[changed].extend([0x18, 1]);
        let found = why(export(ours.path(), &other, whole(&other), ALL));
        assert!(found.contains("are not those"), "{changed}: {found}");
        assert_eq!(octets_below(ours.path())[CHECKPOINT], before[CHECKPOINT]);
    }
}

#[test]
fn what_is_damaged_is_not_believed_and_comes_again() {
    let all = entries(1_000);
    let theirs = tempfile::tempdir().unwrap();
    write(theirs.path(), &all);
    for (name, change) in [
        (
            "tile/entries/001",
            (|octets| octets.truncate(9)) as fn(&mut Vec<u8>),
        ),
        ("tile/entries/001", |octets| octets[20] ^= 1),
        ("tile/0/001", |octets| octets[20] ^= 1),
        ("tile/0/001", Vec::clear),
    ] {
        let ours = tempfile::tempdir().unwrap();
        export(ours.path(), &all, whole(&all), 9).unwrap();
        let path = ours.path().join(name);
        let mut octets = std::fs::read(&path).unwrap();
        change(&mut octets);
        std::fs::write(&path, octets).unwrap();
        assert_eq!(export(ours.path(), &all, whole(&all), ALL), Ok(256), "{name}");
        assert_eq!(octets_below(ours.path()), octets_below(theirs.path()), "{name}");
    }
    // Changed in both files alike: only the proof can tell.
    let ours = tempfile::tempdir().unwrap();
    let mut other = all.clone();
    other[3].extend([0x18, 1]);
    export(ours.path(), &other, whole(&other), 9).unwrap();
    let found = why(export(ours.path(), &all, whole(&all), ALL));
    assert!(found.contains("are not those"), "{found}");
}

#[test]
fn a_part_goes_on_too_and_holds_its_own_proof() {
    let all = entries(1_000);
    let straight = tempfile::tempdir().unwrap();
    export(straight.path(), &all, part(256, 1_000), ALL).unwrap();
    let found = names(straight.path());
    let expected = [
        CHECKPOINT,
        PART,
        "tile/0/001",
        "tile/0/002",
        "tile/0/003.p/232",
        "tile/entries/001",
        "tile/entries/002",
        "tile/entries/003.p/232",
    ];
    assert_eq!(found, expected);
    for messages in 0..7 {
        let broken = tempfile::tempdir().unwrap();
        export(broken.path(), &all, part(256, 1_000), messages).unwrap();
        assert!(names(broken.path()).contains(&UNFINISHED.to_owned()));
        export(broken.path(), &all, part(256, 1_000), ALL).unwrap();
        assert_eq!(
            octets_below(broken.path()),
            octets_below(straight.path()),
            "{messages}"
        );
    }
}

#[test]
fn a_directory_that_holds_something_else_is_left_alone() {
    let all = entries(600);
    let files = |result: Result<u64, Stop>| matches!(result, Err(Stop::Files(_)));
    let foreign = tempfile::tempdir().unwrap();
    std::fs::write(foreign.path().join("letter"), "x").unwrap();
    assert!(files(export(foreign.path(), &all, whole(&all), ALL)));
    let finished = tempfile::tempdir().unwrap();
    export(finished.path(), &all, part(256, 512), ALL).unwrap();
    assert!(files(export(finished.path(), &all, part(256, 512), ALL)));
    assert!(files(export(finished.path(), &all, whole(&all), ALL)));
    let unfinished = tempfile::tempdir().unwrap();
    export(unfinished.path(), &all, part(256, 600), 1).unwrap();
    assert!(files(export(unfinished.path(), &all, part(0, 600), ALL)));
    assert!(files(export(unfinished.path(), &all, whole(&all), ALL)));
    let of_another_key = tempfile::tempdir().unwrap();
    export(of_another_key.path(), &all, whole(&all), ALL).unwrap();
    std::fs::write(of_another_key.path().join(CHECKPOINT), "no note\n").unwrap();
    assert!(files(export(of_another_key.path(), &all, whole(&all), ALL)));
}

/// One lie of a service: in its proof, or in its messages.
type Lie = fn(&mut ExportProof, &mut Vec<ExportLeaves>);

#[test]
fn a_service_that_lies_is_found_and_the_copy_gets_no_checkpoint() {
    let all = entries(600);
    let lies: [(&str, Lie); 13] = [
        ("another leaf", |_, parts| parts[2].leaves[7] = entry(208).into()),
        ("a changed leaf", |_, parts| {
            let mut leaf = entry(207);
            leaf.extend([0x18, 1]);
            parts[2].leaves[7] = leaf.into();
        }),
        ("a leaf left out", |_, parts| drop(parts[2].leaves.remove(7))),
        ("a leaf twice", |_, parts| {
            parts[2].leaves.insert(7, entry(207).into());
        }),
        ("a message left out", |_, parts| drop(parts.remove(2))),
        ("messages exchanged", |_, parts| parts.swap(1, 2)),
        ("the end left out", |_, parts| drop(parts.pop())),
        ("one leaf more", |_, parts| {
            parts[5].leaves.push(entry(600).into());
        }),
        ("another range", |proof, _| proof.from = 1),
        ("a hash more", |proof, _| {
            proof.right_hashes.push(vec![0; 32].into());
        }),
        ("a cut hash", |proof, _| {
            proof.left_hashes.push(vec![0; 31].into());
        }),
        ("another root", |proof, _| {
            proof.note = note(&checkpoint(&entries(601)[1..]));
        }),
        ("no note", |proof, _| proof.note.clear()),
    ];
    for (name, lie) in lies {
        let dir = tempfile::tempdir().unwrap();
        let mut copying = open(dir.path(), whole(&all)).unwrap();
        let (mut proof, mut parts) = answer(&all, 0, 600);
        lie(&mut proof, &mut parts);
        let ended = copying
            .begin(&proof)
            .and_then(|()| parts.iter().try_for_each(|part| copying.take(part)))
            .and_then(|()| copying.finish(&newest(&all)).map(|_| ()));
        assert!(matches!(ended, Err(Stop::Wrong { .. })), "{name}: {ended:?}");
        assert!(!dir.path().join(CHECKPOINT).exists(), "{name}");
    }
    // Entries before their proof, and an end without one.
    let dir = tempfile::tempdir().unwrap();
    let mut copying = open(dir.path(), whole(&all)).unwrap();
    assert!(copying.take(&answer(&all, 0, 600).1[0]).is_err());
    assert!(copying.finish(&newest(&all)).is_err());
}
