//! Which codes an entry of the table speaks of.

use std::{fmt, str::FromStr};

use super::protocol::number;

/// Longest word or prefix, in characters: as long as a raw code is kept.
const MAX_WORD: usize = 32;

/// One code, or many at once. The narrowest that fits decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Code {
    /// A number: `13`, `0x0B`.
    Number(u32),
    /// Numbers from the first to the last: `128-255`.
    Numbers(u32, u32),
    /// A receipt's word, alone or with its error code: `EXPIRED`, `MA:0001`, `UNDELIV/27`.
    Word(String),
    /// Receipts that begin so: `MA:*`, `UNDELIV/*`; `*` is every one.
    Prefix(String),
}

/// Why a text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// Neither number nor range.
    #[error("must be a number such as 13 or 0x0B, or a range such as 128-255, first before last")]
    Number,
    /// Not a word.
    #[error(
        "must be a word of 1 to {MAX_WORD} visible ASCII characters, or the beginning of one and an asterisk, such as MA:*"
    )]
    Word,
}

impl Code {
    /// Reads a result's number or range of numbers.
    ///
    /// # Errors
    ///
    /// [`InvalidCode::Number`].
    pub fn number(text: &str) -> Result<Self, InvalidCode> {
        let text = text.trim();
        match text.split_once('-') {
            None => number(text).map(Self::Number),
            Some((first, last)) => number(first.trim())
                .zip(number(last.trim()))
                .filter(|(first, last)| first <= last)
                .map(|(first, last)| Self::Numbers(first, last)),
        }
        .ok_or(InvalidCode::Number)
    }

    /// Reads a receipt's word or prefix. The case of letters does not matter.
    ///
    /// # Errors
    ///
    /// [`InvalidCode::Word`].
    pub fn word(text: &str) -> Result<Self, InvalidCode> {
        let (word, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        let fits = word.len() <= MAX_WORD
            && (is_prefix || !word.is_empty())
            && word
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && octet != b'*');
        if !fits {
            return Err(InvalidCode::Word);
        }
        let word = word.to_ascii_uppercase();
        Ok(if is_prefix {
            Self::Prefix(word)
        } else {
            Self::Word(word)
        })
    }
}

impl FromStr for Code {
    type Err = InvalidCode;

    /// A number where it is one, else a word.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::number(text).or_else(|_| Self::word(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(code) => write!(f, "{code}"),
            Self::Numbers(first, last) => write!(f, "{first}-{last}"),
            Self::Word(word) => f.write_str(word),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, InvalidCode};

    #[test]
    fn numbers_and_ranges_are_read() {
        assert_eq!(Code::number("13"), Ok(Code::Number(13)));
        assert_eq!(Code::number("0x0B"), Ok(Code::Number(11)));
        assert_eq!(Code::number("128-255"), Ok(Code::Numbers(128, 255)));
        assert_eq!(Code::number("0x400 - 0x4FF"), Ok(Code::Numbers(0x400, 0x4ff)));
        for bad in [
            "",
            "-",
            "1-",
            "-1",
            "2-1",
            "x",
            "MA:*",
            "4294967296",
            "1.5",
            "1-2-3",
        ] {
            assert_eq!(Code::number(bad), Err(InvalidCode::Number), "{bad}");
        }
    }

    #[test]
    fn words_and_prefixes_are_read_whatever_their_case() {
        assert_eq!(Code::word("expired"), Ok(Code::Word("EXPIRED".into())));
        assert_eq!(Code::word("MA:*"), Ok(Code::Prefix("MA:".into())));
        assert_eq!(Code::word("*"), Ok(Code::Prefix(String::new())));
        for bad in ["", "A B", "A*B", "**", "鸿", &"x".repeat(33)] {
            assert_eq!(Code::word(bad), Err(InvalidCode::Word), "{bad}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for code in [
            Code::Number(7),
            Code::Numbers(128, 255),
            Code::Word("MA:0001".into()),
            Code::Prefix("MA:".into()),
        ] {
            assert_eq!(code.to_string().parse(), Ok(code));
        }
    }
}
