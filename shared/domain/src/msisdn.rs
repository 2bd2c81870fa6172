//! Mobile numbers of mainland China.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// Longer input is refused before it is looked at: no usual writing of a number needs more characters.
const MAX_INPUT_CHARS: usize = 40;
const COUNTRY_CODE: &str = "86";
const NATIONAL_DIGITS: usize = 11;

/// A mobile number of mainland China: eleven digits, the first `1`, the second `3` to `9`.
///
/// The number is personal data, so `Debug` and `Display` show the first three digits (which name a carrier, not a
/// person) and asterisks. Where the number itself is needed, ask for [`Msisdn::e164`] or [`Msisdn::national`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Msisdn(u64);

/// Why a text is no mobile number of mainland China. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MsisdnError {
    /// Nothing but separators.
    #[error("is empty")]
    Empty,
    /// Longer than any usual writing.
    #[error("is longer than {MAX_INPUT_CHARS} characters")]
    TooLong,
    /// A character that is no digit, separator or leading plus sign.
    #[error("has something other than a digit at character {position}")]
    NotADigit {
        /// Counted in characters, from 1.
        position: usize,
    },
    /// A plus sign or `00` with another country code than 86.
    #[error("is not a number of mainland China (country code 86)")]
    NotMainland,
    /// Not eleven digits after the country code.
    #[error("has {digits} digits where a mobile number has {NATIONAL_DIGITS}")]
    WrongLength {
        /// How many there are, without the country code.
        digits: usize,
    },
    /// Eleven digits, but no mobile number begins like this.
    #[error("does not begin like a mobile number (13 to 19)")]
    NotMobile,
}

impl Msisdn {
    /// Reads a number in any usual writing: with `+86`, `0086`, `86` or nothing in front; with spaces (also the
    /// ideographic one) and hyphens between; with full-width digits.
    pub fn parse(text: &str) -> Result<Self, MsisdnError> {
        let (digits, international) = digits_of(text)?;
        let national = if international {
            digits
                .strip_prefix(COUNTRY_CODE)
                .ok_or(MsisdnError::NotMainland)?
        } else if let Some(rest) = digits.strip_prefix("00") {
            // No national number begins with a zero here, so two of them are the international prefix.
            rest.strip_prefix(COUNTRY_CODE).ok_or(MsisdnError::NotMainland)?
        } else {
            // No mobile number begins with 8, so a leading 86 is the country code, however long the rest.
            digits.strip_prefix(COUNTRY_CODE).unwrap_or(&digits)
        };
        if national.len() != NATIONAL_DIGITS {
            return Err(MsisdnError::WrongLength {
                digits: national.len(),
            });
        }
        if !matches!(national.as_bytes(), [b'1', b'3'..=b'9', ..]) {
            return Err(MsisdnError::NotMobile);
        }
        national.parse().map(Self).map_err(|_| MsisdnError::NotMobile)
    }

    /// The number as the world writes it: `+8613800138000`.
    pub fn e164(&self) -> String {
        format!("+{COUNTRY_CODE}{}", self.0)
    }

    /// The eleven digits: `13800138000`.
    pub fn national(&self) -> String {
        self.0.to_string()
    }

    /// Whether the eleven digits begin with these.
    pub(crate) fn begins(self, prefix: u64, digits: u32) -> bool {
        self.0 / 10_u64.pow(NATIONAL_DIGITS as u32 - digits) == prefix
    }
}

/// The digits of a text, half-width, and whether a plus sign stood in front of them.
fn digits_of(text: &str) -> Result<(String, bool), MsisdnError> {
    let mut digits = String::with_capacity(16);
    let mut international = false;
    for (index, c) in text.chars().enumerate() {
        if index >= MAX_INPUT_CHARS {
            return Err(MsisdnError::TooLong);
        }
        match c {
            '0'..='9' => digits.push(c),
            '０'..='９' => digits.extend(char::from_digit(u32::from(c) - u32::from('０'), 10)),
            '+' | '＋' if digits.is_empty() && !international => international = true,
            _ if is_separator(c) => {}
            _ => return Err(MsisdnError::NotADigit { position: index + 1 }),
        }
    }
    if digits.is_empty() {
        return Err(MsisdnError::Empty);
    }
    Ok((digits, international))
}

/// Spaces and hyphens that people, forms and spreadsheets put between the digits of a number.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{3000}' | '-' | '\u{ff0d}' | '\u{2010}'..='\u{2015}' | '\u{2212}'
    )
}

impl FromStr for Msisdn {
    type Err = MsisdnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Msisdn {
    type Error = MsisdnError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}********", self.0 / 100_000_000)
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Msisdn({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Msisdn, MsisdnError};

    #[test]
    fn usual_writings_are_one_number() {
        for text in [
            "13800138000",
            "+8613800138000",
            "008613800138000",
            "8613800138000",
            "138 0013 8000",
            "138-0013-8000",
            "+86 138-0013-8000",
            "１３８００１３８０００",
            "＋８６　１３８００１３８０００",
            " 138\u{3000}0013\u{a0}8000\t",
            "138－0013－8000",
        ] {
            let number = Msisdn::parse(text).unwrap();
            assert_eq!(number.e164(), "+8613800138000", "{text}");
            assert_eq!(number.national(), "13800138000", "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_and_the_error_says_why() {
        let cases = [
            ("", MsisdnError::Empty),
            (" -　", MsisdnError::Empty),
            ("+", MsisdnError::Empty),
            ("1380013800", MsisdnError::WrongLength { digits: 10 }),
            ("138001380001", MsisdnError::WrongLength { digits: 12 }),
            ("+861380013800", MsisdnError::WrongLength { digits: 10 }),
            ("8613800", MsisdnError::WrongLength { digits: 5 }),
            ("+14155550123", MsisdnError::NotMainland),
            ("0014155550123", MsisdnError::NotMainland),
            ("+13800138000", MsisdnError::NotMainland),
            ("12800138000", MsisdnError::NotMobile),
            ("23800138000", MsisdnError::NotMobile),
            ("138001380OO", MsisdnError::NotADigit { position: 10 }),
            ("138+00138000", MsisdnError::NotADigit { position: 4 }),
            ("++8613800138000", MsisdnError::NotADigit { position: 2 }),
            ("1380013800٠", MsisdnError::NotADigit { position: 11 }),
        ];
        for (text, expected) in cases {
            assert_eq!(Msisdn::parse(text), Err(expected), "{text}");
        }
        assert_eq!(Msisdn::parse(&"1".repeat(41)), Err(MsisdnError::TooLong));
    }

    #[test]
    fn printing_masks_all_but_the_first_three_digits() {
        let number = Msisdn::parse("13912345678").unwrap();
        assert_eq!(number.to_string(), "139********");
        assert_eq!(format!("{number:?}"), "Msisdn(139********)");
    }

    proptest! {
        #[test]
        fn every_valid_number_survives_its_own_writings(n in 13_000_000_000_u64..20_000_000_000) {
            let number = Msisdn::parse(&n.to_string()).unwrap();
            prop_assert_eq!(Msisdn::parse(&number.e164()), Ok(number));
            prop_assert_eq!(Msisdn::parse(&number.national()), Ok(number));
            prop_assert_eq!(Msisdn::parse(&format!("0086 {}", number.national())), Ok(number));
        }

        #[test]
        fn no_text_panics_and_no_error_repeats_it(text in "\\PC{0,60}") {
            if let Err(error) = Msisdn::parse(&text)
                && text.chars().count() > 3
            {
                prop_assert!(!error.to_string().contains(&text) || "is empty".contains(&text));
            }
        }
    }
}
