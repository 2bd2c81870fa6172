//! The id of a stream entry.

use std::{fmt, str::FromStr};

/// `milliseconds-sequence`, as Redis numbers the entries of a stream: strictly increasing within one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// The server's clock when the entry was added, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Tells entries of one millisecond apart.
    pub sequence: u64,
}

impl StreamId {
    /// Before every entry.
    pub const ZERO: Self = Self {
        unix_ms: 0,
        sequence: 0,
    };

    /// The smallest id behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        match self.sequence.checked_add(1) {
            Some(sequence) => Self { sequence, ..self },
            None => Self {
                unix_ms: self.unix_ms.saturating_add(1),
                sequence: 0,
            },
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.unix_ms, self.sequence)
    }
}

/// The text is not `milliseconds-sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream id is two whole numbers joined by a hyphen")]
pub struct InvalidStreamId;

impl FromStr for StreamId {
    type Err = InvalidStreamId;

    fn from_str(text: &str) -> Result<Self, InvalidStreamId> {
        let (unix_ms, sequence) = text.split_once('-').ok_or(InvalidStreamId)?;
        let number = |digits: &str| {
            if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
                return Err(InvalidStreamId);
            }
            digits.parse().map_err(|_| InvalidStreamId)
        };
        Ok(Self {
            unix_ms: number(unix_ms)?,
            sequence: number(sequence)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::StreamId;

    #[test]
    fn an_id_survives_its_text() {
        for text in [
            "0-0",
            "1700000000000-3",
            "18446744073709551615-18446744073709551615",
        ] {
            assert_eq!(text.parse::<StreamId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "+1-2",
            "1-x",
            "18446744073709551616-0",
        ] {
            assert!(text.parse::<StreamId>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_next_id_is_larger_even_at_the_ends() {
        let id = |unix_ms, sequence| StreamId { unix_ms, sequence };
        assert_eq!(id(5, 1).next(), id(5, 2));
        assert_eq!(id(5, u64::MAX).next(), id(6, 0));
    }
}
