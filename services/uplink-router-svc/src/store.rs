//! This service's scripts over Redis. Every key is of the partition of the uplink's sender.

use std::sync::LazyLock;

use hongyan_domain::{Partition, TenantId};
use hongyan_queue::{Entry, QueueError, Redis, Script, feed, keys, lua};

use crate::loop_guard::{LoopPolicy, Verdict};

/// The consumer group on `{p0}:uplinks`.
pub const GROUP: &str = "router";
/// The kind of feed that [`feed::key`] names.
pub const FEED: &str = "uplinks";
/// How long the note of a reply is kept: as long as dispatch remembers its request id.
const DRAFT_TTL_MS: u64 = 24 * 3_600_000;

static GUARD: LazyLock<Script> =
    LazyLock::new(|| Script::new("uplink-guard", &[include_str!("lua/guard.lua")]));
static DRAFT: LazyLock<Script> =
    LazyLock::new(|| Script::new("uplink-draft", &[include_str!("lua/draft.lua")]));
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "uplink-settle",
        &[lua::AUDIT, lua::FEED, include_str!("lua/settle.lua")],
    )
});

/// Access to the state of uplinks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    redis: Redis,
}

/// A subscriber's text, as the loop guard sees it: tags, never the number or the text.
#[derive(Debug, Clone, Copy)]
pub struct GuardQuestion<'a> {
    /// Where the subscriber's state lives.
    pub partition: Partition,
    /// Whose access number it is.
    pub tenant: &'a TenantId,
    /// Tag of number and access number together.
    pub pair: &'a str,
    /// Tag of the text.
    pub text: &'a str,
    /// The uplink's id.
    pub uplink_id: &'a str,
}

/// What a reply says, as it is kept until it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The number of the disposition.
    pub disposition: i32,
    /// The text, sealed.
    pub sealed_text: Vec<u8>,
}

/// The end of an uplink.
#[derive(Debug, Clone)]
pub struct Settlement<'a> {
    /// Where the sender's state lives.
    pub partition: Partition,
    /// The uplink's id; empty where it has none.
    pub uplink_id: &'a str,
    /// The tenant and its sealed feed entry; `None` where the access number is nobody's.
    pub feed: Option<(&'a TenantId, Vec<u8>)>,
    /// The encoded audit event.
    pub audit: Vec<u8>,
    /// Where the story goes on; empty where there is no trace.
    pub traceparent: String,
}

impl Store {
    /// Over one Redis.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// Whether the uplink may be answered; if so its reply counts from now on.
    pub async fn may_reply(
        &self,
        question: GuardQuestion<'_>,
        policy: LoopPolicy,
        now_ms: u64,
    ) -> Result<Verdict, QueueError> {
        let GuardQuestion {
            partition,
            tenant,
            pair,
            text,
            uplink_id,
        } = question;
        let row = format!("{{{partition}}}:loop:{tenant}:{pair}");
        let code: u64 = GUARD
            .prepare()
            .key(&row)
            .key(format!("{row}:replies"))
            .arg(now_ms)
            .arg(u64::try_from(policy.window.as_millis()).unwrap_or(u64::MAX))
            .arg(policy.max_replies)
            .arg(policy.same_text_row)
            .arg(uplink_id)
            .arg(text)
            .run(&mut self.redis.shared())
            .await?;
        Verdict::of_code(code).ok_or_else(|| QueueError::Answer {
            operation: "uplink-guard".to_owned(),
            detail: "expected 0, 1 or 2".to_owned(),
        })
    }

    /// The note of an uplink's reply, where an earlier attempt left one.
    pub async fn draft(&self, partition: Partition, uplink_id: &str) -> Result<Option<Draft>, QueueError> {
        let call = DRAFT.prepare().key(draft_key(partition, uplink_id));
        let kept: Vec<Vec<u8>> = call.run(&mut self.redis.shared()).await?;
        if kept.is_empty() {
            return Ok(None);
        }
        read_draft(kept).map(Some)
    }

    /// Notes an uplink's reply, unless there is a note already; gives the one that stands.
    pub async fn keep_draft(
        &self,
        partition: Partition,
        uplink_id: &str,
        draft: &Draft,
    ) -> Result<Draft, QueueError> {
        let call = DRAFT
            .prepare()
            .key(draft_key(partition, uplink_id))
            .arg(DRAFT_TTL_MS)
            .arg(draft.disposition)
            .arg(draft.sealed_text.as_slice());
        read_draft(call.run(&mut self.redis.shared()).await?)
    }

    /// Settles an entry: feed, record and acknowledgement in one step. `false` where another consumer did before.
    pub async fn settle(
        &self,
        entry: &Entry,
        settlement: &Settlement<'_>,
        now_ms: u64,
    ) -> Result<bool, QueueError> {
        let partition = settlement.partition;
        let mut call = SETTLE
            .prepare()
            .key(entry.stream.as_ref())
            .key(draft_key(partition, settlement.uplink_id))
            .key(keys::audit(partition))
            .key(keys::audit_seq(partition));
        if let Some((tenant, _)) = &settlement.feed {
            call = call.key(feed::key(partition, FEED, tenant));
        }
        call = call
            .arg(GROUP)
            .arg(entry.id.to_string())
            .arg(now_ms)
            .arg(settlement.audit.as_slice())
            .arg(&settlement.traceparent);
        if let Some((_, body)) = &settlement.feed {
            call = call.arg(body.as_slice());
        }
        call.run(&mut self.redis.shared()).await
    }
}

fn draft_key(partition: Partition, uplink_id: &str) -> String {
    format!("{{{partition}}}:reply:{uplink_id}")
}

fn read_draft(kept: Vec<Vec<u8>>) -> Result<Draft, QueueError> {
    let wrong = || QueueError::Answer {
        operation: "uplink-draft".to_owned(),
        detail: "expected a disposition and a text".to_owned(),
    };
    let [disposition, sealed_text] = <[Vec<u8>; 2]>::try_from(kept).map_err(|_| wrong())?;
    let disposition = std::str::from_utf8(&disposition)
        .ok()
        .and_then(|digits| digits.parse().ok());
    Ok(Draft {
        disposition: disposition.ok_or_else(wrong)?,
        sealed_text,
    })
}
