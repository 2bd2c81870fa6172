//! How a message lives: facts in, status out. Pure.
//!
//! A fold step first notes facts ([`note`] for what a link reports, [`close_if_due`] for a deadline), then asks what
//! follows ([`conclude`]). The status is a function of the facts alone ([`outcome`]), so that events may come in any
//! order, twice, or in pieces, and end in the same place:
//!
//! 1. every segment delivered: DELIVERED;
//! 2. else something refused for good (by the carrier, or unsendable by the link): REJECTED;
//! 3. else a segment's receipt tells of failure: UNDELIVERED;
//! 4. else a receipt tells that the carrier does not know: UNKNOWN;
//! 5. else a submit without answer that is not tried again: UNKNOWN, `UNCERTAIN`;
//! 6. else the validity ran out: EXPIRED, or UNKNOWN where an attempt may have left all the same;
//! 7. else no receipt by the deadline: UNKNOWN, `NO_RECEIPT`;
//! 8. else SUBMITTED where anything left, QUEUED where nothing did.
//!
//! Facts are only ever added, and none is withdrawn by another: a segment whose second attempt was delivered keeps the
//! failed receipt of its first, which counts until everything is delivered. So 1 to 7 are final, and a message never
//! becomes open again. A final status may still give way to one further up the list; that is told as a correction, never
//! silently.
//!
//! Once in its life an open message may be sent another way ([`crate::reroute`]). What the first link's carrier had said
//! of it until then is no fact any more, and neither is what that link still says: both stand in the story alone.

mod fact;
mod noting;
mod outcome;

use hongyan_domain::status::{CodeTable, MessageStatus, StatusDetail};
use hongyan_proto::{carrier::v1::ReturnReason, dispatch::v1::MessageStatus as ProtoStatus};

pub use noting::{BadEvent, note};
pub(crate) use outcome::failure;
pub use outcome::{Outcome, outcome};

use self::{fact::fact, outcome::last_left_unix_ms};
use crate::{
    convert::status_to_proto,
    record::{EventKind, EventRecord, Fact, MessageRecord},
    reroute::Wish,
    story,
};

/// How long behind the validity a queued message is closed: a link gets this long to report what it took at the last
/// moment.
pub const QUEUE_GRACE_MS: i64 = 60_000;

/// How long the carrier has for a receipt: CMPP tells a service provider to wait 48 hours.
pub const RECEIPT_WAIT_MS: i64 = 48 * 3_600_000;

/// What follows from a fold step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Where the message stands now.
    pub outcome: Outcome,
    /// What the caller must be told now.
    pub announcement: Option<Announcement>,
    /// When [`close_if_due`] must look at the message again; `None` once it is final.
    pub deadline_unix_ms: Option<i64>,
}

/// A final status that the caller has not heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// The status.
    pub status: ProtoStatus,
    /// The final status told before, where this one corrects it.
    pub corrects: Option<ProtoStatus>,
}

/// Closes a message whose deadline has passed: one that is still queued as expired, one that was submitted as without
/// receipt. False where no deadline has passed.
pub fn close_if_due(record: &mut MessageRecord, now_unix_ms: i64, codes: &CodeTable) -> bool {
    let status = outcome(record, codes).detail.status;
    if deadline(record, status).is_none_or(|deadline| now_unix_ms < deadline) {
        return false;
    }
    let (slot, kind, detail) = if status == MessageStatus::Queued {
        (
            &mut record.expired_in_queue,
            EventKind::Expired,
            StatusDetail::expired_in_queue(),
        )
    } else {
        (
            &mut record.no_receipt,
            EventKind::NoReceipt,
            StatusDetail::no_receipt(),
        )
    };
    let fact = fact(now_unix_ms, detail);
    let mut entry = EventRecord {
        at_unix_ms: now_unix_ms,
        raw_code: fact.raw_code.clone(),
        ..EventRecord::default()
    };
    entry.set_kind(kind);
    *slot = Some(fact);
    story::add(record, entry);
    true
}

/// Ends a message that its link gave back and that has nowhere else to go: refused by the carrier, or where the link was
/// down until its validity had run out, expired.
pub fn give_up(record: &mut MessageRecord, wish: &Wish) {
    if wish.reason == ReturnReason::LinkDown {
        fact::keep_earliest(
            &mut record.expired_at_link,
            fact(wish.at_unix_ms, StatusDetail::expired_in_queue()),
        );
        return;
    }
    let raw_code = if wish.raw_code.is_empty() {
        // The link told no code: its word is all there is.
        "RETURNED".to_owned()
    } else {
        wish.raw_code.clone()
    };
    let refused = Fact {
        at_unix_ms: wish.at_unix_ms,
        raw_code,
    };
    fact::keep_earliest(&mut record.refused, refused);
}

/// What follows from all that was noted. Remembers in the record what the caller is told, so that it is told once.
pub fn conclude(record: &mut MessageRecord, codes: &CodeTable) -> Conclusion {
    let outcome = outcome(record, codes);
    let status = status_to_proto(outcome.detail.status);
    let before = record.announced();
    let announcement = (outcome.detail.is_final && status != before).then(|| Announcement {
        status,
        corrects: (before != ProtoStatus::Unspecified).then_some(before),
    });
    if announcement.is_some() {
        record.set_announced(status);
        record.announced_code.clone_from(&outcome.detail.raw_code);
        let mut entry = EventRecord {
            at_unix_ms: outcome.at_unix_ms,
            raw_code: outcome.detail.raw_code.clone(),
            ..EventRecord::default()
        };
        entry.set_kind(EventKind::Final);
        entry.set_status(status);
        entry.set_corrects(before);
        story::add(record, entry);
    }
    let deadline_unix_ms = deadline(record, outcome.detail.status);
    Conclusion {
        outcome,
        announcement,
        deadline_unix_ms,
    }
}

fn deadline(record: &MessageRecord, status: MessageStatus) -> Option<i64> {
    match status {
        MessageStatus::Queued => Some(record.valid_until_unix_ms.saturating_add(QUEUE_GRACE_MS)),
        MessageStatus::Submitted => last_left_unix_ms(record).map(|at| at.saturating_add(RECEIPT_WAIT_MS)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
