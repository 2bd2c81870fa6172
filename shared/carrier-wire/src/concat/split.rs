//! Cutting a text into parts.

use super::{Concat, Reference};
use crate::field::Content;
use crate::text::{Coding, Unwritable};

/// The most octets of a content, header included, in every coding but ASCII.
pub const MAX_CONTENT_OCTETS: usize = 140;

/// The most octets of an ASCII content (CMPP: below 160), header included.
const MAX_ASCII_OCTETS: usize = 159;

/// A content that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number, when there are several.
    pub concat: Option<Concat>,
    /// Header and text.
    pub content: Content,
}

impl Part {
    /// What goes into `TP_udhi`.
    pub const fn tp_udhi(&self) -> u8 {
        if self.concat.is_some() { 1 } else { 0 }
    }
}

/// A text that cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// More parts than allowed.
    #[error("the text needs more than {max} parts")]
    TooLong {
        /// The limit given.
        max: u8,
    },
    /// The coding lacks a character.
    #[error("{0}")]
    Unwritable(#[from] Unwritable),
}

/// Cuts `text` into the fewest parts, at most `max_parts`; one part carries no header. No character is cut: both
/// halves of a surrogate pair, both octets of a GBK character stay in one part. For UCS-2 that is 70 units in
/// one part and 67 in each of several with an 8-bit reference, 66 with a 16-bit one.
///
/// # Errors
///
/// [`SplitError`].
pub fn split(
    text: &str,
    coding: Coding,
    reference: Reference,
    max_parts: u8,
) -> Result<Vec<Part>, SplitError> {
    let limit = match coding {
        Coding::Ascii => MAX_ASCII_OCTETS,
        Coding::Ucs2 | Coding::Gbk | Coding::Other(_) => MAX_CONTENT_OCTETS,
    };
    // UTF-8 spends at most 4 octets on a character, every coding here at least 1: longer cannot fit, and what
    // cannot fit is not encoded at all.
    if text.len() > usize::from(max_parts).saturating_mul(limit).saturating_mul(4) {
        return Err(SplitError::TooLong { max: max_parts });
    }
    let whole = coding.encode(text)?;
    if whole.len() <= limit {
        return Ok(vec![Part {
            concat: None,
            content: Content::from(whole),
        }]);
    }
    let header_len = reference.header_len();
    let pieces = cut(text, coding, limit.saturating_sub(header_len))?;
    let total = u8::try_from(pieces.len())
        .ok()
        .filter(|total| *total <= max_parts);
    let Some(total) = total else {
        return Err(SplitError::TooLong { max: max_parts });
    };
    let parts = (1..=total).zip(pieces).map(|(number, piece)| {
        let concat = Concat {
            reference,
            total,
            number,
        };
        let mut content = Vec::with_capacity(header_len.saturating_add(piece.len()));
        concat.write(&mut content);
        content.extend_from_slice(&piece);
        Part {
            concat: Some(concat),
            content: Content::from(content),
        }
    });
    Ok(parts.collect())
}

/// Pieces of at most `room` octets, each of whole characters.
fn cut(text: &str, coding: Coding, room: usize) -> Result<Vec<Vec<u8>>, Unwritable> {
    let mut pieces = Vec::new();
    let mut piece = Vec::with_capacity(room);
    let mut one = Vec::with_capacity(4);
    for (at, character) in text.char_indices() {
        one.clear();
        coding
            .encode_char(character, &mut one)
            .ok_or(Unwritable { coding, at })?;
        if piece.len().saturating_add(one.len()) > room {
            pieces.push(std::mem::replace(&mut piece, Vec::with_capacity(room)));
        }
        piece.extend_from_slice(&one);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concat::Udh;
    use crate::text::Decoded;

    const REFERENCE: Reference = Reference::Bits8(0x2e);

    fn lens(text: &str, coding: Coding, reference: Reference) -> Vec<usize> {
        split(text, coding, reference, 255)
            .unwrap()
            .iter()
            .map(|part| part.content.len())
            .collect()
    }

    /// Takes the parts apart again.
    fn joined(parts: &[Part], coding: Coding) -> String {
        parts
            .iter()
            .map(|part| {
                let content = part.content.as_slice();
                let text = match part.concat {
                    None => content,
                    Some(concat) => {
                        let udh = Udh::parse(content).unwrap();
                        assert_eq!(udh.concat, Some(concat));
                        udh.text(content)
                    }
                };
                match coding.decode(text) {
                    Decoded::Text { text, lossy: false } => text,
                    other => panic!("a part is not whole: {other:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn seventy_units_are_one_part_and_more_are_parts_of_67() {
        assert_eq!(lens(&"信".repeat(70), Coding::Ucs2, REFERENCE), [140]);
        assert_eq!(lens(&"信".repeat(71), Coding::Ucs2, REFERENCE), [140, 6 + 4 * 2]);
        assert_eq!(lens(&"信".repeat(134), Coding::Ucs2, REFERENCE), [140, 140]);
        assert_eq!(lens(&"信".repeat(135), Coding::Ucs2, REFERENCE), [140, 140, 8]);
        assert_eq!(
            lens(&"信".repeat(71), Coding::Ucs2, Reference::Bits16(1)),
            [7 + 132, 7 + 10]
        );
        assert_eq!(lens("", Coding::Ucs2, REFERENCE), [0]);
    }

    #[test]
    fn a_surrogate_pair_is_not_cut() {
        // 66 units, then a pair that would be cut at 67.
        let text = format!("{}👍{}", "信".repeat(66), "信".repeat(10));
        let parts = split(&text, Coding::Ucs2, REFERENCE, 6).unwrap();
        assert_eq!(parts[0].content.len(), 6 + 66 * 2);
        assert_eq!(joined(&parts, Coding::Ucs2), text);
    }

    #[test]
    fn a_gbk_character_is_not_cut() {
        let text = format!("a{}", "码".repeat(100));
        let parts = split(&text, Coding::Gbk, REFERENCE, 6).unwrap();
        assert_eq!(parts[0].content.len(), 6 + 133);
        assert_eq!(joined(&parts, Coding::Gbk), text);
    }

    #[test]
    fn ascii_has_its_own_limits() {
        assert_eq!(lens(&"a".repeat(159), Coding::Ascii, REFERENCE), [159]);
        assert_eq!(lens(&"a".repeat(160), Coding::Ascii, REFERENCE), [159, 6 + 7]);
    }

    #[test]
    fn numbers_run_from_one_to_the_total() {
        let parts = split(&"信".repeat(402), Coding::Ucs2, REFERENCE, 6).unwrap();
        let numbers: Vec<_> = parts
            .iter()
            .filter_map(|part| part.concat)
            .map(Concat::number)
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert!(
            parts
                .iter()
                .all(|part| part.tp_udhi() == 1 && part.concat.unwrap().total() == 6)
        );
    }

    #[test]
    fn too_long_is_refused() {
        assert_eq!(
            split(&"信".repeat(403), Coding::Ucs2, REFERENCE, 6),
            Err(SplitError::TooLong { max: 6 })
        );
        assert_eq!(
            split(&"信".repeat(1_000_000), Coding::Ucs2, REFERENCE, 6),
            Err(SplitError::TooLong { max: 6 })
        );
    }
}
