//! Settling what the links report.
//!
//! A few batches at a time: entries are sorted by message, the messages are read in one write, all events of a message
//! are folded together in their order, and the changes go back in one commit, each settling its own entries. A change that
//! lost against another replica's is read and folded anew. What cannot be settled now stays pending and comes again;
//! what can never be settled goes to the dead letters, with an alarm.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use hongyan_domain::MessageId;
use hongyan_proto::carrier::v1::LinkEvent;
use hongyan_queue::{Backoff, Entry, Group, QueueError};
use hongyan_telemetry::{TraceContext, names};
use prost::Message as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::{
    clock::now_unix_ms,
    lifecycle::note,
    metric::{self, Metrics},
    record::RecordError,
    settling::{Meaning, Open},
    store::{Change, Settled, Store},
    trace,
};

/// The consumer group on the receipts streams.
pub const GROUP: &str = "dispatch";

/// How often a change that lost against another one is made anew; then its entries wait for the next reclaim.
const ROUNDS: usize = 5;

/// How often a batch is tried while Redis is away; then its entries wait for the next reclaim.
const TRIES: usize = 20;

/// How often an entry is handed out when the store refuses what follows from it.
const MOST_DELIVERIES: u64 = 10;

/// Batches that are settled while the next ones are read: each waits for two syncs of Redis' log, and their order does not
/// matter.
const BATCHES_AT_WORK: usize = 4;

/// A read waits so long for the first entry, so that a drain waits no longer than that.
const BLOCK_MS: u64 = 500;

/// Settles the links' reports. Any number of replicas may run.
pub struct Worker {
    store: Store,
    group: Group,
    actor: Arc<str>,
    batch: usize,
    lease: Duration,
    metrics: Metrics,
}

/// All that one batch says of one message.
struct Work {
    id: MessageId,
    events: Vec<(LinkEvent, Entry)>,
}

/// A change on its way to Redis.
struct Pending {
    work: Work,
    meaning: Meaning,
    span: Span,
}

impl Worker {
    /// `actor` is the service's own id, as it stands on record; `lease` is how long an entry may be at work before another
    /// replica takes it over.
    pub fn new(store: Store, group: Group, actor: Arc<str>, batch: usize, lease: Duration) -> Self {
        Self {
            store,
            group,
            actor,
            batch,
            lease,
            metrics: Metrics::new(),
        }
    }

    /// Works until the token is cancelled, and finishes what it has. Ends before only where a batch panicked.
    pub async fn run(self, shutdown: CancellationToken) {
        let worker = Arc::new(self);
        let mut at_work = JoinSet::new();
        let mut backoff = Backoff::for_redis();
        let mut next_reclaim = Instant::now();
        while !shutdown.is_cancelled() {
            while let Some(done) = at_work.try_join_next() {
                if done.is_err() {
                    return;
                }
            }
            if at_work.len() >= BATCHES_AT_WORK {
                if let Some(Err(_panicked)) = at_work.join_next().await {
                    return;
                }
                continue;
            }
            match worker.take(&mut next_reclaim).await {
                Ok(entries) => {
                    backoff.reset();
                    if !entries.is_empty() {
                        let (worker, shutdown) = (Arc::clone(&worker), shutdown.clone());
                        at_work.spawn(async move { worker.settle_or_leave(entries, &shutdown).await });
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "no reports can be read now");
                    let pause = tokio::time::sleep(backoff.next_wait());
                    let _ended = shutdown.run_until_cancelled(pause).await;
                }
            }
        }
        while at_work.join_next().await.is_some() {}
    }

    /// New entries; every half lease those that somebody else left.
    async fn take(&self, next_reclaim: &mut Instant) -> Result<Vec<Entry>, QueueError> {
        if Instant::now() < *next_reclaim {
            return self.group.read(self.batch, BLOCK_MS).await;
        }
        *next_reclaim = Instant::now() + self.lease / 2;
        let lease_ms = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        self.group.reclaim(lease_ms, self.batch).await
    }

    /// Tries a batch again while Redis is away.
    async fn settle_or_leave(&self, entries: Vec<Entry>, shutdown: &CancellationToken) {
        let mut backoff = Backoff::for_redis();
        for _ in 0..TRIES {
            match self.settle(&entries).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, entries = entries.len(), "reports cannot be settled now");
                }
            }
            if shutdown
                .run_until_cancelled(tokio::time::sleep(backoff.next_wait()))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Settles a batch. `Err` where Redis is away: what was not settled may be tried again, what was does no harm.
    pub async fn settle(&self, entries: &[Entry]) -> Result<(), QueueError> {
        let (mut open, wrong) = sort(entries);
        for (entry, reason) in wrong {
            self.group.dead_letter(entry, reason).await?;
        }
        for _ in 0..ROUNDS {
            if open.is_empty() {
                return Ok(());
            }
            open = self.round(open).await?;
            metric::conflicts(open.len() as u64);
        }
        if open.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            messages = open.len(),
            "changes kept losing against others; their reports come again"
        );
        Ok(())
    }

    /// Reads, folds and stores; gives back what lost against another change.
    async fn round(&self, open: Vec<Work>) -> Result<Vec<Work>, QueueError> {
        let stored = self.store.load(open.iter().map(|work| work.id)).await?;
        let now_ms = now_unix_ms();
        let (mut changes, mut pending) = (Vec::with_capacity(open.len()), Vec::with_capacity(open.len()));
        for (work, stored) in open.into_iter().zip(stored) {
            let id = work.id;
            match stored {
                None => self.put_aside(&work, "there is no such message").await?,
                Some(Err(error @ RecordError::Version(_))) => {
                    tracing::error!(message_id = %work.id, %error, "left to a newer program");
                }
                Some(Err(error)) => self.put_aside(&work, &error.to_string()).await?,
                Some(Ok(stored)) => {
                    if let Some((change, waiting)) = self.fold(work, Open::new(id, stored), now_ms).await? {
                        changes.push(change);
                        pending.push(waiting);
                    }
                }
            }
        }
        let mut lost = Vec::new();
        for (settled, waiting) in self.store.settle(&changes).await?.into_iter().zip(pending) {
            match settled {
                Ok(Settled::Done) => self.tell(&waiting, now_ms),
                Ok(Settled::Conflict) => lost.push(waiting.work),
                Ok(Settled::Gone) => self.put_aside(&waiting.work, "there is no such message").await?,
                Err(error) if error.is_unavailable() => return Err(error),
                Err(error) => self.leave_or_put_aside(&waiting.work, &error).await?,
            }
        }
        Ok(lost)
    }

    /// Notes a message's events. `None` where nothing is left to store; then its entries are settled already.
    async fn fold(
        &self,
        work: Work,
        mut open: Open,
        now_ms: i64,
    ) -> Result<Option<(Change, Pending)>, QueueError> {
        let mut kept = Vec::with_capacity(work.events.len());
        for (event, entry) in work.events {
            match note(&mut open.record, &event) {
                Ok(()) => kept.push((event, entry)),
                Err(error) => self.group.dead_letter(&entry, &error.to_string()).await?,
            }
        }
        let work = Work {
            id: work.id,
            events: kept,
        };
        if work.events.is_empty() {
            return Ok(None);
        }
        if open.is_unchanged() {
            self.group
                .ack(
                    work.events
                        .iter()
                        .map(|(_, entry)| (entry.stream.as_ref(), entry.id)),
                )
                .await?;
            return Ok(None);
        }
        let report = work
            .events
            .iter()
            .find_map(|(_, entry)| entry.traceparent().and_then(TraceContext::parse));
        let span = trace::settle_span(report, &work.id.to_string());
        let entries = work.events.iter().map(|(_, entry)| entry.id).collect();
        match open.into_change(entries, now_ms, &self.actor) {
            Ok((change, meaning)) => Ok(Some((change, Pending { work, meaning, span }))),
            Err(error) => {
                self.put_aside(&work, &error.to_string()).await?;
                Ok(None)
            }
        }
    }

    fn tell(&self, settled: &Pending, now_ms: i64) {
        let Pending { work, meaning, span } = settled;
        span.record(names::STATUS, meaning.outcome.detail.status.as_str());
        span.record(names::RAW_CODE, meaning.outcome.detail.raw_code.as_str());
        for (event, _) in &work.events {
            self.metrics.settled(now_ms - event.at_unix_ms);
        }
        if let Some(told) = meaning.announcement {
            span.record(
                names::OUTCOME,
                if told.corrects.is_some() {
                    "CORRECTED"
                } else {
                    "FINAL"
                },
            );
            metric::told(&meaning.outcome, meaning.class, told.corrects.is_some());
        }
    }

    /// What Redis itself cannot execute may be a fault that somebody repairs: the reports come again, but not for ever.
    async fn leave_or_put_aside(&self, work: &Work, error: &QueueError) -> Result<(), QueueError> {
        tracing::error!(message_id = %work.id, %error, "a report cannot be settled");
        for (_, entry) in &work.events {
            if entry.delivery_count >= MOST_DELIVERIES {
                self.group
                    .dead_letter(entry, "the store refused it too often")
                    .await?;
            }
        }
        Ok(())
    }

    async fn put_aside(&self, work: &Work, reason: &str) -> Result<(), QueueError> {
        for (_, entry) in &work.events {
            self.group.dead_letter(entry, reason).await?;
        }
        Ok(())
    }
}

/// The entries by message, both in the order of their first entry; and those that say nothing of any message.
fn sort(entries: &[Entry]) -> (Vec<Work>, Vec<(&Entry, &'static str)>) {
    let mut works: Vec<Work> = Vec::new();
    let mut places: HashMap<MessageId, usize> = HashMap::new();
    let mut wrong = Vec::new();
    for entry in entries {
        let Some(body) = entry.body() else {
            wrong.push((entry, "the field b is missing"));
            continue;
        };
        let Ok(event) = LinkEvent::decode(body.clone()) else {
            wrong.push((entry, "the body is not a LinkEvent"));
            continue;
        };
        let Ok(id) = event.message_id.parse::<MessageId>() else {
            wrong.push((entry, "message_id: must be a message id"));
            continue;
        };
        // One script touches message and entry, so both must be of one partition.
        if *entry.stream != *hongyan_queue::keys::receipts(id.partition()) {
            wrong.push((entry, "message_id: belongs to another partition"));
            continue;
        }
        let place = *places.entry(id).or_insert_with(|| {
            works.push(Work {
                id,
                events: Vec::new(),
            });
            works.len() - 1
        });
        if let Some(work) = works.get_mut(place) {
            work.events.push((event, entry.clone()));
        }
    }
    (works, wrong)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hongyan_domain::{MessageId, Partition};
    use hongyan_proto::carrier::v1::LinkEvent;
    use hongyan_queue::{Entry, StreamId};
    use prost::Message as _;

    use super::sort;

    fn entry(sequence: u64, fields: &[(&'static str, Vec<u8>)]) -> Entry {
        let field = |(name, value): &(&'static str, Vec<u8>)| {
            (Bytes::from_static(name.as_bytes()), Bytes::from(value.clone()))
        };
        Entry {
            stream: "{p0}:receipts".into(),
            id: StreamId { unix_ms: 1, sequence },
            delivery_count: 1,
            fields: fields.iter().map(field).collect(),
        }
    }

    fn report(sequence: u64, message_id: String) -> Entry {
        let event = LinkEvent {
            message_id,
            at_unix_ms: sequence.cast_signed(),
            ..LinkEvent::default()
        };
        entry(sequence, &[("b", event.encode_to_vec())])
    }

    #[test]
    fn events_of_one_message_stay_together_in_their_order_and_garbage_is_named() {
        let id =
            |partition, octet| MessageId::new(1, Partition::new(partition).unwrap(), [octet; 8]).to_string();
        let entries = [
            report(1, id(0, 1)),
            entry(2, &[]),
            report(3, id(0, 2)),
            entry(4, &[("b", b"\xff\xff".to_vec())]),
            report(5, id(0, 1)),
            report(6, "nonsense".into()),
            report(7, id(3, 1)),
        ];
        let (works, wrong) = sort(&entries);
        let sequences: Vec<Vec<u64>> = works
            .iter()
            .map(|work| work.events.iter().map(|(_, entry)| entry.id.sequence).collect())
            .collect();
        assert_eq!(sequences, [vec![1, 5], vec![3]]);
        let named: Vec<u64> = wrong.iter().map(|(entry, _)| entry.id.sequence).collect();
        assert_eq!(named, [2, 4, 6, 7]);
    }
}
