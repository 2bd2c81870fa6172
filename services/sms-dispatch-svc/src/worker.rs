//! Settling what the links report.
//!
//! A few batches at a time: entries are sorted by message, the messages are read in one write, all events of a message
//! are folded together in their order, and the changes go back in one commit, each settling its own entries. A change that
//! lost against another replica's is read and folded anew. What cannot be settled now stays pending and comes again;
//! what can never be settled goes to the dead letters, with an alarm.

mod sort;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hongyan_proto::carrier::v1::{CarrierLearned, LinkHealth};
use hongyan_queue::{Backoff, Entry, Group, QueueError};
use hongyan_telemetry::{TraceContext, names};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use self::sort::{Beside, Sorted, Work, sort};
use crate::{
    audit,
    clock::now_unix_ms,
    convert::carrier_of,
    lifecycle::note,
    metric::{self, Metrics},
    record::{RecordError, tag_of},
    reroute,
    rerouter::{Rerouter, World},
    routing::{Lesson, LessonKind, Report},
    settling::{Meaning, Open},
    store::{Change, Settled, Sighting, Store},
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
    rerouter: Rerouter,
    batch: usize,
    lease: Duration,
    metrics: Metrics,
}

/// A change on its way to Redis.
struct Pending {
    work: Work,
    meaning: Meaning,
    span: Span,
}

impl Worker {
    /// `lease` is how long an entry may be at work before another replica takes it over.
    pub fn new(store: Store, group: Group, rerouter: Rerouter, batch: usize, lease: Duration) -> Self {
        Self {
            store,
            group,
            rerouter,
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
        let Sorted {
            works: mut open,
            beside,
            wrong,
        } = sort(entries);
        for (entry, reason) in wrong {
            self.group.dead_letter(entry, reason).await?;
        }
        for what in beside {
            match what {
                Beside::Health(link, health, entry, at_ms) => {
                    self.health(link, health, &entry, at_ms).await?;
                }
                Beside::Learned(learned, entry) => self.learned(&learned, &entry).await?,
            }
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
        let (world, now_ms) = (self.rerouter.world(), now_unix_ms());
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
                    if let Some((change, waiting)) =
                        self.fold(work, Open::new(id, stored), &world, now_ms).await?
                    {
                        changes.push(change);
                        pending.push(waiting);
                    }
                }
            }
        }
        let mut lost = Vec::new();
        for (settled, waiting) in self.store.settle(&changes).await?.into_iter().zip(pending) {
            match settled {
                Ok(Settled::Done { learned }) => self.tell(&waiting, learned, now_ms),
                Ok(Settled::Conflict) => lost.push(waiting.work),
                // Another replica has worked on that report: it is settled.
                Ok(Settled::ClaimLost) => lost.extend(waiting.work.without_returns()),
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
        world: &World,
        now_ms: i64,
    ) -> Result<Option<(Change, Pending)>, QueueError> {
        let mut kept = Vec::with_capacity(work.events.len());
        for (event, entry) in work.events {
            match note(&mut open.record, &event, world.codes()) {
                Ok(()) => {
                    open.lesson = world.lesson(&mut open.record, &event).or(open.lesson);
                    if let Some(wish) = reroute::wish(&open.record, &event, world.codes()) {
                        self.rerouter
                            .decide(&mut open, &wish, &event, entry.id, world, now_ms)
                            .await?;
                    }
                    kept.push((event, entry));
                }
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
        match open.into_change(entries, world.terms(now_ms)) {
            Ok((change, meaning)) => Ok(Some((change, Pending { work, meaning, span }))),
            Err(error) => {
                self.put_aside(&work, &error.to_string()).await?;
                Ok(None)
            }
        }
    }

    /// What a process tells of its link. The time is the earlier of its clock and ours: a clock that goes ahead must not
    /// keep a dead link up.
    async fn health(
        &self,
        link: String,
        health: LinkHealth,
        entry: &Entry,
        at_unix_ms: i64,
    ) -> Result<(), QueueError> {
        let report = Report {
            link,
            instance: health.instance,
            connections_ready: health.connections_ready,
            connections_allowed: health.connections_allowed,
            told_at_ms: at_unix_ms.min(now_unix_ms()),
        };
        self.store.report_health(&report, health.gone).await?;
        self.group.ack([(entry.stream.as_ref(), entry.id)]).await
    }

    /// Where a link has seen a number.
    async fn learned(&self, learned: &CarrierLearned, entry: &Entry) -> Result<(), QueueError> {
        let seen = carrier_of(learned.carrier).zip(carrier_of(learned.expected));
        let place = tag_of(&learned.subject_tag).zip(sort::partition_of(entry));
        let (Some((carrier, expected)), Some((tag, partition))) = (seen, place) else {
            return self
                .group
                .dead_letter(
                    entry,
                    "carrier_learned: carrier, expected or subject_tag is not one",
                )
                .await;
        };
        let lesson = Lesson {
            kind: LessonKind::Learn,
            carrier,
            expected,
            source: learned.source(),
        };
        let world = self.rerouter.world();
        let terms = world.terms(now_unix_ms());
        let traceparent = entry.traceparent().unwrap_or_default();
        let trace_id = traceparent.get(3..35).unwrap_or_default();
        let sighting = Sighting {
            partition,
            tag,
            lesson,
            kept_ms: terms.lesson_kept_ms,
            now_ms: terms.now_ms,
            audit_event: audit::lesson(&lesson, &learned.subject_tag, trace_id, terms.now_ms, terms.actor),
            traceparent: traceparent.to_owned(),
            entry: entry.id,
        };
        if self.store.learn(&sighting).await? {
            metric::learned(&lesson);
        }
        Ok(())
    }

    fn tell(&self, settled: &Pending, learned: bool, now_ms: i64) {
        let Pending { work, meaning, span } = settled;
        span.record(names::STATUS, meaning.outcome.detail.status.as_str());
        span.record(names::RAW_CODE, meaning.outcome.detail.raw_code.as_str());
        for (event, _) in &work.events {
            self.metrics.settled(now_ms - event.at_unix_ms);
        }
        if let Some(rerouted) = &meaning.rerouted {
            metric::rerouted(rerouted);
        }
        if let Some(lesson) = meaning.lesson.filter(|_| learned) {
            metric::learned(&lesson);
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
