//! Directories that were rolled back, taken away, shared or damaged: refused at the start, by name; or found by whoever
//! reads what was damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hongyan_audit_svc::record::LogId;
use tokio::runtime::Runtime;

use crate::{
    child,
    files::{self, Files},
    world::{Running, World, segments},
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What a start says to a directory; `Ok` with the record's size.
fn start(dir: &Path) -> Result<u64, String> {
    let runtime = Runtime::new().unwrap();
    let recovered = child::open(dir, runtime.handle().clone()).map_err(|error| error.to_string())?;
    let size = recovered.opened.record.head().size;
    // The thread that writes holds the directory's lock until it has ended.
    let ended = recovered.opened.ended;
    drop((recovered.opened.record, recovered.publisher, recovered.logs));
    ended.blocking_recv().unwrap().unwrap();
    Ok(size)
}

/// A start that must be refused, with all of these words, and without a change of what was found.
fn refused(dir: &Path, words: &[&str]) {
    let before = tree(dir);
    let said = start(dir).expect_err("it was started");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(before == tree(dir), "what was found was changed: {said}");
}

/// Every file with its octets, but for the lock files, which are made where they are missing.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if !path.ends_with("lock") {
                let octets = fs::read(&path).unwrap();
                found.push((path, octets));
            }
        }
    }
    found.sort();
    found
}

/// One record at two moments, at rest both times. In between so much came that the journal has gone on by some segments.
struct Moments {
    dir: tempfile::TempDir,
    before: u64,
    behind: u64,
}

impl Moments {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new(5);
        let before = Self::live(&mut world, 600);
        copy(&world.path(), &dir.path().join("before"));
        let behind = Self::live(&mut world, 1_500);
        copy(&world.path(), &dir.path().join("behind"));
        world.finish();
        Self { dir, before, behind }
    }

    /// Until so many more were answered, and all of it is published and what nobody needs is gone.
    fn live(world: &mut World, answers: usize) -> u64 {
        let until = world.answers() + answers;
        while world.answers() < until {
            let mut life = world.start(None);
            let mut said = life.until("@ready");
            said.extend((0..20).filter_map(|_| life.line()));
            life.kill();
            said.extend(life.rest());
            life.wait();
            world.take_note(&said);
        }
        let dir = world.path();
        let mut life = Running::start(&dir, &[], |command| command);
        let said = life.until("@published");
        while segments(&dir) > 1 || !dir.join("log/snapshot").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        life.kill();
        life.wait();
        world.take_note(&said);
        said.last().unwrap().split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn part(&self, moment: &str, part: &str) -> PathBuf {
        self.dir.path().join(moment).join(part)
    }

    /// A directory made of both: journal, locks and tiles, each of the moment that is said, or missing.
    fn mixed(&self, journal: &str, locks: &str, tiles: &str) -> PathBuf {
        let to = self.dir.path().join("mixed");
        if to.exists() {
            fs::remove_dir_all(&to).unwrap();
        }
        fs::create_dir_all(&to).unwrap();
        for (part, moment) in [("log", journal), ("locks", locks), ("tiles", tiles)] {
            if !moment.is_empty() {
                copy(&self.part(moment, part), &to.join(part));
            }
        }
        to
    }

    /// The log with the most leaves.
    fn largest(&self) -> (LogId, u64) {
        let found = files::checkpoints(&self.dir.path().join("behind")).unwrap();
        let sizes = found
            .into_iter()
            .map(|((log, _), checkpoint)| (checkpoint.size(), log));
        let (size, log) = sizes.max().unwrap();
        (log, size)
    }
}

#[test]
fn parts_of_different_moments_are_refused_with_both_sides_numbers() {
    let moments = Moments::new();
    let (before, behind) = (moments.before.to_string(), moments.behind.to_string());
    let (log, size) = moments.largest();
    let old = files::checkpoints(&moments.dir.path().join("before")).unwrap()[&(log, "tiles")].size();
    let (log, size, old) = (log.to_string(), size.to_string(), old.to_string());
    let last = (moments.behind - 1).to_string();

    let fits = moments.mixed("behind", "behind", "behind");
    assert_eq!(start(&fits), Ok(moments.behind));
    // The journal is older than what others have seen, or gone.
    refused(
        &moments.mixed("before", "behind", "behind"),
        &[
            "rolled back",
            &format!("before leaf {before} "),
            &format!("leaf {last} is published"),
        ],
    );
    refused(
        &moments.mixed("", "behind", "behind"),
        &["the journal is empty", &format!("{behind} leaves are published")],
    );
    // The locks are older than the tiles, or gone: whatever is signed next could be a second root.
    refused(
        &moments.mixed("behind", "before", "behind"),
        &["the locks were rolled back", "leaves, and the lock knows of"],
    );
    refused(
        &moments.mixed("behind", "", "behind"),
        &["the locks were rolled back", "the lock knows of 0"],
    );
    // The tiles are older, or gone, and what is missing is no more in the journal.
    let hole = "and the next one says that it is number";
    refused(&moments.mixed("behind", "behind", "before"), &["leaves", hole]);
    refused(&moments.mixed("behind", "behind", ""), &["has 0 leaves", hole]);
    // Tiles and locks together.
    refused(&moments.mixed("behind", "before", "before"), &["leaves", hole]);
    refused(&moments.mixed("behind", "", ""), &["has 0 leaves", hole]);
    // Everything of one moment: nobody here can tell. Whoever holds a newer checkpoint can.
    let all = moments.mixed("before", "before", "before");
    assert_eq!(start(&all), Ok(moments.before));
    let served = files::checkpoints(&all).unwrap()[&(log.parse().unwrap(), "tiles")].size();
    assert_eq!(served.to_string(), old);
    assert!(served < size.parse().unwrap(), "smaller than one that was served");
}

#[test]
fn a_snapshot_that_is_lost_or_damaged_is_made_anew_and_one_that_is_older_is_refused() {
    let moments = Moments::new();
    let fits = moments.mixed("behind", "behind", "behind");
    let path = fits.join("log/snapshot");
    let whole = fs::read(&path).unwrap();
    for change in [
        None,
        Some(0),
        Some(13),
        Some(whole.len() / 2),
        Some(whole.len() - 1),
    ] {
        match change {
            None => fs::remove_file(&path).unwrap(),
            Some(at) => {
                let mut flipped = whole.clone();
                flipped[at] ^= 0x40;
                fs::write(&path, flipped).unwrap();
            }
        }
        // What the producers sent is known from the entries: nothing of it is taken twice.
        let settings = [(child::LOAD, "a-1=1".to_owned())];
        let mut life = Running::start(&fits, &settings, |command| command);
        let said = life.until("@answer a-1");
        life.kill();
        life.wait();
        let answer = said.last().unwrap();
        assert!(answer.ends_with("known"), "{change:?}: {answer}");
        fs::write(&path, &whole).unwrap();
    }
    let older = moments.mixed("behind", "behind", "behind");
    fs::copy(moments.part("before", "log/snapshot"), older.join("log/snapshot")).unwrap();
    let covers = format!("covers {} leaves", moments.before);
    refused(&older, &["the journal begins with leaf", &covers]);
    let newer = moments.mixed("before", "before", "before");
    fs::copy(moments.part("behind", "log/snapshot"), newer.join("log/snapshot")).unwrap();
    let covers = format!("covers {} leaves", moments.behind);
    refused(&newer, &[&covers, "the journal was rolled back"]);
}

#[test]
fn a_second_process_on_any_of_the_directories_is_refused() {
    let moments = Moments::new();
    let dir = moments.mixed("behind", "behind", "behind");
    let life = Running::start(&dir, &[], |command| command);
    life.until("@published");
    refused(&dir, &["another process", "locks"]);
    // With locks of its own, it meets the journal's.
    let other = moments.dir.path().join("other");
    fs::create_dir_all(&other).unwrap();
    for part in ["log", "tiles"] {
        std::os::unix::fs::symlink(dir.join(part), other.join(part)).unwrap();
    }
    copy(&dir.join("locks"), &other.join("locks"));
    let said = start(&other).unwrap_err();
    assert!(said.contains("another process writes this record"), "{said}");
}

/// Whether the files are those that the checkpoint beside them promises; as an outsider asks.
fn checks(dir: &Path, log: LogId) -> Result<(), String> {
    let checkpoint = files::checkpoints(dir)?
        .remove(&(log, "tiles"))
        .ok_or("there is no checkpoint")?;
    Files::of(&dir.join("tiles"), log, checkpoint.size()).check(checkpoint.root())
}

#[test]
fn a_flipped_bit_in_any_kind_of_file_is_found_and_named() {
    let moments = Moments::new();
    let dir = moments.mixed("behind", "behind", "behind");
    let (log, size) = moments.largest();
    assert!(size > 512 && size % 256 > 0, "{size}");
    checks(&dir, log).unwrap();
    let tiles = dir.join("tiles").join(log.to_string());
    let lock = format!("{}.checkpoint", log.to_string().replace('/', "."));
    let partial = format!("00{}.p/{}", size / 256, size % 256);
    let journal = {
        let entries = fs::read_dir(dir.join("log")).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|kind| kind == "log"))
            .unwrap()
    };
    // Each kind of file, an octet of it, and what a start says; nothing where only a reader of it can tell.
    let table: [(&str, PathBuf, usize, &[&str]); 9] = [
        ("the journal's head", journal.clone(), 14, &["head is damaged"]),
        (
            "a frame of the journal",
            journal.clone(),
            60,
            &["had been synced", "the journal ends before"],
        ),
        ("a lock", dir.join("locks").join(&lock), 120, &[&lock[..3]]),
        ("a checkpoint", tiles.join("checkpoint"), 40, &["checkpoint of"]),
        (
            "the partial tile",
            tiles.join("tile/0").join(&partial),
            5,
            &["tile of hashes"],
        ),
        (
            "the partial bundle",
            tiles.join("tile/entries").join(&partial),
            9,
            &["tile/entries/"],
        ),
        (
            "the tile above",
            tiles.join(format!("tile/1/000.p/{}", size / 256)),
            40,
            &["another root"],
        ),
        ("a full tile", tiles.join("tile/0/000"), 77, &[]),
        ("a full bundle", tiles.join("tile/entries/000"), 77, &[]),
    ];
    for (kind, path, at, told) in table {
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[at] ^= 0x04;
        fs::write(&path, &flipped).unwrap();
        if told.is_empty() {
            start(&dir).unwrap();
            let said = checks(&dir, log).expect_err(kind);
            let is_named = said.contains("tile/0/000") || said.contains("tile/entries/000");
            assert!(is_named, "{kind}: {said}");
        } else {
            let said = start(&dir).expect_err(kind);
            assert!(told.iter().any(|word| said.contains(word)), "{kind}: {said}");
            assert_eq!(fs::read(&path).unwrap(), flipped, "{kind} was changed");
        }
        fs::write(&path, &whole).unwrap();
    }
    // Without the snapshot every entry is read at the start, and the damage is found there.
    fs::remove_file(dir.join("log/snapshot")).unwrap();
    let bundle = tiles.join("tile/entries/000");
    let mut flipped = fs::read(&bundle).unwrap();
    flipped[77] ^= 0x04;
    fs::write(&bundle, flipped).unwrap();
    refused(&dir, &[&log.to_string()]);
}
