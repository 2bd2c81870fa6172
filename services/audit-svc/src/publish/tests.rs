//! Logs that are published, killed, rolled back and damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hongyan_proto::audit::v1::{
    AppendRequest, GetCheckpointRequest, GetConsistencyRequest, GetProofRequest, LogPlace,
    audit_service_server::AuditService as _, get_proof_request::By,
};
use hongyan_tlog::{
    Hash, Tile, bundle, checkpoint::Checkpoint, edge::Edge, key::Verifier, leaf_hash, note::Note,
    proof::verify_consistency, proof_text::TlogProof, tile::Kind,
};
use tokio::runtime::Handle;
use tonic::Request;

use super::PublishError;
use crate::{
    record::{Host, LogId, Misfit, OpenError},
    recovery::RecoveryError,
    testing::{Kept, event, of_peer, open_record, signer},
};

const LOG: &str = "sms-event";

/// Puts so many events on record, one after the other as far as numbers go, and waits for their checkpoint.
pub(crate) async fn append(kept: &Kept, first_seq: u64, count: usize) -> u64 {
    let mut last = 0;
    let events: Vec<_> = (0..count).map(|_| event("MESSAGE_ACCEPTED")).collect();
    for (nth, events) in events.chunks(1_000).enumerate() {
        let request = AppendRequest {
            producer: "verify-svc-1".into(),
            epoch: 1,
            first_seq: first_seq + nth as u64 * 1_000,
            events: events.to_vec(),
            wait_published: true,
        };
        let answer = kept.rpc().append(of_peer("svc/verify", request)).await.unwrap();
        last = answer.into_inner().appended.last().unwrap().index;
    }
    last
}

async fn log_of(kept: &Kept) -> LogId {
    let logs = kept.record.logs().await.unwrap();
    *logs.keys().find(|log| log.to_string().starts_with(LOG)).unwrap()
}

pub(crate) fn checkpoint(dir: &Path, log: LogId) -> (Checkpoint, Verifier) {
    let verifier = signer()
        .verifier()
        .named(&log.origin(crate::testing::ORGANISATION))
        .unwrap();
    let octets = fs::read(dir.join("tiles").join(log.to_string()).join("checkpoint")).unwrap();
    let note = Note::parse(&octets).unwrap();
    note.verified_by(std::slice::from_ref(&verifier)).unwrap();
    (
        Checkpoint::parse_of(verifier.name(), note.text()).unwrap(),
        verifier,
    )
}

/// Checks a log's directory as an outsider would: every entry against its tile, every tile against the root. Says where
/// it is wrong.
pub(crate) fn check(dir: &Path, log: LogId) -> Result<u64, String> {
    let (checkpoint, _) = checkpoint(dir, log);
    let root = dir.join("tiles").join(log.to_string());
    let read = |tile: Tile| fs::read(root.join(tile.to_string())).map_err(|error| format!("{tile}: {error}"));
    let mut edge = Edge::new();
    let mut full = Vec::new();
    for tile in Tile::all(Kind::Entries, checkpoint.size()) {
        let octets = read(tile)?;
        let entries = bundle::entries(&octets, tile.width()).map_err(|error| format!("{tile}: {error}"))?;
        for entry in entries {
            edge.push(leaf_hash(entry), &mut full);
        }
    }
    let partial: Vec<_> = edge.partial().collect();
    for (tile, expected) in full.into_iter().chain(partial) {
        if read(tile)? != expected {
            return Err(format!("{tile} is not what the entries make"));
        }
    }
    if edge.root() == *checkpoint.root() {
        Ok(checkpoint.size())
    } else {
        Err("the root is another".to_owned())
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            let copied = fs::copy(entry.path(), to);
            // What is renamed meanwhile is there under its other name, or will be.
            assert!(copied.is_ok() || !entry.path().exists(), "{copied:?}");
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Two moments of one record: the directory before and behind some more events.
struct Moments {
    dir: tempfile::TempDir,
    log: LogId,
    before: u64,
    behind: u64,
}

impl Moments {
    async fn of(first: usize, then: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let living = dir.path().join("living");
        let kept = Kept::open(&living).await;
        append(&kept, 1, first).await;
        let log = log_of(&kept).await;
        copy(&living, &dir.path().join("before"));
        append(&kept, first as u64 + 1, then).await;
        kept.close().await;
        copy(&living, &dir.path().join("behind"));
        Self {
            before: check(&dir.path().join("before"), log).unwrap(),
            behind: check(&dir.path().join("behind"), log).unwrap(),
            dir,
            log,
        }
    }

    /// A directory made of both: each part from the moment that is said.
    fn mixed(&self, name: &str, parts: [(&str, &str); 3]) -> PathBuf {
        let to = self.dir.path().join(name);
        for (part, moment) in parts {
            copy(&self.dir.path().join(moment).join(part), &to.join(part));
        }
        to
    }
}

pub(crate) async fn start(dir: &Path) -> Result<(), RecoveryError> {
    let (dir, runtime) = (dir.to_owned(), Handle::current());
    let host = Host::of_test("audit-svc-test", 1);
    let opened = tokio::task::spawn_blocking(move || {
        let opened = open_record(&dir, host, runtime)?.opened;
        // The thread that writes holds the directory's lock until it has ended.
        drop(opened.record);
        opened.ended.blocking_recv().unwrap().unwrap();
        Ok(())
    });
    opened.await.unwrap()
}

#[tokio::test]
async fn what_is_published_is_a_log_that_outsiders_can_check_through_every_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut roots = Vec::new();
    let mut log_name = String::new();
    let mut next = 1;
    for count in [1, 254, 1, 1, 700] {
        let kept = Kept::open(dir.path()).await;
        append(&kept, next, count).await;
        next += count as u64;
        let log = log_of(&kept).await;
        log_name = log.to_string();
        kept.close().await;
        let size = check(dir.path(), log).unwrap();
        assert_eq!(size, next - 1);
        roots.push((size, *checkpoint(dir.path(), log).0.root()));
    }
    let tiles = files(&dir.path().join("tiles"));
    let stale = tiles
        .iter()
        .filter(|path| path.to_string_lossy().contains("tile/0/000.p/"));
    assert_eq!(stale.count(), 0, "the partial forms of a full tile are gone");
    for kind in ["0", "entries"] {
        let dir = dir.path().join("tiles").join(&log_name).join("tile");
        let left = dir.join(kind).join("000.p");
        assert!(!left.exists(), "their directory too: {}", left.display());
    }

    let kept = Kept::open(dir.path()).await;
    let log = log_of(&kept).await;
    let (newest, root) = roots[roots.len() - 1];
    for (old, old_root) in &roots {
        let request = GetConsistencyRequest {
            log: log.to_string(),
            old_size: *old,
            new_size: 0,
        };
        let answer = kept.rpc().get_consistency(Request::new(request)).await.unwrap();
        let hashes: Vec<_> = answer
            .into_inner()
            .hashes
            .iter()
            .map(|hash| Hash(hash[..].try_into().unwrap()))
            .collect();
        assert_eq!(verify_consistency(*old, old_root, newest, &root, &hashes), Ok(()));
    }
    kept.close().await;
}

#[tokio::test]
async fn every_event_has_a_proof_that_stands_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    append(&kept, 1, 300).await;
    let log = log_of(&kept).await;
    let verifier = checkpoint(dir.path(), log).1;
    for index in [0, 1, 255, 256, 299] {
        let by_place = By::Place(LogPlace {
            log: log.to_string(),
            log_index: index,
        });
        for by in [By::Index(index), by_place] {
            let answer = kept
                .rpc()
                .get_proof(Request::new(GetProofRequest { by: Some(by) }))
                .await;
            let answer = answer.unwrap().into_inner();
            let proof = TlogProof::parse(answer.proof.as_bytes()).unwrap();
            assert_eq!((proof.index, answer.log), (index, log.to_string()));
            let leaf = leaf_hash(&answer.leaf);
            proof.verify(&leaf, verifier.name(), &verifier, &[]).unwrap();
            assert!(
                proof
                    .verify(&leaf_hash(b"another"), verifier.name(), &verifier, &[])
                    .is_err()
            );
            assert_eq!(answer.verifier_key, verifier.to_string());
        }
    }
    let request = GetCheckpointRequest { log: log.to_string() };
    let note = kept.rpc().get_checkpoint(Request::new(request)).await.unwrap();
    assert!(Note::parse(note.into_inner().note.as_bytes()).is_ok());
    for by in [
        None,
        Some(By::Index(300)),
        Some(By::Place(LogPlace {
            log: log.to_string(),
            log_index: 300,
        })),
        Some(By::Place(LogPlace {
            log: "sms-event/1970h1/0".into(),
            log_index: 0,
        })),
        Some(By::Place(LogPlace {
            log: "../..".into(),
            log_index: 0,
        })),
    ] {
        let refused = kept.rpc().get_proof(Request::new(GetProofRequest { by })).await;
        assert!(refused.is_err());
    }
    kept.close().await;
}

#[tokio::test]
async fn killed_between_lock_and_checkpoint_the_same_files_come_into_being() {
    let moments = Moments::of(300, 400).await;
    let (log, behind) = (moments.log, moments.behind);
    let expected: Vec<_> = {
        let root = moments.dir.path().join("behind/tiles").join(log.to_string());
        files(&root)
            .into_iter()
            .map(|path| {
                (
                    path.strip_prefix(&root).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                )
            })
            .collect()
    };
    // Killed behind the swap: the tiles are all old. Then with some of the new files, then with all but the checkpoint.
    for written in [0, 1, 3, expected.len()] {
        let name = format!("killed-{written}");
        let dir = moments.mixed(
            &name,
            [("log", "behind"), ("locks", "behind"), ("tiles", "before")],
        );
        let root = dir.join("tiles").join(log.to_string());
        for (path, octets) in expected
            .iter()
            .filter(|(path, _)| !path.ends_with("checkpoint"))
            .take(written)
        {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), octets).unwrap();
        }
        start(&dir).await.unwrap();
        assert_eq!(check(&dir, log), Ok(behind), "{written} files");
        for (path, octets) in &expected {
            assert_eq!(&fs::read(root.join(path)).unwrap(), octets, "{}", path.display());
        }
    }
    // Killed before the swap: nothing was signed, and the leaves are published by the next round.
    let dir = moments.mixed(
        "unsigned",
        [("log", "behind"), ("locks", "before"), ("tiles", "before")],
    );
    start(&dir).await.unwrap();
    assert_eq!(check(&dir, log), Ok(moments.before));
    let kept = Kept::open(&dir).await;
    kept.logs()
        .publication
        .reaches(kept.record.head().size)
        .await
        .unwrap();
    kept.close().await;
    assert!(check(&dir, log).unwrap() >= behind);
}

#[tokio::test]
async fn a_rollback_is_refused_and_named() {
    let moments = Moments::of(300, 10).await;
    let (log, before, behind) = (moments.log, moments.before, moments.behind);
    let dir = moments.mixed(
        "record",
        [("log", "before"), ("locks", "behind"), ("tiles", "behind")],
    );
    let refused = start(&dir).await.unwrap_err();
    // The record holds no other log, so that places in it are those of the log.
    let RecoveryError::Record(OpenError::Misfit(refused)) = refused else {
        panic!("{refused}");
    };
    let (end, index) = (before, behind - 1);
    assert_eq!(refused, Misfit::JournalBehindLogs { end, index, log });
    let dir = moments.mixed(
        "locks",
        [("log", "behind"), ("locks", "before"), ("tiles", "behind")],
    );
    let refused = start(&dir).await.unwrap_err();
    assert!(
        matches!(refused, RecoveryError::Logs(PublishError::LockBehind { log: of, stored, locked })
            if (of, stored, locked) == (log, behind, before)),
        "{refused}"
    );
}

#[tokio::test]
async fn a_flipped_bit_is_found_at_the_start_or_by_whoever_checks() {
    let moments = Moments::of(300, 10).await;
    let source = moments.dir.path().join("behind");
    let root = source.join("tiles").join(moments.log.to_string());
    let locks = files(&source.join("locks"));
    let locks = locks.iter().filter(|path| path.extension().is_some());
    for file in files(&root).iter().chain(locks) {
        let path = file.strip_prefix(&source).unwrap();
        // Partial tiles of older checkpoints serve those who still check them.
        let shown = path.to_string_lossy().into_owned();
        if shown.contains(".p/")
            && !shown.ends_with(&(moments.behind % 256).to_string())
            && !shown.contains("tile/1")
        {
            continue;
        }
        let whole = fs::read(file).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(file, &flipped).unwrap();
            let dir = moments.dir.path().join("flipped");
            copy(&source, &dir);
            let started = start(&dir).await;
            let found = started.is_err()
                || std::panic::catch_unwind(|| check(&dir, moments.log))
                    .map_or(true, |checked| checked.is_err());
            assert!(found, "{shown}, octet {at}");
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::write(file, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let refused = start(dir.path()).await.unwrap_err();
    assert!(
        matches!(refused, RecoveryError::Logs(PublishError::Locked(_))),
        "{refused}"
    );
    // One that holds another lock, on another machine say, is found by the checkpoint that it put there.
    append(&kept, 1, 1).await;
    let log = log_of(&kept).await;
    let lock = dir
        .path()
        .join("locks")
        .join(format!("{}.checkpoint", log.to_string().replace('/', ".")));
    fs::write(&lock, "another's").unwrap();
    let request = AppendRequest {
        producer: "verify-svc-1".into(),
        epoch: 1,
        first_seq: 2,
        events: vec![event("MESSAGE_ACCEPTED")],
        wait_published: true,
    };
    let answer = kept.rpc().append(of_peer("svc/verify", request)).await;
    assert!(answer.is_err(), "nothing is published any more");
    assert_eq!(fs::read_to_string(&lock).unwrap(), "another's");
}
