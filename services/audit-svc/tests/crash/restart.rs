//! A start reads what is not published yet, and not everything that ever was. `HONGYAN_EVENTS` says how many events are on
//! record before (20,000); the time that the start takes is printed.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use hongyan_audit_svc::{
    record::{Numbered, Placed, Record, Submission},
    recovery::Recovered,
    upkeep,
};
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::child::{EPOCH, event, open_with};

const BATCH: u64 = 1_000;

fn batch(first: u64) -> Vec<Submission> {
    let producer: Arc<str> = Arc::from("a-1");
    let numbered = |seq| {
        Submission::Numbered(Numbered {
            producer: Arc::clone(&producer),
            epoch: EPOCH,
            seq,
            event: event("a-1", seq),
        })
    };
    (first..first + BATCH).map(numbered).collect()
}

/// Puts so many events on record, and ends when they are published and the journal is as short as it gets.
async fn fill(recovered: Recovered, events: u64) {
    let Recovered {
        opened,
        publisher,
        logs,
    } = recovered;
    let end = CancellationToken::new();
    let record = opened.record;
    let interval = Duration::from_millis(200);
    let publish = publisher.run(
        record.reader().clone(),
        record.watch_head(),
        interval,
        end.clone(),
    );
    let publish = tokio::spawn(publish);
    let keep = tokio::spawn(upkeep::run(opened.upkeep, logs.publication.clone(), end.clone()));
    for first in (1..events).step_by(BATCH as usize) {
        record.append_request(batch(first)).await.unwrap();
    }
    logs.publication.reaches(record.head().size).await.unwrap();
    end.cancel();
    publish.await.unwrap().unwrap();
    keep.await.unwrap().unwrap();
    drop((record, logs));
    opened.ended.await.unwrap().unwrap();
}

async fn known(record: &Record, first: u64) {
    let placed = record.append_request(batch(first)).await.unwrap();
    assert!(placed.iter().all(|placed| *placed == Placed::Duplicate));
}

#[test]
fn a_start_reads_the_end_of_the_journal_alone() {
    let events: u64 = env::var("HONGYAN_EVENTS").map_or(20_000, |events| events.parse().unwrap());
    // As usual where there are many; else so small that some are closed.
    let segment_octets = if events < 1_000_000 { 1 << 20 } else { 64 << 20 };
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let open = |runtime: Handle| open_with(dir.path(), segment_octets, runtime).unwrap();
    runtime.block_on(fill(open(runtime.handle().clone()), events));

    let started = Instant::now();
    let recovered = open(runtime.handle().clone());
    eprintln!("{events} events, started in {:?}", started.elapsed());
    let record = &recovered.opened.record;
    assert_eq!(record.head().size, events);
    let held = events - record.reader().first_index();
    let fit = 3 * segment_octets / 200;
    assert!(
        held < events / 2 && held < fit,
        "{held} of {events} leaves were read"
    );
    runtime.block_on(async {
        known(record, 1).await;
        known(record, events - BATCH + 1).await;
    });
}
