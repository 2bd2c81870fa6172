//! Logs in a bucket.

use std::path::Path;

use bytes::Bytes;
use hongyan_tlog::{Tile, checkpoint::Checkpoint, edge::Edge, leaf_hash, note::Note, tile::Kind};

use super::{PublishError, TileStore, bucket_testing::TestBucket, tests::append};
use crate::{
    record::{Class, LogId, Submission},
    testing::{Kept, Outfit, event, signer},
};

/// 2026-11-22 in Beijing.
const NOW: i64 = 1_795_312_800_000;

fn log() -> LogId {
    LogId::of_class(Class::SmsEvent, NOW)
}

async fn open(bucket: &TestBucket, dir: &Path) -> Kept {
    let outfit = Outfit {
        tiles: Some(TileStore::at(&bucket.place(dir)).unwrap()),
        ..Outfit::default()
    };
    Kept::open_with(dir, std::sync::Arc::new(|| NOW), outfit).await
}

/// The size of the log as the bucket has it: every entry against the root that was signed.
fn check(bucket: &TestBucket) -> u64 {
    let objects = bucket.objects();
    let at = |name: &str| &objects[&format!("of/us/{}/{name}", log())];
    let note = Note::parse(at("checkpoint")).unwrap();
    let key = signer().verifier().named(&log().origin("hongyan.test")).unwrap();
    note.verified_by(&[key]).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let mut edge = Edge::new();
    let mut full = Vec::new();
    for tile in Tile::all(Kind::Entries, checkpoint.size()) {
        let octets = at(&tile.to_string());
        for entry in hongyan_tlog::bundle::entries(octets, tile.width()).unwrap() {
            edge.push(leaf_hash(entry), &mut full);
        }
    }
    for (tile, octets) in full.iter().cloned().chain(edge.partial()) {
        assert_eq!(at(&tile.to_string()), &octets, "{tile}");
    }
    assert_eq!(edge.root(), *checkpoint.root());
    checkpoint.size()
}

#[tokio::test]
async fn a_log_in_a_bucket_is_the_same_log() {
    let (dir, bucket) = (tempfile::tempdir().unwrap(), TestBucket::start().await);
    let mut next = 1;
    for count in [1, 254, 1, 700] {
        let kept = open(&bucket, dir.path()).await;
        append(&kept, next, count).await;
        next += count as u64;
        kept.close().await;
        assert_eq!(check(&bucket), next - 1);
    }
    let stale = |key: &&String| key.contains("/tile/0/000.p/") || key.contains("/tile/entries/000.p/");
    assert_eq!(bucket.objects().keys().filter(stale).count(), 0);
    assert!(
        !dir.path().join("tiles").exists(),
        "nothing is written beside the bucket"
    );

    let kept = open(&bucket, dir.path()).await;
    assert!(kept.index.reaches(next - 1).await);
    let store = kept.logs().store.clone();
    store.remove_entries(log(), next - 1).await.unwrap();
    assert!(!store.has_entries(log()).await.unwrap());
    assert!(bucket.objects().keys().any(|key| key.contains("/tile/0/000")));
    kept.close().await;
}

#[tokio::test]
async fn a_file_is_written_once_and_compared() {
    let (dir, bucket) = (tempfile::tempdir().unwrap(), TestBucket::start().await);
    let store = TileStore::at(&bucket.place(dir.path())).unwrap();
    let tiles = [1_u16, 2, 3, 4, 5, 6, 7].map(|width| Tile::new(Kind::Hashes(0), 0, width).unwrap());
    for _ in 0..2 {
        let files = tiles.map(|tile| (tile, Bytes::from(vec![1; usize::from(tile.width())])));
        store.create(log(), files.to_vec()).await.unwrap();
    }
    let other = store
        .create(log(), vec![(tiles[0], Bytes::from_static(b"2"))])
        .await;
    let Err(error) = other else {
        panic!("another file under the same name");
    };
    assert!(matches!(error, PublishError::Differs { .. }) && !store.may_recover(&error));
    // More than one page of them.
    let mut found = store.partials(log(), tiles[0]).await.unwrap();
    found.sort_by_key(Tile::width);
    assert_eq!(found, tiles);
    for _ in 0..2 {
        store.remove(log(), tiles[1..].to_vec()).await.unwrap();
    }
    assert_eq!(store.partials(log(), tiles[0]).await.unwrap(), tiles[..1]);
    assert_eq!(store.tile(log(), tiles[1]).await.unwrap(), None);
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_holds_publishing_and_nothing_else() {
    let (dir, bucket) = (tempfile::tempdir().unwrap(), TestBucket::start().await);
    let kept = open(&bucket, dir.path()).await;
    append(&kept, 1, 300).await;
    bucket.fail(u64::MAX);
    let asked = bucket.requests();
    for _ in 0..3 {
        let events = (0..100).map(|_| Submission::Own(event("MESSAGE_ACCEPTED")));
        kept.record.append(events.collect()).await.unwrap();
    }
    while bucket.requests() < asked + 5 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(kept.logs().publication.state().through, 300);
    bucket.fail(0);
    kept.logs().publication.reaches(600).await.unwrap();
    assert_eq!(check(&bucket), 600);
    // And what it had not taken at the end is published by the next start.
    bucket.fail(u64::MAX);
    let asked = bucket.requests();
    kept.record.append_own(event("MESSAGE_ACCEPTED")).await.unwrap();
    while bucket.requests() == asked {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    kept.close().await;
    bucket.fail(0);
    assert_eq!(check(&bucket), 600);
    let kept = open(&bucket, dir.path()).await;
    kept.logs().publication.reaches(601).await.unwrap();
    kept.close().await;
    assert_eq!(check(&bucket), 601);
    // A changed file is found as on a disk.
    let key = format!("of/us/{}/tile/entries/002.p/89", log());
    let mut octets = bucket.objects()[&key].to_vec();
    octets[40] ^= 1;
    bucket.put(&key, octets.into());
    let kept = std::panic::AssertUnwindSafe(open(&bucket, dir.path()));
    let started = futures_util::FutureExt::catch_unwind(kept).await;
    assert!(started.is_err());
}
