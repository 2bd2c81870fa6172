//! Entries that were deleted from a stream before they were on record.
//!
//! Redis does not tell: whoever reads a stream gets the entries that are there, and a group's own counts are wrong once
//! something was deleted. The numbers tell. They are given in the step that adds an entry, so when everything that is in
//! the stream is settled, a number that was given and is not on record belongs to an entry that is gone. While a stream
//! is never settled, a hole that has shown for a minute tells the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hongyan_queue::{Group, Redis, keys, numbering};

use super::batch::Unsettled;
use crate::{
    own,
    record::{Numbered, Placed, Record, Submission},
    rpc::GAP_AGE_MS,
};

/// Losses that are told at one look; the rest are told at the next.
const MOST_AT_ONCE: usize = 16;
/// Losses that one process tells of: behind that the metric of gaps goes on, and nobody reads more.
const MOST_TOLD: usize = 1_024;

/// Numbers of one epoch, the first and the last.
type Range = (u64, u64);

/// Looks for losses, and tells of each once.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// What was told, by stream and epoch: each number that is in one of the ranges.
    told: BTreeMap<(Arc<str>, u64), BTreeSet<Range>>,
}

impl Losses {
    /// Looks at every stream of the group.
    pub(crate) async fn look(
        &mut self,
        redis: &Redis,
        group: &Group,
        record: &Record,
        actor: &str,
    ) -> Result<(), Unsettled> {
        let mut connection = redis.pooled().await?;
        for (stream, partition) in group.streams().iter().zip(redis.partitions().iter()) {
            let seq_key = keys::audit_seq(partition);
            let Some(given) = numbering(&mut connection, stream, &seq_key, group.name()).await? else {
                continue;
            };
            let producer: Arc<str> = Arc::from(format!("stream:{stream}"));
            let up_to = given.is_settled.then_some(given.last);
            let missing = record
                .missing((producer, given.epoch), GAP_AGE_MS, up_to, MOST_TOLD)
                .await?;
            for range in self.new_ones(stream, given.epoch, &missing) {
                tell(record, actor, (stream, given.epoch), range).await?;
                self.note(stream, given.epoch, range);
            }
        }
        Ok(())
    }

    /// What of the missing was not told yet.
    fn new_ones(&self, stream: &Arc<str>, epoch: u64, missing: &[Range]) -> Vec<Range> {
        let told = self.told.get(&(Arc::clone(stream), epoch));
        let room = MOST_TOLD.saturating_sub(self.told.values().map(BTreeSet::len).sum());
        let mut new = Vec::new();
        for (first, last) in missing {
            // The ranges that were told do not overlap, and stand in their order.
            let mut at = *first;
            let before = told.into_iter().flatten().filter(|range| range.1 >= *first);
            for (told_first, told_last) in before.take_while(|range| range.0 <= *last) {
                if at < *told_first {
                    new.push((at, told_first - 1));
                }
                at = at.max(told_last.saturating_add(1));
            }
            if at <= *last {
                new.push((at, *last));
            }
        }
        new.truncate(room.min(MOST_AT_ONCE));
        new
    }

    fn note(&mut self, stream: &Arc<str>, epoch: u64, range: Range) {
        self.told
            .entry((Arc::clone(stream), epoch))
            .or_default()
            .insert(range);
    }
}

/// An event, and an alarm: once for each loss, however often the process starts.
async fn tell(
    record: &Record,
    actor: &str,
    (stream, epoch): (&Arc<str>, u64),
    (first, last): Range,
) -> Result<(), Unsettled> {
    let attributes = [
        ("stream", stream.to_string()),
        ("epoch", epoch.to_string()),
        ("first_seq", first.to_string()),
        ("last_seq", last.to_string()),
    ];
    let numbered = Numbered {
        producer: Arc::from(format!("lost/{stream}/{epoch}/{first}-{last}")),
        epoch: 1,
        seq: 1,
        event: own::event("RECORD_EVENTS_LOST", "LOST", actor, attributes),
    };
    let placed = record.append(vec![Submission::Numbered(numbered)]).await?;
    if matches!(placed.first(), Some(Placed::Duplicate)) {
        return Ok(());
    }
    let count = last.saturating_sub(first).saturating_add(1);
    metrics::counter!("hongyan_audit_stream_lost_total").increment(count);
    tracing::error!(
        %stream,
        epoch,
        first,
        last,
        ?placed,
        "entries were deleted from an audit stream before they were on record: these events are lost"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Losses, MOST_AT_ONCE, MOST_TOLD};

    #[test]
    fn every_number_is_told_once_however_the_holes_grow() {
        let mut losses = Losses::default();
        let stream: Arc<str> = "{p0}:audit".into();
        let mut tell = |epoch, missing: &[(u64, u64)]| {
            let new = losses.new_ones(&stream, epoch, missing);
            for range in &new {
                losses.note(&stream, epoch, *range);
            }
            new
        };
        assert_eq!(tell(7, &[(5, 6)]), [(5, 6)]);
        assert_eq!(tell(7, &[(5, 6)]), []);
        assert_eq!(tell(7, &[(5, 9)]), [(7, 9)]);
        assert_eq!(tell(7, &[(1, 2), (4, 12)]), [(1, 2), (4, 4), (10, 12)]);
        assert_eq!(tell(7, &[(1, 12)]), [(3, 3)]);
        assert_eq!(tell(7, &[(1, 12)]), []);
        // Another epoch has other numbers.
        assert_eq!(tell(8, &[(1, 1)]), [(1, 1)]);
    }

    #[test]
    fn what_is_told_is_limited() {
        let mut losses = Losses::default();
        let stream: Arc<str> = "{p0}:audit".into();
        let missing: Vec<_> = (0..5_000).map(|n| (n * 2, n * 2)).collect();
        let mut told = 0;
        loop {
            let new = losses.new_ones(&stream, 1, &missing);
            assert!(new.len() <= MOST_AT_ONCE);
            if new.is_empty() {
                break;
            }
            told += new.len();
            for range in new {
                losses.note(&stream, 1, range);
            }
        }
        assert_eq!(told, MOST_TOLD);
    }
}
