//! A leaf as the index needs it: borrowed from its octets, because decoding it in full costs more than all keys made of it.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The only version there is.
const VERSION: u64 = 2;

/// The fields of a `Leaf` and of its event by which it is found and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct View<'a> {
    /// Where it stands in the record.
    pub(crate) index: u64,
    pub(crate) producer: &'a str,
    pub(crate) epoch: u64,
    pub(crate) seq: u64,
    pub(crate) received_at_unix_ms: i64,
    /// The log it says it is in, and where.
    pub(crate) log: &'a str,
    pub(crate) log_index: u64,
    pub(crate) action: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) actor: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) message_id: &'a str,
    pub(crate) trace_id: &'a str,
    pub(crate) subject_tag: &'a [u8],
    /// The encoded event, for its attributes.
    pub(super) event: &'a [u8],
}

impl<'a> View<'a> {
    /// Reads an encoded leaf; says what is wrong with it.
    pub(crate) fn of(leaf: &'a [u8]) -> Result<Self, String> {
        let mut view = Self::default();
        let mut version = 0;
        let mut event = None;
        each_field(leaf, |tag, value| {
            match (tag, value) {
                (1, Value::Number(number)) => version = number,
                (2, Value::Number(number)) => view.index = number,
                (3, Value::Octets(octets)) => view.producer = text(octets)?,
                (4, Value::Number(number)) => view.epoch = number,
                (5, Value::Number(number)) => view.seq = number,
                (6, Value::Number(number)) => view.received_at_unix_ms = number.cast_signed(),
                (7, Value::Octets(octets)) => event = Some(octets),
                (8, Value::Octets(octets)) => view.log = text(octets)?,
                (9, Value::Number(number)) => view.log_index = number,
                _ => {}
            }
            Ok(())
        })?;
        if version != VERSION {
            return Err(format!("leaf version {version} is not known to this program"));
        }
        view.event = event.ok_or_else(|| "the leaf holds no event".to_owned())?;
        each_field(view.event, |tag, value| {
            if let Value::Octets(octets) = value {
                match tag {
                    3 => view.action = text(octets)?,
                    4 => view.outcome = text(octets)?,
                    5 => view.actor = text(octets)?,
                    6 => view.tenant = text(octets)?,
                    7 => view.message_id = text(octets)?,
                    8 => view.trace_id = text(octets)?,
                    9 => view.subject_tag = octets,
                    _ => {}
                }
            }
            Ok(())
        })?;
        Ok(view)
    }

    /// The event's attributes of these names; empty where there is none.
    pub(crate) fn attributes<const N: usize>(&self, names: [&str; N]) -> [&'a str; N] {
        let mut found = [""; N];
        // What does not read as an attribute is none; the leaf itself was read before.
        let _ = each_field(self.event, |tag, value| {
            let (12, Value::Octets(entry)) = (tag, value) else {
                return Ok(());
            };
            let (mut name, mut said) = ("", "");
            each_field(entry, |tag, value| {
                match (tag, value) {
                    (1, Value::Octets(octets)) => name = text(octets)?,
                    (2, Value::Octets(octets)) => said = text(octets)?,
                    _ => {}
                }
                Ok(())
            })?;
            if let Some(nth) = names.iter().position(|wanted| *wanted == name) {
                found[nth] = said;
            }
            Ok(())
        });
        found
    }
}

enum Value<'a> {
    Number(u64),
    Octets(&'a [u8]),
}

/// Calls `take` with every number and every run of octets, in their order.
fn each_field<'a>(
    mut rest: &'a [u8],
    mut take: impl FnMut(u32, Value<'a>) -> Result<(), String>,
) -> Result<(), String> {
    let wrong = |error: prost::DecodeError| format!("is no leaf: {error}");
    while !rest.is_empty() {
        let (tag, kind) = decode_key(&mut rest).map_err(wrong)?;
        match kind {
            WireType::Varint => take(tag, Value::Number(decode_varint(&mut rest).map_err(wrong)?))?,
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).map_err(wrong)?;
                let (octets, behind) = usize::try_from(length)
                    .ok()
                    .and_then(|length| rest.split_at_checked(length))
                    .ok_or_else(|| "is no leaf: it ends inside of a field".to_owned())?;
                rest = behind;
                take(tag, Value::Octets(octets))?;
            }
            other => skip_field(other, tag, &mut rest, DecodeContext::default()).map_err(wrong)?,
        }
    }
    Ok(())
}

fn text(octets: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(octets).map_err(|_| "is no leaf: a text is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::AuditEvent;
    use proptest::{prop_assert_eq, proptest};

    use super::View;
    use crate::record::{LogId, leaf};

    fn full() -> AuditEvent {
        AuditEvent {
            event_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            occurred_at_unix_ms: 1_763_700_000_000,
            action: "MESSAGE_FINAL".into(),
            outcome: "DELIVERED".into(),
            actor: "spiffe://td/svc/dispatch".into(),
            tenant: "bureau".into(),
            message_id: "m1".into(),
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            subject_tag: vec![7; 32].into(),
            purpose: "理赔".into(),
            consent_id: "c".into(),
            attributes: [("carrier", "MOBILE"), ("class", "OTP"), ("empty", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            sealed: vec![1; 50].into(),
        }
    }

    fn encoded(event: AuditEvent) -> Vec<u8> {
        let log = LogId::of("MESSAGE_FINAL", 1_763_700_000_000);
        leaf::encode(9, (log, 5), ("p", 2, 3), 4, event)
    }

    #[test]
    fn every_field_is_what_decoding_in_full_finds() {
        let octets = encoded(full());
        let (leaf, event) = leaf::decode(9, &octets).unwrap();
        let view = View::of(&octets).unwrap();
        let expected = View {
            index: leaf.index,
            producer: &leaf.producer,
            epoch: leaf.epoch,
            seq: leaf.seq,
            received_at_unix_ms: leaf.received_at_unix_ms,
            log: &leaf.log,
            log_index: leaf.log_index,
            action: &event.action,
            outcome: &event.outcome,
            actor: &event.actor,
            tenant: &event.tenant,
            message_id: &event.message_id,
            trace_id: &event.trace_id,
            subject_tag: &event.subject_tag,
            event: view.event,
        };
        assert_eq!(view, expected);
        assert_eq!(
            view.attributes(["class", "never", "empty", "carrier"]),
            ["OTP", "", "", "MOBILE"]
        );
    }

    #[test]
    fn the_least_event_has_empty_fields() {
        let octets = encoded(AuditEvent::default());
        let view = View::of(&octets).unwrap();
        assert_eq!(
            (view.action, view.subject_tag, view.attributes(["x"])),
            ("", &[][..], [""])
        );
    }

    #[test]
    fn another_version_and_no_event_are_told() {
        assert!(View::of(&[]).unwrap_err().contains("version 0"));
        assert!(View::of(&[8, 3]).unwrap_err().contains("version 3"));
        assert!(View::of(&[8, 2]).unwrap_err().contains("no event"));
    }

    proptest! {
        /// Cut or changed leaves: an error or some view, as decoding in full has it, and never a panic.
        #[test]
        fn broken_leaves_are_refused_or_read_alike(at in 0_usize..300, octet: u8, cut in 0_usize..300) {
            let mut octets = encoded(full());
            let at = at % octets.len();
            octets[at] = octet;
            octets.truncate(octets.len() - cut % octets.len());
            if let (Ok(view), Ok((leaf, event))) = (View::of(&octets), leaf::decode(9, &octets)) {
                prop_assert_eq!(view.producer, leaf.producer);
                prop_assert_eq!(view.log_index, leaf.log_index);
                prop_assert_eq!(view.action, event.action);
                prop_assert_eq!(view.subject_tag, &event.subject_tag[..]);
            }
        }
    }
}
