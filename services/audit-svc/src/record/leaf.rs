//! A leaf: an event with its place, as bytes.
//!
//! The encoding is deterministic (fields in the order of their numbers, attributes sorted by key), so that whoever has a
//! decoded leaf can compute its hash.

use std::sync::Arc;

use hongyan_proto::audit::v1::{AuditEvent, Leaf};
use prost::Message as _;

use super::{log_id::LogId, turn};
use crate::log::MAX_LEAF_OCTETS;

/// The version that new leaves have.
const VERSION: u32 = 2;
/// Octets that a leaf needs beside its producer and its event, at most: six numbers, the log's name and eight tags.
const ENVELOPE_OCTETS: usize = 128;

/// Whether an event of this producer fits in a leaf whatever numbers it gets. Where it does not, only its place tells.
pub(crate) fn fits_anywhere(producer: &str, event: &AuditEvent) -> bool {
    event.encoded_len() + producer.len() + ENVELOPE_OCTETS <= MAX_LEAF_OCTETS
}

/// How many octets [`encode`] would give.
pub(crate) fn octets(
    index: u64,
    (log, log_index): (LogId, u64),
    (producer, epoch, seq): (&str, u64, u64),
    received_at_unix_ms: i64,
    event: &AuditEvent,
) -> usize {
    let around = Leaf {
        version: VERSION,
        index,
        producer: producer.to_owned(),
        epoch,
        seq,
        received_at_unix_ms,
        event: None,
        log: log.to_string(),
        log_index,
    };
    let event = event.encoded_len();
    // A tag of one octet, as the number of the field is below 16.
    around.encoded_len() + 1 + prost::length_delimiter_len(event) + event
}

/// Encodes a leaf that stands at `index` of the record and at `log_index` of its log.
pub(crate) fn encode(
    index: u64,
    (log, log_index): (LogId, u64),
    (producer, epoch, seq): (&str, u64, u64),
    received_at_unix_ms: i64,
    event: AuditEvent,
) -> Vec<u8> {
    Leaf {
        version: VERSION,
        index,
        producer: producer.to_owned(),
        epoch,
        seq,
        received_at_unix_ms,
        event: Some(event),
        log: log.to_string(),
        log_index,
    }
    .encode_to_vec()
}

/// Says what is wrong with a leaf of this version and index that stands at `index`.
fn is_at(index: u64, version: u32, said: u64) -> Result<(), String> {
    if version != VERSION {
        return Err(format!("leaf version {version} is not known to this program"));
    }
    if said != index {
        return Err(format!("the leaf says that its index is {said}"));
    }
    Ok(())
}

/// The log of a decoded leaf; says what is wrong with its name.
pub(crate) fn log_of(leaf: &Leaf) -> Result<LogId, String> {
    leaf.log.parse().map_err(|error| format!("{error}"))
}

/// The fields of `Leaf` that say where it stands; decoding passes over all others.
#[derive(Clone, PartialEq, prost::Message)]
struct PlaceOnly {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(message, optional, tag = "7")]
    event: Option<ActionOnly>,
    #[prost(string, tag = "8")]
    log: String,
    #[prost(uint64, tag = "9")]
    log_index: u64,
}

/// The field of `AuditEvent` that says what it is.
#[derive(Clone, PartialEq, prost::Message)]
struct ActionOnly {
    #[prost(string, tag = "3")]
    action: String,
}

/// Where a leaf stands, and whether its log turns with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) log: LogId,
    pub(crate) log_index: u64,
    /// It is the log's last one.
    pub(crate) closes: bool,
    /// It says how the log before ended.
    pub(crate) opens: bool,
}

/// Where the encoded leaf at `index` stands, without decoding all of its event; says what is wrong with it.
pub(crate) fn standing(index: u64, bytes: &[u8]) -> Result<Standing, String> {
    let (place, standing) = standing_anywhere(bytes)?;
    is_at(index, place.version, place.index)?;
    Ok(standing)
}

/// Where an encoded leaf stands, in the record and in its log; says what is wrong with it.
pub(crate) fn standing_of(bytes: &[u8]) -> Result<(u64, Standing), String> {
    let (place, standing) = standing_anywhere(bytes)?;
    is_at(place.index, place.version, place.index)?;
    Ok((place.index, standing))
}

/// Whether an encoded leaf is the last one of its log; false for octets that are none.
pub(crate) fn closes(bytes: &[u8]) -> bool {
    standing_anywhere(bytes).is_ok_and(|(_, standing)| standing.closes)
}

fn standing_anywhere(bytes: &[u8]) -> Result<(PlaceOnly, Standing), String> {
    let place = PlaceOnly::decode(bytes).map_err(|error| format!("is no leaf: {error}"))?;
    let log = place.log.parse().map_err(|error| format!("{error}"))?;
    let action = place.event.as_ref().map_or("", |event| &event.action);
    let standing = Standing {
        log,
        log_index: place.log_index,
        closes: action == turn::CLOSED,
        opens: action == turn::OPENED,
    };
    Ok((place, standing))
}

/// The fields of `Leaf` that say whose number it has, and when it came; decoding passes over all others.
#[derive(Clone, PartialEq, prost::Message)]
struct NumberOnly {
    #[prost(string, tag = "3")]
    producer: String,
    #[prost(uint64, tag = "4")]
    epoch: u64,
    #[prost(uint64, tag = "5")]
    seq: u64,
    #[prost(int64, tag = "6")]
    received_at_unix_ms: i64,
}

/// Producer, epoch and number of an encoded leaf, and when it was received; says what is wrong with it.
pub(crate) fn number(bytes: &[u8]) -> Result<(Arc<str>, u64, u64, i64), String> {
    let NumberOnly {
        producer,
        epoch,
        seq,
        received_at_unix_ms,
    } = NumberOnly::decode(bytes).map_err(|error| format!("is no leaf: {error}"))?;
    Ok((Arc::from(producer), epoch, seq, received_at_unix_ms))
}

/// Decodes the leaf that stands at `index`; says what is wrong with it.
pub(crate) fn decode(index: u64, bytes: &[u8]) -> Result<(Leaf, AuditEvent), String> {
    let mut leaf = Leaf::decode(bytes).map_err(|error| format!("is no leaf: {error}"))?;
    is_at(index, leaf.version, leaf.index)?;
    match leaf.event.take() {
        Some(event) => Ok((leaf, event)),
        None => Err("the leaf holds no event".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{AuditEvent, Leaf};
    use prost::Message as _;

    use super::{Standing, VERSION, closes, decode, encode, fits_anywhere, log_of, octets, standing};
    use crate::{log::MAX_LEAF_OCTETS, record::LogId};

    fn log() -> LogId {
        LogId::of("MESSAGE_FINAL", 1_763_700_000_000)
    }

    fn event() -> AuditEvent {
        AuditEvent {
            event_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            occurred_at_unix_ms: 1_763_700_000_000,
            action: "MESSAGE_FINAL".into(),
            attributes: (0..40)
                .map(|n| (format!("key{n}"), format!("value{n}")))
                .collect(),
            sealed: vec![7; 100].into(),
            ..AuditEvent::default()
        }
    }

    #[test]
    fn decoding_and_encoding_again_gives_the_same_bytes() {
        let bytes = encode(9, (log(), 5), ("p", 2, 3), 4, event());
        let (leaf, found) = decode(9, &bytes).unwrap();
        assert_eq!(found, event());
        assert_eq!((log_of(&leaf), leaf.log_index), (Ok(log()), 5));
        let expected = Standing {
            log: log(),
            log_index: 5,
            closes: false,
            opens: false,
        };
        assert_eq!(standing(9, &bytes), Ok(expected));
        assert!(standing(8, &bytes).unwrap_err().contains('9'));
        assert!(!closes(&bytes) && !closes(b"\xff"));
        for (action, closing) in [("RECORD_LOG_CLOSED", true), ("RECORD_LOG_OPENED", false)] {
            let event = AuditEvent {
                action: action.to_owned(),
                ..event()
            };
            let bytes = encode(9, (log(), 5), ("p", 2, 3), 4, event);
            let found = standing(9, &bytes).unwrap();
            assert_eq!((found.closes, found.opens), (closing, !closing));
            assert_eq!(closes(&bytes), closing);
        }
        let again = Leaf {
            event: Some(found),
            ..leaf
        }
        .encode_to_vec();
        assert_eq!(again, bytes);
    }

    #[test]
    fn the_octets_of_a_leaf_are_known_before_it_is_encoded() {
        for index in [0, 1, 127, 128, 1 << 21, u64::MAX] {
            for sealed in [0, 1, 100, 127, 128, 20_000] {
                let event = AuditEvent {
                    sealed: vec![1; sealed].into(),
                    ..event()
                };
                let number = ("p", index, index / 3);
                let expected = octets(index, (log(), index / 2), number, index.cast_signed(), &event);
                let bytes = encode(index, (log(), index / 2), number, index.cast_signed(), event);
                assert_eq!(bytes.len(), expected, "{index}, {sealed}");
            }
        }
    }

    #[test]
    fn a_leaf_at_the_wrong_place_or_of_a_later_version_is_told() {
        let bytes = encode(9, (log(), 5), ("p", 2, 3), 4, event());
        assert!(decode(8, &bytes).unwrap_err().contains('9'));
        assert!(decode(9, b"\xff").unwrap_err().contains("no leaf"));
        let later = Leaf {
            version: VERSION + 1,
            index: 9,
            event: Some(event()),
            ..Leaf::default()
        };
        assert!(
            decode(9, &later.encode_to_vec())
                .unwrap_err()
                .contains("version 3")
        );
        let empty = Leaf {
            version: VERSION,
            index: 9,
            ..Leaf::default()
        };
        assert!(
            decode(9, &empty.encode_to_vec())
                .unwrap_err()
                .contains("no event")
        );
    }

    #[test]
    fn what_fits_stays_within_the_limit_whatever_its_numbers() {
        let producer = "p".repeat(128);
        let mut largest = event();
        let overhead = largest.encoded_len() - 100;
        largest.sealed = vec![1; MAX_LEAF_OCTETS - overhead - 128 - 128 - 2].into();
        assert!(fits_anywhere(&producer, &largest));
        let bytes = encode(
            u64::MAX,
            (log(), u64::MAX),
            (&producer, u64::MAX, u64::MAX),
            -1,
            largest.clone(),
        );
        assert!(bytes.len() <= MAX_LEAF_OCTETS, "{}", bytes.len());
        largest.sealed = vec![1; MAX_LEAF_OCTETS].into();
        assert!(!fits_anywhere(&producer, &largest));
    }
}
