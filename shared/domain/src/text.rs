//! Segments: how many the carrier bills, and where a long text is cut.
//!
//! Carriers of the mainland carry Chinese text as UCS-2, so every character counts as its UTF-16 units, the signature
//! 【…】 included: 70 of them are one segment; a longer text leaves six octets a part to the concatenation header, and
//! 67 units remain.

use std::num::NonZeroU8;

/// The most UTF-16 units of a text that goes as one segment.
pub const SINGLE_UNITS: usize = 70;
/// The most UTF-16 units of one part of a longer text.
pub const PART_UNITS: usize = 67;
/// The most segments of one message.
pub const MAX_SEGMENTS: u8 = 6;
/// The most UTF-16 units of one message. A text just as long can still be too long, where characters of two units do
/// not fit the ends of its parts.
pub const MAX_UNITS: usize = PART_UNITS * MAX_SEGMENTS as usize;

/// A text of more than six segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is {units} UTF-16 units long ({segments} segments) with its signature; at most {MAX_UNITS} ({MAX_SEGMENTS} segments) can be sent"
)]
pub struct TooLong {
    /// The text's length.
    pub units: usize,
    /// How many segments it would take.
    pub segments: usize,
}

/// The length that counts: UTF-16 units.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// How many segments a text takes: just as many as [`split`] gives. An empty text takes one.
pub fn segments(text: &str) -> Result<NonZeroU8, TooLong> {
    let count = parts(text).count();
    u8::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_SEGMENTS)
        .and_then(NonZeroU8::new)
        .ok_or_else(|| TooLong {
            units: units(text),
            segments: count,
        })
}

/// Cuts a text into its segments, in order. Never cuts a character of two UTF-16 units; such a character at the end of
/// a part goes whole to the next. Ask [`segments`] first: this cuts a text that is too long as well.
pub fn split(text: &str) -> Vec<&str> {
    parts(text).collect()
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let limit = if units(text) <= SINGLE_UNITS {
        SINGLE_UNITS
    } else {
        PART_UNITS
    };
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, after) = text.split_at(cut_at(text, limit));
        rest = Some(after).filter(|after| !after.is_empty());
        Some(part)
    })
}

/// The octet behind the last character that still fits into so many units.
fn cut_at(text: &str, limit: usize) -> usize {
    let mut taken = 0;
    text.char_indices()
        .find(|(_, c)| {
            taken += c.len_utf16();
            taken > limit
        })
        .map_or(text.len(), |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_SEGMENTS, MAX_UNITS, PART_UNITS, SINGLE_UNITS, TooLong, segments, split, units};

    fn count(text: &str) -> Result<u8, TooLong> {
        segments(text).map(std::num::NonZeroU8::get)
    }

    #[test]
    fn seventy_are_one_and_then_sixty_seven_each() {
        for (length, expected) in [
            (0, 1),
            (1, 1),
            (70, 1),
            (71, 2),
            (134, 2),
            (135, 3),
            (201, 3),
            (202, 4),
            (402, 6),
        ] {
            assert_eq!(count(&"鸿".repeat(length)), Ok(expected), "{length}");
            assert_eq!(count(&"a".repeat(length)), Ok(expected), "{length}");
        }
        let error = segments(&"鸿".repeat(403)).unwrap_err();
        assert_eq!(
            error,
            TooLong {
                units: 403,
                segments: 7
            }
        );
    }

    #[test]
    fn a_character_of_two_units_is_never_cut() {
        let text = format!("{}😀{}", "鸿".repeat(66), "雁".repeat(10));
        let parts = split(&text);
        assert_eq!(parts, ["鸿".repeat(66), format!("😀{}", "雁".repeat(10))]);
        assert_eq!(units(&text), 78);
        // 35 emoji are 70 units and fit one segment; of 36 a part holds 33, because 67 is odd.
        assert_eq!(count(&"😀".repeat(35)), Ok(1));
        assert_eq!(count(&"😀".repeat(36)), Ok(2));
        assert_eq!(split(&"😀".repeat(36))[0], "😀".repeat(33));
    }

    #[test]
    fn pairs_at_the_ends_can_make_a_text_of_402_units_too_long() {
        assert_eq!(units(&"😀".repeat(201)), MAX_UNITS);
        assert_eq!(
            count(&"😀".repeat(201)),
            Err(TooLong {
                units: 402,
                segments: 7
            })
        );
        assert_eq!(count(&"😀".repeat(198)), Ok(6));
    }

    proptest! {
        #[test]
        fn the_count_is_what_the_split_gives_and_nothing_is_lost(text in "[a鸿😀𠮷\n]{0,420}") {
            let parts = split(&text);
            prop_assert_eq!(parts.concat(), text.clone());
            let limit = if parts.len() == 1 { SINGLE_UNITS } else { PART_UNITS };
            prop_assert!(parts.iter().all(|part| units(part) <= limit));
            prop_assert!(parts.len() == 1 || parts.iter().all(|part| !part.is_empty()));
            match segments(&text) {
                Ok(count) => prop_assert_eq!(usize::from(count.get()), parts.len()),
                Err(error) => {
                    prop_assert!(parts.len() > usize::from(MAX_SEGMENTS));
                    prop_assert_eq!(error, TooLong { units: units(&text), segments: parts.len() });
                }
            }
        }

        #[test]
        fn text_of_single_units_takes_the_published_number(length in 71_usize..=402) {
            prop_assert_eq!(usize::from(count(&"鸿".repeat(length)).unwrap()), length.div_ceil(67));
        }
    }
}
