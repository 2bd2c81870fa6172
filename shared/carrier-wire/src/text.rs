//! Message text to octets and back, by the coding octet (`Msg_Fmt`) that CMPP, SGIP and SMGP share.

use encoding_rs::GBK;

/// The coding of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// 0: ASCII, one octet a character.
    Ascii,
    /// 8: UCS-2, big-endian. Read and written as UTF-16, as phones do.
    Ucs2,
    /// 15: GBK, one or two octets a character.
    Gbk,
    /// Anything else: SIM commands, binary, vendors' classes. Octets that are passed through.
    Other(u8),
}

/// A character that the coding cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the coding {coding:?} has no way to write the character at byte {at}")]
pub struct Unwritable {
    /// The coding asked for.
    pub coding: Coding,
    /// Where the character begins in the UTF-8 text.
    pub at: usize,
}

/// What a content says.
#[derive(Clone, PartialEq, Eq)]
pub enum Decoded {
    /// Text. Personal data.
    Text {
        /// The text; what could not be read is U+FFFD.
        text: String,
        /// True when something could not be read.
        lossy: bool,
    },
    /// The coding is not one of text; the octets are the caller's to pass on.
    Octets,
}

impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text { text, lossy } => {
                write!(f, "Text(<{} characters>, lossy: {lossy})", text.chars().count())
            }
            Self::Octets => f.write_str("Octets"),
        }
    }
}

impl Coding {
    /// The coding that a `Msg_Fmt` stands for.
    pub const fn of_msg_fmt(msg_fmt: u8) -> Self {
        match msg_fmt {
            0 => Self::Ascii,
            8 => Self::Ucs2,
            15 => Self::Gbk,
            other => Self::Other(other),
        }
    }

    /// The `Msg_Fmt`.
    pub const fn msg_fmt(self) -> u8 {
        match self {
            Self::Ascii => 0,
            Self::Ucs2 => 8,
            Self::Gbk => 15,
            Self::Other(other) => other,
        }
    }

    /// Reads octets, without a user data header. Never fails: what cannot be read becomes U+FFFD.
    pub fn decode(self, octets: &[u8]) -> Decoded {
        match self {
            Self::Ascii => decode_ascii(octets),
            Self::Ucs2 => decode_ucs2(octets),
            Self::Gbk => {
                let (text, lossy) = GBK.decode_without_bom_handling(octets);
                Decoded::Text {
                    text: text.into_owned(),
                    lossy,
                }
            }
            Self::Other(_) => Decoded::Octets,
        }
    }

    /// Writes text.
    ///
    /// # Errors
    ///
    /// [`Unwritable`] names the first character that the coding lacks.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, Unwritable> {
        let mut octets = Vec::with_capacity(text.len().saturating_mul(2));
        for (at, character) in text.char_indices() {
            self.encode_char(character, &mut octets)
                .ok_or(Unwritable { coding: self, at })?;
        }
        Ok(octets)
    }

    /// Appends one character; `None`, and nothing appended, when the coding lacks it.
    pub(crate) fn encode_char(self, character: char, octets: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Ascii => octets.push(u8::try_from(character).ok().filter(u8::is_ascii)?),
            Self::Ucs2 => {
                let mut units = [0u16; 2];
                octets.extend(
                    character
                        .encode_utf16(&mut units)
                        .iter()
                        .flat_map(|unit| unit.to_be_bytes()),
                );
            }
            Self::Gbk => {
                let mut utf8 = [0u8; 4];
                let (written, _, unwritable) = GBK.encode(character.encode_utf8(&mut utf8));
                if unwritable {
                    return None;
                }
                octets.extend_from_slice(&written);
            }
            Self::Other(_) => return None,
        }
        Some(())
    }
}

fn decode_ascii(octets: &[u8]) -> Decoded {
    let lossy = !octets.is_ascii();
    let text = octets.iter().map(|octet| {
        if octet.is_ascii() {
            char::from(*octet)
        } else {
            char::REPLACEMENT_CHARACTER
        }
    });
    Decoded::Text {
        text: text.collect(),
        lossy,
    }
}

fn decode_ucs2(octets: &[u8]) -> Decoded {
    let (pairs, rest) = octets.as_chunks::<2>();
    let mut lossy = false;
    let mut text: String = char::decode_utf16(pairs.iter().map(|pair| u16::from_be_bytes(*pair)))
        .map(|character| {
            character.unwrap_or_else(|_| {
                lossy = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    if !rest.is_empty() {
        lossy = true;
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Decoded::Text { text, lossy }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(coding: Coding, octets: &[u8]) -> (String, bool) {
        match coding.decode(octets) {
            Decoded::Text { text, lossy } => (text, lossy),
            Decoded::Octets => panic!("{coding:?} is text"),
        }
    }

    #[test]
    fn matches_the_worked_examples() {
        let cases = [
            (
                Coding::Ucs2,
                "测试gocmpp submit",
                "6d4b8bd50067006f0063006d007000700020007300750062006d00690074",
            ),
            (
                Coding::Ucs2,
                "hello world",
                "00680065006c006c006f00200077006f0072006c0064",
            ),
            (Coding::Gbk, "您的验证码是", "c4fab5c4d1e9d6a4c2ebcac7"),
        ];
        for (coding, plain, octets) in cases {
            assert_eq!(hex::encode(coding.encode(plain).unwrap()), octets);
            assert_eq!(
                text(coding, &hex::decode(octets).unwrap()),
                (plain.to_owned(), false)
            );
        }
    }

    #[test]
    fn characters_beyond_the_basic_plane_take_two_units() {
        let octets = Coding::Ucs2.encode("𠮷👍").unwrap();
        assert_eq!(octets.len(), 8);
        assert_eq!(text(Coding::Ucs2, &octets), ("𠮷👍".to_owned(), false));
    }

    #[test]
    fn what_a_coding_lacks_is_named_by_its_place() {
        assert_eq!(Coding::Ascii.encode("ab码").unwrap_err().at, 2);
        assert_eq!(Coding::Gbk.encode("码👍").unwrap_err().at, 3);
        assert!(Coding::Other(4).encode("a").is_err());
    }

    #[test]
    fn garbage_becomes_replacement_characters() {
        assert_eq!(text(Coding::Ascii, b"a\xff"), ("a\u{fffd}".to_owned(), true));
        assert_eq!(
            text(Coding::Ucs2, &[0, b'a', 0xd8, 0x00]),
            ("a\u{fffd}".to_owned(), true)
        );
        assert_eq!(
            text(Coding::Ucs2, &[0, b'a', 0x4e]),
            ("a\u{fffd}".to_owned(), true)
        );
        assert!(text(Coding::Gbk, &[0xc4]).1);
    }

    #[test]
    fn other_codings_pass_through() {
        for msg_fmt in [3, 4, 0xf5, 0xf6] {
            assert_eq!(Coding::of_msg_fmt(msg_fmt), Coding::Other(msg_fmt));
            assert_eq!(Coding::Other(msg_fmt).decode(&[1, 2]), Decoded::Octets);
        }
        for msg_fmt in 0..=255 {
            assert_eq!(Coding::of_msg_fmt(msg_fmt).msg_fmt(), msg_fmt);
        }
    }

    #[test]
    fn debug_shows_no_text() {
        assert_eq!(
            format!("{:?}", Coding::Ascii.decode(b"1234")),
            "Text(<4 characters>, lossy: false)"
        );
    }
}
