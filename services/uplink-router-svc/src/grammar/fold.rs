//! Folding: one form for the many ways to type the same thing.

use zeroize::Zeroize;

/// Longer texts are cut here before they are compared: no pattern is as long, so that such a text matches none.
pub const MAX_CHARS: usize = 1_200;

/// A text as it is compared, each character with the place in the original that it came from. Wiped when dropped,
/// because any text may hold a secret. Has no `Debug` for the same reason.
pub struct Folded {
    chars: Vec<char>,
    /// First octet and octet behind the last, in the original, for each character.
    places: Vec<(usize, usize)>,
}

impl Folded {
    /// The characters.
    pub(super) fn chars(&self) -> &[char] {
        &self.chars
    }

    /// The octets of the original that some characters came from.
    pub(super) fn original(&self, from: usize, until: usize) -> std::ops::Range<usize> {
        match (self.places.get(from), self.places.get(until.wrapping_sub(1))) {
            (Some((start, _)), Some((_, end))) if from < until => *start..*end,
            _ => 0..0,
        }
    }

    /// Whether the text is this word, which is folded alike; the case of letters does not matter.
    pub fn is(&self, word: &str) -> bool {
        let word = fold(word);
        self.chars.len() == word.chars.len()
            && self
                .chars
                .iter()
                .zip(&word.chars)
                .all(|(one, other)| same(*one, *other))
    }

    /// The text without what its sender cannot see, lower case: for telling whether two texts are the same.
    pub fn canonical(&self) -> String {
        self.chars.iter().map(char::to_ascii_lowercase).collect()
    }
}

impl Drop for Folded {
    fn drop(&mut self) {
        self.chars.zeroize();
    }
}

/// Whether two folded characters are the same but for case.
pub(super) fn same(one: char, other: char) -> bool {
    one == other || one.to_lowercase().eq(other.to_lowercase())
}

/// Folds a text: full-width forms to half-width ones, any white space or control character to a space, spaces trimmed and
/// collapsed, characters without width left out.
pub fn fold(text: &str) -> Folded {
    let mut chars = Vec::with_capacity(text.len().min(MAX_CHARS));
    let mut places = Vec::with_capacity(chars.capacity());
    for (at, original) in text.char_indices() {
        let Some(c) = fold_char(original) else { continue };
        if c == ' ' && chars.last().is_none_or(|last| *last == ' ') {
            continue;
        }
        if chars.len() == MAX_CHARS {
            break;
        }
        chars.push(c);
        places.push((at, at + original.len_utf8()));
    }
    if chars.last() == Some(&' ') {
        chars.pop();
        places.pop();
    }
    Folded { chars, places }
}

fn fold_char(c: char) -> Option<char> {
    match c {
        // Zero-width spaces and joiners, direction marks, byte order mark: left by copying from web pages and chats.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => None,
        // The full-width forms of all visible ASCII characters, in the same order.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        _ if c.is_whitespace() || c.is_control() => Some(' '),
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_CHARS, fold};

    fn folded(text: &str) -> String {
        fold(text).chars().iter().collect()
    }

    #[test]
    fn the_many_ways_to_type_are_one() {
        for text in [
            "SBYE#12 a",
            " SBYE#12  a ",
            "ＳＢＹＥ＃１２　ａ",
            "\tSBYE#12\r\na\n",
            "SB\u{200b}YE#12 a\u{feff}",
        ] {
            assert_eq!(folded(text), "SBYE#12 a", "{text:?}");
        }
        assert_eq!(folded("退订。"), "退订。");
        assert_eq!(folded(" 　\n"), "");
    }

    #[test]
    fn a_folded_character_knows_where_it_came_from() {
        let text = "　Ａ＃１２";
        let folded = fold(text);
        assert_eq!(&text[folded.original(0, 1)], "Ａ");
        assert_eq!(&text[folded.original(2, 4)], "１２");
        assert_eq!(folded.original(1, 1), 0..0);
        assert_eq!(folded.original(4, 9), 0..0);
    }

    #[test]
    fn words_compare_without_case() {
        assert!(fold(" ｔｄ ").is("TD"));
        assert!(fold("TD").is("td"));
        assert!(!fold("TD1").is("TD"));
        assert!(!fold("").is("TD"));
        assert_eq!(fold(" ＴＤ  1").canonical(), "td 1");
    }

    #[test]
    fn a_text_is_cut_at_the_limit() {
        assert_eq!(fold(&"a".repeat(MAX_CHARS * 2)).chars().len(), MAX_CHARS);
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "[ａＡ１ #＃\\t　a退\u{200b}]{0,40}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
