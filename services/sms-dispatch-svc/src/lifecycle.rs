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

use hongyan_domain::status::{self, MessageStatus, StatusDetail};
use hongyan_proto::{
    carrier::v1::{LinkEvent, link_event::Event},
    dispatch::v1::MessageStatus as ProtoStatus,
};

use crate::{
    convert::status_to_proto,
    record::{EventKind, EventRecord, Fact, MessageRecord, SegmentRecord, Submission},
    story,
};

/// How long behind the validity a queued message is closed: a link gets this long to report what it took at the last
/// moment.
pub const QUEUE_GRACE_MS: i64 = 60_000;

/// How long the carrier has for a receipt: CMPP tells a service provider to wait 48 hours.
pub const RECEIPT_WAIT_MS: i64 = 48 * 3_600_000;

/// No carrier's message id is longer: SMPP's 65 octets.
const MAX_CARRIER_ID_CHARS: usize = 65;

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The status and what it means.
    pub detail: StatusDetail,
    /// When it came to be so.
    pub at_unix_ms: i64,
}

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

/// Why an event cannot be noted. The event is wrong and stays wrong: it goes to the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// No event inside, or one that only a newer program knows.
    #[error("event: missing or of an unknown kind")]
    NoEvent,
    /// Time is missing.
    #[error("at_unix_ms: must be above 0")]
    NoTime,
    /// The message has no such segment.
    #[error("segment: must be one of the message's")]
    NoSuchSegment,
}

/// Notes what a link reports. Noting it again changes nothing.
pub fn note(record: &mut MessageRecord, event: &LinkEvent) -> Result<(), BadEvent> {
    if event.at_unix_ms <= 0 {
        return Err(BadEvent::NoTime);
    }
    if event.segment > record.segment_count {
        return Err(BadEvent::NoSuchSegment);
    }
    let at_unix_ms = event.at_unix_ms;
    let mut entry = EventRecord {
        at_unix_ms,
        segment: event.segment,
        ..EventRecord::default()
    };
    match event.event.as_ref().ok_or(BadEvent::NoEvent)? {
        Event::Submitted(submitted) => {
            let segment = segment_mut(record, event.segment)?;
            let submission = Submission {
                at_unix_ms: if submitted.submitted_at_unix_ms > 0 {
                    submitted.submitted_at_unix_ms
                } else {
                    at_unix_ms
                },
                attempt: submitted.attempt,
                carrier_message_id: cut(&submitted.carrier_message_id, MAX_CARRIER_ID_CHARS),
            };
            entry.set_kind(if submitted.attempt > 1 {
                EventKind::Resent
            } else {
                EventKind::Submitted
            });
            entry.segment = segment.number;
            entry
                .carrier_message_id
                .clone_from(&submission.carrier_message_id);
            entry.attempt = submitted.attempt;
            entry.slot = submitted.slot;
            entry.sequence = submitted.sequence;
            keep_latest_attempt(&mut segment.submitted, submission);
        }
        Event::Refused(refused) => {
            let fact = fact(at_unix_ms, status::classify_refusal(&refused.raw_code));
            entry.set_kind(EventKind::SubmitRefused);
            entry.raw_code.clone_from(&fact.raw_code);
            entry.attempt = refused.attempt;
            if event.segment == 0 {
                keep_earliest(&mut record.refused, fact);
            } else {
                keep_earliest(&mut segment_mut(record, event.segment)?.refused, fact);
            }
        }
        Event::Uncertain(uncertain) => {
            entry.set_kind(EventKind::SubmitUncertain);
            entry.attempt = uncertain.attempt;
            let fact = fact(at_unix_ms, StatusDetail::uncertain());
            entry.raw_code.clone_from(&fact.raw_code);
            if uncertain.resend {
                record.possible_duplicate = true;
                keep_latest(&mut record.resent, fact);
            } else {
                keep_earliest(&mut record.uncertain, fact);
            }
        }
        Event::Receipt(receipt) => {
            let segment = segment_mut(record, event.segment)?;
            let detail = status::classify_stat(&receipt.stat);
            let slot = match detail.status {
                MessageStatus::Delivered => &mut segment.delivered,
                MessageStatus::Unknown => &mut segment.unknown,
                MessageStatus::Queued | MessageStatus::Submitted => &mut segment.intermediate,
                _ => &mut segment.failed,
            };
            let fact = fact(at_unix_ms, detail);
            entry.set_kind(EventKind::Receipt);
            entry.raw_code.clone_from(&fact.raw_code);
            entry.segment = if event.segment == 0 { 1 } else { event.segment };
            entry.carrier_message_id = cut(&receipt.carrier_message_id, MAX_CARRIER_ID_CHARS);
            keep_earliest(slot, fact);
        }
        Event::Expired(_) => {
            entry.set_kind(EventKind::Expired);
            let fact = fact(at_unix_ms, StatusDetail::expired_in_queue());
            entry.raw_code.clone_from(&fact.raw_code);
            keep_earliest(&mut record.expired_at_link, fact);
        }
        Event::Unsendable(unsendable) => {
            let fact = fact(at_unix_ms, StatusDetail::unsendable(&unsendable.reason));
            entry.set_kind(EventKind::Unsendable);
            entry.raw_code.clone_from(&fact.raw_code);
            keep_earliest(&mut record.unsendable, fact);
        }
    }
    story::add(record, entry);
    Ok(())
}

/// Closes a message whose deadline has passed: one that is still queued as expired, one that was submitted as without
/// receipt. False where no deadline has passed.
pub fn close_if_due(record: &mut MessageRecord, now_unix_ms: i64) -> bool {
    let status = outcome(record).detail.status;
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

/// What follows from all that was noted. Remembers in the record what the caller is told, so that it is told once.
pub fn conclude(record: &mut MessageRecord) -> Conclusion {
    let outcome = outcome(record);
    let status = status_to_proto(outcome.detail.status);
    let before = record.announced();
    let announcement = (outcome.detail.is_final && status != before).then(|| Announcement {
        status,
        corrects: (before != ProtoStatus::Unspecified).then_some(before),
    });
    if announcement.is_some() {
        record.set_announced(status);
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

/// Where the message stands, by the list above.
pub fn outcome(record: &MessageRecord) -> Outcome {
    let found = |detail, at_unix_ms| Outcome { detail, at_unix_ms };
    let of_receipt = |fact: &Fact| found(status::classify_stat(&fact.raw_code), fact.at_unix_ms);
    if let Some(last) = last_of_all_delivered(record) {
        return of_receipt(last);
    }
    let refusals = record
        .segments
        .iter()
        .filter_map(|segment| segment.refused.as_ref());
    if let Some(first) = earliest(record.refused.iter().chain(refusals)) {
        return found(status::classify_refusal(&first.raw_code), first.at_unix_ms);
    }
    if let Some(unsendable) = &record.unsendable {
        return found(
            StatusDetail::unsendable(&unsendable.raw_code),
            unsendable.at_unix_ms,
        );
    }
    if let Some(first) = earliest(
        record
            .segments
            .iter()
            .filter_map(|segment| segment.failed.as_ref()),
    ) {
        return of_receipt(first);
    }
    if let Some(first) = earliest(
        record
            .segments
            .iter()
            .filter_map(|segment| segment.unknown.as_ref()),
    ) {
        return of_receipt(first);
    }
    if let Some(uncertain) = &record.uncertain {
        return found(StatusDetail::uncertain(), uncertain.at_unix_ms);
    }
    let last_left = last_left_unix_ms(record);
    if let Some(expired) = &record.expired_at_link {
        // After an attempt without answer nobody can say that it did not leave.
        let detail = if record.resent.is_some() {
            StatusDetail::uncertain()
        } else {
            StatusDetail::expired_in_queue()
        };
        return found(detail, expired.at_unix_ms);
    }
    if let Some(expired) = &record.expired_in_queue {
        // It left after all, and was only reported late.
        let detail = if last_left.is_some() {
            StatusDetail::no_receipt()
        } else {
            StatusDetail::expired_in_queue()
        };
        return found(detail, expired.at_unix_ms);
    }
    if let Some(closed) = &record.no_receipt {
        return found(StatusDetail::no_receipt(), closed.at_unix_ms);
    }
    match last_left {
        Some(at_unix_ms) => found(StatusDetail::submitted(), at_unix_ms),
        None => found(StatusDetail::queued(), record.accepted_at_unix_ms),
    }
}

fn deadline(record: &MessageRecord, status: MessageStatus) -> Option<i64> {
    match status {
        MessageStatus::Queued => Some(record.valid_until_unix_ms.saturating_add(QUEUE_GRACE_MS)),
        MessageStatus::Submitted => last_left_unix_ms(record).map(|at| at.saturating_add(RECEIPT_WAIT_MS)),
        _ => None,
    }
}

/// When something last left, or must have left, for the carrier.
fn last_left_unix_ms(record: &MessageRecord) -> Option<i64> {
    let of_segment = |segment: &SegmentRecord| {
        let submitted = segment.submitted.as_ref().map(|submission| submission.at_unix_ms);
        submitted.max(segment.receipt().map(|receipt| receipt.at_unix_ms))
    };
    let resent = record.resent.as_ref().map(|fact| fact.at_unix_ms);
    record.segments.iter().filter_map(of_segment).max().max(resent)
}

/// The last receipt, where every segment was delivered.
fn last_of_all_delivered(record: &MessageRecord) -> Option<&Fact> {
    let delivered = || {
        record
            .segments
            .iter()
            .filter_map(|segment| segment.delivered.as_ref())
    };
    if record.segment_count == 0 || delivered().count() != record.segment_count as usize {
        return None;
    }
    delivered().max_by(|one, other| order(one).cmp(&order(other)))
}

/// The segment's place, made where nothing was known of it. Segment 0 of a message of one segment is that one.
fn segment_mut(record: &mut MessageRecord, number: u32) -> Result<&mut SegmentRecord, BadEvent> {
    let number = match number {
        0 if record.segment_count == 1 => 1,
        0 => return Err(BadEvent::NoSuchSegment),
        number => number,
    };
    let place = match record
        .segments
        .binary_search_by_key(&number, |segment| segment.number)
    {
        Ok(place) => place,
        Err(place) => {
            record.segments.insert(
                place,
                SegmentRecord {
                    number,
                    ..SegmentRecord::default()
                },
            );
            place
        }
    };
    record.segments.get_mut(place).ok_or(BadEvent::NoSuchSegment)
}

/// The detail's raw code is printable and short, whatever the carrier sent.
fn fact(at_unix_ms: i64, detail: StatusDetail) -> Fact {
    Fact {
        at_unix_ms,
        raw_code: detail.raw_code,
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(chars).collect()
}

fn order(fact: &Fact) -> (i64, &str) {
    (fact.at_unix_ms, &fact.raw_code)
}

fn earliest<'a>(facts: impl Iterator<Item = &'a Fact>) -> Option<&'a Fact> {
    facts.min_by(|one, other| order(one).cmp(&order(other)))
}

fn keep_earliest(slot: &mut Option<Fact>, fact: Fact) {
    if slot.as_ref().is_none_or(|known| order(&fact) < order(known)) {
        *slot = Some(fact);
    }
}

fn keep_latest(slot: &mut Option<Fact>, fact: Fact) {
    if slot.as_ref().is_none_or(|known| order(&fact) > order(known)) {
        *slot = Some(fact);
    }
}

fn keep_latest_attempt(slot: &mut Option<Submission>, submission: Submission) {
    let order = |submission: &Submission| (submission.attempt, submission.at_unix_ms);
    if slot
        .as_ref()
        .is_none_or(|known| order(&submission) > order(known))
    {
        *slot = Some(submission);
    }
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
