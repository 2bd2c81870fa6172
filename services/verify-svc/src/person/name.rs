//! Names as carriers compare them.

use std::fmt;

use super::half_width;

const LEAST: usize = 2;
/// The longest names on cards (of some minorities, and of foreign permanent residents) stay below.
const MOST: usize = 50;
/// U+00B7, which the Ministry of Public Security writes between the parts of a name.
const MIDDLE_DOT: char = '·';

/// A name in its canonical form: middle dots are U+00B7, Latin letters half-width, no spaces but single ones between
/// words in Latin letters. 2 to 50 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(String);

/// Why a text is no name. Never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too few or too many characters.
    #[error("must have {LEAST} to {MOST} characters")]
    WrongLength,
    /// No name has digits.
    #[error("has a digit at character {position}")]
    Digit {
        /// From 1, in the text as it was given.
        position: usize,
    },
    /// A rare character in the private code of some system, which other systems read as something else.
    #[error(
        "has a private-use character at character {position}; give the character that Unicode has for it"
    )]
    PrivateUse {
        /// From 1, in the text as it was given.
        position: usize,
    },
    /// Something that stands in no name.
    #[error("has something at character {position} that stands in no name")]
    NotOfAName {
        /// From 1, in the text as it was given.
        position: usize,
    },
    /// A dot at the beginning, at the end or beside another.
    #[error("has a dot that does not stand between two parts of the name")]
    MisplacedDot,
}

impl PersonName {
    /// Reads a name as people and forms write it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut name = Canonical::default();
        for (index, given) in text.trim().chars().enumerate() {
            // Twice the longest name leaves room for what is dropped.
            if index >= 2 * MOST {
                return Err(NameError::WrongLength);
            }
            name.push(given, index + 1)?;
        }
        name.finish()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(…)")
    }
}

/// A name in the making.
#[derive(Default)]
struct Canonical {
    name: String,
    /// A space was seen since the last character; whether it stays depends on the next one.
    space: bool,
}

impl Canonical {
    fn push(&mut self, given: char, position: usize) -> Result<(), NameError> {
        let c = half_width(given);
        let last = self.name.chars().next_back();
        match c {
            ' ' => self.space = true,
            _ if is_invisible(c) => {}
            _ if is_middle_dot(c) || (c == '.' && given != c) || (c == '.' && last.is_some_and(is_han)) => {
                if last.is_none_or(|last| last == MIDDLE_DOT) {
                    return Err(NameError::MisplacedDot);
                }
                self.space = false;
                self.name.push(MIDDLE_DOT);
            }
            _ if c.is_numeric() && !is_han(c) => return Err(NameError::Digit { position }),
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => {
                return Err(NameError::PrivateUse { position });
            }
            _ if stands_in_names(c) => {
                // Between words in Latin letters a space tells them apart; elsewhere it is a habit of typing.
                let latin = |c: char| !is_han(c) && c != MIDDLE_DOT;
                if self.space && last.is_some_and(latin) && latin(c) {
                    self.name.push(' ');
                }
                self.space = false;
                self.name.push(c);
            }
            _ => return Err(NameError::NotOfAName { position }),
        }
        Ok(())
    }

    fn finish(self) -> Result<PersonName, NameError> {
        if self.name.ends_with(MIDDLE_DOT) {
            return Err(NameError::MisplacedDot);
        }
        if !(LEAST..=MOST).contains(&self.name.chars().count()) {
            return Err(NameError::WrongLength);
        }
        Ok(PersonName(self.name))
    }
}

/// Everything that keyboards, fonts and old systems give for the dot between the parts of a name.
fn is_middle_dot(c: char) -> bool {
    matches!(
        c,
        '\u{b7}' // middle dot
            | '\u{387}' // Greek ano teleia
            | '\u{16eb}' // runic single punctuation
            | '\u{2022}' // bullet
            | '\u{2024}' // one dot leader
            | '\u{2027}' // hyphenation point
            | '\u{2219}' // bullet operator
            | '\u{22c5}' // dot operator
            | '\u{25cf}' // black circle
            | '\u{2e31}' // word separator middle dot
            | '\u{2e33}' // raised dot
            | '\u{30fb}' // katakana middle dot
            | '\u{a78f}' // Latin letter sinological dot
            | '\u{ff65}' // half-width katakana middle dot
    )
}

/// What copying from a document brings along: zero-width characters and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Han characters; the planes 2 and 3 hold nothing else, whatever Unicode adds to them.
fn is_han(c: char) -> bool {
    matches!(
        c,
        '\u{3007}' // 〇
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

fn stands_in_names(c: char) -> bool {
    is_han(c) || c.is_alphabetic() || matches!(c, '-' | '\'' | '\u{2019}' | ',' | '.') || is_combining(c)
}

/// Accents that are written as characters of their own.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NameError, PersonName};

    fn canonical(text: &str) -> Result<String, NameError> {
        PersonName::parse(text).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn every_middle_dot_becomes_the_one() {
        for dot in [
            '\u{b7}', '\u{2022}', '\u{2027}', '\u{30fb}', '\u{ff65}', '\u{2219}', '\u{22c5}', '\u{ff0e}',
            '\u{2024}', '\u{387}', '.',
        ] {
            assert_eq!(
                canonical(&format!("阿迪力{dot}买买提")).as_deref(),
                Ok("阿迪力·买买提"),
                "{dot:?}"
            );
            assert_eq!(
                canonical(&format!("阿迪力 {dot} 买买提")).as_deref(),
                Ok("阿迪力·买买提"),
                "{dot:?}"
            );
        }
    }

    #[test]
    fn names_are_folded_and_rare_characters_kept() {
        for (given, name) in [
            ("张三", "张三"),
            (" 张　三 ", "张三"),
            ("𠮷田\u{fe00}", "𠮷田"),
            ("李\u{200b}𬭎", "李𬭎"),
            ("王\u{31350}", "王\u{31350}"),
            ("〇〇", "〇〇"),
            ("ＳＭＩＴＨ,  ＪＯＨＮ", "SMITH, JOHN"),
            ("JEAN-LUC O'NEIL", "JEAN-LUC O'NEIL"),
            ("DAVID J. SMITH", "DAVID J. SMITH"),
        ] {
            assert_eq!(canonical(given).as_deref(), Ok(name), "{given:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_place() {
        use NameError::{Digit, MisplacedDot, NotOfAName, PrivateUse, WrongLength};
        for (text, error) in [
            ("", WrongLength),
            ("张", WrongLength),
            (&"长".repeat(51), WrongLength),
            (&" 长".repeat(1000), WrongLength),
            ("张3", Digit { position: 2 }),
            ("张３", Digit { position: 2 }),
            ("张Ⅲ", Digit { position: 2 }),
            ("张\u{e001}", PrivateUse { position: 2 }),
            ("张\u{0}三", NotOfAName { position: 2 }),
            ("张\n三", NotOfAName { position: 2 }),
            ("张三!", NotOfAName { position: 3 }),
            ("张🙂", NotOfAName { position: 2 }),
            ("·张三", MisplacedDot),
            ("张三·", MisplacedDot),
            ("张··三", MisplacedDot),
        ] {
            assert_eq!(canonical(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn printing_shows_nothing_of_it() {
        assert_eq!(
            format!("{:?}", PersonName::parse("张三").unwrap()),
            "PersonName(…)"
        );
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(text in "\\PC{0,60}") {
            if let Ok(name) = canonical(&text) {
                prop_assert_eq!(canonical(&name), Ok(name.clone()));
            }
        }
    }
}
