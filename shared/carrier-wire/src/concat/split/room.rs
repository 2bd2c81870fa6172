//! How much a part holds, and where a text is cut for it.

use super::{MAX_CONTENT_OCTETS, Place, Segmenting, SplitError};
use crate::text::{Coding, Unwritable};

/// Septets of 140 octets.
const MAX_SEPTETS: usize = 160;

/// Units, octets or (GSM 7-bit) septets, that parts hold.
pub(super) struct Room {
    /// Of a part that is alone, without the signature's.
    single: usize,
    /// Of the first of several.
    first: usize,
    /// Of each of several.
    part: usize,
    /// Of the last of several.
    last: usize,
}

/// Where a text is cut.
pub(super) struct Cuts {
    /// How many parts it takes, whether allowed or not.
    pub(super) parts: usize,
    /// Where each part ends, in bytes of the text; not more of them than allowed.
    pub(super) ends: Vec<usize>,
}

impl Room {
    pub(super) fn of(how: &Segmenting) -> Result<Self, SplitError> {
        let header = how.reference.header_len();
        let octets = MAX_CONTENT_OCTETS.saturating_sub(header);
        // An ASCII text travels as septets behind the gateway: a part holds no more of them, whatever it may hold alone.
        let septets = octets.saturating_mul(8) / 7;
        let ascii = usize::from(how.ascii_octets);
        let (single, part) = match how.coding {
            Coding::Ascii => (ascii, ascii.saturating_sub(header).min(septets)),
            Coding::Gsm7 | Coding::Gsm7Packed => (MAX_SEPTETS, septets),
            Coding::Latin1 | Coding::Ucs2 | Coding::Gbk | Coding::Gb18030 | Coding::Other(_) => {
                (MAX_CONTENT_OCTETS, octets)
            }
        };
        let Some(signature) = how.signature else {
            return Ok(Self {
                single,
                first: part,
                part,
                last: part,
            });
        };
        let units = usize::from(signature.characters).saturating_mul(units_of_a_signature(how.coding));
        if units.saturating_mul(2) > part {
            return Err(SplitError::Signature { units, room: part });
        }
        let less = part.saturating_sub(units);
        Ok(Self {
            single: single.saturating_sub(units),
            first: if signature.place == Place::First {
                less
            } else {
                part
            },
            part,
            last: if signature.place == Place::Last {
                less
            } else {
                part
            },
        })
    }
}

/// What one character of a signature takes; it is Chinese where the coding can write that.
const fn units_of_a_signature(coding: Coding) -> usize {
    match coding {
        Coding::Ucs2 | Coding::Gbk | Coding::Gb18030 => 2,
        Coding::Ascii | Coding::Gsm7 | Coding::Gsm7Packed | Coding::Latin1 | Coding::Other(_) => 1,
    }
}

/// A character's units. A carriage return counts twice in packed septets, for one may have to follow it.
fn width(coding: Coding, character: char, at: usize) -> Result<usize, Unwritable> {
    let width = coding.width(character).ok_or(Unwritable { coding, at })?;
    Ok(if coding == Coding::Gsm7Packed && character == '\r' {
        2
    } else {
        width
    })
}

/// Where to cut so that the part ends at `at` or before it. Packed septets do not end in a carriage return while there
/// is more to come: at an octet's end a second one would have to stand behind it, in the midst of the text.
fn cut_at(text: &str, coding: Coding, begin: usize, at: usize) -> usize {
    if coding != Coding::Gsm7Packed {
        return at;
    }
    let kept = text.get(begin..at).unwrap_or_default().trim_end_matches('\r');
    if kept.is_empty() {
        at
    } else {
        begin.saturating_add(kept.len())
    }
}

/// Cuts a text. Goes over all of it even where it is too long, so that the count is true and a character that cannot be
/// written is found, and keeps not more than `most` places.
pub(super) fn cuts(text: &str, coding: Coding, room: &Room, most: usize) -> Result<Cuts, Unwritable> {
    let mut walk = Walk {
        ends: Vec::with_capacity(most.min(8)),
        most,
        parts: 0,
    };
    let mut whole = 0usize;
    let (mut begin, mut piece, mut left) = (0usize, 0usize, room.first);
    for (at, character) in text.char_indices() {
        let width = width(coding, character, at)?;
        whole = whole.saturating_add(width);
        if piece.saturating_add(width) > left {
            let end = cut_at(text, coding, begin, at);
            walk.end(end);
            // What goes over to the next part are carriage returns of two units.
            (begin, piece, left) = (end, at.saturating_sub(end).saturating_mul(2), room.part);
        }
        piece = piece.saturating_add(width);
    }
    if whole <= room.single {
        return Ok(Cuts {
            parts: 1,
            ends: vec![text.len()],
        });
    }
    // What is left may fit a part and still not leave room for the signature: it is cut once more. The room that is left
    // to the last one is half a part or more, so that this ends at once.
    if piece > room.last {
        let mut head = 0usize;
        for (at, character) in text.get(begin..).unwrap_or_default().char_indices() {
            let at = begin.saturating_add(at);
            let width = width(coding, character, at)?;
            if head.saturating_add(width) > room.last {
                walk.end(cut_at(text, coding, begin, at));
                break;
            }
            head = head.saturating_add(width);
        }
    }
    walk.end(text.len());
    Ok(Cuts {
        parts: walk.parts,
        ends: walk.ends,
    })
}

struct Walk {
    ends: Vec<usize>,
    most: usize,
    parts: usize,
}

impl Walk {
    fn end(&mut self, at: usize) {
        self.parts = self.parts.saturating_add(1);
        if self.ends.len() < self.most {
            self.ends.push(at);
        }
    }
}
