//! What this service keeps in Redis.
//!
//! | Key | What | Kept |
//! |---|---|---|
//! | `{p}:out:<link>:<class>` | dispatch's queues; this service is their group `link` | until settled |
//! | `{p}:intent:<link>:<message id>` | the segment that is about to leave or left, and those that were taken | until settled |
//! | `{p}:mid:<link>:<carrier's id>` | the segment that the carrier knows by this id | 73 h |
//! | `{p}:parked:<link>:<carrier's id>` | receipts whose id is not known yet | 1 h |
//! | `{p}:doubt:<link>:<tag>`, `{p}:doubt:due` | submits without answer to a number, which a receipt may settle | 48 h |
//! | `{p}:orphans:<link>:<tag>` | the ids of parked receipts about a number | 1 h |
//! | `{p}:moseen:<link>:<carrier's id>` | that an uplink, or a part of one, is stored | 24 h |
//! | `{p}:part:<link>:…`, `{p}:part:deadlines` | parts of long uplinks, sealed | until complete or given up |
//! | `{link:<link>}:slot:<n>` | the process that may hold connection n | its lease |
//! | `{link:<link>}:ready` | there while a process can send | 6 s |
//! | `{link:<link>}:pace` | the next free time slot of the link's pace | 60 s |
//!
//! Everything else that it writes belongs to others: `{p}:receipts`, `{p}:uplinks`, `{p}:audit`.

mod call;
mod doubts;
mod job;
mod keys;
mod slots;

use std::sync::LazyLock;

use hongyan_domain::{LinkName, MessageClass, MessageId, Partition};
use hongyan_queue::{
    Batch, Consumer, Depth, Group, Janitor, QueueError, Redis, Script, depth, keys as shared,
};
use hongyan_throttle::Budget;

pub use doubts::{DoubtsAbout, InDoubt, Orphan};
pub use job::{
    Attempt, Collected, Doubt, Hold, Job, Left, PartJob, PartReply, Place, ReceiptReply, Reply, Reserved,
};
pub use keys::{link_of_parts, parts as parts_key};

use crate::policy::Intent;

/// The group in which the links read the send queues.
pub const GROUP: &str = "link";

static SLOT_RENEW: LazyLock<Script> =
    LazyLock::new(|| Script::new("slot-renew", &[include_str!("lua/slot_renew.lua")]));
static SLOT_RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new("slot-release", &[include_str!("lua/slot_release.lua")]));

/// So many jobs at most share the connection with everybody else.
const FEW: usize = 16;
/// Jobs of one commit: a few milliseconds of Redis, in which nobody else is served.
const COMMIT: usize = 128;

/// `done`, `inflight`, `attempt` and `reference` of an intent.
type Fields = (Option<u8>, Option<u8>, Option<u32>, Option<u16>);

/// The store of one link; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    redis: Redis,
    link: LinkName,
    consumer: Consumer,
}

impl Store {
    /// For one link, in the name of this process.
    pub fn new(redis: &Redis, link: &LinkName, consumer: &Consumer) -> Self {
        Self {
            redis: redis.clone(),
            link: link.clone(),
            consumer: consumer.clone(),
        }
    }

    /// How the numbers are divided.
    pub fn partitions(&self) -> hongyan_domain::Partitions {
        self.redis.partitions()
    }

    /// Runs the jobs, many in one write; gives each one's reply. The outer error means that nothing is known of any.
    ///
    /// A few go by the shared connection. Many go as one commit by a connection of the pool: so Redis syncs its log once
    /// for all of them, and a single one-time code never waits behind their octets.
    pub async fn run<'j>(
        &self,
        jobs: impl IntoIterator<Item = &'j Job>,
    ) -> Result<Vec<Result<Reply, QueueError>>, QueueError> {
        let jobs: Vec<&Job> = jobs.into_iter().collect();
        let batch = |jobs: &[&Job]| {
            let mut batch = Batch::new();
            for job in jobs {
                batch.push(&job.call(&self.link, self.consumer.as_str()));
            }
            batch
        };
        let mut values = Vec::with_capacity(jobs.len());
        if jobs.len() <= FEW {
            values = batch(&jobs).run(&mut self.redis.shared()).await?;
        } else {
            let mut connection = self.redis.pooled().await?;
            for commit in jobs.chunks(COMMIT) {
                values.extend(batch(commit).in_one_commit().run(&mut connection).await?);
            }
        }
        self.redis.confirm_replicated().await?;
        Ok(values
            .into_iter()
            .zip(jobs)
            .map(|(value, job)| job.reply(value?))
            .collect())
    }

    /// Joins the group over the link's queues of one class, all partitions.
    pub async fn join(&self, class: MessageClass) -> Result<Group, QueueError> {
        Group::join(&self.redis, self.queues(class), GROUP, &self.consumer).await
    }

    /// A janitor over all of the link's queues.
    pub fn janitor(&self) -> Janitor {
        Janitor::new(
            &self.redis,
            MessageClass::ALL.into_iter().flat_map(|class| self.queues(class)),
        )
    }

    /// The queues of one class, by partition.
    pub fn queues(&self, class: MessageClass) -> Vec<String> {
        let of = |partition| shared::out(partition, &self.link, class);
        self.partitions().iter().map(of).collect()
    }

    /// The partition of a queue of this link.
    pub fn partition_of(stream: &str) -> Option<Partition> {
        let (tag, _) = stream.strip_prefix('{')?.split_once('}')?;
        tag.parse().ok()
    }

    /// Depth and age of one class over all partitions.
    pub async fn depth(&self, class: MessageClass, now_ms: u64) -> Result<Depth, QueueError> {
        let mut total = Depth::default();
        for queue in self.queues(class) {
            let one = depth(&mut self.redis.pooled().await?, &queue, GROUP, now_ms).await?;
            total.waiting += one.waiting;
            total.taken += one.taken;
            total.oldest_age_ms = total.oldest_age_ms.max(one.oldest_age_ms);
        }
        Ok(total)
    }

    /// What was written down of these messages' submits.
    pub async fn intents(
        &self,
        messages: impl IntoIterator<Item = (Partition, MessageId)>,
    ) -> Result<Vec<Intent>, QueueError> {
        let mut batch = Batch::new();
        for (partition, message_id) in messages {
            let key = keys::intent(partition, &self.link, message_id);
            batch.command(
                "HMGET",
                &[key.as_str(), "done", "inflight", "attempt", "reference"],
            );
        }
        let answers = batch.run_as::<Fields>(&mut self.redis.shared()).await?;
        let intent = |answer: Result<Fields, QueueError>| {
            let (done, inflight, attempt, reference) = answer?;
            Ok(Intent {
                done: done.unwrap_or(0),
                inflight,
                attempt: attempt.unwrap_or(1),
                reference,
            })
        };
        answers.into_iter().map(intent).collect()
    }

    /// The link's pace, shared by all processes.
    pub fn pace(&self, horizon_ms: u64) -> Budget {
        Budget::new(&self.redis, keys::pace(&self.link), horizon_ms)
    }

    /// Up to `limit` texts of a partition, of any link, whose parts have waited long enough: the keys of their parts.
    pub async fn overdue_parts(
        redis: &Redis,
        partition: Partition,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<String>, QueueError> {
        let mut batch = Batch::new();
        let (key, now, limit) = (
            keys::part_deadlines(partition),
            now_ms.to_string(),
            limit.to_string(),
        );
        batch.command(
            "ZRANGEBYSCORE",
            &[key.as_str(), "-inf", &now, "LIMIT", "0", &limit],
        );
        let mut answers = batch.run_as(&mut redis.pooled().await?).await?;
        answers.pop().unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Looks at these parts again at that time.
    pub async fn postpone_parts(
        &self,
        partition: Partition,
        parts: &str,
        at_ms: u64,
    ) -> Result<(), QueueError> {
        let mut batch = Batch::new();
        let key = keys::part_deadlines(partition);
        batch.command("ZADD", &[key.as_str(), "XX", &at_ms.to_string(), parts]);
        for result in batch.run(&mut self.redis.shared()).await? {
            result?;
        }
        Ok(())
    }

    /// The stored parts under a key; `None` where they are gone.
    pub async fn collected(&self, parts: &str) -> Result<Option<Collected>, QueueError> {
        let mut batch = Batch::new();
        batch.command("HGETALL", parts);
        let mut answers = batch
            .run_as::<Vec<(Vec<u8>, Vec<u8>)>>(&mut self.redis.pooled().await?)
            .await?;
        let fields = answers.pop().unwrap_or_else(|| Ok(Vec::new()))?;
        Ok((!fields.is_empty()).then(|| Collected::of(fields)))
    }
}

#[cfg(test)]
mod tests;
