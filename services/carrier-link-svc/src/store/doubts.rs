//! Submits without answer, and the parked receipts that may settle them.

use std::sync::LazyLock;

use hongyan_domain::{LinkName, MessageId, Partition};
use hongyan_queue::{Batch, QueueError, Redis, Script, keys as shared, lua};

use super::{
    Store,
    call::{MID_KEPT_MS, PROTO},
    keys,
};

static DOUBT: LazyLock<Script> =
    LazyLock::new(|| Script::new("doubt", &[lua::AUDIT, PROTO, include_str!("lua/doubt.lua")]));

/// What is known about one number of one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtsAbout {
    /// Where it lives.
    pub partition: Partition,
    /// The number's tag.
    pub tag: String,
    /// Submits without answer.
    pub doubts: Vec<InDoubt>,
    /// Receipts under unknown ids.
    pub orphans: Vec<Orphan>,
}

/// A submit without answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// The message.
    pub message_id: MessageId,
    /// When it left.
    pub left_ms: u64,
    /// Segment, time and trace, as they are kept.
    pub kept: String,
}

/// A receipt under an unknown id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The carrier's id, in hexadecimal.
    pub carrier_message_id: String,
    /// When the submit left, to the minute and as the receipt says; 0 for garbage.
    pub submitted_ms: u64,
    /// From then on its own response cannot come any more.
    pub ripe_ms: u64,
}

/// As it stands among the orphans.
pub(super) fn orphan_member(carrier_message_id: &str, submitted_ms: Option<u64>) -> String {
    format!("{carrier_message_id}|{}", submitted_ms.unwrap_or(0))
}

impl Store {
    /// Up to `limit` numbers of a partition, of any link, at which it is time to look: link and tag.
    pub async fn doubts_due(
        redis: &Redis,
        partition: Partition,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<(LinkName, String)>, QueueError> {
        let mut batch = Batch::new();
        let (key, now, limit) = (keys::doubts_due(partition), now_ms.to_string(), limit.to_string());
        batch.command(
            "ZRANGEBYSCORE",
            &[key.as_str(), "-inf", &now, "LIMIT", "0", &limit],
        );
        let mut answers = batch.run_as::<Vec<String>>(&mut redis.pooled().await?).await?;
        let members = answers.pop().unwrap_or_else(|| Ok(Vec::new()))?;
        let read = |member: String| {
            let (link, tag) = member.split_once('|')?;
            Some((LinkName::parse(link).ok()?, tag.to_owned()))
        };
        Ok(members.into_iter().filter_map(read).collect())
    }

    /// What is known about a number.
    pub async fn doubts_about(&self, partition: Partition, tag: &str) -> Result<DoubtsAbout, QueueError> {
        let mut batch = Batch::new();
        batch.command("HGETALL", keys::doubt(partition, &self.link, tag));
        let mut doubts = batch
            .run_as::<Vec<(String, String)>>(&mut self.redis.shared())
            .await?;
        let doubts = doubts.pop().unwrap_or_else(|| Ok(Vec::new()))?;
        let mut batch = Batch::new();
        let orphans_key = keys::orphans(partition, &self.link, tag);
        batch.command("ZRANGE", &[orphans_key.as_str(), "0", "-1", "WITHSCORES"]);
        let mut orphans = batch
            .run_as::<Vec<(String, u64)>>(&mut self.redis.shared())
            .await?;
        let orphans = orphans.pop().unwrap_or_else(|| Ok(Vec::new()))?;
        let orphans: Vec<Orphan> = orphans
            .into_iter()
            .filter_map(|(member, ripe_ms)| {
                let (id, submitted_ms) = member.split_once('|')?;
                Some(Orphan {
                    carrier_message_id: id.to_owned(),
                    submitted_ms: submitted_ms.parse().ok()?,
                    ripe_ms,
                })
            })
            .collect();
        // An id stays among the orphans when its response has come meanwhile; then nothing is parked under it any more.
        let mut batch = Batch::new();
        for orphan in &orphans {
            let parked = keys::parked(partition, &self.link, &orphan.carrier_message_id);
            batch.command("EXISTS", parked);
        }
        let parked = batch.run_as::<u8>(&mut self.redis.shared()).await?;
        let doubt = |(message_id, kept): (String, String)| {
            Some(InDoubt {
                message_id: message_id.parse().ok()?,
                left_ms: kept.split('|').nth(1)?.parse().ok()?,
                kept,
            })
        };
        let mut about = DoubtsAbout {
            partition,
            tag: tag.to_owned(),
            doubts: doubts.into_iter().filter_map(doubt).collect(),
            orphans: Vec::new(),
        };
        for (orphan, exists) in orphans.into_iter().zip(parked) {
            if exists? == 1 {
                about.orphans.push(orphan);
            }
        }
        Ok(about)
    }

    /// The receipt settles the doubt; gives how many receipts were told.
    pub async fn settle_doubt(
        &self,
        about: &DoubtsAbout,
        doubt: &InDoubt,
        orphan: &Orphan,
        now_ms: u64,
    ) -> Result<u64, QueueError> {
        let (partition, id) = (about.partition, orphan.carrier_message_id.as_str());
        DOUBT
            .prepare()
            .key(keys::mid(partition, &self.link, id))
            .key(keys::parked(partition, &self.link, id))
            .key(shared::receipts(partition))
            .key(shared::audit(partition))
            .key(shared::audit_seq(partition))
            .key(keys::orphans(partition, &self.link, &about.tag))
            .key(keys::doubt(partition, &self.link, &about.tag))
            .arg(doubt.message_id.to_string())
            .arg(&doubt.kept)
            .arg(orphan_member(id, Some(orphan.submitted_ms)))
            .arg(now_ms)
            .arg(MID_KEPT_MS)
            .run(&mut self.redis.shared())
            .await
    }

    /// Looks at the number again then, or (`None`) when something new is heard.
    pub async fn look_again(&self, about: &DoubtsAbout, at_ms: Option<u64>) -> Result<(), QueueError> {
        let mut batch = Batch::new();
        let key = keys::doubts_due(about.partition);
        let member = keys::doubt_member(&self.link, &about.tag);
        match at_ms {
            Some(at_ms) => batch.command("ZADD", &[key.as_str(), &at_ms.to_string(), &member]),
            None => batch.command("ZREM", &[key.as_str(), &member]),
        };
        for result in batch.run(&mut self.redis.shared()).await? {
            result?;
        }
        Ok(())
    }
}
