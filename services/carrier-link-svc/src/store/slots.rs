//! A carrier allows so many connections of one login, over all replicas: each is a lease in Redis.

use std::time::Duration;

use hongyan_queue::QueueError;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{SLOT_RELEASE, SLOT_RENEW, Store, keys};

/// The right to hold one connection. Renewed in the background until it is given back or lost.
#[derive(Debug)]
pub struct SlotLease {
    store: Store,
    slot: u16,
    lost: CancellationToken,
    renewing: JoinHandle<()>,
}

impl Store {
    /// Takes the lease of a slot where it is free. `None` where another process has it.
    pub async fn take_slot(&self, slot: u16, ttl: Duration) -> Result<Option<SlotLease>, QueueError> {
        let key = keys::slot(&self.link, slot);
        let asked = Instant::now();
        let taken: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(self.consumer.as_str())
            .arg("NX")
            .arg("PX")
            .arg(millis(ttl))
            .query_async(&mut self.redis.shared())
            .await
            .map_err(|error| QueueError::from_redis("SET", &error))?;
        // After an answer that was lost on its way the slot may be ours already.
        if taken.is_none() && !self.renew_slot(slot, ttl).await? {
            return Ok(None);
        }
        let lost = CancellationToken::new();
        let renewing = tokio::spawn(keep(self.clone(), slot, ttl, asked, lost.clone()));
        Ok(Some(SlotLease {
            store: self.clone(),
            slot,
            lost,
            renewing,
        }))
    }

    /// Some connection of this process can send: for so long nobody takes the link for down.
    pub async fn tell_ready(&self, ttl: Duration) -> Result<(), QueueError> {
        redis::cmd("SET")
            .arg(keys::ready(&self.link))
            .arg(self.consumer.as_str())
            .arg("PX")
            .arg(millis(ttl))
            .query_async(&mut self.redis.shared())
            .await
            .map_err(|error| QueueError::from_redis("SET", &error))
    }

    /// Whether any process has said lately that it can send.
    pub async fn is_somebody_ready(&self) -> Result<bool, QueueError> {
        redis::cmd("EXISTS")
            .arg(keys::ready(&self.link))
            .query_async(&mut self.redis.shared())
            .await
            .map_err(|error| QueueError::from_redis("EXISTS", &error))
    }

    async fn renew_slot(&self, slot: u16, ttl: Duration) -> Result<bool, QueueError> {
        SLOT_RENEW
            .prepare()
            .key(keys::slot(&self.link, slot))
            .arg(self.consumer.as_str())
            .arg(millis(ttl))
            .run(&mut self.redis.shared())
            .await
    }
}

impl SlotLease {
    /// Cancelled when the connection must be closed: before the lease can run out in Redis, or when it is another's.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives it back; the connection must be closed by then. Where Redis does not answer, it runs out by itself.
    pub async fn release(self) {
        self.renewing.abort();
        let released = SLOT_RELEASE
            .prepare()
            .key(keys::slot(&self.store.link, self.slot))
            .arg(self.store.consumer.as_str())
            .run::<u64>(&mut self.store.redis.shared())
            .await;
        if let Err(error) = released {
            tracing::debug!(%error, slot = self.slot, "the slot was not given back and will run out");
        }
    }
}

impl Drop for SlotLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews at a third of the time to live. The holder stops at five sixths of it after the last renewal that succeeded,
/// counted from before it was asked for, so that the key in Redis outlives the connection.
async fn keep(store: Store, slot: u16, ttl: Duration, taken: Instant, lost: CancellationToken) {
    let good_for = ttl * 5 / 6;
    let mut renewed = taken;
    let mut wait = ttl / 3;
    loop {
        let stop_at = renewed + good_for;
        tokio::time::sleep_until(stop_at.min(Instant::now() + wait)).await;
        if Instant::now() >= stop_at {
            tracing::warn!(
                slot,
                "the slot could not be renewed; its connection is closed before it runs out"
            );
            break;
        }
        let asked = Instant::now();
        match tokio::time::timeout_at(stop_at, store.renew_slot(slot, ttl)).await {
            Ok(Ok(true)) => {
                renewed = asked;
                wait = ttl / 3;
            }
            Ok(Ok(false)) => {
                tracing::warn!(slot, "the slot is not ours any more");
                break;
            }
            Ok(Err(_)) | Err(_) => wait = ttl / 12,
        }
    }
    lost.cancel();
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
