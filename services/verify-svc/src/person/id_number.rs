//! Citizens' id numbers and the cards that share their form.

use std::fmt;

use time::{Date, Month};

use super::half_width;

const CHARACTERS: usize = 18;
/// ISO 7064 MOD 11-2: 2^(17-i) mod 11.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_CHARACTERS: &[u8; 11] = b"10X98765432";
/// GB/T 2260, the first two digits of an administrative division on the mainland; 71 stands for settlers from Taiwan.
const PROVINCES: [u8; 32] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
    61, 62, 63, 64, 65, 71,
];
/// Residence permits for residents of Hong Kong, Macau and Taiwan carry these in the place of a division.
const RESIDENCE_PERMITS: [&[u8]; 3] = [b"810000", b"820000", b"830000"];
/// Nobody alive was born before.
const EARLIEST_YEAR: i32 = 1875;

/// An 18-character number: a citizen's (GB 11643), a residence permit's (81, 82, 83), or a foreign permanent resident's
/// card's (first character 9). The last character is a digit or a capital X.
#[derive(Clone, PartialEq, Eq)]
pub struct IdNumber([u8; CHARACTERS]);

/// Why a text is no id number. Never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdNumberError {
    /// Fifteen digits: the first generation's form.
    #[error(
        "has 15 digits; the first generation of cards is no longer valid, give the number of 18 characters"
    )]
    FirstGeneration,
    /// Not eighteen characters.
    #[error("must have {CHARACTERS} characters")]
    WrongLength,
    /// Something other than a digit, or than a digit or X at the end.
    #[error("has something other than a digit (or, at the end, X) at character {position}")]
    NotADigit {
        /// From 1.
        position: usize,
    },
    /// No such province, residence permit or issuing place.
    #[error("does not begin with the code of a place that issues such numbers")]
    NoSuchPlace,
    /// The 31st of February.
    #[error("holds a birth date that does not exist")]
    NoSuchDate,
    /// Born tomorrow.
    #[error("holds a birth date in the future")]
    BornInFuture,
    /// Most likely a typing mistake.
    #[error("does not fit its check character")]
    CheckCharacter,
}

impl IdNumber {
    /// Reads a number as people write it: full-width characters and a small x are folded, spaces around are dropped.
    /// `today` is the date in Beijing.
    pub fn parse(text: &str, today: Date) -> Result<Self, IdNumberError> {
        let number = canonical(text)?;
        check_place(&number)?;
        check_birth(&number, today)?;
        if number[CHARACTERS - 1] != check_character(&number) {
            return Err(IdNumberError::CheckCharacter);
        }
        Ok(Self(number))
    }

    /// The eighteen characters.
    pub fn as_str(&self) -> &str {
        // Made of digits and X alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for IdNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdNumber(…)")
    }
}

fn canonical(text: &str) -> Result<[u8; CHARACTERS], IdNumberError> {
    let mut number = [0; CHARACTERS];
    let mut length = 0;
    for c in text.trim().chars().map(half_width) {
        // A longer text is not looked at to its end.
        if length == CHARACTERS {
            return Err(IdNumberError::WrongLength);
        }
        number[length] = match c {
            '0'..='9' => c as u8,
            'x' | 'X' if length == CHARACTERS - 1 => b'X',
            _ => return Err(IdNumberError::NotADigit { position: length + 1 }),
        };
        length += 1;
    }
    match length {
        CHARACTERS => Ok(number),
        15 => Err(IdNumberError::FirstGeneration),
        _ => Err(IdNumberError::WrongLength),
    }
}

fn check_place(number: &[u8; CHARACTERS]) -> Result<(), IdNumberError> {
    let pair = |at: usize| (number[at] - b'0') * 10 + (number[at + 1] - b'0');
    let known = if number[0] == b'9' {
        // 9, the province that took the application, the numeric code of the country (ISO 3166-1).
        PROVINCES.contains(&pair(1)) && number[3..6] != *b"000"
    } else if number[0] == b'8' {
        RESIDENCE_PERMITS.contains(&&number[..6])
    } else {
        PROVINCES.contains(&pair(0))
    };
    if known {
        Ok(())
    } else {
        Err(IdNumberError::NoSuchPlace)
    }
}

fn check_birth(number: &[u8; CHARACTERS], today: Date) -> Result<(), IdNumberError> {
    let value = |from: usize, to: usize| {
        number[from..to]
            .iter()
            .fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0'))
    };
    let month = u8::try_from(value(10, 12))
        .ok()
        .and_then(|month| Month::try_from(month).ok());
    let day = u8::try_from(value(12, 14)).ok();
    let birth = month
        .zip(day)
        .and_then(|(month, day)| Date::from_calendar_date(i32::from(value(6, 10)), month, day).ok())
        .filter(|birth| birth.year() >= EARLIEST_YEAR)
        .ok_or(IdNumberError::NoSuchDate)?;
    if birth > today {
        return Err(IdNumberError::BornInFuture);
    }
    Ok(())
}

fn check_character(number: &[u8; CHARACTERS]) -> u8 {
    let sum: u32 = number
        .iter()
        .zip(WEIGHTS)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    CHECK_CHARACTERS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, macros::date};

    use super::{IdNumber, IdNumberError, check_character};

    const TODAY: Date = date!(2026 - 11 - 21);

    fn check(text: &str) -> Result<String, IdNumberError> {
        IdNumber::parse(text, TODAY).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn real_forms_are_accepted() {
        // The two examples of GB 11643-1999; the samples that the authorities print on the other cards.
        for number in [
            "11010519491231002X",
            "440524188001010014",
            "810000199408230021",
            "830000199201300022",
            "911124198108030024",
        ] {
            assert_eq!(check(number).as_deref(), Ok(number));
        }
    }

    #[test]
    fn other_writings_become_the_canonical_one() {
        for text in [
            "11010519491231002x",
            " 11010519491231002X\n",
            "１１０１０５１９４９１２３１００２ｘ",
            "\u{3000}11010519491231002Ｘ",
        ] {
            assert_eq!(check(text).as_deref(), Ok("11010519491231002X"), "{text}");
        }
    }

    #[test]
    fn each_mistake_is_told_apart() {
        use IdNumberError::{
            BornInFuture, CheckCharacter, FirstGeneration, NoSuchDate, NoSuchPlace, NotADigit, WrongLength,
        };
        for (text, error) in [
            ("", WrongLength),
            ("130503670401001", FirstGeneration),
            ("1101051949123100", WrongLength),
            ("11010519491231002X0", WrongLength),
            ("11010519491231O02X", NotADigit { position: 15 }),
            ("X10105194912310020", NotADigit { position: 1 }),
            ("110105-19491231002", NotADigit { position: 7 }),
            ("010105194912310021", NoSuchPlace),
            ("990105194912310021", NoSuchPlace),
            ("911000198108030024", NoSuchPlace),
            ("810001199408230021", NoSuchPlace),
            ("840000199408230021", NoSuchPlace),
            ("110105194902290021", NoSuchDate),
            ("110105190002290021", NoSuchDate),
            ("110105194913010021", NoSuchDate),
            ("110105194900010021", NoSuchDate),
            ("110105194901000021", NoSuchDate),
            ("110105187412310021", NoSuchDate),
            ("110105202611220021", BornInFuture),
            ("110105194912310021", CheckCharacter),
        ] {
            assert_eq!(check(text), Err(error), "{text}");
        }
    }

    #[test]
    fn born_today_in_beijing_is_born() {
        let mut number = *b"110105202611210010";
        number[17] = check_character(&number);
        assert!(IdNumber::parse(std::str::from_utf8(&number).unwrap(), TODAY).is_ok());
    }

    #[test]
    fn printing_shows_nothing_of_it() {
        let number = IdNumber::parse("11010519491231002X", TODAY).unwrap();
        assert_eq!(format!("{number:?}"), "IdNumber(…)");
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_always_found(at in 14_usize..17, by in 1_u8..10) {
            // MOD 11-2 finds every single wrong character; in the sequence number nothing else can find it first.
            let mut number = *b"11010519491231002X";
            number[at] = b'0' + (number[at] - b'0' + by) % 10;
            prop_assert_eq!(check(std::str::from_utf8(&number).unwrap()), Err(IdNumberError::CheckCharacter));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,24}") {
            let _ = check(&text);
        }

        #[test]
        fn no_eighteen_digits_make_it_panic(text in "[0-9]{17}[0-9X]") {
            let _ = check(&text);
        }
    }
}
