//! Taking work on lease.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock},
};

use redis::{Value, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::{
    batch::Batch, client::Redis, consumer::Consumer, entry::Entry, error::QueueError, keys, lua,
    script::Script, stream_id::StreamId, value,
};

static RECLAIM: LazyLock<Script> = LazyLock::new(|| Script::new("reclaim", &[lua::RECLAIM]));
static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new("renew", &[lua::RENEW]));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new("release", &[lua::RELEASE]));
static DEAD_LETTER: LazyLock<Script> = LazyLock::new(|| Script::new("dead-letter", &[lua::DEAD_LETTER]));

/// Dead letters kept for each stream, about; older ones go.
const DEAD_LETTERS_KEPT: u64 = 100_000;

/// The idle time that a released entry is given: longer than any lease.
const RELEASED_IDLE_MS: u64 = 30 * 24 * 3_600_000;

/// One consumer of one consumer group over one or more streams; cheap to clone.
///
/// An entry read is on lease from then on; it is settled by [`Group::ack`] or by the service's own script (`XACK`).
/// Never delete an entry: the janitor does when all groups have settled it.
#[derive(Clone)]
pub struct Group {
    inner: Arc<Inner>,
}

struct Inner {
    redis: Redis,
    streams: Vec<Arc<str>>,
    name: &'static str,
    consumer: Consumer,
    reader: Mutex<Option<Reader>>,
    /// Where the next look for abandoned entries goes on, for each stream.
    cursors: Mutex<HashMap<Arc<str>, String>>,
}

struct Reader {
    connection: MultiplexedConnection,
    block_ms: u64,
}

impl Group {
    /// Joins the group, which is made where it does not exist, with everything that is in the streams to do.
    pub async fn join(
        redis: &Redis,
        streams: impl IntoIterator<Item = String>,
        name: &'static str,
        consumer: &Consumer,
    ) -> Result<Self, QueueError> {
        let group = Self {
            inner: Arc::new(Inner {
                redis: redis.clone(),
                streams: streams.into_iter().map(Into::into).collect(),
                name,
                consumer: consumer.clone(),
                reader: Mutex::new(None),
                cursors: Mutex::default(),
            }),
        };
        group.ensure().await?;
        Ok(group)
    }

    /// The group's name.
    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    /// The streams it reads.
    pub fn streams(&self) -> &[Arc<str>] {
        &self.inner.streams
    }

    /// Makes the groups that do not exist; gives how many it made.
    async fn ensure(&self) -> Result<usize, QueueError> {
        let mut batch = Batch::new();
        for stream in &self.inner.streams {
            batch.command("XGROUP", &["CREATE", stream, self.inner.name, "0", "MKSTREAM"]);
        }
        let mut made = 0;
        for result in batch.run(&mut self.inner.redis.shared()).await? {
            match result {
                Ok(_) => made += 1,
                Err(QueueError::Script { detail, .. }) if detail.starts_with("BUSYGROUP") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }

    /// Takes up to `count` entries of each stream that nobody has had yet, and waits up to `block_ms` for the first; 0
    /// does not wait. Reads of one group one after the other; clones wait for each other.
    ///
    /// Dropping the future is safe: what the server handed out in that moment stays pending and is reclaimed later.
    pub async fn read(&self, count: usize, block_ms: u64) -> Result<Vec<Entry>, QueueError> {
        let mut slot = self.inner.reader.lock().await;
        // Taken out of its place: if this future is dropped in the middle, the connection goes with it, and no later
        // command waits behind a read that is still parked on the server.
        let mut reader = match slot.take() {
            Some(reader) if reader.block_ms >= block_ms => reader,
            _ => Reader {
                connection: self.inner.redis.dedicated(block_ms).await?,
                block_ms,
            },
        };
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(self.inner.name)
            .arg(self.inner.consumer.as_str());
        command.arg("COUNT").arg(count);
        if block_ms > 0 {
            command.arg("BLOCK").arg(block_ms);
        }
        command.arg("STREAMS");
        for stream in &self.inner.streams {
            command.arg(stream.as_ref());
        }
        for _ in &self.inner.streams {
            command.arg(">");
        }
        match command.query_async::<Value>(&mut reader.connection).await {
            Ok(answer) => {
                *slot = Some(reader);
                value::streams("XREADGROUP", answer)
            }
            Err(error) if error.code() == Some("NOGROUP") => {
                *slot = Some(reader);
                drop(slot);
                self.recreate().await?;
                Ok(Vec::new())
            }
            Err(error) => Err(QueueError::from_redis("XREADGROUP", &error)),
        }
    }

    /// The group was there when we joined: somebody deleted it, or the server lost its data.
    async fn recreate(&self) -> Result<(), QueueError> {
        let made = self.ensure().await?;
        metrics::counter!("hongyan_queue_groups_lost_total", "group" => self.inner.name)
            .increment(made as u64);
        tracing::error!(
            group = self.inner.name,
            streams = made,
            "a consumer group was gone; made again. Redis has lost data or somebody deleted keys"
        );
        Ok(())
    }

    /// Takes over up to `count` entries of each stream that somebody (this consumer included) has held for longer than
    /// `min_idle_ms` without settling or renewing them. Each call goes on where the last one stopped.
    pub async fn reclaim(&self, min_idle_ms: u64, count: usize) -> Result<Vec<Entry>, QueueError> {
        let mut cursors = self.inner.cursors.lock().await;
        let mut batch = Batch::new();
        for stream in &self.inner.streams {
            let cursor = cursors.get(stream).map_or("0-0", String::as_str);
            batch.push(
                &RECLAIM
                    .prepare()
                    .key(stream.as_ref())
                    .arg(self.inner.name)
                    .arg(self.inner.consumer.as_str())
                    .arg(min_idle_ms)
                    .arg(cursor)
                    .arg(count),
            );
        }
        let mut entries = Vec::new();
        let results = batch.run(&mut self.inner.redis.shared()).await?;
        for (stream, result) in self.inner.streams.iter().zip(results) {
            let answer = match result {
                Err(QueueError::Script { detail, .. }) if detail.contains("NOGROUP") => {
                    self.recreate().await?;
                    continue;
                }
                other => other?,
            };
            let mut parts = value::array("reclaim", answer)?.into_iter();
            let (Some(cursor), Some(claimed), Some(lost)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(QueueError::answer("reclaim", "expected three parts"));
            };
            cursors.insert(stream.clone(), value::text("reclaim", cursor)?);
            for item in value::array("reclaim", claimed)? {
                let mut item = value::array("reclaim", item)?;
                let count = item
                    .pop()
                    .map_or(Ok(1), |count| value::integer("reclaim", &count))?;
                entries.extend(value::entry("reclaim", stream, Value::Array(item), count)?);
            }
            self.alarm_of_lost(stream, value::array("reclaim", lost)?.len());
        }
        if !entries.is_empty() {
            metrics::counter!("hongyan_queue_reclaimed_total", "group" => self.inner.name)
                .increment(entries.len() as u64);
        }
        Ok(entries)
    }

    /// Pending entries that are not in the stream any more: somebody trimmed or deleted unsettled work.
    fn alarm_of_lost(&self, stream: &Arc<str>, count: usize) {
        if count > 0 {
            metrics::counter!("hongyan_queue_entries_lost_total", "group" => self.inner.name)
                .increment(count as u64);
            tracing::error!(
                group = self.inner.name,
                stream = %stream,
                count,
                "unsettled entries were deleted from the stream: work is lost"
            );
        }
    }

    /// Starts the leases of these entries anew; gives those that are lost to another consumer, whose work on them must
    /// not be disturbed.
    pub async fn renew<'e>(
        &self,
        entries: impl IntoIterator<Item = (&'e str, StreamId)>,
    ) -> Result<Vec<(Arc<str>, StreamId)>, QueueError> {
        let mut by_stream: HashMap<&str, Vec<StreamId>> = HashMap::new();
        for (stream, id) in entries {
            by_stream.entry(stream).or_default().push(id);
        }
        let by_stream: Vec<_> = by_stream.into_iter().collect();
        let mut batch = Batch::new();
        for (stream, ids) in &by_stream {
            let mut call = RENEW
                .prepare()
                .key(*stream)
                .arg(self.inner.name)
                .arg(self.inner.consumer.as_str());
            for id in ids {
                call = call.arg(id.to_string());
            }
            batch.push(&call);
        }
        let mut lost = Vec::new();
        let results = batch.run(&mut self.inner.redis.shared()).await?;
        for ((stream, _), result) in by_stream.iter().zip(results) {
            for id in value::array("renew", result?)? {
                lost.push((Arc::from(*stream), value::stream_id("renew", id)?));
            }
        }
        Ok(lost)
    }

    /// Gives entries back unfinished: the next [`Group::reclaim`] of anybody takes them, however long its least idle time.
    /// Entries that another consumer holds by now are left to it.
    pub async fn release<'e>(
        &self,
        entries: impl IntoIterator<Item = (&'e str, StreamId)>,
    ) -> Result<(), QueueError> {
        let mut batch = Batch::new();
        for (stream, id) in entries {
            batch.push(
                &RELEASE
                    .prepare()
                    .key(stream)
                    .arg(self.inner.name)
                    .arg(self.inner.consumer.as_str())
                    .arg(id.to_string())
                    .arg(RELEASED_IDLE_MS),
            );
        }
        for result in batch.run(&mut self.inner.redis.shared()).await? {
            result?;
        }
        Ok(())
    }

    /// Settles entries. Settling one twice does no harm.
    pub async fn ack<'e>(
        &self,
        entries: impl IntoIterator<Item = (&'e str, StreamId)>,
    ) -> Result<(), QueueError> {
        let mut batch = Batch::new();
        for (stream, id) in entries {
            batch.command("XACK", &[stream, self.inner.name, &id.to_string()]);
        }
        for result in batch.run(&mut self.inner.redis.shared()).await? {
            result?;
        }
        Ok(())
    }

    /// Moves an entry that cannot be worked on to the stream [`keys::dead`], with its fields and why. The reason must
    /// hold no personal data.
    pub async fn dead_letter(&self, entry: &Entry, reason: &str) -> Result<(), QueueError> {
        let mut call = DEAD_LETTER
            .prepare()
            .key(entry.stream.as_ref())
            .key(keys::dead(&entry.stream))
            .arg(self.inner.name)
            .arg(entry.id.to_string())
            .arg(DEAD_LETTERS_KEPT)
            .arg(reason);
        for (name, value) in &entry.fields {
            call = call.arg(name.as_ref()).arg(value.as_ref());
        }
        call.run::<u64>(&mut self.inner.redis.shared()).await?;
        metrics::counter!("hongyan_queue_dead_letters_total", "group" => self.inner.name).increment(1);
        tracing::error!(stream = %entry.stream, id = %entry.id, reason, "an entry cannot be worked on; put aside");
        Ok(())
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.inner.name)
            .field("streams", &self.inner.streams)
            .field("consumer", &self.inner.consumer)
            .finish_non_exhaustive()
    }
}
