//! Settling: a new record and all that follows from it, one script a message, many messages a write.

use std::sync::LazyLock;

use hongyan_domain::{MessageId, TenantId};
use hongyan_queue::{Call, QueueError, Script, StreamId, feed, keys as shared, lua};
use redis::Value;

use super::{Store, queue};
use crate::{keys, routing::Lesson, worker::GROUP};

static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "settle",
        &[
            lua::AUDIT,
            lua::FEED,
            include_str!("../lua/lesson.lua"),
            include_str!("../lua/next_entry.lua"),
            include_str!("../lua/settle.lua"),
        ],
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
    /// The field of tenant and class.
    pub waiting_field: String,
    /// Whether the message enters or leaves the queue by this.
    pub waiting: Waiting,
    /// The text that was kept beside the record goes.
    pub drops_body: bool,
    /// What follows beside the message's state.
    pub beside: Option<Beside>,
    /// When, by this service's clock.
    pub now_ms: i64,
    /// The message's trace; empty for none.
    pub traceparent: String,
    /// Encoded audit events.
    pub audit_events: Vec<Vec<u8>>,
    /// The entries of the receipts stream that this settles.
    pub entries: Vec<StreamId>,
}

/// How a change counts among the messages that wait for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It does not.
    Same,
    /// One more waits.
    Enters,
    /// One waits no more.
    Leaves,
}

/// A message that goes another way, or that teaches where a number is.
pub struct Beside {
    /// The recipient's tag, as in keys.
    pub tag: String,
    /// The queue that the message goes to, and how it is sealed for that.
    pub goes: Option<(String, Vec<u8>)>,
    /// What must not have been worked on yet.
    pub claim: Option<Claim>,
    /// What is learned, and the audit event of it.
    pub lesson: Option<(Lesson, Vec<u8>)>,
    /// How long a lesson holds.
    pub lesson_kept_ms: u64,
}

/// An entry that one change alone may work on.
pub enum Claim {
    /// The report by which the link gave the message back. It is among the change's entries too.
    Report(StreamId),
    /// The message's entry in the queue of a link that is down, which no consumer has taken.
    Queue {
        /// The queue.
        queue: String,
        /// The entry.
        id: StreamId,
    },
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is stored, and its entries are settled.
    Done {
        /// The number's messages go elsewhere from now on.
        learned: bool,
    },
    /// Somebody else changed the message since it was read; nothing happened.
    Conflict,
    /// There is no such message; nothing happened.
    Gone,
    /// Somebody else has worked on the claimed entry; nothing happened.
    ClaimLost,
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
            .arg(match self.waiting {
                Waiting::Same => "",
                Waiting::Enters | Waiting::Leaves => self.waiting_field.as_str(),
            })
            .arg(match self.waiting {
                Waiting::Enters => "1",
                Waiting::Same | Waiting::Leaves => "-1",
            })
            .arg(self.now_ms)
            .arg(self.traceparent.as_str())
            .arg(GROUP)
            .arg(if self.drops_body { "1" } else { "" })
            .arg(self.audit_events.len());
        for event in &self.audit_events {
            call = call.arg(event.as_slice());
        }
        call = call.arg(self.entries.len());
        for id in &self.entries {
            call = call.arg(id.to_string());
        }
        match &self.beside {
            Some(beside) => beside.add_to(call, self.id, self.now_ms),
            None => call,
        }
    }
}

impl Beside {
    /// The keys and arguments at the end of the script's.
    fn add_to<'s>(&self, call: Call<'s>, id: MessageId, now_ms: i64) -> Call<'s> {
        // Every key of the call must be one of the message's slot, a place that is not used too.
        let nowhere = keys::message(id);
        let (goes_to, sealed) = match &self.goes {
            Some((queue, sealed)) => (queue, sealed.as_slice()),
            None => (&nowhere, &[][..]),
        };
        let (from, claim, claimed) = match &self.claim {
            Some(Claim::Report(id)) => (&nowhere, "report", id.to_string()),
            Some(Claim::Queue { queue, id }) => (queue, "queue", id.to_string()),
            None => (&nowhere, "", String::new()),
        };
        let call = call
            .key(keys::ported(id.partition(), &self.tag))
            .key(goes_to.as_str())
            .key(from.as_str())
            .arg(sealed)
            .arg(claim)
            .arg(claimed)
            .arg(queue::LINK_GROUP)
            .arg(queue::MOVER);
        match &self.lesson {
            Some((lesson, audit_event)) => call
                .arg(lesson.kind.as_str())
                .arg(lesson.carrier.as_str())
                .arg(lesson.expected.as_str())
                .arg(lesson.value(now_ms))
                .arg(self.lesson_kept_ms)
                .arg(audit_event.as_slice()),
            None => call.arg(""),
        }
    }
}

impl Store {
    /// Makes each change where its version still stands, in order.
    pub async fn settle(&self, changes: &[Change]) -> Result<Vec<Result<Settled, QueueError>>, QueueError> {
        let answers = self.run(changes.iter().map(Change::call), COMMIT).await?;
        let read = |answer: Result<Value, QueueError>| match answer? {
            Value::Int(1) => Ok(Settled::Done { learned: false }),
            Value::Int(2) => Ok(Settled::Done { learned: true }),
            Value::Int(0) => Ok(Settled::Conflict),
            Value::Int(-2) => Ok(Settled::ClaimLost),
            Value::Int(_) => Ok(Settled::Gone),
            _ => Err(QueueError::Answer {
                operation: "settle".to_owned(),
                detail: "expected a number".to_owned(),
            }),
        };
        Ok(answers.into_iter().map(read).collect())
    }
}
