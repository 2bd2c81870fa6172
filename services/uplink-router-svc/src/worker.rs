//! Takes uplinks off the streams, several at a time, and keeps their leases alive while they are worked on.

use std::{
    collections::{BTreeSet, HashMap},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt as _;
use hongyan_domain::Partition;
use hongyan_queue::{Backoff, Consumer, Entry, Group, QueueError, Redis, StreamId, keys};
use hongyan_telemetry::{TraceContext, context, names};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    router::{Router, Unfinished, alarm},
    store::GROUP,
};

/// How long a read waits for the first entry.
const BLOCK_MS: u64 = 500;
/// An entry on which the work panicked so often goes to the dead letters.
const MOST_PANICS: u64 = 5;
/// How often a lease is renewed in its time, and abandoned entries looked for.
const ROUNDS_PER_LEASE: u32 = 3;

/// The consumer loop of one process.
pub struct Worker {
    router: Arc<Router>,
    group: Group,
    partitions: HashMap<Arc<str>, Partition>,
    at_work: AtWork,
}

/// The entries at work.
type AtWork = Arc<Mutex<BTreeSet<(Arc<str>, StreamId)>>>;

impl Worker {
    /// Joins the group.
    pub async fn join(router: Arc<Router>, redis: &Redis, consumer: &Consumer) -> Result<Self, QueueError> {
        let streams = || {
            redis
                .partitions()
                .iter()
                .map(|partition| (keys::uplinks(partition), partition))
        };
        let group = Group::join(redis, streams().map(|(stream, _)| stream), GROUP, consumer).await?;
        Ok(Self {
            router,
            group,
            partitions: streams()
                .map(|(stream, partition)| (Arc::from(stream), partition))
                .collect(),
            at_work: AtWork::default(),
        })
    }

    /// Works until the token is cancelled; then takes nothing more and finishes what it has. `healthy` is told
    /// whether Redis answers.
    pub async fn run(self, healthy: impl Fn(bool), shutdown: CancellationToken) {
        let every = self.router.settings.lease / ROUNDS_PER_LEASE;
        let mut next_round = Instant::now();
        let mut look_for_abandoned = false;
        let mut backoff = Backoff::for_redis();
        let mut work = JoinSet::new();
        while !shutdown.is_cancelled() {
            while work.try_join_next().is_some() {}
            if Instant::now() >= next_round {
                self.renew().await;
                look_for_abandoned = true;
                next_round = Instant::now() + every;
            }
            let free = self.router.settings.concurrency.saturating_sub(work.len());
            if free == 0 {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep_until(next_round) => {}
                    _ = work.join_next() => {}
                }
                continue;
            }
            // A read is waited for to its end, which is near: what a dropped one was just given would wait a whole lease.
            let taken = if look_for_abandoned {
                self.abandoned(free).await
            } else {
                self.group.read(self.share(free), BLOCK_MS).await
            };
            match taken {
                Ok(entries) => {
                    backoff.reset();
                    healthy(true);
                    // Where something was abandoned there may be more.
                    look_for_abandoned &= !entries.is_empty();
                    for entry in entries {
                        self.begin(&mut work, entry);
                    }
                }
                Err(error) => {
                    healthy(false);
                    tracing::warn!(%error, "no uplinks can be taken now");
                    let _ = shutdown
                        .run_until_cancelled(tokio::time::sleep(backoff.next_wait()))
                        .await;
                }
            }
        }
        self.finish(work).await;
    }

    /// A read gives so many entries for each stream.
    fn share(&self, free: usize) -> usize {
        (free / self.partitions.len().max(1)).max(1)
    }

    async fn abandoned(&self, free: usize) -> Result<Vec<Entry>, QueueError> {
        let lease_ms = u64::try_from(self.router.settings.lease.as_millis()).unwrap_or(u64::MAX);
        self.group.reclaim(lease_ms, self.share(free)).await
    }

    /// What is at work when the drain begins is finished; the drain's hard end bounds it.
    async fn finish(&self, mut work: JoinSet<()>) {
        let every = self.router.settings.lease / ROUNDS_PER_LEASE;
        loop {
            tokio::select! {
                ended = work.join_next() => if ended.is_none() { return },
                () = tokio::time::sleep(every) => self.renew().await,
            }
        }
    }

    fn begin(&self, work: &mut JoinSet<()>, entry: Entry) {
        let Some(partition) = self.partitions.get(&entry.stream).copied() else {
            return;
        };
        let place = (Arc::clone(&entry.stream), entry.id);
        if !lock(&self.at_work).insert(place.clone()) {
            // Reclaimed from ourselves while the renewal could not be made: the work goes on.
            return;
        }
        let span = span_of(&entry);
        let (router, group, at_work) = (
            Arc::clone(&self.router),
            self.group.clone(),
            Arc::clone(&self.at_work),
        );
        let task = async move {
            let worked = AssertUnwindSafe(router.work(partition, &entry))
                .catch_unwind()
                .await;
            conclude(&group, &entry, worked.unwrap_or(Err(Unfinished::Panicked))).await;
            lock(&at_work).remove(&place);
        };
        work.spawn(task.instrument(span));
    }

    /// Entries that another consumer has taken over meanwhile are worked on twice; every step bears that.
    async fn renew(&self) {
        let places: Vec<_> = lock(&self.at_work).iter().cloned().collect();
        if places.is_empty() {
            return;
        }
        let places = places.iter().map(|(stream, id)| (stream.as_ref(), *id));
        match self.group.renew(places).await {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => tracing::info!(count = lost.len(), "leases were lost to another consumer"),
            Err(error) => tracing::warn!(%error, "leases could not be renewed"),
        }
    }
}

async fn conclude(group: &Group, entry: &Entry, worked: Result<(), Unfinished>) {
    let reason = match worked {
        Ok(()) => return,
        Err(Unfinished::Never(reason)) => reason,
        Err(Unfinished::Panicked) if entry.delivery_count >= MOST_PANICS => "PANICKED",
        Err(unfinished) => {
            metrics::counter!("hongyan_uplink_retries_total").increment(1);
            tracing::warn!(
                reason = %unfinished,
                attempt = entry.delivery_count,
                "an uplink is left for later"
            );
            return;
        }
    };
    alarm("dead_letter");
    if let Err(error) = group.dead_letter(entry, reason).await {
        tracing::warn!(%error, reason, "an uplink could not be put aside; it comes again");
    }
}

/// The first attempt goes on with the uplink's own trace; later ones are roots that link back.
fn span_of(entry: &Entry) -> Span {
    let span = tracing::info_span!(
        "process",
        otel.name = "process uplinks",
        otel.kind = names::kind::CONSUMER,
        { names::MESSAGING_SYSTEM } = names::SYSTEM_REDIS,
        { names::MESSAGING_OPERATION_TYPE } = names::operation::PROCESS,
        { names::MESSAGING_DESTINATION_NAME } = entry.stream.as_ref(),
        { names::MESSAGING_CONSUMER_GROUP_NAME } = GROUP,
        { names::ATTEMPT } = entry.delivery_count,
        { names::UPLINK_ID } = Empty,
        { names::TENANT } = Empty,
        { names::RULE } = Empty,
        { names::OUTCOME } = Empty,
    );
    let carried = entry.traceparent().and_then(TraceContext::parse);
    if entry.delivery_count <= 1 {
        context::continue_from(&span, carried.as_ref());
    } else {
        context::root_linked_to(&span, carried.as_ref());
    }
    span
}

fn lock(at_work: &AtWork) -> std::sync::MutexGuard<'_, BTreeSet<(Arc<str>, StreamId)>> {
    at_work.lock().unwrap_or_else(PoisonError::into_inner)
}
