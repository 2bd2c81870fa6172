//! What an event must look like to be put on record, whichever way it comes.

use hongyan_proto::audit::v1::AuditEvent;
use uuid::Uuid;

use crate::{
    keys::{KEY_DESTROYED, KEY_RETURNED, KEY_USED, KEYS_EXPIRED},
    record::turn,
};

/// Most events of one `Append`.
pub(crate) const MAX_EVENTS: usize = 1_024;
const MAX_PRODUCER_OCTETS: usize = 128;
const MAX_ATTRIBUTES: usize = 64;
/// Octets of a subject's tag.
pub(crate) const TAG_OCTETS: usize = 32;

/// A wrong field: its path within the event, and what is wrong with it. Holds no value of the event.
pub(crate) type Wrong = (String, String);

/// Everything that is wrong with the event; nothing where it can go on record. How long its leaf is, is known when it gets
/// its place, and is checked there.
pub(crate) fn check(event: &AuditEvent) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut note = |field: &str, is_right: bool, expected: &str| {
        if !is_right {
            wrong.push((field.to_owned(), format!("must be {expected}")));
        }
    };
    let id = Uuid::try_parse(&event.event_id);
    note(
        "event_id",
        id.is_ok_and(|id| id.get_version_num() == 7),
        "a UUID of version 7",
    );
    note(
        "occurred_at_unix_ms",
        event.occurred_at_unix_ms > 0,
        "a time after 1970",
    );
    note(
        "action",
        is_word(&event.action, 1),
        "UPPER_SNAKE of 1 to 64 characters",
    );
    note(
        "action",
        !is_reserved(&event.action),
        "an action of the caller's: this one is the record's own",
    );
    note(
        "outcome",
        is_word(&event.outcome, 0),
        "UPPER_SNAKE of at most 64 characters",
    );
    for (field, value, most, expected) in [
        ("actor", &event.actor, 256, "at most 256 visible ASCII characters"),
        ("tenant", &event.tenant, 64, "at most 64 visible ASCII characters"),
        (
            "message_id",
            &event.message_id,
            64,
            "at most 64 visible ASCII characters",
        ),
        (
            "consent_id",
            &event.consent_id,
            128,
            "at most 128 visible ASCII characters",
        ),
    ] {
        note(field, value.len() <= most && is_visible(value), expected);
    }
    note(
        "trace_id",
        event.trace_id.is_empty() || is_trace_id(&event.trace_id),
        TRACE_ID,
    );
    let tag = event.subject_tag.len();
    note("subject_tag", tag == 0 || tag == TAG_OCTETS, "empty or 32 octets");
    note(
        "sealed",
        event.sealed.is_empty() || tag > 0,
        "empty where there is no subject_tag",
    );
    note(
        "purpose",
        event.purpose.chars().count() <= 128,
        "at most 128 characters",
    );
    note(
        "attributes",
        event.attributes.len() <= MAX_ATTRIBUTES,
        "at most 64",
    );
    let keys = event.attributes.keys().all(|key| is_attribute(key));
    note("attributes", keys, "named by 1 to 64 of [a-z0-9_.]");
    let values = event.attributes.values().all(|value| value.len() <= 1_024);
    note("attributes", values, "of at most 1,024 octets each");
    wrong
}

/// What a reason is.
pub(crate) const REASON: &str = "must be 1 to 128 characters, none of them a control character";

/// Why somebody wants something that goes on record with the reason.
pub(crate) fn is_reason(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// What a trace id is.
pub(crate) const TRACE_ID: &str = "32 lower-case hexadecimal digits, not all of them zero";

pub(crate) fn is_trace_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|octet| octet != b'0')
}

/// 1 to 128 visible ASCII characters.
pub(crate) fn is_producer(text: &str) -> bool {
    (1..=MAX_PRODUCER_OCTETS).contains(&text.len()) && is_visible(text)
}

pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Actions that only this service has: somebody else's would say what never happened.
fn is_reserved(action: &str) -> bool {
    turn::is_reserved(action) || [KEY_USED, KEY_DESTROYED, KEY_RETURNED, KEYS_EXPIRED].contains(&action)
}

/// What actions and outcomes look like.
pub(crate) fn is_word(text: &str, least: usize) -> bool {
    (least..=64).contains(&text.len())
        && text
            .bytes()
            .all(|octet| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

fn is_attribute(key: &str) -> bool {
    (1..=64).contains(&key.len())
        && key
            .bytes()
            .all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::AuditEvent;

    use super::check;

    type Change = fn(&mut AuditEvent);

    fn good() -> AuditEvent {
        AuditEvent {
            event_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            occurred_at_unix_ms: 1,
            action: "MESSAGE_FINAL".into(),
            outcome: "DELIVERED".into(),
            actor: "spiffe://hongyan.test/svc/dispatch".into(),
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            subject_tag: vec![1; 32].into(),
            purpose: "理赔".into(),
            attributes: [("raw_code".to_owned(), "MK:0001".to_owned())].into(),
            ..AuditEvent::default()
        }
    }

    #[test]
    fn a_full_event_and_the_least_event_are_right() {
        assert_eq!(check(&good()), []);
        let least = AuditEvent {
            event_id: good().event_id,
            occurred_at_unix_ms: 1,
            action: "X".into(),
            ..AuditEvent::default()
        };
        assert_eq!(check(&least), []);
    }

    #[test]
    fn each_wrong_field_is_named() {
        let table: [(&str, Change); 22] = [
            ("event_id", |event| event.event_id.clear()),
            ("event_id", |event| {
                event.event_id = "d9428888-122b-41e1-b85c-61cd3cbee1e8".into();
            }),
            ("occurred_at_unix_ms", |event| event.occurred_at_unix_ms = 0),
            ("action", |event| event.action.clear()),
            ("action", |event| event.action = "lower".into()),
            ("action", |event| event.action = "A".repeat(65)),
            ("action", |event| event.action = "RECORD_LOG_CLOSED".into()),
            ("action", |event| event.action = "KEY_DESTROYED".into()),
            ("outcome", |event| event.outcome = "not ok".into()),
            ("actor", |event| event.actor = "a b".into()),
            ("actor", |event| event.actor = "a".repeat(257)),
            ("tenant", |event| event.tenant = "保险".into()),
            ("message_id", |event| event.message_id = "m".repeat(65)),
            ("consent_id", |event| event.consent_id = "\n".into()),
            ("trace_id", |event| {
                event.trace_id = "4BF92F3577B34DA6A3CE929D0E0E4736".into();
            }),
            ("trace_id", |event| event.trace_id = "0".repeat(32)),
            ("subject_tag", |event| event.subject_tag = vec![1; 16].into()),
            ("sealed", |event| {
                event.subject_tag.clear();
                event.sealed = vec![1].into();
            }),
            ("purpose", |event| event.purpose = "赔".repeat(129)),
            ("attributes", |event| {
                event.attributes = (0..65).map(|n| (n.to_string(), String::new())).collect();
            }),
            ("attributes", |event| {
                event.attributes = [("Key".into(), String::new())].into();
            }),
            ("attributes", |event| {
                event.attributes = [("key".into(), "v".repeat(1_025))].into();
            }),
        ];
        for (field, change) in table {
            let mut event = good();
            change(&mut event);
            let wrong = check(&event);
            assert_eq!(
                wrong.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
                [field]
            );
        }
    }
}
