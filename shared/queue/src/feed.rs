//! Feeds: streams that many readers follow, each from its own place.
//!
//! A feed has one stream for each partition, `{p0}:feed:<kind>:<tenant>`. A reader names a *subscription*, whose
//! acknowledged place is kept beside the stream, in the hash `{p0}:feedack:<kind>:<tenant>`. What is not acknowledged
//! is given again to the next reader of that subscription. Entries are kept for [`KEPT_MS`], acknowledged or not.

use std::{collections::HashMap, sync::LazyLock};

use bytes::Bytes;
use hongyan_domain::{Partition, Subscription, TenantId};
use redis::{Value, aio::MultiplexedConnection};

use crate::{
    batch::Batch,
    client::Redis,
    cursor::{Cursor, CursorError},
    error::QueueError,
    lua,
    script::Script,
    stream_id::StreamId,
    value,
};

static ACK: LazyLock<Script> = LazyLock::new(|| Script::new("feed-ack", &[lua::FEED_ACK]));

/// How long entries are kept: seven days, in milliseconds.
pub const KEPT_MS: u64 = 7 * 24 * 3_600_000;

/// The most subscriptions of one tenant to one kind of feed.
pub const MOST_SUBSCRIPTIONS: usize = 256;

/// The stream of one partition: `{p0}:feed:<kind>:<tenant>`.
pub fn key(partition: Partition, kind: &str, tenant: &TenantId) -> String {
    format!("{{{partition}}}:feed:{kind}:{}", tenant.as_str())
}

fn ack_key(partition: Partition, kind: &str, tenant: &TenantId) -> String {
    format!("{{{partition}}}:feedack:{kind}:{}", tenant.as_str())
}

fn name(kind: &str, tenant: &TenantId) -> String {
    format!("{kind}:{}", tenant.as_str())
}

/// Follows one tenant's feed on a connection of its own.
pub struct FeedReader {
    redis: Redis,
    streams: Vec<(u16, String)>,
    cursor: Cursor,
    reader: Option<(MultiplexedConnection, u64)>,
}

impl FeedReader {
    /// Starts behind `cursor`; where that is empty, behind what the subscription last acknowledged; where that is
    /// nothing, at the oldest entry kept.
    pub async fn open(
        redis: &Redis,
        kind: &str,
        tenant: &TenantId,
        subscription: &Subscription,
        cursor: &str,
    ) -> Result<Self, QueueError> {
        let feed_name = name(kind, tenant);
        let partitions = || redis.partitions().iter();
        let cursor = if cursor.is_empty() {
            acknowledged(redis, kind, tenant, subscription).await?
        } else {
            Cursor::parse(cursor, &feed_name, partitions())?
        };
        Ok(Self {
            redis: redis.clone(),
            streams: partitions()
                .map(|partition| (partition.number(), key(partition, kind, tenant)))
                .collect(),
            cursor,
            reader: None,
        })
    }

    /// Up to `limit` bodies, and the place behind them. Waits up to `block_ms` for the first; then none. Dropping the
    /// future loses nothing: the reader has not moved.
    pub async fn next(&mut self, limit: usize, block_ms: u64) -> Result<(Vec<Bytes>, Cursor), QueueError> {
        let (mut connection, bound_ms) = match self.reader.take() {
            Some(reader) if reader.1 >= block_ms => reader,
            _ => (self.redis.dedicated(block_ms).await?, block_ms),
        };
        let mut command = redis::cmd("XREAD");
        // COUNT holds for each stream; a full one must not keep the others from their turn.
        command
            .arg("COUNT")
            .arg((limit / self.streams.len().max(1)).max(1));
        if block_ms > 0 {
            command.arg("BLOCK").arg(block_ms);
        }
        command.arg("STREAMS");
        for (_, stream) in &self.streams {
            command.arg(stream);
        }
        for (_, id) in self.cursor.positions() {
            command.arg(id.to_string());
        }
        let answer: Value = command
            .query_async(&mut connection)
            .await
            .map_err(|error| QueueError::from_redis("XREAD", &error))?;
        self.reader = Some((connection, bound_ms));
        let partitions: HashMap<&str, u16> = self
            .streams
            .iter()
            .map(|(number, key)| (key.as_str(), *number))
            .collect();
        let mut bodies = Vec::new();
        // With fewer than one entry for each stream, the rest is left for the next call: its cursor has not moved.
        for entry in value::streams("XREAD", answer)?.into_iter().take(limit) {
            if let Some(number) = partitions.get(entry.stream.as_ref()) {
                self.cursor.advance(*number, entry.id);
            }
            bodies.extend(entry.body().cloned());
        }
        Ok((bodies, self.cursor.clone()))
    }

    /// Where the reader stands.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }
}

impl std::fmt::Debug for FeedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedReader")
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

async fn acknowledged(
    redis: &Redis,
    kind: &str,
    tenant: &TenantId,
    subscription: &Subscription,
) -> Result<Cursor, QueueError> {
    let mut cursor = Cursor::start(&name(kind, tenant), redis.partitions().iter());
    let mut batch = Batch::new();
    for partition in redis.partitions().iter() {
        batch.command(
            "HGET",
            &[ack_key(partition, kind, tenant).as_str(), subscription.as_str()],
        );
    }
    let places = batch.run_as::<Option<String>>(&mut redis.shared()).await?;
    for (partition, place) in redis.partitions().iter().zip(places) {
        if let Some(place) = place? {
            let id: StreamId = place
                .parse()
                .map_err(|_| QueueError::answer("HGET", "expected a stream id"))?;
            cursor.advance(partition.number(), id);
        }
    }
    Ok(cursor)
}

/// Acknowledges everything up to the cursor, durably, in one atomic step for each partition. Older cursors do no harm.
pub async fn ack(
    redis: &Redis,
    kind: &str,
    tenant: &TenantId,
    subscription: &Subscription,
    cursor: &str,
) -> Result<(), QueueError> {
    if cursor.is_empty() {
        return Err(CursorError::Malformed.into());
    }
    let cursor = Cursor::parse(cursor, &name(kind, tenant), redis.partitions().iter())?;
    let mut batch = Batch::new();
    for (partition, (_, id)) in redis.partitions().iter().zip(cursor.positions()) {
        batch.push(
            &ACK.prepare()
                .key(ack_key(partition, kind, tenant))
                .arg(subscription.as_str())
                .arg(id.unix_ms)
                .arg(id.sequence)
                .arg(MOST_SUBSCRIPTIONS),
        );
    }
    for result in batch.run_as::<u64>(&mut redis.shared()).await? {
        if result? == 0 {
            return Err(QueueError::TooManySubscriptions(MOST_SUBSCRIPTIONS));
        }
    }
    Ok(())
}

/// Deletes entries older than [`KEPT_MS`] from one tenant's feed; gives how many. Whole nodes of the stream go at once,
/// so that some entries stay a little longer.
pub async fn trim(redis: &Redis, kind: &str, tenant: &TenantId, now_unix_ms: u64) -> Result<u64, QueueError> {
    let least = now_unix_ms.saturating_sub(KEPT_MS).to_string();
    let mut batch = Batch::new();
    for partition in redis.partitions().iter() {
        batch.command(
            "XTRIM",
            &[key(partition, kind, tenant).as_str(), "MINID", "~", &least],
        );
    }
    let mut connection = redis.pooled().await?;
    let mut deleted = 0;
    for result in batch.run_as::<u64>(&mut connection).await? {
        deleted += result?;
    }
    Ok(deleted)
}
