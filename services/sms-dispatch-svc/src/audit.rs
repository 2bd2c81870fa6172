//! What goes on the record. Pure but for the events' ids.

use bytes::Bytes;
use hongyan_proto::audit::v1::AuditEvent;
use prost::Message as _;
use uuid::Uuid;

use crate::{
    convert::{reason_name, status_name},
    lifecycle::{Announcement, Outcome},
    record::MessageRecord,
    routing::Lesson,
};

/// A message became durable.
const MESSAGE_ACCEPTED: &str = "MESSAGE_ACCEPTED";
/// A message reached its first final status.
const MESSAGE_FINAL: &str = "MESSAGE_FINAL";
/// A message's final status gave way to another.
const MESSAGE_CORRECTED: &str = "MESSAGE_CORRECTED";
/// A message goes another way.
const MESSAGE_REROUTED: &str = "MESSAGE_REROUTED";
/// It was learned where a number is, or that it is where it is expected.
const CARRIER_LEARNED: &str = "CARRIER_LEARNED";
/// A subscriber wants no more notices and bulk messages of a tenant.
const OPT_OUT_SET: &str = "OPT_OUT_SET";
/// A subscriber wants them again.
const OPT_OUT_CLEARED: &str = "OPT_OUT_CLEARED";

/// That a message was accepted for a caller.
pub fn accepted(message_id: &str, record: &MessageRecord, class: &str, actor: &str) -> Vec<u8> {
    AuditEvent {
        occurred_at_unix_ms: record.accepted_at_unix_ms,
        action: MESSAGE_ACCEPTED.to_owned(),
        outcome: "QUEUED".to_owned(),
        actor: actor.to_owned(),
        attributes: [
            ("class".to_owned(), class.to_owned()),
            ("link".to_owned(), record.link.clone()),
            ("segments".to_owned(), record.segment_count.to_string()),
        ]
        .into(),
        ..of_message(message_id, record)
    }
    .encode_to_vec()
}

/// That a message reached a final status, or that one was corrected.
pub fn settled(
    message_id: &str,
    record: &MessageRecord,
    outcome: &Outcome,
    told: &Announcement,
    actor: &str,
) -> Vec<u8> {
    let mut attributes = vec![
        ("link".to_owned(), record.link.clone()),
        ("segments".to_owned(), record.segment_count.to_string()),
        ("raw_code".to_owned(), outcome.detail.raw_code.clone()),
    ];
    if let Some(corrects) = told.corrects {
        attributes.push(("corrects".to_owned(), status_name(corrects).to_owned()));
    }
    let action = if told.corrects.is_some() {
        MESSAGE_CORRECTED
    } else {
        MESSAGE_FINAL
    };
    AuditEvent {
        occurred_at_unix_ms: outcome.at_unix_ms,
        action: action.to_owned(),
        outcome: outcome.detail.status.as_str().to_owned(),
        actor: actor.to_owned(),
        attributes: attributes.into_iter().collect(),
        ..of_message(message_id, record)
    }
    .encode_to_vec()
}

/// That a message goes another way; `None` for one that does not.
pub fn rerouted(message_id: &str, record: &MessageRecord, actor: &str) -> Option<Vec<u8>> {
    let reroute = record.rerouted.as_ref()?;
    let attributes = [
        ("from_link", reroute.from_link.clone()),
        ("link", record.link.clone()),
        ("reason", reason_name(reroute.reason()).to_owned()),
        ("raw_code", reroute.raw_code.clone()),
    ];
    let event = AuditEvent {
        occurred_at_unix_ms: reroute.at_unix_ms,
        action: MESSAGE_REROUTED.to_owned(),
        outcome: "QUEUED".to_owned(),
        actor: actor.to_owned(),
        attributes: attributes.map(|(key, value)| (key.to_owned(), value)).into(),
        ..of_message(message_id, record)
    };
    Some(event.encode_to_vec())
}

/// That it was learned where a number is.
pub fn lesson(lesson: &Lesson, subject_tag: &[u8], trace_id: &str, now_ms: i64, actor: &str) -> Vec<u8> {
    let attributes = [
        ("carrier", lesson.carrier.as_str()),
        ("expected", lesson.expected.as_str()),
        ("source", lesson.source_name()),
    ];
    AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        occurred_at_unix_ms: now_ms,
        action: CARRIER_LEARNED.to_owned(),
        outcome: lesson.outcome().to_owned(),
        actor: actor.to_owned(),
        trace_id: trace_id.to_owned(),
        subject_tag: Bytes::copy_from_slice(subject_tag),
        attributes: attributes
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..AuditEvent::default()
    }
    .encode_to_vec()
}

/// That a subscriber opted out, or in again.
pub fn opt_out(
    opted_out: bool,
    tenant: &str,
    subject_tag: Bytes,
    trace_id: String,
    now_ms: i64,
    actor: &str,
) -> Vec<u8> {
    AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        occurred_at_unix_ms: now_ms,
        action: if opted_out { OPT_OUT_SET } else { OPT_OUT_CLEARED }.to_owned(),
        outcome: "OK".to_owned(),
        actor: actor.to_owned(),
        tenant: tenant.to_owned(),
        trace_id,
        subject_tag,
        ..AuditEvent::default()
    }
    .encode_to_vec()
}

fn of_message(message_id: &str, record: &MessageRecord) -> AuditEvent {
    AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        tenant: record.tenant.clone(),
        message_id: message_id.to_owned(),
        trace_id: record.trace_id().to_owned(),
        subject_tag: record.subject_tag.clone(),
        ..AuditEvent::default()
    }
}
