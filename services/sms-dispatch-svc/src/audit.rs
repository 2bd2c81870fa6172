//! What goes on the record. Pure but for the events' ids.

use std::collections::BTreeMap;

use bytes::Bytes;
use hongyan_domain::{Carrier, MessageClass};
use hongyan_proto::audit::v1::AuditEvent;
use prost::Message as _;
use uuid::Uuid;

use crate::{
    convert::{carrier_of, class_of, reason_name, status_name},
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
pub fn accepted(message_id: &str, record: &MessageRecord, actor: &str) -> Vec<u8> {
    let attributes = [
        ("link", record.link.clone()),
        ("segments", record.segment_count.to_string()),
    ];
    AuditEvent {
        occurred_at_unix_ms: record.accepted_at_unix_ms,
        action: MESSAGE_ACCEPTED.to_owned(),
        outcome: "QUEUED".to_owned(),
        actor: actor.to_owned(),
        attributes: with_counted(record, attributes),
        ..of_message(message_id, record)
    }
    .encode_to_vec()
}

/// That a message reached a final status, or that one was corrected, which was told with `code_before`.
pub fn settled(
    message_id: &str,
    record: &MessageRecord,
    outcome: &Outcome,
    told: &Announcement,
    code_before: &str,
    actor: &str,
) -> Vec<u8> {
    let mut attributes = vec![
        ("link", record.link.clone()),
        ("segments", record.segment_count.to_string()),
        ("raw_code", outcome.detail.raw_code.clone()),
    ];
    if let Some(corrects) = told.corrects {
        attributes.push(("corrects", status_name(corrects).to_owned()));
        attributes.push(("corrects_raw_code", code_before.to_owned()));
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
        attributes: with_counted(record, attributes),
        ..of_message(message_id, record)
    }
    .encode_to_vec()
}

/// That a message goes another way than `before`; `None` for one that does not.
pub fn rerouted(
    message_id: &str,
    before: &MessageRecord,
    record: &MessageRecord,
    actor: &str,
) -> Option<Vec<u8>> {
    let reroute = record.rerouted.as_ref()?;
    let attributes = [
        ("from_link", reroute.from_link.clone()),
        ("from_carrier", carrier(before).to_owned()),
        ("link", record.link.clone()),
        ("reason", reason_name(reroute.reason()).to_owned()),
        ("raw_code", reroute.raw_code.clone()),
    ];
    let event = AuditEvent {
        occurred_at_unix_ms: reroute.at_unix_ms,
        action: MESSAGE_REROUTED.to_owned(),
        outcome: "QUEUED".to_owned(),
        actor: actor.to_owned(),
        attributes: with_counted(record, attributes),
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

/// These, and by what the record counts messages: class, carrier, time of acceptance.
fn with_counted(
    record: &MessageRecord,
    attributes: impl IntoIterator<Item = (&'static str, String)>,
) -> BTreeMap<String, String> {
    let class = class_of(record.class).map_or("", MessageClass::as_str);
    let counted = [
        ("class", class.to_owned()),
        ("carrier", carrier(record).to_owned()),
        ("accepted_at_unix_ms", record.accepted_at_unix_ms.to_string()),
    ];
    attributes
        .into_iter()
        .chain(counted)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn carrier(record: &MessageRecord) -> &'static str {
    carrier_of(record.carrier).map_or("", Carrier::as_str)
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hongyan_domain::status::CodeTable;
    use hongyan_proto::{
        audit::v1::AuditEvent,
        carrier::v1::ReturnReason,
        common::v1::{Carrier, MessageClass},
    };
    use prost::Message as _;

    use super::{accepted, rerouted, settled};
    use crate::{
        lifecycle::conclude,
        record::{Fact, MessageRecord, Reroute},
    };

    fn record() -> MessageRecord {
        MessageRecord {
            tenant: "shebao".into(),
            class: MessageClass::Otp.into(),
            carrier: Carrier::ChinaMobile.into(),
            accepted_at_unix_ms: 1_763_700_000_000,
            ..MessageRecord::default()
        }
    }

    fn attributes<const N: usize>(event: Vec<u8>, names: [&str; N]) -> (String, [String; N]) {
        let event = AuditEvent::decode(Bytes::from(event)).unwrap();
        let said = names.map(|name| event.attributes.get(name).cloned().unwrap_or_default());
        (event.outcome, said)
    }

    const COUNTED: [&str; 3] = ["carrier", "class", "accepted_at_unix_ms"];

    #[test]
    fn an_acceptance_says_by_what_it_is_counted() {
        let (_, said) = attributes(accepted("m", &record(), "me"), COUNTED);
        assert_eq!(said, ["china_mobile", "otp", "1763700000000"]);
    }

    #[test]
    fn a_reroute_says_which_carrier_it_leaves() {
        let mut after = record();
        after.set_carrier(Carrier::ChinaUnicom);
        let mut reroute = Reroute::default();
        reroute.set_reason(ReturnReason::NoRoute);
        after.rerouted = Some(reroute);
        let event = rerouted("m", &record(), &after, "me").unwrap();
        let (_, said) = attributes(event, ["from_carrier", "carrier", "class", "accepted_at_unix_ms"]);
        assert_eq!(said, ["china_mobile", "china_unicom", "otp", "1763700000000"]);
        assert_eq!(rerouted("m", &record(), &record(), "me"), None);
    }

    #[test]
    fn a_correction_says_what_was_told_before_and_with_which_code() {
        let codes = CodeTable::built_in();
        let mut record = record();
        let fact = |raw_code: &str| Fact {
            at_unix_ms: 1_763_700_001_000,
            raw_code: raw_code.into(),
        };
        record.no_receipt = Some(fact("NO_RECEIPT"));
        let first = conclude(&mut record, codes);
        let event = settled(
            "m",
            &record,
            &first.outcome,
            &first.announcement.unwrap(),
            "",
            "me",
        );
        let (status, said) = attributes(event, ["raw_code", "corrects"]);
        assert_eq!(
            (status.as_str(), said),
            ("UNKNOWN", ["NO_RECEIPT", ""].map(str::to_owned))
        );
        let before = record.announced_code.clone();
        assert_eq!(before, "NO_RECEIPT");
        record.refused = Some(fact("CMPP:13"));
        let second = conclude(&mut record, codes);
        let told = second.announcement.unwrap();
        let event = settled("m", &record, &second.outcome, &told, &before, "me");
        let (status, said) = attributes(event, ["raw_code", "corrects", "corrects_raw_code"]);
        assert_eq!(
            (status.as_str(), said),
            (
                "REJECTED",
                ["CMPP:13", "UNKNOWN", "NO_RECEIPT"].map(str::to_owned)
            )
        );
    }
}
