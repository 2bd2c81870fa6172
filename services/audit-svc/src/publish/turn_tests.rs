//! Half-years that turn, and processes that are killed while they do.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use hongyan_proto::audit::v1::{AuditEvent, Leaf};
use hongyan_tlog::{Tile, bundle, tile::Kind};
use prost::Message as _;
use tokio::runtime::Handle;

use super::tests::{append, check, checkpoint, copy};
use crate::{
    record::{Clock, Host, LogId},
    recovery::Recovered,
    testing::{Kept, event, open_record},
    turner,
};

/// 2026-06-30 23:59:59.999 in Beijing.
const H1: i64 = 1_782_835_199_999;
const H2: i64 = H1 + 1;

fn clock(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || now.load(Ordering::SeqCst))
}

/// The leaves of a published log.
fn leaves(dir: &Path, log: LogId) -> Vec<(Leaf, AuditEvent)> {
    let size = checkpoint(dir, log).0.size();
    let root = dir.join("tiles").join(log.to_string());
    let mut found = Vec::new();
    for tile in Tile::all(Kind::Entries, size) {
        let octets = fs::read(root.join(tile.to_string())).unwrap();
        for entry in bundle::entries(&octets, tile.width()).unwrap() {
            let leaf = Leaf::decode(entry).unwrap();
            let event = leaf.event.clone().unwrap();
            found.push((leaf, event));
        }
    }
    found
}

/// Every log is right, every closed one ends with its closing leaf, and every log behind another names its end.
fn check_all(dir: &Path, logs: &BTreeMap<LogId, u64>) {
    let mut before: Option<LogId> = None;
    for (log, size) in logs {
        assert_eq!(check(dir, *log), Ok(*size), "{log}");
        let leaves = leaves(dir, *log);
        let (first, last) = (&leaves[0].1, &leaves[leaves.len() - 1].1);
        let closings = leaves
            .iter()
            .filter(|(_, event)| event.action == "RECORD_LOG_CLOSED");
        let has_successor = logs
            .keys()
            .any(|other| other.class() == log.class() && other > log);
        assert_eq!(last.action == "RECORD_LOG_CLOSED", has_successor, "{log}");
        assert_eq!(closings.count(), usize::from(has_successor), "{log}");
        let before = before
            .replace(*log)
            .filter(|before| before.class() == log.class());
        assert_eq!(first.action == "RECORD_LOG_OPENED", before.is_some(), "{log}");
        if let Some(before) = before {
            let (end, verifier) = checkpoint(dir, before);
            let note = fs::read_to_string(dir.join("tiles").join(before.to_string()).join("checkpoint"));
            let said = |name: &str| first.attributes[name].as_str();
            assert_eq!(said("previous_origin"), verifier.name());
            assert_eq!(said("previous_size"), end.size().to_string());
            assert_eq!(said("previous_root"), end.root().to_string());
            assert_eq!(said("previous_checkpoint"), note.unwrap());
            assert!(first.attributes.values().all(|value| value.len() <= 1_024));
        }
    }
}

async fn published(kept: &Kept) -> BTreeMap<LogId, u64> {
    let size = kept.record.head().size;
    kept.logs().publication.reaches(size).await.unwrap();
    kept.record.logs().await.unwrap()
}

#[tokio::test]
async fn logs_turn_under_load_and_idle_ones_too() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(H1));
    let kept = Kept::open_at(dir.path(), clock(&now)).await;
    append(&kept, 1, 300).await;
    let idle = AuditEvent {
        action: "MESSAGE_FINAL".to_owned(),
        ..event("MESSAGE_FINAL")
    };
    kept.record.append_own(idle).await.unwrap();
    assert_eq!(published(&kept).await.len(), 2);
    now.store(H2, Ordering::SeqCst);
    // The first event of a class behind the turn waits for it, and nobody writes to the other class.
    append(&kept, 301, 300).await;
    let mut closed = kept.record.watch_closed();
    while kept.record.logs().await.unwrap().len() < 4 {
        closed.changed().await.unwrap();
    }
    // A clock that jumps back reopens nothing.
    now.store(H1 - 1, Ordering::SeqCst);
    append(&kept, 601, 10).await;
    let logs = published(&kept).await;
    let sizes: Vec<_> = logs.iter().map(|(log, size)| (log.to_string(), *size)).collect();
    let expected = [
        ("sms-event/2026h1/0", 301),
        ("sms-event/2026h2/0", 311),
        ("cdr/2026h1/0", 2),
        ("cdr/2026h2/0", 1),
    ];
    assert_eq!(sizes, expected.map(|(log, size)| (log.to_owned(), size)));
    kept.close().await;
    check_all(dir.path(), &logs);

    let kept = Kept::open_at(dir.path(), clock(&now)).await;
    append(&kept, 611, 5).await;
    let again = published(&kept).await;
    assert_eq!(again.values().sum::<u64>(), logs.values().sum::<u64>() + 5);
    kept.close().await;
    check_all(dir.path(), &again);
}

#[tokio::test]
async fn killed_between_any_two_steps_the_turn_is_completed() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    let living = place("living");
    let now = Arc::new(AtomicI64::new(H1));
    let kept = Kept::open_at(&living, clock(&now)).await;
    append(&kept, 1, 300).await;
    kept.close().await;
    copy(&living, &place("killed-before"));

    // Step by step, without the task that takes them.
    let (runtime, host) = (Handle::current(), Host::of_test("audit-svc-test", 2));
    let host = Host {
        clock: clock(&now),
        ..host
    };
    let to = living.clone();
    let opened = tokio::task::spawn_blocking(move || open_record(&to, host, runtime));
    let Recovered {
        opened,
        publisher,
        logs,
    } = opened.await.unwrap().unwrap();
    let (record, publication) = (opened.record, logs.publication);
    now.store(H2, Ordering::SeqCst);
    let waits = tokio::spawn({
        let record = record.clone();
        async move { record.append_own(event("MESSAGE_ACCEPTED")).await }
    });
    let mut closed = record.watch_closed();
    closed.wait_for(|closed| !closed.is_empty()).await.unwrap();
    copy(&living, &place("killed-closed"));
    let stop = tokio_util::sync::CancellationToken::new();
    let publisher = tokio::spawn(publisher.run(
        record.reader().clone(),
        record.watch_head(),
        Duration::from_millis(10),
        stop.clone(),
    ));
    publication.reaches(record.head().size).await.unwrap();
    copy(&living, &place("killed-signed"));
    assert!(!waits.is_finished());
    let turner = tokio::spawn(turner::run(
        record.clone(),
        publication.clone(),
        Duration::from_millis(10),
        stop.clone(),
    ));
    waits.await.unwrap().unwrap();
    copy(&living, &place("killed-opened"));
    stop.cancel();
    publisher.await.unwrap().unwrap();
    turner.await.unwrap();
    drop(record);
    opened.ended.await.unwrap().unwrap();

    for killed in ["before", "closed", "signed", "opened"] {
        let dir = place(&format!("killed-{killed}"));
        // Nobody turns a log back: behind the closing leaf the clock counts no more.
        let time = if killed == "before" { H2 } else { H1 - 1 };
        let now = Arc::new(AtomicI64::new(time));
        let kept = Kept::open_at(&dir, clock(&now)).await;
        append(&kept, 301, 3).await;
        let logs = published(&kept).await;
        kept.close().await;
        let sizes: Vec<_> = logs.values().copied().collect();
        let with_own = u64::from(killed == "opened");
        assert_eq!(sizes, [301, 4 + with_own], "killed {killed}");
        check_all(&dir, &logs);
    }
}
