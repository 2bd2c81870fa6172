//! Message text to octets and back, in every coding that the carriers use.
//!
//! | Coding | Octets a character | From |
//! |---|---|---|
//! | [`Coding::Ascii`] | 1 | all four protocols |
//! | [`Coding::Gsm7`], [`Coding::Gsm7Packed`] | 1 or 2 septets, one an octet or eight in seven | GSM 03.38; SMPP |
//! | [`Coding::Latin1`] | 1 | ISO 8859-1; SMPP |
//! | [`Coding::Ucs2`] | 2, or 4 beyond the basic plane | all four protocols |
//! | [`Coding::Gbk`] | 1 or 2 | CMPP, SGIP |
//! | [`Coding::Gb18030`] | 1, 2 or 4 | SMGP |
//! | [`Coding::Other`] | none: binary, SIM commands, vendors' classes | kept as octets |
//!
//! Which number stands for which coding is each protocol's own: [`Values`].
//!
//! Reading never fails; what cannot be read becomes U+FFFD and is told. Writing never guesses: a character that the
//! coding lacks is an error that says where it stands.

mod ascii;
mod gb;
mod gsm7;
mod latin1;
mod septets;
mod ucs2;
mod values;

use bytes::Bytes;

pub use values::Values;

/// The coding of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// ASCII, one octet a character.
    Ascii,
    /// The GSM 7-bit default alphabet with its extension table, one septet an octet.
    Gsm7,
    /// The same, eight septets in seven octets, low bits first.
    Gsm7Packed,
    /// ISO 8859-1, one octet a character.
    Latin1,
    /// UCS-2, big-endian. Read and written as UTF-16, as phones do.
    Ucs2,
    /// GBK, one or two octets a character.
    Gbk,
    /// GB18030, one, two or four octets a character.
    Gb18030,
    /// Anything else: SIM commands, binary, vendors' classes. Octets that are passed through; the number is the
    /// protocol's.
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
    /// The coding that a `Msg_Fmt` of CMPP stands for: [`Values::MsgFmt`].
    pub const fn of_msg_fmt(msg_fmt: u8) -> Self {
        Values::MsgFmt.coding(msg_fmt)
    }

    /// The `Msg_Fmt` of CMPP; 4, binary, for what has none there.
    pub const fn msg_fmt(self) -> u8 {
        match Values::MsgFmt.value(self) {
            Some(value) => value,
            None => 4,
        }
    }

    /// A number of our own that stands for the coding whatever the protocol, for what is stored and read again.
    pub const fn code(self) -> u16 {
        match self {
            Self::Other(value) => value as u16,
            Self::Ascii => 0x100,
            Self::Gsm7 => 0x101,
            Self::Gsm7Packed => 0x102,
            Self::Latin1 => 0x103,
            Self::Ucs2 => 0x108,
            Self::Gbk => 0x10e,
            Self::Gb18030 => 0x10f,
        }
    }

    /// The coding of a [`Self::code`]; `None` for a number that is none.
    pub const fn of_code(code: u16) -> Option<Self> {
        Some(match code {
            0..=0xff => Self::Other(code as u8),
            0x100 => Self::Ascii,
            0x101 => Self::Gsm7,
            0x102 => Self::Gsm7Packed,
            0x103 => Self::Latin1,
            0x108 => Self::Ucs2,
            0x10e => Self::Gbk,
            0x10f => Self::Gb18030,
            _ => return None,
        })
    }

    /// Reads octets that stand behind no header. Never fails: what cannot be read becomes U+FFFD.
    pub fn decode(self, octets: &[u8]) -> Decoded {
        self.decode_behind(0, octets)
    }

    /// Reads octets that stand behind a user data header of so many octets, its length octet included; only packed
    /// septets are aligned by it.
    pub fn decode_behind(self, header_len: usize, octets: &[u8]) -> Decoded {
        let (text, lossy) = match self {
            Self::Ascii => ascii::decode(octets),
            Self::Gsm7 => gsm7::decode(octets),
            Self::Gsm7Packed => gsm7::decode(&septets::unpack(octets, septets::fill_bits(header_len))),
            Self::Latin1 => latin1::decode(octets),
            Self::Ucs2 => ucs2::decode(octets),
            Self::Gbk | Self::Gb18030 => gb::decode(octets),
            Self::Other(_) => return Decoded::Octets,
        };
        Decoded::Text { text, lossy }
    }

    /// What stood behind a header, in a form that needs the header no longer: packed septets become one an octet,
    /// everything else stays as it is. Parts are to be joined so.
    pub fn without_header(self, header_len: usize, octets: Bytes) -> (Self, Bytes) {
        match self {
            Self::Gsm7Packed => (
                Self::Gsm7,
                septets::unpack(&octets, septets::fill_bits(header_len)).into(),
            ),
            _ => (self, octets),
        }
    }

    /// Writes text that stands behind no header.
    ///
    /// # Errors
    ///
    /// [`Unwritable`] names the first character that the coding lacks.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, Unwritable> {
        self.encode_behind(0, text)
    }

    /// Writes text that is to stand behind a user data header of so many octets; the header is not written.
    ///
    /// Packed septets that leave seven bits of the last octet to nothing get a carriage return there, and a text that
    /// ends in one just at an octet's end gets a second, as GSM 03.38 asks: a receiver that counts octets, as SMPP's
    /// do, would read `@` otherwise.
    ///
    /// # Errors
    ///
    /// [`Unwritable`] names the first character that the coding lacks.
    pub fn encode_behind(self, header_len: usize, text: &str) -> Result<Vec<u8>, Unwritable> {
        let mut octets = Vec::with_capacity(text.len().saturating_mul(2));
        for (at, character) in text.char_indices() {
            self.put(character, &mut octets)
                .ok_or(Unwritable { coding: self, at })?;
        }
        Ok(match self {
            Self::Gsm7Packed => septets::pack(&octets, septets::fill_bits(header_len)),
            _ => octets,
        })
    }

    /// Units that a character takes, octets or (GSM 7-bit) septets; `None` when the coding lacks it.
    pub(crate) fn width(self, character: char) -> Option<usize> {
        match self {
            Self::Ascii => character.is_ascii().then_some(1),
            Self::Gsm7 | Self::Gsm7Packed => gsm7::septets(character).map(|septets| septets.len()),
            Self::Latin1 => latin1::octet(character).map(|_| 1),
            Self::Ucs2 => Some(character.len_utf16().saturating_mul(2)),
            Self::Gbk => gb::gbk(character).map(|octets| octets.len()),
            Self::Gb18030 => gb::gb18030(character).map(|octets| octets.len()),
            Self::Other(_) => None,
        }
    }

    /// Appends one character, packed septets one an octet; `None`, and nothing appended, when the coding lacks it.
    fn put(self, character: char, octets: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Ascii => octets.push(ascii::octet(character)?),
            Self::Gsm7 | Self::Gsm7Packed => octets.extend_from_slice(&gsm7::septets(character)?),
            Self::Latin1 => octets.push(latin1::octet(character)?),
            Self::Ucs2 => ucs2::put(character, octets),
            Self::Gbk => octets.extend_from_slice(&gb::gbk(character)?),
            Self::Gb18030 => octets.extend_from_slice(&gb::gb18030(character)?),
            Self::Other(_) => return None,
        }
        Some(())
    }
}

/// The octets or septets of one character: at most four, without a place on the heap.
#[derive(Debug, Clone, Copy)]
struct Units {
    octets: [u8; 4],
    len: u8,
}

impl Units {
    const fn one(octet: u8) -> Self {
        Self {
            octets: [octet, 0, 0, 0],
            len: 1,
        }
    }

    const fn two(first: u8, second: u8) -> Self {
        Self {
            octets: [first, second, 0, 0],
            len: 2,
        }
    }
}

impl std::ops::Deref for Units {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
