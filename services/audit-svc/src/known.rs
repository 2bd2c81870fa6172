//! Where numbered events stand that are on record already: the answer to whoever submits one again.

use std::{sync::Arc, time::Duration};

use crate::{
    index::{Index, IndexError},
    record::{Place, Record, leaf},
};
use hongyan_tlog::leaf_hash;

/// How long the index may take to come up to the record before a caller is sent away.
const PATIENCE: Duration = Duration::from_secs(2);

/// A number, and the event that came under it just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) producer: Arc<str>,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) event_id: String,
}

/// What is on record under a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// The same event.
    Here(Place),
    /// Another event: the producer used a number twice.
    Reused(Place),
}

/// Why nobody can tell now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    /// The index is not so far yet, or stands still.
    #[error("the index is behind the record")]
    Behind,
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Seen, and yet not found: the record contradicts itself.
    #[error("a number that was seen is not in the index: seq {seq} of epoch {epoch}")]
    Missing { epoch: u64, seq: u64 },
    #[error("the look-up was interrupted")]
    Interrupted,
}

/// Waits until the index has taken in `size` leaves; false where it has not for too long.
pub(crate) async fn index_reaches(index: &Index, size: u64) -> bool {
    let mut progress = index.watch_progress();
    let reached = progress.wait_for(|progress| progress.indexed >= size);
    matches!(tokio::time::timeout(PATIENCE, reached).await, Ok(Ok(_)))
}

/// Looks up each number, in order.
pub(crate) async fn look_up(
    record: &Record,
    index: &Index,
    again: Vec<Again>,
) -> Result<Vec<Known>, Unknown> {
    if again.is_empty() {
        return Ok(Vec::new());
    }
    if !index_reaches(index, record.head().size).await {
        return Err(Unknown::Behind);
    }
    let (reader, index) = (record.reader().clone(), index.clone());
    let found = tokio::task::spawn_blocking(move || {
        let one = |again: &Again| {
            let Again {
                producer,
                epoch,
                seq,
                event_id,
            } = again;
            let missing = || Unknown::Missing {
                epoch: *epoch,
                seq: *seq,
            };
            let at = index.index_of(producer, *epoch, *seq)?.ok_or_else(missing)?;
            let bytes = reader.read(at).map_err(IndexError::from)?.ok_or_else(missing)?;
            let wrong = |reason| IndexError::Leaf { index: at, reason };
            let (leaf, event) = leaf::decode(at, &bytes).map_err(wrong)?;
            let place = Place {
                index: at,
                log: leaf::log_of(&leaf).map_err(wrong)?,
                log_index: leaf.log_index,
                leaf_hash: leaf_hash(&bytes),
            };
            Ok(if event.event_id == *event_id {
                Known::Here(place)
            } else {
                Known::Reused(place)
            })
        };
        again.iter().map(one).collect()
    });
    found.await.unwrap_or(Err(Unknown::Interrupted))
}
