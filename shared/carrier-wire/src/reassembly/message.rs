//! One message, whole or not.

use bytes::Bytes;

use super::PartKey;
use crate::text::{Coding, Decoded};

/// What one part brought. Personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct PartBody {
    /// Coding of this part; a sender may mix them. Packed septets are to be unpacked first, for only the part itself
    /// knows how they stand behind its header: [`Coding::without_header`].
    pub coding: Coding,
    /// The octets after the user data header.
    pub text: Bytes,
}

impl std::fmt::Debug for PartBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartBody({:?}, <{} octets>)", self.coding, self.text.len())
    }
}

/// A message as far as its parts came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Whose it is.
    pub key: PartKey,
    /// When its first part came, on the caller's clock.
    pub first_ms: u64,
    /// As many as the message has parts, in order; `None` for one that did not come.
    pub parts: Vec<Option<PartBody>>,
}

impl Assembled {
    /// True when no part is missing.
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }

    /// Numbers of the parts that are missing, from 1.
    pub fn missing(&self) -> impl Iterator<Item = u8> + '_ {
        (1u8..=u8::MAX)
            .zip(&self.parts)
            .filter_map(|(number, part)| part.is_none().then_some(number))
    }

    /// The text, with `gap` in the place of each run of missing parts and U+FFFD in that of parts that are not text;
    /// `None` when no part is.
    ///
    /// Neighbours of one coding are read together, so that a character that the sender cut in two is whole again.
    pub fn text(&self, gap: &str) -> Option<String> {
        let mut text = String::new();
        let mut is_text = false;
        let runs = self.parts.chunk_by(|left, right| {
            left.as_ref().map(|part| part.coding) == right.as_ref().map(|part| part.coding)
        });
        for run in runs {
            let Some(Some(PartBody { coding, .. })) = run.first() else {
                text.push_str(gap);
                continue;
            };
            let octets: Vec<u8> = run
                .iter()
                .flatten()
                .flat_map(|part| part.text.iter().copied())
                .collect();
            match coding.decode(&octets) {
                Decoded::Text { text: read, .. } => {
                    is_text = true;
                    text.push_str(&read);
                }
                Decoded::Octets => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        is_text.then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concat::Reference;

    fn assembled(parts: &[Option<(Coding, &[u8])>]) -> Assembled {
        let body = |(coding, text): &(Coding, &[u8])| PartBody {
            coding: *coding,
            text: Bytes::copy_from_slice(text),
        };
        Assembled {
            key: PartKey::new("l", "1", "2", Reference::Bits8(1), parts.len() as u8),
            first_ms: 0,
            parts: parts.iter().map(|part| part.as_ref().map(body)).collect(),
        }
    }

    #[test]
    fn a_character_cut_between_parts_is_whole_again() {
        let pair = Coding::Ucs2.encode("👍").unwrap();
        let (high, low) = pair.split_at(2);
        assert_eq!(
            assembled(&[Some((Coding::Ucs2, high)), Some((Coding::Ucs2, low))])
                .text("…")
                .unwrap(),
            "👍"
        );
        let gbk = Coding::Gbk.encode("码").unwrap();
        let (first, second) = gbk.split_at(1);
        assert_eq!(
            assembled(&[Some((Coding::Gbk, first)), Some((Coding::Gbk, second))])
                .text("…")
                .unwrap(),
            "码"
        );
    }

    #[test]
    fn each_part_is_read_by_its_own_coding() {
        let message = assembled(&[
            Some((Coding::Ascii, b"SBYE")),
            Some((Coding::Ucs2, &[0x4e, 0x2d])),
        ]);
        assert_eq!(message.text("…").unwrap(), "SBYE中");
    }

    #[test]
    fn gaps_show_and_are_named() {
        let message = assembled(&[
            None,
            Some((Coding::Ascii, b"b")),
            None,
            None,
            Some((Coding::Ascii, b"e")),
        ]);
        assert_eq!(message.text("…").unwrap(), "…b…e");
        assert_eq!(message.missing().collect::<Vec<_>>(), [1, 3, 4]);
        assert!(!message.is_complete());
    }

    #[test]
    fn octets_have_no_text() {
        assert_eq!(assembled(&[Some((Coding::Other(4), b"x"))]).text("…"), None);
        let mixed = assembled(&[Some((Coding::Ascii, b"a")), Some((Coding::Other(4), b"x")), None]);
        assert_eq!(mixed.text("…").unwrap(), "a\u{fffd}…");
    }
}
