//! Where a reader of a feed stands.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hongyan_domain::Partition;

use crate::stream_id::StreamId;

const VERSION: u8 = 1;
const HEAD_OCTETS: usize = 1 + 8;
const POSITION_OCTETS: usize = 2 + 8 + 8;
const MOST_TEXT_OCTETS: usize = (HEAD_OCTETS + 4096 * POSITION_OCTETS).div_ceil(3) * 4;

/// A place in one feed: the last entry seen of each partition. Opaque to callers.
///
/// As text: base64url of version ‖ FNV-1a of the feed's name ‖ (partition, milliseconds, sequence) for each partition.
/// The feed's name is in it so that a cursor of another feed is refused rather than silently skipping entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    feed: u64,
    positions: Vec<(u16, StreamId)>,
}

/// The text is not a cursor of this feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not something that was ever given out.
    #[error("the cursor is malformed")]
    Malformed,
    /// Given out for another kind of feed or another tenant.
    #[error("the cursor belongs to another feed")]
    OtherFeed,
}

impl Cursor {
    /// Before everything that the feed holds.
    pub(crate) fn start(feed_name: &str, partitions: impl Iterator<Item = Partition>) -> Self {
        Self {
            feed: fnv1a(feed_name),
            positions: partitions
                .map(|partition| (partition.number(), StreamId::ZERO))
                .collect(),
        }
    }

    /// Reads a cursor of this feed. Partitions that it does not name are read from their start; those that do not exist
    /// are dropped.
    pub(crate) fn parse(
        text: &str,
        feed_name: &str,
        partitions: impl Iterator<Item = Partition>,
    ) -> Result<Self, CursorError> {
        if text.len() > MOST_TEXT_OCTETS {
            return Err(CursorError::Malformed);
        }
        let octets = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        let (head, rest) = octets
            .split_at_checked(HEAD_OCTETS)
            .ok_or(CursorError::Malformed)?;
        if head[0] != VERSION || rest.len() % POSITION_OCTETS != 0 {
            return Err(CursorError::Malformed);
        }
        let mut cursor = Self::start(feed_name, partitions);
        if head[1..] != cursor.feed.to_be_bytes() {
            return Err(CursorError::OtherFeed);
        }
        for position in rest.chunks_exact(POSITION_OCTETS) {
            let partition = u16::from_be_bytes([position[0], position[1]]);
            let id = StreamId {
                unix_ms: be64(&position[2..10]),
                sequence: be64(&position[10..18]),
            };
            cursor.advance(partition, id);
        }
        Ok(cursor)
    }

    /// Moves forward in one partition; never back.
    pub(crate) fn advance(&mut self, partition: u16, id: StreamId) {
        for position in &mut self.positions {
            if position.0 == partition && position.1 < id {
                position.1 = id;
            }
        }
    }

    pub(crate) fn positions(&self) -> &[(u16, StreamId)] {
        &self.positions
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut octets = Vec::with_capacity(HEAD_OCTETS + self.positions.len() * POSITION_OCTETS);
        octets.push(VERSION);
        octets.extend(self.feed.to_be_bytes());
        for (partition, id) in &self.positions {
            octets.extend(partition.to_be_bytes());
            octets.extend(id.unix_ms.to_be_bytes());
            octets.extend(id.sequence.to_be_bytes());
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(octets))
    }
}

fn be64(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use hongyan_domain::Partitions;

    use super::{Cursor, CursorError};
    use crate::stream_id::StreamId;

    fn id(unix_ms: u64, sequence: u64) -> StreamId {
        StreamId { unix_ms, sequence }
    }

    fn partitions(count: u16) -> impl Iterator<Item = hongyan_domain::Partition> {
        Partitions::new(count).unwrap().iter()
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let mut cursor = Cursor::start("receipts:acme", partitions(3));
        cursor.advance(0, id(1_700_000_000_000, 7));
        cursor.advance(2, id(u64::MAX, u64::MAX));
        let again = Cursor::parse(&cursor.to_string(), "receipts:acme", partitions(3)).unwrap();
        assert_eq!(again, cursor);
    }

    #[test]
    fn a_cursor_never_goes_back() {
        let mut cursor = Cursor::start("receipts:acme", partitions(1));
        cursor.advance(0, id(5, 5));
        cursor.advance(0, id(5, 4));
        assert_eq!(cursor.positions(), [(0, id(5, 5))]);
    }

    #[test]
    fn another_feeds_cursor_is_refused() {
        let cursor = Cursor::start("receipts:acme", partitions(1)).to_string();
        for other in ["receipts:other", "uplinks:acme"] {
            assert_eq!(
                Cursor::parse(&cursor, other, partitions(1)),
                Err(CursorError::OtherFeed)
            );
        }
    }

    #[test]
    fn what_was_never_given_out_is_refused() {
        let good = Cursor::start("f", partitions(1)).to_string();
        for text in [
            "",
            "!",
            "AAAA",
            &good[1..],
            &good[..good.len() - 2],
            &"A".repeat(1_000_000),
        ] {
            assert_eq!(
                Cursor::parse(text, "f", partitions(1)),
                Err(CursorError::Malformed),
                "{}",
                text.len()
            );
        }
    }

    #[test]
    fn more_partitions_than_the_cursor_knows_start_at_their_beginning() {
        let mut cursor = Cursor::start("f", partitions(1));
        cursor.advance(0, id(9, 9));
        let wider = Cursor::parse(&cursor.to_string(), "f", partitions(2)).unwrap();
        assert_eq!(wider.positions(), [(0, id(9, 9)), (1, StreamId::ZERO)]);
    }
}
