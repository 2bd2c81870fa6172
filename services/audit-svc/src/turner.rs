//! Sees to it that periods turn: closes the logs whose half-year is over, also those that nobody writes to, and opens the
//! next ones as soon as the last checkpoint of the old ones is signed. What each step is, and what a kill behind it leaves,
//! tells [`crate::record::turn`].

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    publish::Publication,
    record::{Record, Stopped},
};

/// How often the calendar is looked at. The first event behind a turn turns its log too, so this is for idle ones.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Turns until the token is cancelled. Where the record or the publisher has stopped it waits for that, so that what ends
/// the process is who knows why.
pub(crate) async fn run(record: Record, publication: Publication, every: Duration, end: CancellationToken) {
    tokio::select! {
        () = end.cancelled() => {}
        _ = turn(&record, &publication, every) => end.cancelled().await,
    }
}

async fn turn(record: &Record, publication: &Publication, every: Duration) -> Result<(), Stopped> {
    let mut closed = record.watch_closed();
    let mut published = publication.watch();
    let mut look = tokio::time::interval(every);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let waiting = closed.borrow_and_update().clone();
        let finals = published.borrow_and_update().finals.clone();
        for log in &waiting {
            match finals.get(&log.log).filter(|last| last.closed() == *log) {
                Some(last) => {
                    tracing::info!(log = %log.log, size = log.size, "the period is over: the next log opens");
                    record.open_next(last.clone()).await?;
                }
                None => publication.hurry(),
            }
        }
        tokio::select! {
            _ = look.tick() => record.close_due().await?,
            moved = closed.changed() => moved.map_err(|_| Stopped)?,
            moved = published.changed(), if !waiting.is_empty() => moved.map_err(|_| Stopped)?,
        }
    }
}
