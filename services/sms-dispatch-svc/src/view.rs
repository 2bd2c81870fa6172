//! What callers see of a record. Pure.

use std::borrow::Cow;

use hongyan_domain::status::{CodeTable, MessageStatus, StatusDetail};
use hongyan_proto::dispatch::v1::{GetMessageResponse, MessageEvent, Receipt, Segment};

use crate::{
    convert::{detail_to_proto, reason_name, status_name},
    lifecycle::{Announcement, Outcome, failure, outcome},
    record::{EventKind, EventRecord, MessageRecord, SegmentRecord},
};

/// This service's name in the story.
const DISPATCH: &str = "sms-dispatch-svc";
/// The links' name in the story.
const LINK: &str = "carrier-link-svc";

/// The whole story of a message.
pub fn message(message_id: &str, record: MessageRecord, codes: &CodeTable) -> GetMessageResponse {
    let outcome = outcome(&record, codes);
    let segments = segments(&record, &outcome.detail, codes);
    let accepted = |event: &str, detail: String| MessageEvent {
        at_unix_ms: record.accepted_at_unix_ms,
        hop: DISPATCH.to_owned(),
        event: event.to_owned(),
        detail,
        ..MessageEvent::default()
    };
    let mut events = Vec::with_capacity(record.events.len() + 2);
    events.push(accepted("ACCEPTED", String::new()));
    let reroute = record.rerouted.clone().unwrap_or_default();
    let first_link = if reroute.from_link.is_empty() {
        &record.link
    } else {
        &reroute.from_link
    };
    events.push(accepted("QUEUED", format!("for link {first_link}")));
    events.extend(record.events.iter().map(|entry| event(entry, &outcome, codes)));
    GetMessageResponse {
        message_id: message_id.to_owned(),
        trace_id: record.trace_id().to_owned(),
        class: record.class,
        carrier: record.carrier,
        segment_count: record.segment_count,
        status: Some(detail_to_proto(&outcome.detail)),
        segments,
        events,
        events_omitted: record.events_omitted,
        accepted_at_unix_ms: record.accepted_at_unix_ms,
        possible_duplicate: record.possible_duplicate,
        reroute_reason: record
            .rerouted
            .as_ref()
            .map(|reroute| reason_name(reroute.reason()).to_owned())
            .unwrap_or_default(),
        rerouted_from: reroute.from_link,
        tenant: record.tenant,
        request_id: record.request_id,
        reference: record.reference,
        link: record.link,
    }
}

/// What the caller is told about a final status.
pub fn receipt(
    message_id: &str,
    record: &MessageRecord,
    outcome: &Outcome,
    told: &Announcement,
    codes: &CodeTable,
) -> Receipt {
    Receipt {
        message_id: message_id.to_owned(),
        request_id: record.request_id.clone(),
        reference: record.reference.clone(),
        status: Some(detail_to_proto(&outcome.detail)),
        segments: segments(record, &outcome.detail, codes),
        at_unix_ms: outcome.at_unix_ms,
        correction: told.corrects.is_some(),
        possible_duplicate: record.possible_duplicate,
    }
}

fn segments(record: &MessageRecord, whole: &StatusDetail, codes: &CodeTable) -> Vec<Segment> {
    let unknown = SegmentRecord::default();
    let one = |number: u32| {
        let known = record
            .segments
            .iter()
            .find(|segment| segment.number == number)
            .unwrap_or(&unknown);
        let submitted = known.submitted.as_ref();
        Segment {
            number,
            status: Some(detail_to_proto(&segment_detail(record, known, whole, codes))),
            carrier_message_id: submitted
                .map(|submission| submission.carrier_message_id.clone())
                .unwrap_or_default(),
            submitted_at_unix_ms: submitted
                .map(|submission| submission.at_unix_ms)
                .unwrap_or_default(),
            receipt_at_unix_ms: known
                .receipt()
                .map(|receipt| receipt.at_unix_ms)
                .unwrap_or_default(),
        }
    };
    (1..=record.segment_count).map(one).collect()
}

/// A segment's own facts; where it has none, what the whole message's end means for it.
fn segment_detail(
    record: &MessageRecord,
    segment: &SegmentRecord,
    whole: &StatusDetail,
    codes: &CodeTable,
) -> StatusDetail {
    if let Some(delivered) = &segment.delivered {
        return codes
            .receipt(&delivered.raw_code)
            .noted_as(MessageStatus::Delivered);
    }
    if let Some(refused) = &segment.refused {
        return codes.refusal(&refused.raw_code);
    }
    if let Some(receipt) = &segment.failed {
        return failure(codes, &receipt.raw_code);
    }
    if let Some(receipt) = &segment.unknown {
        return codes.receipt(&receipt.raw_code).noted_as(MessageStatus::Unknown);
    }
    let left = segment.submitted.is_some() || segment.intermediate.is_some();
    if left && record.no_receipt.is_some() {
        return StatusDetail::no_receipt();
    }
    if left {
        return StatusDetail::submitted();
    }
    if let Some(refused) = &record.refused {
        return codes.refusal(&refused.raw_code);
    }
    if let Some(unsendable) = &record.unsendable {
        return StatusDetail::unsendable(&unsendable.raw_code);
    }
    if record.uncertain.is_some() || record.resent.is_some() && whole.is_final {
        return StatusDetail::uncertain();
    }
    if record.expired_at_link.is_some() || record.expired_in_queue.is_some() {
        return StatusDetail::expired_in_queue();
    }
    StatusDetail::queued()
}

fn event(entry: &EventRecord, outcome: &Outcome, codes: &CodeTable) -> MessageEvent {
    let none = Cow::Borrowed("");
    let (hop, name, advice) = match entry.kind() {
        EventKind::Submitted => (LINK, "SUBMITTED", none),
        EventKind::Resent => (LINK, "RESENT", none),
        EventKind::SubmitRefused => (LINK, "SUBMIT_REFUSED", codes.refusal(&entry.raw_code).advice),
        EventKind::SubmitUncertain => (LINK, "SUBMIT_UNCERTAIN", StatusDetail::uncertain().advice),
        EventKind::Receipt => (LINK, "RECEIPT", codes.receipt(&entry.raw_code).advice),
        EventKind::Expired => (
            DISPATCH,
            "EXPIRED_IN_QUEUE",
            StatusDetail::expired_in_queue().advice,
        ),
        EventKind::Unsendable => (
            LINK,
            "UNSENDABLE",
            StatusDetail::unsendable(&entry.raw_code).advice,
        ),
        EventKind::NoReceipt => (DISPATCH, "NO_RECEIPT", StatusDetail::no_receipt().advice),
        EventKind::Final => {
            let is_latest = status_name(entry.status()) == outcome.detail.status.as_str();
            (
                DISPATCH,
                status_name(entry.status()),
                if is_latest {
                    outcome.detail.advice.clone()
                } else {
                    none
                },
            )
        }
        EventKind::Returned => (LINK, "RETURNED", codes.refusal(&entry.raw_code).advice),
        EventKind::Rerouted => (DISPATCH, "REROUTED", none),
        EventKind::Unspecified => (DISPATCH, "UNKNOWN_EVENT", none),
    };
    MessageEvent {
        at_unix_ms: entry.at_unix_ms,
        hop: hop.to_owned(),
        event: name.to_owned(),
        segment: entry.segment,
        raw_code: entry.raw_code.clone(),
        detail: detail(entry),
        advice: advice.into_owned(),
    }
}

fn detail(entry: &EventRecord) -> String {
    let mut parts = Vec::new();
    if entry.sequence > 0 {
        parts.push(format!("slot {}, sequence {}", entry.slot, entry.sequence));
    }
    if entry.attempt > 0 {
        parts.push(format!("attempt {}", entry.attempt));
    }
    if !entry.carrier_message_id.is_empty() {
        parts.push(format!("carrier's id {}", entry.carrier_message_id));
    }
    if entry.kind() == EventKind::Final && entry.corrects != 0 {
        parts.push(format!("corrects {}", status_name(entry.corrects())));
    }
    if entry.kind() == EventKind::Rerouted {
        parts.push(format!("to link {}", entry.link));
    } else if !entry.link.is_empty() {
        parts.push(format!("reported late by link {}", entry.link));
    }
    if entry.reason != 0 {
        parts.push(reason_name(entry.reason()).to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use hongyan_domain::status::CodeTable;
    use hongyan_proto::{
        carrier::v1::{LinkEvent, SegmentReceipt, SegmentSubmitted, link_event::Event},
        dispatch::v1::MessageStatus,
    };

    use super::{message, receipt};
    use crate::{
        lifecycle::{conclude, note},
        record::{MessageRecord, RECORD_VERSION},
    };

    fn codes() -> &'static CodeTable {
        CodeTable::built_in()
    }

    fn two_segments() -> MessageRecord {
        let mut record = MessageRecord {
            version: RECORD_VERSION,
            tenant: "shebao".into(),
            link: "cmcc".into(),
            segment_count: 2,
            accepted_at_unix_ms: 1_000,
            valid_until_unix_ms: 301_000,
            ..MessageRecord::default()
        };
        let events = [
            Event::Submitted(SegmentSubmitted {
                carrier_message_id: "0a".into(),
                sequence: 7,
                slot: 0,
                attempt: 1,
                submitted_at_unix_ms: 1_005,
            }),
            Event::Receipt(SegmentReceipt {
                carrier_message_id: "0a".into(),
                stat: "UNDELIV".into(),
                done_time: String::new(),
            }),
        ];
        for (at_unix_ms, event) in (1_010..).zip(events) {
            let event = LinkEvent {
                segment: 1,
                at_unix_ms,
                event: Some(event),
                ..LinkEvent::default()
            };
            note(&mut record, &event, codes()).unwrap();
        }
        record
    }

    #[test]
    fn the_story_begins_with_acceptance_and_ends_with_the_status() {
        let mut record = two_segments();
        conclude(&mut record, codes());
        let shown = message("id", record, codes());
        let story: Vec<_> = shown
            .events
            .iter()
            .map(|event| (event.event.as_str(), event.segment))
            .collect();
        assert_eq!(
            story,
            [
                ("ACCEPTED", 0),
                ("QUEUED", 0),
                ("SUBMITTED", 1),
                ("RECEIPT", 1),
                ("UNDELIVERED", 0)
            ]
        );
        assert_eq!(
            shown.events[2].detail,
            "slot 0, sequence 7, attempt 1, carrier's id 0a"
        );
        assert!(!shown.events[3].advice.is_empty() && !shown.events[4].advice.is_empty());
        let status = shown.status.unwrap();
        assert_eq!(
            (status.status(), status.raw_code.as_str()),
            (MessageStatus::Undelivered, "UNDELIV")
        );
    }

    #[test]
    fn the_receipt_lists_every_segment() {
        let mut record = two_segments();
        let concluded = conclude(&mut record, codes());
        let told = concluded.announcement.unwrap();
        let receipt = receipt("id", &record, &concluded.outcome, &told, codes());
        let listed: Vec<_> = receipt
            .segments
            .iter()
            .map(|s| (s.number, s.status.as_ref().unwrap().status()))
            .collect();
        assert_eq!(
            listed,
            [(1, MessageStatus::Undelivered), (2, MessageStatus::Queued)]
        );
        assert_eq!(
            (
                receipt.segments[0].submitted_at_unix_ms,
                receipt.segments[0].receipt_at_unix_ms
            ),
            (1_005, 1_011)
        );
        assert!(!receipt.correction);
    }
}
