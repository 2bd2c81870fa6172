//! The index's keys, as bytes. Each log has a keyspace of its own, so that it can go as a whole when its time is over;
//! what concerns the record as a whole has another. A batch of the store spans them all, so that keys and position are
//! there together or not at all.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `record` | `p` | the position: next index u64 ‖ last time u64 |
//! | | `l` ‖ number u16 | a log: next place in it u64 ‖ dropped u8 ‖ its name |
//! | | `x` ‖ index u64 | where leaves stand from here on ([`super::places`]) |
//! | | `q` ‖ length u16 ‖ producer ‖ epoch u64 ‖ seq u64 | where numbered events stand from here on ([`super::numbers`]) |
//! | | `w` ‖ received at u64 | index of the first leaf of that millisecond; times never go back, so this orders all |
//! | | `v` | the version of this layout |
//! | a log's name | `m t a s c` ‖ fingerprint ‖ index u64 | a posting, by message, trace, actor, subject tag or action ([`super::postings`]) |
//! | | `n` ‖ action | how many leaves have it |
//! | | `r` ‖ hour u64 ‖ tenant, carrier, class, each behind its length u16 ‖ standing | messages i64 ([`super::statistics`]) |
//!
//! Numbers are big-endian, so that keys sort by them.

use super::{
    statistics::{Cell, Standing},
    view::View,
};

/// Raised when the layout changes; an index of another version is built anew.
pub(crate) const LAYOUT: &[u8] = b"2";
pub(crate) const POSITION: &[u8] = b"p";
pub(crate) const VERSION: &[u8] = b"v";
pub(crate) const COUNTS: &[u8] = b"n";
pub(crate) const LOGS: &[u8] = b"l";
const PLACES: u8 = b'x';
const TIMES: u8 = b'w';
const NUMBERS: u8 = b'q';
const STATISTICS: u8 = b'r';

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

    pub(crate) fn letter(self) -> u8 {
        match self {
            Self::Message => b'm',
            Self::Trace => b't',
            Self::Actor => b'a',
            Self::Subject => b's',
            Self::Action => b'c',
        }
    }

    /// The leaf's value; empty where it has none.
    pub(crate) fn of<'a>(self, leaf: &View<'a>) -> &'a [u8] {
        match self {
            Self::Message => leaf.message_id.as_bytes(),
            Self::Trace => leaf.trace_id.as_bytes(),
            Self::Actor => leaf.actor.as_bytes(),
            Self::Subject => leaf.subject_tag,
            Self::Action => leaf.action.as_bytes(),
        }
    }
}

/// Where the block that begins at this index of the record stands.
pub(crate) fn places(index: u64) -> [u8; 9] {
    numbered(PLACES, index)
}

/// The index that a block begins at.
pub(crate) fn places_at(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|octets| u64::from_be_bytes(*octets))
}

/// Times before 1970 count as 1970.
pub(crate) fn time(received_at_unix_ms: i64) -> [u8; 9] {
    numbered(TIMES, millisecond(received_at_unix_ms))
}

pub(crate) fn sequence(producer: &str, epoch: u64, seq: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(3 + producer.len() + 16);
    key.push(NUMBERS);
    push_sized(&mut key, producer);
    key.extend_from_slice(&epoch.to_be_bytes());
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The number at a key's end.
pub(crate) fn sequence_at(key: &[u8]) -> Option<u64> {
    places_at(key)
}

pub(crate) fn count(action: &str) -> Vec<u8> {
    [COUNTS, action.as_bytes()].concat()
}

/// A counter.
pub(crate) fn statistic(cell: &Cell<'_>, standing: &Standing) -> Vec<u8> {
    let mut key = statistics_from(cell.hour).to_vec();
    for text in [cell.tenant, cell.carrier, cell.class] {
        push_sized(&mut key, text);
    }
    key.extend_from_slice(&standing.to_octets());
    key
}

/// In front of the counters of this hour and of all later ones.
pub(crate) fn statistics_from(hour: u64) -> [u8; 9] {
    numbered(STATISTICS, hour)
}

pub(crate) fn read_statistic(key: &[u8]) -> Option<(Cell<'_>, Standing)> {
    let (hour, mut rest) = key.get(1..)?.split_first_chunk()?;
    let mut text = || {
        let (length, behind) = rest.split_first_chunk()?;
        let (text, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = behind;
        std::str::from_utf8(text).ok()
    };
    let (tenant, carrier, class) = (text()?, text()?, text()?);
    let cell = Cell {
        hour: u64::from_be_bytes(*hour),
        tenant,
        carrier,
        class,
    };
    Some((cell, Standing::from_octets(rest)?))
}

/// What a counter says.
pub(crate) fn read_counter(value: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(value.try_into().ok()?))
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

/// A log by its number.
pub(crate) fn log(number: u16) -> [u8; 3] {
    let [high, low] = number.to_be_bytes();
    [LOGS[0], high, low]
}

pub(crate) fn log_number(key: &[u8]) -> Option<u16> {
    key.last_chunk().map(|octets| u16::from_be_bytes(*octets))
}

pub(crate) fn log_row(name: &str, next: u64, is_dropped: bool) -> Vec<u8> {
    let mut row = Vec::with_capacity(9 + name.len());
    row.extend_from_slice(&next.to_be_bytes());
    row.push(u8::from(is_dropped));
    row.extend_from_slice(name.as_bytes());
    row
}

/// Name, next place, whether it was dropped.
pub(crate) fn read_log_row(row: &[u8]) -> Option<(&str, u64, bool)> {
    let (next, rest) = row.split_first_chunk()?;
    let (dropped, name) = rest.split_first()?;
    Some((
        std::str::from_utf8(name).ok()?,
        u64::from_be_bytes(*next),
        *dropped != 0,
    ))
}

pub(crate) fn read_number(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

fn numbered(letter: u8, number: u64) -> [u8; 9] {
    let mut key = [letter; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The length goes in front, so that no text is the beginning of another. It fits: a leaf has less than 65,536 octets.
fn push_sized(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(&(text.len() as u16).to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}

fn millisecond(unix_ms: i64) -> u64 {
    u64::try_from(unix_ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{
        log_row, places, places_at, position, read_log_row, read_position, read_statistic, sequence,
        statistic, statistics_from, time,
    };
    use crate::index::statistics::{Cell, Standing};

    #[test]
    fn times_places_and_sequences_sort_by_their_numbers() {
        assert!(time(-5) == time(0) && time(0) < time(1) && time(255) < time(256));
        assert!(places(255) < places(256));
        assert_eq!(places_at(&places(256)), Some(256));
        assert!(sequence("p", 1, 255) < sequence("p", 1, 256));
        assert!(sequence("p", 1, u64::MAX) < sequence("p", 2, 0));
        assert_ne!(sequence("p", 1, 1), sequence("p\0", 1, 1));
    }

    #[test]
    fn rows_read_back() {
        assert_eq!(read_position(&position(7, 8)), Some((7, 8)));
        assert_eq!(read_position(b"short"), None);
        let row = log_row("cdr/2026h2/0", 7, true);
        assert_eq!(read_log_row(&row), Some(("cdr/2026h2/0", 7, true)));
        assert_eq!(read_log_row(b"short"), None);
        let cell = Cell {
            hour: 7,
            tenant: "bureau",
            carrier: "",
            class: "otp",
        };
        let standing = Standing::Undelivered("REJECTED MK:0001".into());
        let key = statistic(&cell, &standing);
        assert_eq!(read_statistic(&key), Some((cell, standing)));
        assert!(key[..] > statistics_from(7)[..] && key[..] < statistics_from(8)[..]);
        for end in 0..12 {
            assert_eq!(read_statistic(&key[..end]), None);
        }
    }
}
