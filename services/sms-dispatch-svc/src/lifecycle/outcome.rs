//! Where a message stands, by its facts alone.

use hongyan_domain::status::{CodeTable, MessageStatus, StatusDetail};

use super::fact::{earliest, order};
use crate::record::{Fact, MessageRecord, SegmentRecord};

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The status and what it means.
    pub detail: StatusDetail,
    /// When it came to be so.
    pub at_unix_ms: i64,
}

/// Where the message stands, by the list at the head of [`super`].
///
/// What a code means for a person is the table's of today; which status followed from it is the table's of when it was
/// noted, so that a new table unsettles nothing.
pub fn outcome(record: &MessageRecord, codes: &CodeTable) -> Outcome {
    let found = |detail, at_unix_ms| Outcome { detail, at_unix_ms };
    let of_receipt =
        |fact: &Fact, status| found(codes.receipt(&fact.raw_code).noted_as(status), fact.at_unix_ms);
    if let Some(last) = last_of_all_delivered(record) {
        return of_receipt(last, MessageStatus::Delivered);
    }
    let refusals = record
        .segments
        .iter()
        .filter_map(|segment| segment.refused.as_ref());
    if let Some(first) = earliest(record.refused.iter().chain(refusals)) {
        return found(codes.refusal(&first.raw_code), first.at_unix_ms);
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
        return found(failure(codes, &first.raw_code), first.at_unix_ms);
    }
    if let Some(first) = earliest(
        record
            .segments
            .iter()
            .filter_map(|segment| segment.unknown.as_ref()),
    ) {
        return of_receipt(first, MessageStatus::Unknown);
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

/// A receipt that was noted as a failure stays one.
pub(crate) fn failure(codes: &CodeTable, raw_code: &str) -> StatusDetail {
    let detail = codes.receipt(raw_code);
    match detail.status {
        MessageStatus::Delivered
        | MessageStatus::Unknown
        | MessageStatus::Queued
        | MessageStatus::Submitted => detail.noted_as(MessageStatus::Undelivered),
        _ => detail,
    }
}

/// When something last left, or must have left, for the carrier.
pub(super) fn last_left_unix_ms(record: &MessageRecord) -> Option<i64> {
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
