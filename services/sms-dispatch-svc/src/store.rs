//! What this service keeps in Redis. Each change is one script: it happens whole or not at all.

mod accept;
mod learn;
mod queue;
mod settle;

use std::sync::LazyLock;

use bytes::Bytes;
use hongyan_domain::{MessageId, Msisdn, Partition, Partitions, TenantId};
use hongyan_queue::{Batch, Call, QueueError, Redis, Script, keys as shared, lua};
use redis::Value;

pub use accept::{Accepted, Draft};
pub use learn::Sighting;
pub use queue::{LINK_GROUP, Untaken};
pub use settle::{Beside, Change, Claim, RECEIPTS_FEED, Settled, Waiting};

use crate::{
    keys,
    record::{MessageRecord, RecordError},
};

static OPT_OUT: LazyLock<Script> =
    LazyLock::new(|| Script::new("opt-out", &[lua::AUDIT, include_str!("lua/opt_out.lua")]));

/// So many scripts share the connection that everybody uses.
const FEW: usize = 16;

/// Access to the messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    redis: Redis,
}

/// A message as it was read, and the version that a change must still find.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Counts the changes.
    pub version: u64,
    /// The facts.
    pub record: MessageRecord,
}

/// That a number's owner wants no notices and no bulk messages of a tenant, or wants them again.
pub struct OptOut {
    /// Where the number's state lives.
    pub partition: Partition,
    /// Whose messages.
    pub tenant: TenantId,
    /// The number's tag, as in keys.
    pub tag: String,
    /// Opted out, or in again.
    pub opted_out: bool,
    /// When, by this service's clock.
    pub now_ms: i64,
    /// The encoded audit event.
    pub audit_event: Vec<u8>,
    /// Where in which trace; empty for none.
    pub traceparent: String,
}

impl Store {
    /// Over a Redis that was checked for durability.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// The Redis below, for what the shared rooms do with it.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// How the numbers are divided.
    pub fn partitions(&self) -> Partitions {
        self.redis.partitions()
    }

    /// Where a number's state lives.
    pub fn partition_of(&self, number: &Msisdn) -> Partition {
        self.redis.partitions().of(number)
    }

    /// Runs scripts in order. A few travel on the shared connection; many go in commits of so many on a connection of the
    /// pool, so that Redis syncs once for all of them, and a one-time code that comes by itself never waits behind their octets.
    async fn run<'s>(
        &self,
        calls: impl Iterator<Item = Call<'s>>,
        commit: usize,
    ) -> Result<Vec<Result<Value, QueueError>>, QueueError> {
        let calls: Vec<Call<'s>> = calls.collect();
        if calls.len() <= FEW {
            return batch(&calls).run(&mut self.redis.shared()).await;
        }
        let mut connection = self.redis.pooled().await?;
        let mut answers = Vec::with_capacity(calls.len());
        for commit in calls.chunks(commit) {
            answers.extend(batch(commit).in_one_commit().run(&mut connection).await?);
        }
        Ok(answers)
    }

    /// Reads messages, in one write; `None` where there is none of that id.
    pub async fn load(
        &self,
        ids: impl IntoIterator<Item = MessageId>,
    ) -> Result<Vec<Option<Result<Stored, RecordError>>>, QueueError> {
        let mut batch = Batch::new();
        for id in ids {
            batch.command("HMGET", &[keys::message(id).as_str(), "v", "r"]);
        }
        let found = batch
            .run_as::<(Option<u64>, Option<Bytes>)>(&mut self.redis.shared())
            .await?;
        let stored = found.into_iter().map(|fields| match fields? {
            (Some(version), Some(octets)) => Ok(Some(
                MessageRecord::from_octets(&octets).map(|record| Stored { version, record }),
            )),
            _ => Ok(None),
        });
        stored.collect()
    }

    /// Messages whose deadline has passed, the longest ago first. Members that are no message ids are dropped from the
    /// set.
    pub async fn due(
        &self,
        partition: Partition,
        now_ms: i64,
        count: usize,
    ) -> Result<Vec<MessageId>, QueueError> {
        let (key, count, now) = (keys::deadlines(partition), count.to_string(), now_ms.to_string());
        let mut batch = Batch::new();
        batch.command(
            "ZRANGEBYSCORE",
            &[key.as_str(), "-inf", &now, "LIMIT", "0", &count],
        );
        let mut connection = self.redis.shared();
        let members: Vec<String> = match batch.run_as(&mut connection).await?.pop() {
            Some(members) => members?,
            None => Vec::new(),
        };
        let (due, wrong): (Vec<_>, Vec<_>) = members
            .iter()
            .map(|member| member.parse::<MessageId>().map_err(|_| member))
            .partition(Result::is_ok);
        self.forget(
            &key,
            wrong.into_iter().filter_map(Result::err).map(String::as_str),
        )
        .await?;
        Ok(due.into_iter().filter_map(Result::ok).collect())
    }

    /// Drops deadlines of messages that are no longer there.
    pub async fn forget_deadlines(&self, partition: Partition, ids: &[MessageId]) -> Result<(), QueueError> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.forget(&keys::deadlines(partition), ids.iter().map(String::as_str))
            .await
    }

    async fn forget(&self, key: &str, members: impl Iterator<Item = &str>) -> Result<(), QueueError> {
        let mut batch = Batch::new();
        for member in members {
            batch.command("ZREM", &[key, member]);
        }
        for result in batch.run(&mut self.redis.shared()).await? {
            result?;
        }
        Ok(())
    }

    /// Records it, with the audit event that says so. False where it was so already.
    pub async fn set_opt_out(&self, opt_out: &OptOut) -> Result<bool, QueueError> {
        let partition = opt_out.partition;
        let call = OPT_OUT
            .prepare()
            .key(keys::opt_out(partition, &opt_out.tenant, &opt_out.tag))
            .key(shared::audit(partition))
            .key(shared::audit_seq(partition))
            .arg(if opt_out.opted_out { "1" } else { "0" })
            .arg(opt_out.now_ms)
            .arg(opt_out.audit_event.as_slice())
            .arg(opt_out.traceparent.as_str());
        let changed = call.run::<u64>(&mut self.redis.shared()).await? == 1;
        self.redis.confirm_replicated().await?;
        Ok(changed)
    }
}

fn batch<'s>(calls: &[Call<'s>]) -> Batch<'s> {
    let mut batch = Batch::new();
    for call in calls {
        batch.push(call);
    }
    batch
}

/// The octets of a script's answer.
fn octets(script: &str, value: Value) -> Result<Bytes, QueueError> {
    redis::from_redis_value(value).map_err(|error| QueueError::Answer {
        operation: script.to_owned(),
        detail: error.to_string(),
    })
}
