//! The loop that takes entries off the audit streams.

use std::time::Duration;

use hongyan_queue::{Backoff, Consumer, Entry, Group, QueueError, Redis, RedisSettings, keys};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    batch::{Recorder, Unsettled},
    lost::Losses,
};
use crate::{
    index::Index,
    keys::{KeysError, SubjectKeys},
    record::{Record, Stopped, now_unix_ms},
};

const GROUP: &str = "audit";
/// Entries of one batch, and the most of one stream taken at once.
const BATCH_ENTRIES: usize = 1_024;
/// Entries of all streams together taken at once, about: what is taken stands in memory.
const AT_ONCE: usize = 4_096;
const LEAST_OF_STREAM: usize = 4;
const BLOCK_MS: u64 = 1_000;
/// An entry that was taken and not settled for so long is taken again.
const RECLAIM_IDLE_MS: u64 = 30_000;
const RECLAIM_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether entries were deleted; as long again where no moment is quiet.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where the events of the streams go.
#[derive(Debug, Clone)]
pub struct StreamSink {
    /// The record.
    pub record: Record,
    /// Its index, to know entries again.
    pub index: Index,
    /// The keys that personal data is sealed under.
    pub keys: SubjectKeys,
    /// The SPIFFE id of this process.
    pub actor: String,
}

/// Why the streams cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Redis refuses for a reason that waiting does not mend.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The keys of subjects cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The record takes no events.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Connects, however long Redis is away: events that come by `Append` need no Redis.
pub async fn connect(
    settings: &RedisSettings,
    shutdown: &CancellationToken,
) -> Result<Option<Redis>, QueueError> {
    let mut backoff = Backoff::for_redis();
    loop {
        let connected = tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            connected = Redis::connect(settings) => connected,
        };
        match connected {
            Ok(redis) => return Ok(Some(redis)),
            Err(error) if error.is_unavailable() => {
                tracing::warn!(%error, "the audit streams wait for Redis");
                pause(backoff.next_wait(), shutdown).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The streams of all partitions.
pub fn streams(redis: &Redis) -> Vec<String> {
    redis.partitions().iter().map(keys::audit).collect()
}

/// Takes entries until the token is cancelled. While Redis is away it waits; what was taken and not settled comes again.
pub async fn run(redis: Redis, sink: StreamSink, shutdown: CancellationToken) -> Result<(), StreamError> {
    let mut backoff = Backoff::for_redis();
    let consumer = Consumer::unique("audit-svc");
    let mut losses = Losses::default();
    loop {
        let ended = match join(&redis, &sink, &consumer).await {
            Ok(recorder) => take(&redis, &recorder, &mut backoff, &mut losses, &shutdown).await,
            Err(error) => Err(error.into()),
        };
        match ended {
            Ok(()) => return Ok(()),
            Err(StreamError::Queue(error)) => {
                if shutdown.is_cancelled() {
                    return Ok(());
                }
                if backoff.attempts() == 0 {
                    tracing::warn!(%error, "the audit streams cannot be read; trying again");
                }
                metrics::counter!("hongyan_audit_stream_errors_total").increment(1);
                pause(backoff.next_wait(), &shutdown).await;
            }
            // What was taken stays pending, and comes again.
            Err(StreamError::Keys(error)) if !matches!(error, KeysError::Stopped) => {
                if backoff.attempts() == 0 {
                    tracing::error!(%error, "events wait on their stream: the keys of subjects cannot be used");
                }
                metrics::counter!("hongyan_audit_stream_errors_total").increment(1);
                pause(backoff.next_wait(), &shutdown).await;
            }
            Err(stopped) => return Err(stopped),
        }
    }
}

async fn join(redis: &Redis, sink: &StreamSink, consumer: &Consumer) -> Result<Recorder, QueueError> {
    let group = Group::join(redis, streams(redis), GROUP, consumer).await?;
    Ok(Recorder {
        group,
        record: sink.record.clone(),
        index: sink.index.clone(),
        keys: sink.keys.clone(),
        actor: sink.actor.clone(),
    })
}

async fn take(
    redis: &Redis,
    recorder: &Recorder,
    backoff: &mut Backoff,
    losses: &mut Losses,
    shutdown: &CancellationToken,
) -> Result<(), StreamError> {
    // The record's directory has one process, so whatever is pending now belongs to nobody alive: no need to let its
    // lease run out.
    let mut idle_ms = 0;
    let count = (AT_ONCE / recorder.group.streams().len().max(1)).clamp(LEAST_OF_STREAM, BATCH_ENTRIES);
    let mut reclaim_at = Instant::now();
    let mut look_at = Instant::now();
    while !shutdown.is_cancelled() {
        if Instant::now() >= reclaim_at {
            let taken = recorder.group.reclaim(idle_ms, count).await?;
            measure(redis, &recorder.group).await?;
            // What is left has to wait for something.
            if work_off(recorder, &taken).await? == 0 {
                idle_ms = RECLAIM_IDLE_MS;
                reclaim_at = Instant::now() + RECLAIM_EVERY;
            }
        }
        let taken = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            taken = recorder.group.read(count, BLOCK_MS) => taken?,
        };
        work_off(recorder, &taken).await?;
        // At a quiet moment, if there is one: then it is known at once what is missing.
        let since_due = Instant::now().saturating_duration_since(look_at);
        if since_due >= LOOK_EVERY || (taken.is_empty() && since_due > Duration::ZERO) {
            losses
                .look(redis, &recorder.group, &recorder.record, &recorder.actor)
                .await
                .map_err(unsettled)?;
            look_at = Instant::now() + LOOK_EVERY;
        }
        backoff.reset();
    }
    Ok(())
}

/// Answers how many entries were settled.
async fn work_off(recorder: &Recorder, entries: &[Entry]) -> Result<usize, StreamError> {
    let mut settled = 0;
    for batch in entries.chunks(BATCH_ENTRIES) {
        settled += recorder.work_off(batch).await.map_err(unsettled)?;
    }
    Ok(settled)
}

fn unsettled(unsettled: Unsettled) -> StreamError {
    match unsettled {
        Unsettled::Keys(error) => StreamError::Keys(error),
        Unsettled::Stopped(stopped) => StreamError::Stopped(stopped),
        Unsettled::Queue(error) => StreamError::Queue(error),
    }
}

/// How far the record is behind the streams.
async fn measure(redis: &Redis, group: &Group) -> Result<(), QueueError> {
    let now_unix_ms = u64::try_from(now_unix_ms()).unwrap_or_default();
    let mut connection = redis.pooled().await?;
    for stream in group.streams() {
        let depth = hongyan_queue::depth(&mut connection, stream, GROUP, now_unix_ms).await?;
        let label = stream.to_string();
        metrics::gauge!("hongyan_audit_stream_waiting", "stream" => label.clone()).set(depth.waiting as f64);
        metrics::gauge!("hongyan_audit_stream_oldest_age_ms", "stream" => label)
            .set(depth.oldest_age_ms as f64);
    }
    Ok(())
}

async fn pause(wait: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
