//! Cutting a text into parts.

mod room;

use super::{Concat, Reference};
use crate::field::Content;
use crate::text::{Coding, Unwritable};
use room::{Room, cuts};

/// The most octets of a content, header included, in every coding whose octets travel as they are.
pub const MAX_CONTENT_OCTETS: usize = 140;

/// The most octets of an ASCII content in CMPP: below 160.
pub const CMPP_ASCII_OCTETS: u8 = 159;

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
    #[error("the text needs {parts} parts, more than the {max} allowed")]
    TooLong {
        /// How many it would take, header and signature counted.
        parts: usize,
        /// The limit given.
        max: u8,
    },
    /// The coding lacks a character.
    #[error("{0}")]
    Unwritable(#[from] Unwritable),
    /// The signature leaves a part less than half of its room.
    #[error("the carrier's signature takes {units} of the {room} units of a part")]
    Signature {
        /// What the signature takes, in octets or septets.
        units: usize,
        /// What a part has.
        room: usize,
    },
}

/// Which part leaves room for the signature that the carrier adds itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first one.
    First,
    /// The last one.
    Last,
}

/// A signature that the carrier adds itself; it counts towards the length of the part that it is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Where it is added.
    pub place: Place,
    /// Its characters, brackets included; counted as Chinese ones where the coding tells them from others.
    pub characters: u8,
}

/// How texts are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segmenting {
    /// The coding of every part.
    pub coding: Coding,
    /// The reference of the parts' headers.
    pub reference: Reference,
    /// The most parts.
    pub max_parts: u8,
    /// What the carrier adds.
    pub signature: Option<Signature>,
    /// The most octets of an ASCII content: 159 in CMPP, 140 at gateways that count like the other codings.
    pub ascii_octets: u8,
}

impl Segmenting {
    /// Without signature, with CMPP's limit for ASCII.
    pub const fn new(coding: Coding, reference: Reference, max_parts: u8) -> Self {
        Self {
            coding,
            reference,
            max_parts,
            signature: None,
            ascii_octets: CMPP_ASCII_OCTETS,
        }
    }

    /// Cuts `text` into the fewest parts; one part carries no header. No character is cut: both halves of a surrogate
    /// pair, all octets of a GBK or GB18030 character, an escape and what it leads to stay in one part.
    ///
    /// | | one part | each of several, 8-bit reference | 16-bit |
    /// |---|---|---|---|
    /// | UCS-2 characters of the basic plane | 70 | 67 | 66 |
    /// | GSM 7-bit characters | 160 | 153 | 152 |
    /// | octets in the other codings | 140 | 134 | 133 |
    ///
    /// # Errors
    ///
    /// [`SplitError`]; nothing of the text is in it.
    pub fn split(&self, text: &str) -> Result<Vec<Part>, SplitError> {
        let room = Room::of(self)?;
        let cuts = cuts(text, self.coding, &room, usize::from(self.max_parts))?;
        let total = u8::try_from(cuts.parts)
            .ok()
            .filter(|total| *total <= self.max_parts)
            .ok_or(SplitError::TooLong {
                parts: cuts.parts,
                max: self.max_parts,
            })?;
        if total == 1 {
            return Ok(vec![Part {
                concat: None,
                content: Content::from(self.coding.encode(text)?),
            }]);
        }
        let mut begin = 0;
        let mut parts = Vec::with_capacity(usize::from(total));
        for (number, end) in (1..=total).zip(cuts.ends) {
            let concat = Concat {
                reference: self.reference,
                total,
                number,
            };
            let piece = text.get(begin..end).unwrap_or_default();
            let mut content = Vec::with_capacity(MAX_CONTENT_OCTETS);
            concat.write(&mut content);
            let header_len = content.len();
            content.extend_from_slice(&self.coding.encode_behind(header_len, piece)?);
            parts.push(Part {
                concat: Some(concat),
                content: Content::from(content),
            });
            begin = end;
        }
        Ok(parts)
    }
}

/// Cuts `text` as [`Segmenting::split`] does, without a signature and with CMPP's limit for ASCII.
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
    Segmenting::new(coding, reference, max_parts).split(text)
}

/// Cuts octets that are no text; any place will do.
///
/// # Errors
///
/// [`SplitError::TooLong`].
pub fn split_octets(octets: &[u8], reference: Reference, max_parts: u8) -> Result<Vec<Part>, SplitError> {
    if octets.len() <= MAX_CONTENT_OCTETS && max_parts > 0 {
        return Ok(vec![Part {
            concat: None,
            content: Content::from(octets.to_vec()),
        }]);
    }
    let room = MAX_CONTENT_OCTETS.saturating_sub(reference.header_len()).max(1);
    let parts = octets.len().div_ceil(room).max(1);
    let total = u8::try_from(parts)
        .ok()
        .filter(|total| *total <= max_parts)
        .ok_or(SplitError::TooLong {
            parts,
            max: max_parts,
        })?;
    let pieces = (1..=total).zip(octets.chunks(room)).map(|(number, piece)| {
        let concat = Concat {
            reference,
            total,
            number,
        };
        let mut content = Vec::with_capacity(MAX_CONTENT_OCTETS);
        concat.write(&mut content);
        content.extend_from_slice(piece);
        Part {
            concat: Some(concat),
            content: Content::from(content),
        }
    });
    Ok(pieces.collect())
}

#[cfg(test)]
mod tests;
