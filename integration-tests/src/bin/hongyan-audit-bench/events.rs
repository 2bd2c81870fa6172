//! Events as the mesh makes them, each of 512 octets: five to a message, in three logs.
//!
//! Each kind is encoded once; an event is then a copy with its own ids in it. So the load costs far less than what it loads,
//! and everything about event number `n` can be computed again when it is to be found.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bytes::{BufMut as _, Bytes, BytesMut};
use hongyan_envelope::Keyring;
use hongyan_proto::audit::v1::AuditEvent;
use prost::Message as _;
use uuid::{Builder, Uuid};

/// Octets of one encoded event.
pub(crate) const EVENT_OCTETS: usize = 512;
/// Events of one message.
pub(crate) const EVENTS_OF_A_MESSAGE: u64 = 5;
/// So many persons are written to.
const PEOPLE: u64 = 1_000_000;
/// Messages whose ids were made within one millisecond.
const MESSAGES_OF_A_MS: u64 = 10;
/// What seals an event's personal part.
const PERSONAL: &[u8] = b"audit-personal";
/// Octets of a sealed question: phone, name and id number.
const PERSONAL_OCTETS: usize = 64;
/// Sealed parts that events take in turn.
const SEALED_PARTS: usize = 1_024;

/// Who caused them all.
pub(crate) const ACTOR: &str = "spiffe://hongyan.test/caller/binhai-hrss";
/// The first event of every message.
pub(crate) const ACCEPTED: &str = "MESSAGE_ACCEPTED";
const FINAL: &str = "MESSAGE_FINAL";

/// Stand in a template where an event's own values go.
const EVENT_ID: &str = "eeeeeeee-eeee-7eee-8eee-eeeeeeeeeeee";
const MESSAGE_ID: &str = "dddddddd-dddd-7ddd-8ddd-dddddddddddd";
const TRACE_ID: &str = "cccccccccccccccccccccccccccccccc";
const SUBJECT_TAG: [u8; 32] = [0xbb; 32];

/// Makes events by their number.
pub(crate) struct Events {
    kinds: [Template; EVENTS_OF_A_MESSAGE as usize],
    sealed: Vec<Vec<u8>>,
    begun_unix_ms: u64,
    run: u64,
}

struct Template {
    octets: Vec<u8>,
    event_id: usize,
    message_id: usize,
    trace_id: usize,
    subject_tag: usize,
    sealed: Option<usize>,
}

impl Events {
    /// Events that happen from now on, of a run of its own; the keyring is the mesh's.
    pub(crate) fn new(begun_unix_ms: u64, run: u64, keyring: &Keyring) -> Result<Self> {
        let sealed: Vec<_> = (0..SEALED_PARTS)
            .map(|n| keyring.seal(PERSONAL, &[(n % 251) as u8; PERSONAL_OCTETS]))
            .collect::<Result<_, _>>()
            .context("sealing")?;
        let first = sealed.first().map(Vec::as_slice).unwrap_or_default();
        let mut kinds = Vec::new();
        for kind in 0..EVENTS_OF_A_MESSAGE {
            kinds.push(Template::new(&event(kind, begun_unix_ms, first), first)?);
        }
        Ok(Self {
            kinds: kinds.try_into().ok().context("one template a kind")?,
            sealed,
            begun_unix_ms,
            run,
        })
    }

    /// Encodes events one behind the other, each in its own octets.
    pub(crate) fn batch(&self, first: u64, count: usize) -> Vec<Bytes> {
        let mut octets = BytesMut::with_capacity(count * EVENT_OCTETS);
        for n in (first..).take(count) {
            self.write(n, &mut octets);
        }
        let mut octets = octets.freeze();
        (0..count).map(|_| octets.split_to(EVENT_OCTETS)).collect()
    }

    fn write(&self, n: u64, out: &mut BytesMut) {
        let message = n / EVENTS_OF_A_MESSAGE;
        let template = &self.kinds[(n % EVENTS_OF_A_MESSAGE) as usize];
        let begin = out.len();
        out.put_slice(&template.octets);
        let octets = &mut out[begin..];
        let id = uuid(self.begun_unix_ms + message / MESSAGES_OF_A_MS, self.mixed(n, 1));
        id.hyphenated()
            .encode_lower(&mut octets[template.event_id..][..EVENT_ID.len()]);
        self.message(message)
            .hyphenated()
            .encode_lower(&mut octets[template.message_id..][..MESSAGE_ID.len()]);
        self.trace(message)
            .simple()
            .encode_lower(&mut octets[template.trace_id..][..TRACE_ID.len()]);
        octets[template.subject_tag..][..SUBJECT_TAG.len()].copy_from_slice(&self.subject_tag(message));
        if let Some(at) = template.sealed {
            let sealed = &self.sealed[(message % self.sealed.len() as u64) as usize];
            octets[at..][..sealed.len()].copy_from_slice(sealed);
        }
    }

    /// The id of a message, as its events say it.
    pub(crate) fn message_id(&self, message: u64) -> String {
        self.message(message).hyphenated().to_string()
    }

    /// The trace that a message was accepted in.
    pub(crate) fn trace_id(&self, message: u64) -> String {
        self.trace(message).simple().to_string()
    }

    /// The tag of the person whom a message is for.
    pub(crate) fn subject_tag(&self, message: u64) -> [u8; 32] {
        let person = self.mixed(message, 2) % PEOPLE;
        let mut tag = [0; 32];
        for (word, salt) in tag.chunks_exact_mut(8).zip(10..) {
            word.copy_from_slice(&self.mixed(person, salt).to_le_bytes());
        }
        tag
    }

    fn message(&self, message: u64) -> Uuid {
        uuid(
            self.begun_unix_ms + message / MESSAGES_OF_A_MS,
            self.mixed(message, 3),
        )
    }

    fn trace(&self, message: u64) -> Uuid {
        Uuid::from_u64_pair(self.mixed(message, 4), self.mixed(message, 5))
    }

    fn mixed(&self, n: u64, salt: u64) -> u64 {
        mix(mix(n ^ self.run).wrapping_add(salt))
    }
}

/// Spreads numbers over all 64 bits, each to one of its own (the finaliser of SplitMix64, Steele and others 2014).
fn mix(n: u64) -> u64 {
    let mut mixed = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn uuid(unix_ms: u64, spread: u64) -> Uuid {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&spread.to_be_bytes());
    Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid()
}

/// An event of each kind, filled as the services fill it, and filled up to its size.
fn event(kind: u64, now_unix_ms: u64, sealed: &[u8]) -> AuditEvent {
    let mut event = AuditEvent {
        event_id: EVENT_ID.to_owned(),
        occurred_at_unix_ms: i64::try_from(now_unix_ms).unwrap_or(i64::MAX),
        actor: ACTOR.to_owned(),
        tenant: "binhai-hrss".to_owned(),
        message_id: MESSAGE_ID.to_owned(),
        trace_id: TRACE_ID.to_owned(),
        subject_tag: Bytes::copy_from_slice(&SUBJECT_TAG),
        ..AuditEvent::default()
    };
    let accepted_at = now_unix_ms.to_string();
    // By what a message is counted.
    let counted = [
        ("accepted_at_unix_ms", accepted_at.as_str()),
        ("carrier", "china-mobile"),
        ("class", "notice"),
    ];
    let (action, outcome, attributes): (_, _, &[(&str, &str)]) = match kind {
        0 => (ACCEPTED, "QUEUED", &[("link", "cmcc-a"), ("segments", "1")]),
        1 => (
            "SEGMENT_SUBMITTED",
            "TAKEN",
            &[("attempt", "1"), ("link", "cmcc-a"), ("segment", "1/1")],
        ),
        2 => (
            "SEGMENT_RECEIPT",
            "DELIVERED",
            &[("link", "cmcc-a"), ("raw_code", "DELIVRD"), ("segment", "1/1")],
        ),
        3 => (
            FINAL,
            "DELIVERED",
            &[("link", "cmcc-a"), ("raw_code", "DELIVRD"), ("segments", "1")],
        ),
        _ => {
            event.sealed = Bytes::copy_from_slice(sealed);
            "pension".clone_into(&mut event.purpose);
            "consent-1".clone_into(&mut event.consent_id);
            (
                "VERIFY_ANSWERED",
                "MATCH",
                &[("charged", "true"), ("upstream", "bureau")],
            )
        }
    };
    action.clone_into(&mut event.action);
    outcome.clone_into(&mut event.outcome);
    let is_counted = matches!(action, ACCEPTED | FINAL);
    event.attributes = attributes
        .iter()
        .chain(counted.iter().filter(|_| is_counted))
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect::<BTreeMap<_, _>>();
    fill(event)
}

/// Adds an attribute that makes the event as large as it is to be.
fn fill(event: AuditEvent) -> AuditEvent {
    for key in ["detail", "details"] {
        for octets in 0..EVENT_OCTETS {
            let mut filled = event.clone();
            filled.attributes.insert(key.to_owned(), "x".repeat(octets));
            if filled.encoded_len() == EVENT_OCTETS {
                return filled;
            }
        }
    }
    event
}

impl Template {
    fn new(event: &AuditEvent, sealed: &[u8]) -> Result<Self> {
        let octets = event.encode_to_vec();
        anyhow::ensure!(
            octets.len() == EVENT_OCTETS,
            "{} has {} octets",
            event.action,
            octets.len()
        );
        let find = |what: &[u8]| octets.windows(what.len()).position(|window| window == what);
        let place = |what: &[u8]| find(what).context("a template lacks a field");
        Ok(Self {
            event_id: place(EVENT_ID.as_bytes())?,
            message_id: place(MESSAGE_ID.as_bytes())?,
            trace_id: place(TRACE_ID.as_bytes())?,
            subject_tag: place(&SUBJECT_TAG)?,
            sealed: find(sealed),
            octets,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hongyan_proto::audit::v1::AuditEvent;
    use prost::Message as _;

    use super::*;

    const KEYRING: &str = r#"{"active": "k1", "keys": {"k1": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}, "tag_key": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}"#;

    #[test]
    fn events_are_whole_of_their_size_and_say_what_is_asked_for_later() {
        let keyring = Keyring::parse(KEYRING).unwrap();
        let events = Events::new(1_795_000_000_000, 7, &keyring).unwrap();
        let mut ids = BTreeSet::new();
        for (n, octets) in (100..).zip(events.batch(100, 50)) {
            assert_eq!(octets.len(), EVENT_OCTETS);
            let event = AuditEvent::decode(octets).unwrap();
            let message = n / EVENTS_OF_A_MESSAGE;
            assert_eq!(event.message_id, events.message_id(message));
            assert_eq!(event.trace_id, events.trace_id(message));
            assert_eq!(*event.subject_tag, events.subject_tag(message));
            assert_eq!(event.action == ACCEPTED, n % EVENTS_OF_A_MESSAGE == 0);
            if !event.sealed.is_empty() {
                keyring.open(PERSONAL, &event.sealed).unwrap();
            }
            assert_eq!(Uuid::parse_str(&event.event_id).unwrap().get_version_num(), 7);
            assert!(ids.insert(event.event_id));
        }
    }
}
