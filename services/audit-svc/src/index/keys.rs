//! The index's keys, as bytes. All live in one keyspace, told apart by their first octet, so that whatever the store
//! flushes or loses, it flushes or loses position and keys together.
//!
//! | key | value |
//! |---|---|
//! | `m t a s c` ‖ length u16 ‖ value ‖ index u64 | nothing: a posting, by message, trace, actor, subject tag or action |
//! | `q` ‖ length u16 ‖ producer ‖ epoch u64 ‖ seq u64 | index: where a numbered event stands |
//! | `w` ‖ received at u64 | index of the first leaf of that millisecond; times never go back, so this orders all |
//! | `n` ‖ action | how many leaves have it |
//! | `p` | the position: next index u64 ‖ last time u64 |
//! | `v` | the version of this layout |
//!
//! Numbers are big-endian, so that keys sort by them.

use std::ops::RangeInclusive;

use hongyan_proto::audit::v1::AuditEvent;

/// Raised when the layout changes; an index of another version is built anew.
pub(crate) const LAYOUT: &[u8] = b"1";
pub(crate) const POSITION: &[u8] = b"p";
pub(crate) const VERSION: &[u8] = b"v";
pub(crate) const COUNTS: &[u8] = b"n";

/// By what a leaf can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Message,
    Trace,
    Actor,
    Subject,
    Action,
}

impl Field {
    pub(crate) const ALL: [Self; 5] = [
        Self::Message,
        Self::Trace,
        Self::Actor,
        Self::Subject,
        Self::Action,
    ];

    fn letter(self) -> u8 {
        match self {
            Self::Message => b'm',
            Self::Trace => b't',
            Self::Actor => b'a',
            Self::Subject => b's',
            Self::Action => b'c',
        }
    }

    /// The event's value; empty where it has none.
    pub(crate) fn of(self, event: &AuditEvent) -> &[u8] {
        match self {
            Self::Message => event.message_id.as_bytes(),
            Self::Trace => event.trace_id.as_bytes(),
            Self::Actor => event.actor.as_bytes(),
            Self::Subject => &event.subject_tag,
            Self::Action => event.action.as_bytes(),
        }
    }
}

/// The leaves that have one value in one field, in the order of their indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postings(Vec<u8>);

impl Postings {
    pub(crate) fn new(field: Field, value: &[u8]) -> Self {
        let mut prefix = Vec::with_capacity(3 + value.len() + 8);
        prefix.push(field.letter());
        push_sized(&mut prefix, value);
        Self(prefix)
    }

    /// The key of one leaf.
    pub(crate) fn key(&self, index: u64) -> Vec<u8> {
        let mut key = self.0.clone();
        key.extend_from_slice(&index.to_be_bytes());
        key
    }

    /// The keys of these leaves.
    pub(crate) fn range(&self, indices: RangeInclusive<u64>) -> RangeInclusive<Vec<u8>> {
        self.key(*indices.start())..=self.key(*indices.end())
    }
}

/// The index at a posting's end.
pub(crate) fn index_of(posting: &[u8]) -> Option<u64> {
    posting.last_chunk().map(|octets| u64::from_be_bytes(*octets))
}

pub(crate) fn sequence(producer: &str, epoch: u64, seq: u64) -> Vec<u8> {
    let mut key = vec![b'q'];
    push_sized(&mut key, producer.as_bytes());
    key.extend_from_slice(&epoch.to_be_bytes());
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// Times before 1970 count as 1970.
pub(crate) fn time(received_at_unix_ms: i64) -> [u8; 9] {
    let mut key = [b'w'; 9];
    key[1..].copy_from_slice(&millisecond(received_at_unix_ms).to_be_bytes());
    key
}

pub(crate) fn count(action: &str) -> Vec<u8> {
    [COUNTS, action.as_bytes()].concat()
}

pub(crate) fn position(next: u64, last_time_unix_ms: i64) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&next.to_be_bytes());
    value[8..].copy_from_slice(&millisecond(last_time_unix_ms).to_be_bytes());
    value
}

/// Next index and last time.
pub(crate) fn read_position(value: &[u8]) -> Option<(u64, i64)> {
    let (next, rest) = value.split_first_chunk()?;
    let time: [u8; 8] = rest.try_into().ok()?;
    Some((
        u64::from_be_bytes(*next),
        i64::try_from(u64::from_be_bytes(time)).ok()?,
    ))
}

pub(crate) fn read_number(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

fn millisecond(unix_ms: i64) -> u64 {
    u64::try_from(unix_ms).unwrap_or(0)
}

/// The length goes in front, so that no value is the beginning of another.
fn push_sized(key: &mut Vec<u8>, value: &[u8]) {
    // Fits: a leaf has less than 65,536 octets.
    key.extend_from_slice(&(value.len() as u16).to_be_bytes());
    key.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::{Field, Postings, index_of, position, read_position, sequence, time};

    #[test]
    fn postings_sort_by_index_and_do_not_mix() {
        let long = Postings::new(Field::Actor, b"ab");
        let short = Postings::new(Field::Actor, b"a");
        assert!(long.key(255) < long.key(256));
        assert_eq!(index_of(&long.key(256)), Some(256));
        let all = short.range(0..=u64::MAX);
        assert!(all.contains(&short.key(7)));
        // `b` as the first octet of an index would look like the longer value.
        assert!(!all.contains(&long.key(7)));
        assert!(!all.contains(&Postings::new(Field::Action, b"a").key(7)));
    }

    #[test]
    fn times_and_sequences_sort_by_their_numbers() {
        assert!(time(-5) == time(0) && time(0) < time(1) && time(255) < time(256));
        assert!(sequence("p", 1, 255) < sequence("p", 1, 256));
        assert!(sequence("p", 1, u64::MAX) < sequence("p", 2, 0));
        assert_ne!(sequence("p", 1, 1), sequence("p\0", 1, 1));
    }

    #[test]
    fn a_position_reads_back() {
        assert_eq!(read_position(&position(7, 8)), Some((7, 8)));
        assert_eq!(read_position(b"short"), None);
    }
}
