//! What an entry of the audit stream says. No IO.

use std::sync::Arc;

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_queue::Entry;
use prost::Message as _;

use crate::{event, record::Numbered};

/// What makes an entry known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    /// `stream:{p0}:audit`.
    pub(crate) producer: Arc<str>,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
}

/// The number of an entry, which its producer gave: the producer is the stream, the field `e` the epoch, `n` the number.
pub(crate) fn number(entry: &Entry) -> Result<Number, String> {
    Ok(Number {
        producer: Arc::from(format!("stream:{}", entry.stream)),
        epoch: field(entry, "e")?,
        seq: field(entry, "n")?,
    })
}

/// The event of an entry (its field `b`) under its number, or why it can never go on record.
pub(crate) fn parse(entry: &Entry) -> Result<Numbered, String> {
    let Number { producer, epoch, seq } = number(entry)?;
    let body = entry.body().ok_or("has no field b")?;
    // What the decoder says could quote the body.
    let event = AuditEvent::decode(body.clone()).map_err(|_| "its body is no audit event")?;
    let wrong = event::check(&event);
    if wrong.is_empty() {
        return Ok(Numbered {
            producer,
            epoch,
            seq,
            event,
        });
    }
    let wrong: Vec<_> = wrong
        .into_iter()
        .map(|(field, why)| format!("{field} {why}"))
        .collect();
    Err(wrong.join("; "))
}

fn field(entry: &Entry, field: &str) -> Result<u64, String> {
    let value = entry
        .field(field)
        .ok_or_else(|| format!("has no field {field}"))?;
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("its field {field} is no number"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use hongyan_proto::audit::v1::AuditEvent;
    use hongyan_queue::{Entry, StreamId};
    use prost::Message as _;

    use super::parse;

    type Fields<'a> = &'a [(&'a str, &'a [u8])];

    fn body() -> Vec<u8> {
        AuditEvent {
            event_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            occurred_at_unix_ms: 1,
            action: "MESSAGE_ACCEPTED".into(),
            ..AuditEvent::default()
        }
        .encode_to_vec()
    }

    fn entry(fields: Fields<'_>) -> Entry {
        let field = |(name, value): &(&str, &[u8])| {
            (
                Bytes::copy_from_slice(name.as_bytes()),
                Bytes::copy_from_slice(value),
            )
        };
        Entry {
            stream: Arc::from("{p0}:audit"),
            id: StreamId::ZERO,
            delivery_count: 1,
            fields: fields.iter().map(field).collect(),
        }
    }

    #[test]
    fn a_good_entry_is_an_event_of_its_stream() {
        let numbered = parse(&entry(&[("e", b"1763700000000"), ("n", b"42"), ("b", &body())])).unwrap();
        assert_eq!(&*numbered.producer, "stream:{p0}:audit");
        assert_eq!((numbered.epoch, numbered.seq), (1_763_700_000_000, 42));
        assert_eq!(numbered.event.action, "MESSAGE_ACCEPTED");
    }

    #[test]
    fn a_poisoned_entry_says_why_and_nothing_of_its_content() {
        let bad_event = AuditEvent {
            action: "13800138000".into(),
            tenant: "王 明".into(),
            ..AuditEvent::default()
        };
        let body = body();
        let table: [(Fields<'_>, &str); 7] = [
            (&[], "no field e"),
            (&[("e", b"1"), ("b", &body)], "no field n"),
            (&[("e", b"1"), ("n", b"2")], "no field b"),
            (&[("e", b"-1"), ("n", b"2"), ("b", &body)], "field e is no number"),
            (
                &[("e", b"1"), ("n", b"\xff"), ("b", &body)],
                "field n is no number",
            ),
            (
                &[("e", b"1"), ("n", b"2"), ("b", b"\x0a\xff13800138000")],
                "no audit event",
            ),
            (
                &[("e", b"1"), ("n", b"2"), ("b", &bad_event.encode_to_vec())],
                "event_id must be",
            ),
        ];
        for (fields, expected) in table {
            let reason = parse(&entry(fields)).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
            assert!(!reason.contains("138") && !reason.contains('王'), "{reason}");
        }
    }
}
