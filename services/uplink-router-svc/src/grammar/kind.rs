//! Kinds of fields: which characters, how many.

/// What a field may hold, after folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `word`: 1 to 32 of A-Z, a-z and 0-9.
    Word,
    /// `card`: 4 to 32 of A-Z, a-z and 0-9. Spaces between them, as they are printed on cards, are left out.
    Card,
    /// `digits`: 1 to 32 of 0-9.
    Digits,
    /// `month`: YYYYMM, years 1900 to 2199.
    Month,
    /// `text`: 1 to 200 characters of any sort.
    Text,
    /// `secret`: 1 to 64 characters without spaces. Never written anywhere.
    Secret,
}

/// Bare names that mean a secret: a rule that forgets to say so must not put one on record.
const SECRET_NAMES: [&str; 6] = ["password", "passwd", "pwd", "pin", "secret", "passcode"];

impl Kind {
    /// All, for messages.
    pub(super) const NAMES: &'static str = "word, card, digits, month, text or secret";

    /// By the name behind the colon.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "word" => Self::Word,
            "card" => Self::Card,
            "digits" => Self::Digits,
            "month" => Self::Month,
            "text" => Self::Text,
            "secret" => Self::Secret,
            _ => return None,
        })
    }

    /// What a field without a kind is: of the kind that its name names, a secret where its name promises one, else a
    /// word.
    pub(super) fn of_name(name: &str) -> Self {
        if SECRET_NAMES.contains(&name) {
            Self::Secret
        } else {
            Self::parse(name).unwrap_or(Self::Word)
        }
    }

    /// The fewest and the most characters.
    pub(super) fn length(self) -> (usize, usize) {
        match self {
            Self::Word | Self::Digits => (1, 32),
            Self::Card => (4, 32),
            Self::Month => (6, 6),
            Self::Text => (1, 200),
            Self::Secret => (1, 64),
        }
    }

    /// Whether the character may stand in such a field.
    pub(super) fn allows(self, c: char) -> bool {
        match self {
            Self::Word | Self::Card => c.is_ascii_alphanumeric(),
            Self::Digits | Self::Month => c.is_ascii_digit(),
            Self::Text => true,
            Self::Secret => c != ' ',
        }
    }

    /// Whether spaces between its characters stand for nothing.
    pub(super) fn may_be_grouped(self) -> bool {
        self == Self::Card
    }

    /// Whether the whole is one, its characters and length being right.
    pub(super) fn accepts(self, value: &[char]) -> bool {
        match self {
            // A space at an end belongs to the punctuation beside the field.
            Self::Text => value.first() != Some(&' ') && value.last() != Some(&' '),
            Self::Month => {
                let number = value
                    .iter()
                    .fold(0, |number, c| number * 10 + c.to_digit(10).unwrap_or(0));
                (1900..2200).contains(&(number / 100)) && (1..=12).contains(&(number % 100))
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_bare_name_is_its_kind_a_secret_or_a_word() {
        assert_eq!(Kind::of_name("card"), Kind::Card);
        assert_eq!(Kind::of_name("month"), Kind::Month);
        assert_eq!(Kind::of_name("password"), Kind::Secret);
        assert_eq!(Kind::of_name("pin"), Kind::Secret);
        assert_eq!(Kind::of_name("policy"), Kind::Word);
    }

    #[test]
    fn a_month_exists() {
        let month = |text: &str| Kind::Month.accepts(&text.chars().collect::<Vec<_>>());
        assert!(month("202611") && month("190001") && month("219912"));
        for wrong in ["202600", "202613", "189912", "220001"] {
            assert!(!month(wrong), "{wrong}");
        }
    }
}
