//! Finding a pattern's fields in a text.

use std::ops::Range;

use super::{
    fields::Fields,
    fold::{Folded, same},
    kind::Kind,
    pattern::{Pattern, Piece},
};

/// A text that fits.
pub struct Match {
    /// What stands in the fields.
    pub fields: Fields,
    /// The octets of the original text that hold secrets, in order.
    pub secrets: Vec<Range<usize>>,
}

impl Pattern {
    /// Whether the whole text fits, and what stands in the fields. Where it fits in several ways, earlier fields are as
    /// long as can be. Time grows with the text's length times the pattern's pieces times the longest field.
    pub fn matches(&self, text: &Folded) -> Option<Match> {
        let mut search = Search {
            pieces: &self.pieces,
            text: text.chars(),
            hopeless: vec![false; (self.pieces.len() + 1) * (text.chars().len() + 1)],
            found: Vec::new(),
        };
        if !search.fits(0, 0) {
            return None;
        }
        let mut fields = Fields::new();
        let mut secrets = Vec::new();
        // Fields are noted on the way back from the end.
        for (piece, range) in search.found.into_iter().rev() {
            let Some(Piece::Field { name, kind }) = self.pieces.get(piece) else {
                continue;
            };
            let secret = *kind == Kind::Secret;
            if secret {
                secrets.push(text.original(range.start, range.end));
            }
            let value = text.chars()[range]
                .iter()
                .filter(|c| !(kind.may_be_grouped() && **c == ' '));
            fields.push(name, value.collect(), secret);
        }
        Some(Match { fields, secrets })
    }
}

struct Search<'a> {
    pieces: &'a [Piece],
    text: &'a [char],
    /// Places (piece, character) from which the rest is known not to fit, so that none is tried twice.
    hopeless: Vec<bool>,
    found: Vec<(usize, Range<usize>)>,
}

impl Search<'_> {
    /// Whether the pieces from `piece` on fit the text from `at` on. Recursion is as deep as there are pieces.
    fn fits(&mut self, piece: usize, at: usize) -> bool {
        let slot = piece * (self.text.len() + 1) + at;
        if self.hopeless[slot] {
            return false;
        }
        let fits = match self.pieces.get(piece) {
            None => at == self.text.len(),
            Some(Piece::Literal(literal)) => {
                literal_at(literal, self.text, at).is_some_and(|behind| self.fits(piece + 1, behind))
            }
            Some(Piece::Field { kind, .. }) => self.field_fits(piece, *kind, at),
        };
        self.hopeless[slot] = !fits;
        fits
    }

    fn field_fits(&mut self, piece: usize, kind: Kind, at: usize) -> bool {
        // A space between literal text and a field does not count.
        let at = at + usize::from(self.text.get(at) == Some(&' '));
        for end in ends(kind, self.text, at).into_iter().rev() {
            let range = at..end;
            if kind.accepts(&self.text[range.clone()]) && self.fits(piece + 1, range.end) {
                self.found.push((piece, range));
                return true;
            }
        }
        false
    }
}

/// Where a field that begins at `at` may end, the nearest place first. Spaces in a field of groups do not count.
fn ends(kind: Kind, text: &[char], at: usize) -> Vec<usize> {
    let (fewest, most) = kind.length();
    let mut ends = Vec::new();
    let mut length = 0;
    for (place, c) in text.iter().enumerate().skip(at) {
        if length > 0 && kind.may_be_grouped() && *c == ' ' {
            continue;
        }
        if length == most || !kind.allows(*c) {
            break;
        }
        length += 1;
        if length >= fewest {
            ends.push(place + 1);
        }
    }
    ends
}

/// The place behind a literal that stands at `at`. A space in front of it does not count, nor one beside a punctuation
/// mark in it, neither in the literal nor in the text.
fn literal_at(literal: &[char], text: &[char], at: usize) -> Option<usize> {
    let mut at = at;
    let mut may_skip = true;
    for (index, &want) in literal.iter().enumerate() {
        let beside_mark = literal.get(index + 1).is_some_and(|next| is_mark(*next));
        if want == ' ' && (may_skip || beside_mark) {
            continue;
        }
        may_skip |= is_mark(want);
        if may_skip && text.get(at) == Some(&' ') {
            at += 1;
        }
        if !same(*text.get(at)?, want) {
            return None;
        }
        at += 1;
        may_skip = is_mark(want);
    }
    Some(at)
}

fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation() || matches!(c, '、' | '。' | '·' | '《' | '》' | '【' | '】')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Pattern, fold};

    fn find(pattern: &str, text: &str) -> Option<Vec<(String, String)>> {
        let found = Pattern::parse(pattern).unwrap().matches(&fold(text))?;
        let fields = found
            .fields
            .exposed()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(fields.collect())
    }

    fn one(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn the_usual_writings_of_a_question_fit() {
        for text in [
            "SBYE#62220202",
            "sbye#62220202",
            "ＳＢＹＥ＃６２２２０２０２",
            " SBYE # 62220202 ",
            "Sbye＃　62220202\n",
            "SBYE#6222 0202",
            "sbye # 62 22　０２ 02 ",
        ] {
            assert_eq!(
                find("SBYE#{card}", text),
                Some(one("card", "62220202")),
                "{text:?}"
            );
        }
    }

    #[test]
    fn other_texts_do_not() {
        for text in [
            "",
            "SBYE",
            "SBYE#",
            "SBYE#622",
            "SBYE#6222-0202",
            "SB YE#62220202",
            "SBYE#6222 02/02",
            "xSBYE#62220202",
            "SBYE#62220202x#",
            "SBYE##62220202",
            &format!("SBYE#{}", "6".repeat(33)),
        ] {
            assert_eq!(find("SBYE#{card}", text), None, "{text:?}");
        }
    }

    #[test]
    fn the_spaces_of_a_card_leave_room_for_what_follows() {
        let found = find("SBZD#{card}#{month}", "SBZD#6222 0202 1888 0001 # 202610").unwrap();
        assert_eq!(found[0].1, "6222020218880001");
        assert_eq!(found[1].1, "202610");
        assert_eq!(find("SBYE#{card}", &format!("SBYE#{}", "6 ".repeat(33))), None);
    }

    #[test]
    fn fields_keep_their_case_and_their_kinds() {
        assert_eq!(find("YE {card}", "ye AbC123"), Some(one("card", "AbC123")));
        assert_eq!(find("YE{n:digits}", "ye12a"), None);
        assert_eq!(find("ZD#{month}", "zd#202611"), Some(one("month", "202611")));
        assert_eq!(find("ZD#{month}", "zd#202613"), None);
        assert_eq!(find("YE{card}", "ye AbC123 "), Some(one("card", "AbC123")));
        assert_eq!(find("CX YE {card}", "cx ye AbC123"), Some(one("card", "AbC123")));
        assert_eq!(find("CX YE {card}", "cxye AbC123"), None);
        assert_eq!(
            find("CX - YE {card}", "cx-ye AbC123"),
            Some(one("card", "AbC123"))
        );
        assert_eq!(
            find("投诉{what:text}", "投诉 窗口 3 没人"),
            Some(one("what", "窗口 3 没人"))
        );
        assert_eq!(
            find("{what:text} 投诉", "窗口 3 没人 投诉"),
            Some(one("what", "窗口 3 没人"))
        );
        assert_eq!(
            find("投诉:{what:text}", "投诉：窗口 3 没人"),
            Some(one("what", "窗口 3 没人"))
        );
    }

    #[test]
    fn a_card_and_a_password_are_told_apart_and_the_password_is_marked() {
        let text = "６２２２＊ pa*Ss1 ";
        let found = Pattern::parse("{card}*{password}")
            .unwrap()
            .matches(&fold(text))
            .unwrap();
        assert_eq!(found.fields.plain("card"), Some("6222"));
        assert_eq!(found.fields.plain("password"), None);
        assert_eq!(found.fields.secret("password").unwrap().expose(), "pa*Ss1");
        let marked: Vec<_> = found.secrets.iter().map(|range| &text[range.clone()]).collect();
        assert_eq!(marked, ["pa*Ss1"]);
        assert_eq!(format!("{:?}", found.fields), r#"{"card", "password"}"#);
        assert_eq!(
            format!("{:?}", found.fields.secret("password").unwrap()),
            "Secret"
        );
    }

    #[test]
    fn earlier_fields_are_as_long_as_can_be_and_give_back_what_later_ones_need() {
        let fields = find("{a:secret}*{b:secret}", "1*2*3").unwrap();
        assert_eq!(
            fields,
            [
                ("a".to_owned(), "1*2".to_owned()),
                ("b".to_owned(), "3".to_owned())
            ]
        );
        assert_eq!(find("{a:secret}*", "1**"), Some(one("a", "1*")));
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let pattern = "{a:secret}*{b:secret}*{c:secret}*{d:secret}*{e:secret}*{f:secret}*{g:secret}#";
        assert_eq!(find(pattern, &"*".repeat(400)), None);
    }

    proptest! {
        #[test]
        fn what_a_pattern_builds_it_finds(card in "[0-9A-Za-z]{4,32}", month in "20[0-9]{2}(0[1-9]|1[0-2])") {
            let text = format!(" zd ＃{card}# {month}");
            let fields = find("ZD#{card}#{month}", &text).unwrap();
            prop_assert_eq!(&fields[0].1, &card);
            prop_assert_eq!(&fields[1].1, &month);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = find("SBYE#{card}", &text).is_some();
            let _ = find("{card}*{password}", &text).is_some();
            let _ = find("a {x:text} b", &text).is_some();
        }
    }
}
