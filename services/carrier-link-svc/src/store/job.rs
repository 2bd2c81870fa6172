//! What a connection asks the store to do, and what the store says. Each job is one script, and repeating one changes
//! nothing, so that a job whose answer was lost is simply done again.

use std::sync::{Arc, LazyLock};

use hongyan_domain::{LinkName, MessageId, Partition};
use hongyan_queue::{Call, QueueError, Script, StreamId, keys as shared, lua};
use redis::{Value, from_redis_value};

use super::keys;
use crate::events::Told;

/// The group in which the links read the send queues.
pub const GROUP: &str = "link";

/// An intent outlives the longest message, and goes with it.
const INTENT_KEPT_MS: u64 = 73 * 3_600_000;
/// The carrier has 48 hours for a receipt; this is a day more.
const MID_KEPT_MS: u64 = 73 * 3_600_000;
/// A receipt that overtakes its response does so by seconds.
const PARKED_KEPT_MS: u64 = 3_600_000;
const MOST_PARKED: usize = 4;
/// A carrier repeats an unanswered uplink for a day at most.
const SEEN_KEPT_MS: u64 = 24 * 3_600_000;
/// Beyond their deadline, for when no process looks after them.
const PARTS_KEPT_MS: u64 = 24 * 3_600_000;
const MOST_PARTIAL_TEXTS: usize = 100_000;

const PROTO: &str = include_str!("lua/proto.lua");

static INTENT: LazyLock<Script> =
    LazyLock::new(|| Script::new("intent", &[PROTO, include_str!("lua/intent.lua")]));
static CLEAR: LazyLock<Script> =
    LazyLock::new(|| Script::new("intent-clear", &[include_str!("lua/clear.lua")]));
static SUBMITTED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "submitted",
        &[lua::AUDIT, PROTO, include_str!("lua/submitted.lua")],
    )
});
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "link-settle",
        &[lua::AUDIT, PROTO, include_str!("lua/settle.lua")],
    )
});
static RECEIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new("receipt", &[lua::AUDIT, PROTO, include_str!("lua/receipt.lua")]));
static UPLINK: LazyLock<Script> =
    LazyLock::new(|| Script::new("uplink", &[lua::AUDIT, PROTO, include_str!("lua/uplink.lua")]));
static PART: LazyLock<Script> = LazyLock::new(|| Script::new("uplink-part", &[include_str!("lua/part.lua")]));
static COMPLETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "uplink-complete",
        &[lua::AUDIT, PROTO, include_str!("lua/complete.lua")],
    )
});

/// Where a message's entry stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its partition.
    pub partition: Partition,
    /// The key of its queue.
    pub stream: Arc<str>,
    /// Its id there.
    pub id: StreamId,
    /// The message.
    pub message_id: MessageId,
}

/// One attempt at one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub segment: u8,
    /// From 1.
    pub number: u32,
    /// The reference in the parts' headers.
    pub reference: u8,
}

/// What is left of a message after one of its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Another segment, whose intent is written in the same step.
    Next,
    /// Nothing.
    Last,
    /// This is a correction: the message is settled, or on its way by another attempt.
    Late,
}

/// One step.
#[derive(Debug, Clone)]
pub enum Job {
    /// A segment is about to leave.
    Intent(Place, Attempt),
    /// It did not leave after all.
    Clear(Place, Attempt),
    /// The carrier took a segment.
    Submitted {
        /// The message.
        place: Place,
        /// The segment.
        segment: u8,
        /// The carrier's id, in hexadecimal.
        carrier_message_id: String,
        /// What is told.
        told: Told,
        /// The span that the receipt continues; empty for none.
        traceparent: String,
        /// What is left to do.
        left: Left,
        /// When.
        now_ms: u64,
    },
    /// Something else became of a segment or message.
    Settle {
        /// The message.
        place: Place,
        /// The attempt after which the message goes on; `None` where it ends here.
        goes_on_after: Option<u32>,
        /// What is told.
        told: Told,
        /// The span that it is told in; empty for none.
        traceparent: String,
        /// When.
        now_ms: u64,
    },
    /// The carrier told what became of a segment.
    Receipt {
        /// Of the recipient.
        partition: Partition,
        /// The carrier's id, in hexadecimal.
        carrier_message_id: String,
        /// What is told, without message and segment.
        told: Told,
        /// The same for the same receipt.
        mark: String,
        /// When.
        now_ms: u64,
    },
    /// A subscriber's whole text.
    Uplink {
        /// Of the sender.
        partition: Partition,
        /// The carrier's id; `None` where it gave none.
        carrier_message_id: Option<String>,
        /// The uplink.
        sealed: Vec<u8>,
        /// Its span; empty for none.
        traceparent: String,
        /// For the record.
        audit: Vec<u8>,
        /// When.
        now_ms: u64,
    },
    /// A part of one.
    Part(PartJob),
    /// One that was put together.
    Complete {
        /// Of the sender.
        partition: Partition,
        /// The key of the parts.
        parts: String,
        /// The uplink.
        sealed: Vec<u8>,
        /// Its span; empty for none.
        traceparent: String,
        /// For the record.
        audit: Vec<u8>,
        /// When.
        now_ms: u64,
    },
}

/// A part of a subscriber's text.
#[derive(Debug, Clone)]
pub struct PartJob {
    /// Of the sender.
    pub partition: Partition,
    /// The carrier's id; `None` where it gave none.
    pub carrier_message_id: Option<String>,
    /// See [`keys::parts`].
    pub parts: String,
    /// From 1.
    pub number: u8,
    /// How many.
    pub total: u8,
    /// The part, sealed.
    pub sealed: Vec<u8>,
    /// What is known of the whole text, sealed.
    pub head: Vec<u8>,
    /// The span of the first part; empty for none.
    pub traceparent: String,
    /// When to stop waiting.
    pub deadline_ms: u64,
}

/// The store's answer to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `Intent`: it is ours to send. To `Submitted` with `Next`: so is the next one.
    GoOn,
    /// Somebody else holds the message by now.
    Lost,
    /// Done, and nothing is left to do.
    Done,
    /// It was done before.
    Before,
    /// To `Receipt`.
    Receipt(ReceiptReply),
    /// To `Part`.
    Part(PartReply),
}

/// What became of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptReply {
    /// It was told.
    Matched {
        /// The message.
        message_id: String,
        /// From 1.
        segment: String,
        /// The span of the submit; empty for none.
        traceparent: String,
    },
    /// It was told or parked before.
    Duplicate,
    /// Its id is not known yet.
    Parked,
    /// Too many different receipts are parked under its id.
    Full,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartReply {
    /// Others are missing.
    Waiting,
    /// Its text was told before.
    Seen,
    /// Too many texts wait for parts.
    Full,
    /// No part is missing.
    Complete(Collected),
}

/// The stored parts of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// What is known of the whole text, sealed.
    pub head: Vec<u8>,
    /// The span of the first part; empty for none.
    pub traceparent: String,
    /// Sealed, in order; `None` for one that is missing.
    pub parts: Vec<Option<Vec<u8>>>,
}

impl Job {
    pub(super) fn call(&self, link: &LinkName, consumer: &str) -> Call<'static> {
        match self {
            Self::Intent(place, attempt) => INTENT
                .prepare()
                .key(keys::intent(place.partition, link, place.message_id))
                .key(place.stream.as_ref())
                .arg(GROUP)
                .arg(place.id.to_string())
                .arg(consumer)
                .arg(attempt.segment)
                .arg(attempt.number)
                .arg(attempt.reference)
                .arg(INTENT_KEPT_MS),
            Self::Clear(place, attempt) => CLEAR
                .prepare()
                .key(keys::intent(place.partition, link, place.message_id))
                .arg(attempt.segment)
                .arg(attempt.number),
            Self::Submitted {
                place,
                segment,
                carrier_message_id,
                told,
                traceparent,
                left,
                now_ms,
            } => tellers(
                SUBMITTED
                    .prepare()
                    .key(keys::mid(place.partition, link, carrier_message_id))
                    .key(keys::parked(place.partition, link, carrier_message_id)),
                place.partition,
            )
            .key(keys::intent(place.partition, link, place.message_id))
            .key(place.stream.as_ref())
            .arg(place.message_id.to_string())
            .arg(*segment)
            .arg(traceparent)
            .arg(told.event.as_slice())
            .arg(told.audit.as_slice())
            .arg(*now_ms)
            .arg(MID_KEPT_MS)
            .arg(left.as_str())
            .arg(GROUP)
            .arg(place.id.to_string())
            .arg(consumer),
            Self::Settle {
                place,
                goes_on_after,
                told,
                traceparent,
                now_ms,
            } => tellers(
                SETTLE.prepare().key(place.stream.as_ref()).key(keys::intent(
                    place.partition,
                    link,
                    place.message_id,
                )),
                place.partition,
            )
            .arg(GROUP)
            .arg(place.id.to_string())
            .arg(
                goes_on_after
                    .map(|attempt| attempt.to_string())
                    .unwrap_or_default(),
            )
            .arg(told.event.as_slice())
            .arg(told.audit.as_slice())
            .arg(*now_ms)
            .arg(traceparent),
            Self::Receipt {
                partition,
                carrier_message_id,
                told,
                mark,
                now_ms,
            } => tellers(
                RECEIPT
                    .prepare()
                    .key(keys::mid(*partition, link, carrier_message_id))
                    .key(keys::parked(*partition, link, carrier_message_id)),
                *partition,
            )
            .arg(told.event.as_slice())
            .arg(told.audit.as_slice())
            .arg(mark)
            .arg(*now_ms)
            .arg(PARKED_KEPT_MS)
            .arg(MOST_PARKED),
            Self::Uplink {
                partition,
                carrier_message_id,
                sealed,
                traceparent,
                audit,
                now_ms,
            } => UPLINK
                .prepare()
                .key(seen_key(*partition, link, carrier_message_id.as_deref()))
                .key(shared::uplinks(*partition))
                .key(shared::audit(*partition))
                .key(shared::audit_seq(*partition))
                .arg(sealed.as_slice())
                .arg(traceparent)
                .arg(audit.as_slice())
                .arg(*now_ms)
                .arg(kept(carrier_message_id.as_deref())),
            Self::Part(part) => PART
                .prepare()
                .key(seen_key(part.partition, link, part.carrier_message_id.as_deref()))
                .key(&part.parts)
                .key(keys::part_deadlines(part.partition))
                .arg(part.number)
                .arg(part.total)
                .arg(part.sealed.as_slice())
                .arg(part.head.as_slice())
                .arg(&part.traceparent)
                .arg(part.deadline_ms)
                .arg(kept(part.carrier_message_id.as_deref()))
                .arg(PARTS_KEPT_MS)
                .arg(MOST_PARTIAL_TEXTS),
            Self::Complete {
                partition,
                parts,
                sealed,
                traceparent,
                audit,
                now_ms,
            } => COMPLETE
                .prepare()
                .key(parts)
                .key(keys::part_deadlines(*partition))
                .key(shared::uplinks(*partition))
                .key(shared::audit(*partition))
                .key(shared::audit_seq(*partition))
                .arg(sealed.as_slice())
                .arg(traceparent)
                .arg(audit.as_slice())
                .arg(*now_ms),
        }
    }

    pub(super) fn reply(&self, value: Value) -> Result<Reply, QueueError> {
        match self {
            Self::Intent(..) => Ok(if yes(value)? { Reply::GoOn } else { Reply::Lost }),
            Self::Submitted { .. } => match read::<(u8, u64)>("submitted", value)?.0 {
                1 => Ok(Reply::GoOn),
                0 => Ok(Reply::Lost),
                _ => Ok(Reply::Done),
            },
            Self::Clear(..) | Self::Settle { .. } | Self::Uplink { .. } | Self::Complete { .. } => {
                Ok(if yes(value)? { Reply::Done } else { Reply::Before })
            }
            Self::Receipt { .. } => {
                let (what, message_id, segment, traceparent) =
                    read::<(String, String, String, String)>("receipt", value)?;
                Ok(Reply::Receipt(match what.as_str() {
                    "matched" => ReceiptReply::Matched {
                        message_id,
                        segment,
                        traceparent,
                    },
                    "duplicate" => ReceiptReply::Duplicate,
                    "parked" => ReceiptReply::Parked,
                    _ => ReceiptReply::Full,
                }))
            }
            Self::Part(_) => {
                let (what, fields) = read::<(String, Vec<(Vec<u8>, Vec<u8>)>)>("uplink-part", value)?;
                Ok(Reply::Part(match what.as_str() {
                    "waiting" => PartReply::Waiting,
                    "seen" => PartReply::Seen,
                    "full" => PartReply::Full,
                    _ => PartReply::Complete(Collected::of(fields)),
                }))
            }
        }
    }
}

impl Left {
    fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Last => "last",
            Self::Late => "late",
        }
    }
}

impl Collected {
    /// Of the fields of the hash.
    pub(super) fn of(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut collected = Self::default();
        for (name, value) in fields {
            match name.as_slice() {
                b"head" => collected.head = value,
                b"tp" => collected.traceparent = String::from_utf8(value).unwrap_or_default(),
                b"total" => collected.reserve(number(&value)),
                name => {
                    let number = number(name);
                    collected.reserve(number);
                    if let Some(place) = number
                        .checked_sub(1)
                        .and_then(|at| collected.parts.get_mut(usize::from(at)))
                    {
                        *place = Some(value);
                    }
                }
            }
        }
        collected
    }

    fn reserve(&mut self, total: u8) {
        if self.parts.len() < usize::from(total) {
            self.parts.resize(usize::from(total), None);
        }
    }
}

fn number(digits: &[u8]) -> u8 {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn tellers(call: Call<'static>, partition: Partition) -> Call<'static> {
    call.key(shared::receipts(partition))
        .key(shared::audit(partition))
        .key(shared::audit_seq(partition))
}

fn seen_key(partition: Partition, link: &LinkName, carrier_message_id: Option<&str>) -> String {
    keys::seen(partition, link, carrier_message_id.unwrap_or("none"))
}

fn kept(carrier_message_id: Option<&str>) -> u64 {
    carrier_message_id.map_or(0, |_| SEEN_KEPT_MS)
}

fn yes(value: Value) -> Result<bool, QueueError> {
    read::<i64>("link", value).map(|number| number == 1)
}

pub(super) fn read<T: redis::FromRedisValue>(operation: &str, value: Value) -> Result<T, QueueError> {
    from_redis_value(value).map_err(|error| QueueError::Answer {
        operation: operation.to_owned(),
        detail: error.to_string(),
    })
}
