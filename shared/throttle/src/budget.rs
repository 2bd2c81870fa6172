//! A budget that all replicas share.

use std::sync::LazyLock;

use hongyan_queue::{QueueError, Redis, Script};

use crate::{
    gcra::{ABSURD_US, Lease, Rate},
    lua,
};

static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new("pace-lease", &[lua::LEASE]));

/// A rate under one key in Redis.
#[derive(Debug, Clone)]
pub struct Budget {
    redis: Redis,
    key: String,
    horizon_us: u64,
}

impl Budget {
    /// Leases reach at most `horizon_ms` into the future: longer spares Redis, shorter lets a replica with sudden work
    /// have its share sooner.
    pub fn new(redis: &Redis, key: impl Into<String>, horizon_ms: u64) -> Self {
        Self {
            redis: redis.clone(),
            key: key.into(),
            horizon_us: horizon_ms * 1_000,
        }
    }

    /// Takes up to `wanted` of the next free slots at this rate. Ask for what there is work for: a slot that nobody uses
    /// is lost to all.
    pub async fn lease(&self, wanted: u32, rate: Rate, now_unix_us: u64) -> Result<Lease, QueueError> {
        let (first_us, granted, retry_after_us): (u64, u32, u64) = LEASE
            .prepare()
            .key(&self.key)
            .arg(now_unix_us)
            .arg(rate.interval_us())
            .arg(self.horizon_us)
            .arg(ABSURD_US)
            .arg(wanted)
            .run(&mut self.redis.shared())
            .await?;
        Ok(Lease {
            first_us,
            interval_us: rate.interval_us(),
            granted,
            retry_after_us,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use crate::{
        gcra::{Rate, grant},
        support::PrivateRedis,
    };

    /// A link that was told to slow down far: its next slot is further ahead than any clock is wrong.
    #[tokio::test]
    async fn a_rate_of_less_than_one_in_ten_seconds_is_kept_and_outlives_its_gap() {
        let server = PrivateRedis::start();
        let redis = server.connect().await;
        let budget = Budget::new(&redis, "{link:slow}:pace", 100);
        let rate = Rate::per_second(1.0 / 64.0);
        let start = 1_700_000_000_000_000_u64;
        let mut uses = Vec::new();
        for second in 0..140 {
            let lease = budget.lease(1, rate, start + second * 1_000_000).await.unwrap();
            if lease.granted > 0 {
                uses.push(second);
            }
        }
        // The interval is 64.64 s, and a slot that has gone by is not made up.
        assert_eq!(uses, [0, 65, 130]);
        let left_ms: i64 = redis::cmd("PTTL")
            .arg("{link:slow}:pace")
            .query_async(&mut redis.shared())
            .await
            .unwrap();
        assert!(left_ms > 65_000, "forgotten after {left_ms} ms");
    }

    #[tokio::test]
    async fn the_script_gives_what_the_rule_says() {
        const HORIZON_MS: u64 = 100;
        let server = PrivateRedis::start();
        let redis = server.connect().await;
        let budget = Budget::new(&redis, "{link:x}:pace", HORIZON_MS);
        let mut now = 1_700_000_000_000_000_u64;
        let mut free = None;
        let mut seed = 7_u64;
        for step in 0..500 {
            // A simple linear congruence is random enough to mix passing time, clocks that go back, rates and wants.
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let random = seed >> 33;
            now = if random.is_multiple_of(97) {
                now - 6_000_000
            } else {
                now + random % 30_000
            };
            let slow = random.is_multiple_of(13);
            let rate = Rate::per_second(if slow { 0.02 } else { 1.0 + (random % 500) as f64 });
            let wanted = (random % 20) as u32;
            let (expected, kept) = grant(free, now, rate, HORIZON_MS * 1_000, wanted);
            free = kept;
            let found = budget.lease(wanted, rate, now).await.unwrap();
            assert_eq!(found, expected, "step {step}");
        }
    }
}
