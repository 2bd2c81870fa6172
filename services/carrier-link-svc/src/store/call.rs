//! Jobs as calls of scripts, and the scripts' answers as replies.

use std::sync::LazyLock;

use hongyan_domain::{LinkName, Partition};
use hongyan_queue::{Call, QueueError, Script, keys as shared, lua};
use redis::{Value, from_redis_value};

use super::{
    GROUP,
    doubts::orphan_member,
    job::{Attempt, Collected, Doubt, Hold, Job, PartReply, ReceiptReply, Reply},
    keys,
};

/// An intent outlives the longest message, and goes with it.
const INTENT_KEPT_MS: u64 = 73 * 3_600_000;
/// The carrier has 48 hours for a receipt; this is a day more.
pub(super) const MID_KEPT_MS: u64 = 73 * 3_600_000;
/// A receipt that overtakes its response does so by seconds.
const PARKED_KEPT_MS: u64 = 3_600_000;
const MOST_PARKED: usize = 4;
/// As long as the carrier has for a receipt.
const DOUBT_KEPT_MS: u64 = 48 * 3_600_000;
/// What has gone back for want of a connection, and came back, waits so long before it goes back again.
const RETURNED_KEPT_MS: u64 = 600_000;
/// About one number; more could not be told apart anyway.
const MOST_DOUBTS: usize = 16;
/// A carrier repeats an unanswered uplink for a day at most.
const SEEN_KEPT_MS: u64 = 24 * 3_600_000;
/// Beyond their deadline, for when no process looks after them.
const PARTS_KEPT_MS: u64 = 24 * 3_600_000;
const MOST_PARTIAL_TEXTS: usize = 100_000;

pub(super) const PROTO: &str = include_str!("lua/proto.lua");

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
static TELL: LazyLock<Script> =
    LazyLock::new(|| Script::new("link-tell", &[lua::AUDIT, PROTO, include_str!("lua/tell.lua")]));
static UPLINK: LazyLock<Script> =
    LazyLock::new(|| Script::new("uplink", &[lua::AUDIT, PROTO, include_str!("lua/uplink.lua")]));
static PART: LazyLock<Script> = LazyLock::new(|| Script::new("uplink-part", &[include_str!("lua/part.lua")]));
static COMPLETE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "uplink-complete",
        &[lua::AUDIT, PROTO, include_str!("lua/complete.lua")],
    )
});

impl Job {
    pub(super) fn call(&self, link: &LinkName, consumer: &str) -> Call<'static> {
        match self {
            Self::Intent(place, attempt) => INTENT
                .prepare()
                .key(keys::intent(place.partition, link, place.message_id))
                .key(place.stream.as_ref())
                .key(keys::mid(place.partition, link, reserved_id(attempt)))
                .arg(GROUP)
                .arg(place.id.to_string())
                .arg(consumer)
                .arg(attempt.segment)
                .arg(attempt.number)
                .arg(attempt.reference)
                .arg(INTENT_KEPT_MS)
                .arg(attempt.at_ms)
                .arg(reserved_id(attempt))
                .arg(place.message_id.to_string())
                .arg(
                    attempt
                        .reserved
                        .as_ref()
                        .map_or("", |reserved| &reserved.traceparent),
                )
                .arg(MID_KEPT_MS),
            Self::Clear(place, attempt) => CLEAR
                .prepare()
                .key(keys::intent(place.partition, link, place.message_id))
                .key(keys::mid(place.partition, link, reserved_id(attempt)))
                .arg(attempt.segment)
                .arg(attempt.number)
                .arg(consumer)
                .arg(reserved_id(attempt)),
            Self::Submitted {
                place,
                segment,
                carrier_message_id,
                told,
                traceparent,
                tag,
                left,
                doubt,
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
            .key(keys::doubt(place.partition, link, tag))
            .key(keys::doubts_due(place.partition))
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
            .arg(consumer)
            .arg(
                doubt
                    .as_ref()
                    .map(|doubt| doubt.look_at_ms.to_string())
                    .unwrap_or_default(),
            )
            .arg(DOUBT_KEPT_MS)
            .arg(MOST_DOUBTS)
            .arg(keys::doubt_member(link, tag)),
            Self::Settle {
                place,
                goes_on_after,
                told,
                traceparent,
                doubt,
                hold,
                now_ms,
            } => tellers(
                SETTLE.prepare().key(place.stream.as_ref()).key(keys::intent(
                    place.partition,
                    link,
                    place.message_id,
                )),
                place.partition,
            )
            .key(keys::doubt(place.partition, link, tag_of(doubt.as_ref())))
            .key(keys::doubts_due(place.partition))
            .key(keys::returned(place.partition, link, place.message_id))
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
            .arg(traceparent)
            .arg(
                doubt
                    .as_ref()
                    .map(|_| place.message_id.to_string())
                    .unwrap_or_default(),
            )
            .arg(doubt.as_ref().map_or(0, |doubt| doubt.segment))
            .arg(DOUBT_KEPT_MS)
            .arg(MOST_DOUBTS)
            .arg(keys::doubt_member(link, tag_of(doubt.as_ref())))
            .arg(doubt.as_ref().map_or(0, |doubt| doubt.look_at_ms))
            .arg(if *hold == Hold::Any { "" } else { consumer })
            .arg(if *hold == Hold::OursOnce {
                RETURNED_KEPT_MS
            } else {
                0
            }),
            Self::Receipt {
                partition,
                carrier_message_id,
                told,
                mark,
                tag,
                submitted_ms,
                look_at_ms,
                now_ms,
            } => tellers(
                RECEIPT
                    .prepare()
                    .key(keys::mid(*partition, link, carrier_message_id))
                    .key(keys::parked(*partition, link, carrier_message_id)),
                *partition,
            )
            .key(keys::orphans(*partition, link, tag))
            .key(keys::doubt(*partition, link, tag))
            .key(keys::doubts_due(*partition))
            .arg(told.event.as_slice())
            .arg(told.audit.as_slice())
            .arg(mark)
            .arg(*now_ms)
            .arg(PARKED_KEPT_MS)
            .arg(MOST_PARKED)
            .arg(orphan_member(carrier_message_id, *submitted_ms))
            .arg(keys::doubt_member(link, tag))
            .arg(*look_at_ms)
            .arg(MOST_DOUBTS),
            Self::Tell {
                partition,
                told,
                traceparent,
                now_ms,
            } => tellers(TELL.prepare(), *partition)
                .arg(told.event.as_slice())
                .arg(told.audit.as_slice())
                .arg(*now_ms)
                .arg(traceparent),
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
                made_of,
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
                .arg(*now_ms)
                .arg(*made_of),
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
            Self::Clear(..) | Self::Settle { .. } | Self::Tell { .. } | Self::Uplink { .. } => {
                Ok(if yes(value)? { Reply::Done } else { Reply::Before })
            }
            Self::Complete { .. } => match read::<i64>("uplink-complete", value)? {
                1 => Ok(Reply::Done),
                0 => Ok(Reply::Before),
                _ => Ok(Reply::Outdated),
            },
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

fn tellers(call: Call<'static>, partition: Partition) -> Call<'static> {
    call.key(shared::receipts(partition))
        .key(shared::audit(partition))
        .key(shared::audit_seq(partition))
}

/// The id that a segment has before it leaves; empty where the carrier gives it, and then no key of it is touched.
fn reserved_id(attempt: &Attempt) -> &str {
    attempt
        .reserved
        .as_ref()
        .map_or("", |reserved| &reserved.carrier_message_id)
}

/// The tag of a doubt; where there is none, the key is named and not touched.
fn tag_of(doubt: Option<&Doubt>) -> &str {
    doubt.map_or("none", |doubt| doubt.tag.as_str())
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
