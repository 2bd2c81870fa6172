//! Settling: a new record and all that follows from it, one script a message, many messages a write.

use std::sync::LazyLock;

use hongyan_domain::{MessageId, TenantId};
use hongyan_queue::{Call, QueueError, Script, StreamId, feed, keys as shared, lua};

use redis::Value;

use super::Store;
use crate::{keys, worker::GROUP};

static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "settle",
        &[lua::AUDIT, lua::FEED, include_str!("../lua/settle.lua")],
    )
});

/// The kind of feed that receipts are told in.
pub const RECEIPTS_FEED: &str = "receipts";

/// How long a message is kept behind its final status: seven days.
const MESSAGE_KEPT_MS: u64 = 7 * 24 * 3_600_000;

/// The most changes of one commit: a few milliseconds in which Redis serves nobody else.
const COMMIT: usize = 256;

/// A change of one message.
pub struct Change {
    /// Which message.
    pub id: MessageId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The version that was read.
    pub version: u64,
    /// The encoded new record.
    pub record: Vec<u8>,
    /// When the sweeper must look again; `None` where the message is final.
    pub deadline_ms: Option<i64>,
    /// The encoded receipt, where the caller must be told something.
    pub receipt: Option<Vec<u8>>,
    /// The field of tenant and class, where the message leaves the queue by this.
    pub leaves_queue: Option<String>,
    /// When, by this service's clock.
    pub now_ms: i64,
    /// The message's trace; empty for none.
    pub traceparent: String,
    /// Encoded audit events.
    pub audit_events: Vec<Vec<u8>>,
    /// The entries of the receipts stream that this settles.
    pub entries: Vec<StreamId>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is stored, and its entries are settled.
    Done,
    /// Somebody else changed the message since it was read; nothing happened.
    Conflict,
    /// There is no such message; nothing happened.
    Gone,
}

impl Change {
    fn call(&self) -> Call<'static> {
        let partition = self.id.partition();
        let mut call = SETTLE
            .prepare()
            .key(keys::message(self.id))
            .key(keys::deadlines(partition))
            .key(feed::key(partition, RECEIPTS_FEED, &self.tenant))
            .key(shared::audit(partition))
            .key(shared::audit_seq(partition))
            .key(shared::receipts(partition))
            .key(keys::waiting(partition))
            .arg(self.version)
            .arg(self.record.as_slice())
            .arg(self.id.to_string())
            .arg(self.deadline_ms.map(|at| at.to_string()).unwrap_or_default())
            .arg(self.receipt.as_deref().unwrap_or_default())
            .arg(if self.deadline_ms.is_none() {
                MESSAGE_KEPT_MS.to_string()
            } else {
                String::new()
            })
            .arg(self.leaves_queue.as_deref().unwrap_or_default())
            .arg(self.now_ms)
            .arg(self.traceparent.as_str())
            .arg(GROUP)
            .arg(self.audit_events.len());
        for event in &self.audit_events {
            call = call.arg(event.as_slice());
        }
        for id in &self.entries {
            call = call.arg(id.to_string());
        }
        call
    }
}

impl Store {
    /// Makes each change where its version still stands, in order.
    pub async fn settle(&self, changes: &[Change]) -> Result<Vec<Result<Settled, QueueError>>, QueueError> {
        let answers = self.run(changes.iter().map(Change::call), COMMIT).await?;
        let read = |answer: Result<Value, QueueError>| match answer? {
            Value::Int(1) => Ok(Settled::Done),
            Value::Int(0) => Ok(Settled::Conflict),
            Value::Int(_) => Ok(Settled::Gone),
            _ => Err(QueueError::Answer {
                operation: "settle".to_owned(),
                detail: "expected a number".to_owned(),
            }),
        };
        Ok(answers.into_iter().map(read).collect())
    }
}
