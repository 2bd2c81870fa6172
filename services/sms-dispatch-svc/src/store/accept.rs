//! Accepting: one script a message, many messages a write.

use std::sync::LazyLock;

use bytes::Bytes;
use hongyan_domain::{Carrier, LinkName, MessageClass, MessageId, RequestId, TenantId};
use hongyan_envelope::Tag;
use hongyan_queue::{Call, QueueError, Script, keys as shared, lua};
use hongyan_throttle::lua::WINDOWS;
use redis::Value;

use super::{Store, octets};
use crate::{fingerprint::Fingerprint, keys, route::Ground};

static ACCEPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "accept",
        &[lua::AUDIT, WINDOWS, include_str!("../lua/accept.lua")],
    )
});

/// How long the answer to a request id is kept: 24 hours.
const ANSWER_KEPT_MS: u64 = 24 * 3_600_000;

/// The most accepts of one commit: a few milliseconds in which Redis serves nobody else.
const COMMIT: usize = 128;

/// A message that is ready to be accepted: everything that the script writes.
pub struct Draft {
    /// Its new id; names the partition too.
    pub id: MessageId,
    /// Whose message it is.
    pub tenant: TenantId,
    /// What the caller names the request by.
    pub request_id: RequestId,
    /// Decides the send queue.
    pub class: MessageClass,
    /// The class whose windows and opt-out it counts in.
    pub admitted_as: MessageClass,
    /// Decides the send queue.
    pub link: LinkName,
    /// The carrier whose subscriber the recipient counts as.
    pub carrier: Carrier,
    /// What that rests on.
    pub ground: Ground,
    /// The recipient's tag.
    pub subject: Tag,
    /// The same, as in keys.
    pub tag: String,
    /// When, by this service's clock.
    pub now_ms: i64,
    /// What makes a second request with this id the same.
    pub fingerprint: Fingerprint,
    /// The encoded answer to the caller.
    pub answer: Vec<u8>,
    /// The windows that the number must have room in, as text.
    pub windows: String,
    /// Most waiting messages of tenant and class, in this partition.
    pub most_waiting: u64,
    /// Most entries of the send queue, settled ones included that are not trimmed yet.
    pub most_entries: u64,
    /// The encoded record.
    pub record: Vec<u8>,
    /// The sealed message for the link.
    pub sealed: Vec<u8>,
    /// The sealed message is kept beside the record as well.
    pub keeps_body: bool,
    /// The context of the accept span; empty for none.
    pub traceparent: String,
    /// When the sweeper must look at it.
    pub deadline_ms: i64,
    /// The encoded audit event.
    pub audit_event: Vec<u8>,
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is a message now, and its answer is kept.
    New,
    /// The same request came before; the answer that it got then.
    Before(Bytes),
    /// The request id came before with another request.
    Reused,
    /// The number's owner wants no such messages.
    OptedOut,
    /// A window of the number is full for so many milliseconds.
    Throttled(u64),
    /// The tenant has its most waiting messages of this class.
    TenantFull,
    /// The send queue has its most entries.
    QueueFull,
    /// The number is with another carrier than the draft was made for: it must be made anew.
    Ported(Carrier),
}

impl Draft {
    /// Whether the catalog has the recipient with that carrier.
    pub fn is_expected(&self, carrier: Carrier) -> bool {
        self.ground == Ground::Learned { expected: carrier }
    }

    fn call(&self) -> Call<'static> {
        let partition = self.id.partition();
        // Bulk may be refused and codes never: only what the owner can turn off asks for the mark.
        let (made_for, expected) = match self.ground {
            Ground::Settled => ("", ""),
            Ground::Learned { expected } => (self.carrier.as_str(), expected.as_str()),
        };
        let opt_out_counts = matches!(self.admitted_as, MessageClass::Notice | MessageClass::Bulk);
        ACCEPT
            .prepare()
            .key(keys::idempotency(partition, &self.tenant, &self.request_id))
            .key(keys::message(self.id))
            .key(keys::windows(
                partition,
                &self.tenant,
                self.admitted_as,
                &self.tag,
            ))
            .key(keys::opt_out(partition, &self.tenant, &self.tag))
            .key(shared::out(partition, &self.link, self.class))
            .key(keys::deadlines(partition))
            .key(keys::waiting(partition))
            .key(shared::audit(partition))
            .key(shared::audit_seq(partition))
            .key(keys::ported(partition, &self.tag))
            .arg(self.now_ms)
            .arg(&self.fingerprint.0[..])
            .arg(self.answer.as_slice())
            .arg(ANSWER_KEPT_MS)
            .arg(self.windows.as_str())
            .arg(self.id.to_string())
            .arg(if opt_out_counts { "1" } else { "0" })
            .arg(self.most_waiting)
            .arg(keys::waiting_field(self.tenant.as_str(), self.class.as_str()))
            .arg(self.most_entries)
            .arg(self.record.as_slice())
            .arg(self.sealed.as_slice())
            .arg(self.traceparent.as_str())
            .arg(self.deadline_ms)
            .arg(self.audit_event.as_slice())
            .arg(if self.keeps_body { "1" } else { "" })
            .arg(made_for)
            .arg(expected)
    }
}

impl Store {
    /// Accepts or refuses each draft, in order. `Ok` for a draft means that Redis has it on disk, and on
    /// as many replicas as the settings ask for. The outer error means that nothing is known of any of them: the same
    /// request ids may be sent again.
    pub async fn accept(&self, drafts: &[Draft]) -> Result<Vec<Result<Accepted, QueueError>>, QueueError> {
        let answers = self.run(drafts.iter().map(Draft::call), COMMIT).await?;
        self.redis.confirm_replicated().await?;
        Ok(answers.into_iter().map(|answer| read(answer?)).collect())
    }
}

fn read(answer: Value) -> Result<Accepted, QueueError> {
    let wrong = |detail: &str| QueueError::Answer {
        operation: "accept".to_owned(),
        detail: detail.to_owned(),
    };
    let Value::Array(parts) = answer else {
        return Err(wrong("expected an array"));
    };
    let mut parts = parts.into_iter();
    let verdict = octets("accept", parts.next().unwrap_or(Value::Nil))?;
    let second = parts.next().unwrap_or(Value::Nil);
    match verdict.as_ref() {
        b"ACCEPTED" => Ok(Accepted::New),
        b"REPEATED" => octets("accept", second).map(Accepted::Before),
        b"REUSED" => Ok(Accepted::Reused),
        b"OPTED_OUT" => Ok(Accepted::OptedOut),
        b"THROTTLED" => match second {
            Value::Int(wait_ms) => Ok(Accepted::Throttled(u64::try_from(wait_ms).unwrap_or(1))),
            _ => Err(wrong("expected the time to wait")),
        },
        b"TENANT_FULL" => Ok(Accepted::TenantFull),
        b"QUEUE_FULL" => Ok(Accepted::QueueFull),
        b"PORTED" => {
            let carrier = octets("accept", second)?;
            let carrier = std::str::from_utf8(&carrier)
                .ok()
                .and_then(|name| name.parse().ok());
            carrier
                .map(Accepted::Ported)
                .ok_or_else(|| wrong("expected a carrier"))
        }
        _ => Err(wrong("an unknown verdict")),
    }
}
