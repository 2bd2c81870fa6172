//! The sequence of three words, which is also the message id.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::login::Timestamp;

/// What numbers a request. A response copies it, and a report names the `SUBMIT` that it is about by it, so for an
/// SP it is the message id. Three unsigned words, none of which may be cut or taken for signed.
///
/// Its text, and its place in a key, is the twelve octets as 24 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sequence {
    /// The node that gave it out, see [`super::node`].
    pub node: u32,
    /// When, as the number mmddhhmmss of the wall clock of UTC+8; without a year, so it repeats after one.
    pub time: u32,
    /// Which one of that second.
    pub counter: u32,
}

impl Sequence {
    /// The twelve octets, big-endian.
    pub fn wire(self) -> [u8; 12] {
        let mut octets = [0; 12];
        for (word, field) in [self.node, self.time, self.counter]
            .into_iter()
            .zip(octets.chunks_exact_mut(4))
        {
            field.copy_from_slice(&word.to_be_bytes());
        }
        octets
    }

    /// Of the twelve octets.
    pub const fn from_wire(octets: [u8; 12]) -> Self {
        let [n0, n1, n2, n3, t0, t1, t2, t3, c0, c1, c2, c3] = octets;
        Self {
            node: u32::from_be_bytes([n0, n1, n2, n3]),
            time: u32::from_be_bytes([t0, t1, t2, t3]),
            counter: u32::from_be_bytes([c0, c1, c2, c3]),
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}{:08x}", self.node, self.time, self.counter)
    }
}

/// A text that is not 24 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sequence is written as 24 hexadecimal digits")]
pub struct ParseSequenceError;

impl FromStr for Sequence {
    type Err = ParseSequenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The parser of numbers takes a sign too.
        if text.len() != 24 || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return Err(ParseSequenceError);
        }
        let word = |digits: RangeInclusive<usize>| {
            text.get(digits)
                .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                .ok_or(ParseSequenceError)
        };
        Ok(Self {
            node: word(0..=7)?,
            time: word(8..=15)?,
            counter: word(16..=23)?,
        })
    }
}

/// Gives out the sequences of one connection.
///
/// All connections of a node share its node id and, within a second, the time word, so each connection needs counters
/// of its own: two messages with one id could not be told apart by their reports.
#[derive(Debug, Clone)]
pub struct Numbering {
    node: u32,
    counters: RangeInclusive<u32>,
    next: u32,
    /// What the wall clock of UTC+8 showed at `base_now_ms` of the caller's clock.
    base_unix_ms: u64,
    base_now_ms: u64,
}

impl Numbering {
    /// Counts through `counters` from `first`, or from their start when `first` is not among them. The time is that
    /// of 1970 until [`Self::set_clock`].
    pub fn new(node: u32, counters: RangeInclusive<u32>, first: u32) -> Self {
        let next = if counters.contains(&first) {
            first
        } else {
            *counters.start()
        };
        Self {
            node,
            counters,
            next,
            base_unix_ms: 0,
            base_now_ms: 0,
        }
    }

    /// Says what Unix time it is at `now_ms` of the caller's own clock.
    pub const fn set_clock(&mut self, unix_ms: u64, now_ms: u64) {
        self.base_unix_ms = unix_ms;
        self.base_now_ms = now_ms;
    }

    /// The next one. Its counter comes round to the start of the range after its end.
    pub fn next(&mut self, now_ms: u64) -> Sequence {
        let counter = self.next;
        self.next = if counter == *self.counters.end() {
            *self.counters.start()
        } else {
            counter.wrapping_add(1)
        };
        let unix_ms = self
            .base_unix_ms
            .saturating_add(now_ms.saturating_sub(self.base_now_ms));
        Sequence {
            node: self.node,
            time: Timestamp::of_unix_ms(unix_ms).wire(),
            counter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENCE: Sequence = Sequence {
        node: 3_010_031_059,
        time: 1_216_131_127,
        counter: 1,
    };

    #[test]
    fn octets_text_and_words_are_one() {
        assert_eq!(SEQUENCE.to_string(), "b3696dd3487cb03700000001");
        assert_eq!(hex::encode(SEQUENCE.wire()), SEQUENCE.to_string());
        assert_eq!(Sequence::from_wire(SEQUENCE.wire()), SEQUENCE);
        assert_eq!("b3696dd3487cb03700000001".parse(), Ok(SEQUENCE));
        assert_eq!("B3696DD3487CB03700000001".parse(), Ok(SEQUENCE));
    }

    #[test]
    fn other_texts_are_no_sequence() {
        for text in [
            "",
            "b3696dd3487cb0370000001",
            "b3696dd3487cb037000000011",
            "b3696dd3487cb03700000+01",
            "b3696dd3487cb037000000g1",
            "电3696dd3487cb037000000",
        ] {
            assert_eq!(text.parse::<Sequence>(), Err(ParseSequenceError), "{text}");
        }
    }

    #[test]
    fn the_time_word_is_the_wall_clock_of_china() {
        let mut numbering = Numbering::new(3_010_031_059, 0..=u32::MAX, 1);
        // 2016-12-16T05:11:27Z is 13:11:27 there.
        numbering.set_clock(1_481_865_087_000, 5_000);
        assert_eq!(numbering.next(5_000), SEQUENCE);
        let next = numbering.next(6_999);
        assert_eq!((next.time, next.counter), (1_216_131_128, 2));
        assert_eq!(numbering.next(7_000).time, 1_216_131_129);
    }

    #[test]
    fn counters_stay_in_their_range_and_come_round() {
        let mut numbering = Numbering::new(1, 10..=12, 11);
        let counters: Vec<u32> = (0..5).map(|_| numbering.next(0).counter).collect();
        assert_eq!(counters, [11, 12, 10, 11, 12]);
        assert_eq!(Numbering::new(1, 10..=12, 9).next(0).counter, 10);
        let mut all = Numbering::new(1, 0..=u32::MAX, u32::MAX);
        assert_eq!((all.next(0).counter, all.next(0).counter), (u32::MAX, 0));
    }
}
