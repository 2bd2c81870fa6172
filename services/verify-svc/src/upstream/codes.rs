//! What an upstream's result codes mean.

use std::{collections::BTreeMap, str::FromStr};

use hongyan_proto::verify::v1::{Element, Outcome};

/// A raw code that is longer, or not visible ASCII, is not repeated anywhere: it may hold anything.
pub const MAX_CODE_CHARS: usize = 32;

/// The reason of INDETERMINATE where the upstream gave a code that its table does not have.
pub const UNKNOWN_CODE: &str = "UNKNOWN_CODE";

/// What a code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Never UNSPECIFIED.
    pub outcome: Outcome,
    /// With MISMATCH: what differs, where the code says so.
    pub mismatched: Vec<Element>,
    /// Whether the upstream charges for such an answer; `None` where its price list does not say.
    pub charged: Option<bool>,
    /// With INDETERMINATE: why, UPPER_SNAKE.
    pub reason: String,
}

impl Meaning {
    /// What stands where nothing is known: never a match.
    pub fn unknown_code() -> Self {
        Self {
            outcome: Outcome::Indeterminate,
            mismatched: Vec::new(),
            charged: None,
            reason: UNKNOWN_CODE.to_owned(),
        }
    }
}

/// One upstream's table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultCodes(BTreeMap<String, Meaning>);

impl ResultCodes {
    /// Adds a line; `Err` says what is wrong with it. A line is `<code>=<outcome> <charge>`: the outcome `MATCH`,
    /// `MISMATCH`, `MISMATCH:name`, `MISMATCH:id_number`, `MISMATCH:name+id_number`, `NOT_FOUND` or
    /// `INDETERMINATE:<REASON>`; the charge `charged`, `free` or `unsure`.
    pub fn add(&mut self, line: &str) -> Result<(), String> {
        let (code, meaning) = line
            .split_once('=')
            .ok_or_else(|| format!("{line:?} must be <code>=<outcome> <charge>"))?;
        if !is_code(code) {
            return Err(format!(
                "the code of {line:?} must be 1 to {MAX_CODE_CHARS} visible ASCII characters"
            ));
        }
        let meaning = meaning.parse().map_err(|why| format!("{line:?}: {why}"))?;
        match self.0.insert(code.to_owned(), meaning) {
            None => Ok(()),
            Some(_) => Err(format!("the code of {line:?} is in the table already")),
        }
    }

    /// Nothing in it: every answer would be indeterminate.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The meaning of a code as it came; [`Meaning::unknown_code`] for any that is not in the table.
    pub fn meaning(&self, code: &str) -> Meaning {
        self.0.get(code).cloned().unwrap_or_else(Meaning::unknown_code)
    }
}

/// Whether a code may be repeated in answers, logs and the record.
pub fn is_code(code: &str) -> bool {
    (1..=MAX_CODE_CHARS).contains(&code.len()) && code.bytes().all(|octet| octet.is_ascii_graphic())
}

impl FromStr for Meaning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (Some(outcome), Some(charge), None) = (words.next(), words.next(), words.next()) else {
            return Err("an outcome and a charge must follow the =".to_owned());
        };
        let (outcome, detail) = match outcome.split_once(':') {
            None => (outcome, None),
            Some((outcome, detail)) => (outcome, Some(detail)),
        };
        let mut meaning = Self {
            outcome: Outcome::Indeterminate,
            mismatched: Vec::new(),
            charged: charge_of(charge)?,
            reason: String::new(),
        };
        match (outcome, detail) {
            ("MATCH", None) => meaning.outcome = Outcome::Match,
            ("NOT_FOUND", None) => meaning.outcome = Outcome::NotFound,
            ("MISMATCH", None) => meaning.outcome = Outcome::Mismatch,
            ("MISMATCH", Some(elements)) => {
                meaning.outcome = Outcome::Mismatch;
                meaning.mismatched = elements.split('+').map(element_of).collect::<Result<_, _>>()?;
            }
            ("INDETERMINATE", Some(reason)) if is_reason(reason) => reason.clone_into(&mut meaning.reason),
            ("INDETERMINATE", _) => {
                return Err("INDETERMINATE needs a reason, as INDETERMINATE:BUSY".to_owned());
            }
            _ => return Err("the outcome must be MATCH, MISMATCH, NOT_FOUND or INDETERMINATE".to_owned()),
        }
        Ok(meaning)
    }
}

fn charge_of(text: &str) -> Result<Option<bool>, String> {
    match text {
        "charged" => Ok(Some(true)),
        "free" => Ok(Some(false)),
        "unsure" => Ok(None),
        _ => Err("the charge must be charged, free or unsure".to_owned()),
    }
}

fn element_of(text: &str) -> Result<Element, String> {
    match text {
        "phone" => Ok(Element::Phone),
        "name" => Ok(Element::Name),
        "id_number" => Ok(Element::IdNumber),
        _ => Err("the elements of a mismatch must be phone, name or id_number, parted by +".to_owned()),
    }
}

fn is_reason(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|octet| octet.is_ascii_uppercase() || octet.is_ascii_digit() || octet == b'_')
}

#[cfg(test)]
mod tests {
    use hongyan_proto::verify::v1::{Element, Outcome};

    use super::{Meaning, ResultCodes};

    #[test]
    fn a_table_gives_each_code_its_meaning() {
        let mut codes = ResultCodes::default();
        for line in [
            "0=MATCH charged",
            "1=MISMATCH unsure",
            "2=MISMATCH:name+id_number charged",
            "3=NOT_FOUND free",
            "90=INDETERMINATE:BUSY free",
        ] {
            codes.add(line).unwrap();
        }
        assert_eq!(codes.meaning("0").outcome, Outcome::Match);
        assert_eq!(codes.meaning("0").charged, Some(true));
        assert_eq!(codes.meaning("1").mismatched, []);
        assert_eq!(codes.meaning("1").charged, None);
        assert_eq!(codes.meaning("2").mismatched, [Element::Name, Element::IdNumber]);
        assert_eq!(codes.meaning("3").charged, Some(false));
        assert_eq!(codes.meaning("90").reason, "BUSY");
    }

    #[test]
    fn an_unknown_code_is_never_a_match() {
        let mut codes = ResultCodes::default();
        codes.add("0=MATCH charged").unwrap();
        for code in ["", "00", "0 ", " 0", "O", "０", "MATCH"] {
            assert_eq!(codes.meaning(code), Meaning::unknown_code(), "{code:?}");
        }
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_reason() {
        let mut codes = ResultCodes::default();
        codes.add("0=MATCH charged").unwrap();
        for (line, part) in [
            ("", "must be <code>"),
            ("=MATCH charged", "visible ASCII"),
            ("a b=MATCH charged", "visible ASCII"),
            ("0=MATCH free", "already"),
            ("1=MATCH", "must follow"),
            ("1=MATCH charged twice", "must follow"),
            ("1=MAYBE charged", "the outcome must be"),
            ("1=MATCH:name charged", "the outcome must be"),
            ("1=MISMATCH:face charged", "elements"),
            ("1=MISMATCH: charged", "elements"),
            ("1=INDETERMINATE free", "needs a reason"),
            ("1=INDETERMINATE:busy free", "needs a reason"),
            ("1=MATCH perhaps", "the charge must be"),
        ] {
            let why = codes.add(line).expect_err(line);
            assert!(why.contains(part), "{line}: {why}");
        }
    }
}
