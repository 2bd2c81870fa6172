//! Appending side by side, and what a new start finds.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_tlog::empty_root;
use tokio::sync::{Semaphore, mpsc};

use super::{
    Alone, FinalCheckpoint, Host, Numbered, Placed, Record, Stopped, Submission, WAITING_APPENDS, open,
    sequencer::Sequencer, writer,
};
use crate::log::LogError;

const SEGMENT_OCTETS: u64 = 16_384;

fn own() -> Host {
    Host::of_test("audit-svc/test", 1)
}

fn numbered(producer: &str, seq: u64) -> Submission {
    Submission::Numbered(Numbered {
        producer: Arc::from(producer),
        epoch: 1,
        seq,
        event: AuditEvent {
            action: "TESTED".into(),
            ..AuditEvent::default()
        },
    })
}

fn index(placed: Placed) -> u64 {
    match placed {
        Placed::Recorded(place) => place.index,
        other => panic!("{other:?}"),
    }
}

fn leaves(record: &Record) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    record
        .reader()
        .read_range(0..u64::MAX, |_, leaf| {
            leaves.push(leaf.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    leaves
}

#[tokio::test]
async fn appends_side_by_side_get_contiguous_indices_and_batches_stay_together() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path(), SEGMENT_OCTETS, own(), &mut Alone::default()).unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|producer| {
            let record = opened.record.clone();
            tokio::spawn(async move {
                let batch = (1..=20)
                    .map(|seq| numbered(&format!("p{producer}"), seq))
                    .collect();
                let placed = record.append(batch).await.unwrap();
                placed.into_iter().map(index).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for task in tasks {
        let indices = task.await.unwrap();
        assert!(
            indices.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{indices:?}"
        );
        all.extend(indices);
    }
    assert_eq!(all, (0..1_280).collect());
    assert_eq!(opened.record.head().size, 1_280);
    assert_eq!(leaves(&opened.record).len(), 1_280);
}

#[tokio::test]
async fn after_a_restart_the_leaves_are_the_same_and_duplicates_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), SEGMENT_OCTETS, own(), &mut Alone::default()).unwrap();
    let batch: Vec<_> = (1..=300).map(|seq| numbered("p", seq)).collect();
    first.record.append(batch.clone()).await.unwrap();
    let again = first.record.append(batch[..3].to_vec()).await.unwrap();
    assert_eq!(again, [Placed::Duplicate; 3]);
    let before = leaves(&first.record);
    drop(first.record);
    first.ended.await.unwrap().unwrap();

    let second = open(dir.path(), SEGMENT_OCTETS, own(), &mut Alone::default()).unwrap();
    assert_eq!(second.cut, None);
    assert_eq!((second.record.head().size, leaves(&second.record)), (300, before));
    let mut batch = batch;
    batch.push(numbered("p", 301));
    let placed = second.record.append(batch).await.unwrap();
    assert!(placed[..300].iter().all(|placed| *placed == Placed::Duplicate));
    assert_eq!(index(placed[300]), 300);
}

#[tokio::test]
async fn a_disk_that_refuses_ends_the_thread_and_nobody_is_told_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = crate::log::recover(dir.path(), |_, _| Ok(()))
        .unwrap()
        .begin(SEGMENT_OCTETS)
        .unwrap();
    log.writer.fill_disk();
    let sequencer = Sequencer::new(own());
    let (told, head, closed) = writer::Told::new(&sequencer);
    let (commands, queue) = mpsc::channel(8);
    let refused_write = Arc::clone(&told.refused_write);
    let record = Record {
        commands,
        appends: Arc::new(Semaphore::new(8)),
        head,
        closed,
        refused_write,
        reader: log.reader,
    };
    let first = tokio::spawn({
        let record = record.clone();
        async move { record.append(vec![numbered("p", 1)]).await }
    });
    let (snapshots, _taken) = mpsc::channel(1);
    let writer = log.writer;
    let ended = tokio::task::spawn_blocking(move || {
        writer::run(sequencer, writer, queue, &told, &own().clock, &snapshots)
    });
    assert_eq!(first.await.unwrap(), Err(Stopped));
    let why = record.refused_write().unwrap();
    assert!(why.starts_with("creating"), "{why}");
    assert!(matches!(
        ended.await.unwrap(),
        Err(LogError::Io {
            doing: "creating",
            ..
        })
    ));
    assert_eq!(record.append(vec![numbered("p", 1)]).await, Err(Stopped));
    assert_eq!(record.head().size, 0);
}

#[tokio::test]
async fn gaps_are_told_through_the_handle() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path(), SEGMENT_OCTETS, own(), &mut Alone::default()).unwrap();
    opened
        .record
        .append(vec![numbered("p", 1), numbered("p", 4)])
        .await
        .unwrap();
    let (gaps, count) = opened.record.gaps(0, 10).await.unwrap();
    assert_eq!((gaps[0].first, gaps[0].last, count), (2, 3, 1));
    assert_eq!(opened.record.gaps(60_000, 10).await.unwrap().1, 0);
}

#[tokio::test]
async fn more_appends_than_may_wait_outlast_a_turn() {
    let dir = tempfile::tempdir().unwrap();
    // 2026-06-30 23:59:59.999 in Beijing.
    let now = Arc::new(AtomicI64::new(1_782_835_199_999));
    let clock = Arc::clone(&now);
    let host = Host {
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        ..own()
    };
    let opened = open(dir.path(), SEGMENT_OCTETS, host, &mut Alone::default()).unwrap();
    let record = opened.record;
    record.append(vec![numbered("p", 1)]).await.unwrap();
    let mut closed = record.watch_closed();
    now.fetch_add(1, Ordering::SeqCst);
    let producers = WAITING_APPENDS as u64 + 100;
    let waiting: Vec<_> = (0..producers)
        .map(|nth| {
            let record = record.clone();
            tokio::spawn(async move { record.append(vec![numbered(&format!("q{nth}"), 1)]).await })
        })
        .collect();
    closed.wait_for(|closed| !closed.is_empty()).await.unwrap();
    let end = closed.borrow()[0];
    assert_eq!(end.size, 2);
    // Appends of other classes wait for nothing but a free place among the waiting, and questions for nobody.
    assert_eq!(record.logs().await.unwrap()[&end.log], 2);
    record
        .open_next(FinalCheckpoint {
            log: end.log,
            origin: end.log.origin("example.org"),
            size: end.size,
            root: empty_root(),
            note: "note".into(),
        })
        .await
        .unwrap();
    for append in waiting {
        let placed = append.await.unwrap().unwrap();
        assert!(matches!(placed[0], Placed::Recorded(place) if place.log > end.log));
    }
    let sizes: Vec<_> = record.logs().await.unwrap().into_values().collect();
    assert_eq!(sizes, [2, producers + 1]);
    assert_eq!(*closed.borrow(), []);
}
