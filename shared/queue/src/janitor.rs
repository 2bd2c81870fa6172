//! Freeing the memory of settled work.

use std::{sync::LazyLock, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{batch::Batch, client::Redis, error::QueueError, lua, script::Script, value};

static TRIM: LazyLock<Script> = LazyLock::new(|| Script::new("trim", &[lua::TRIM]));

const FORGET_CONSUMER_AFTER_MS: u64 = 3_600_000;
const FORGOTTEN_AT_ONCE: u64 = 100;
const PERIOD: Duration = Duration::from_secs(1);

/// Deletes from streams what every group has settled, and forgets consumers that hold nothing and have not been heard
/// of for an hour. Any number of janitors may look after the same stream.
#[derive(Debug, Clone)]
pub struct Janitor {
    redis: Redis,
    streams: Vec<String>,
}

impl Janitor {
    /// Looks after these streams.
    pub fn new(redis: &Redis, streams: impl IntoIterator<Item = String>) -> Self {
        Self {
            redis: redis.clone(),
            streams: streams.into_iter().collect(),
        }
    }

    /// One round over all streams; gives how many entries were deleted. One atomic step for each stream.
    pub async fn sweep(&self) -> Result<u64, QueueError> {
        let mut batch = Batch::new();
        for stream in &self.streams {
            batch.push(
                &TRIM
                    .prepare()
                    .key(stream)
                    .arg(FORGET_CONSUMER_AFTER_MS)
                    .arg(FORGOTTEN_AT_ONCE),
            );
        }
        let mut connection = self.redis.pooled().await?;
        let mut deleted = 0;
        for result in batch.run(&mut connection).await? {
            if let Some(count) = value::array("trim", result?)?.first() {
                deleted += value::integer("trim", count)?;
            }
        }
        Ok(deleted)
    }

    /// A round every second until the token is cancelled. A round that fails is made up by the next.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut tick = tokio::time::interval(PERIOD);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = tick.tick() => {}
            }
            match self.sweep().await {
                Ok(deleted) => metrics::counter!("hongyan_queue_trimmed_total").increment(deleted),
                Err(error) => tracing::debug!(%error, "settled entries stay until the next round"),
            }
        }
    }
}
