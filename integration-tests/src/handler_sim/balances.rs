//! The cards that the simulator knows.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// More than anybody writes by hand, and few enough to hold.
const MOST_CARDS: usize = 100_000;

/// Cards by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balances {
    /// By the card's number as a subscriber types it.
    pub cards: BTreeMap<String, Card>,
}

/// What is known of a card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Card {
    /// What the field `password` must be, where the card has one.
    #[serde(default)]
    pub password: Option<String>,
    /// The parameters of answers, e.g. `balance`.
    #[serde(flatten)]
    pub parameters: BTreeMap<String, String>,
}

impl Balances {
    /// Reads a YAML file:
    ///
    /// ```yaml
    /// cards:
    ///   "62220202": {balance: "12.50", as_of: "11月21日"}
    ///   "62220203": {balance: "7.00", password: "123456"}
    /// ```
    pub fn load(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let balances: Self = serde_saphyr::from_str(&text)
            .with_context(|| format!("{} is no file of balances", file.display()))?;
        ensure!(balances.cards.len() <= MOST_CARDS, "at most {MOST_CARDS} cards");
        Ok(balances)
    }

    /// Adds what a flag says: `CARD=AMOUNT`.
    pub fn add_flag(&mut self, flag: &str) -> Result<()> {
        let (card, amount) = flag.split_once('=').context("a balance is written CARD=AMOUNT")?;
        ensure!(
            !card.is_empty() && !amount.is_empty(),
            "a balance is written CARD=AMOUNT"
        );
        let known = self.cards.entry(card.to_owned()).or_default();
        known.parameters.insert("balance".to_owned(), amount.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Balances;

    #[test]
    fn a_file_and_flags_make_cards() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("balances.yaml");
        fs::write(
            &file,
            "cards:\n  \"62220202\": {balance: \"12.50\", as_of: 今天}\n  \"1\": {password: \"9\"}\n",
        )
        .unwrap();
        let mut balances = Balances::load(&file).unwrap();
        balances.add_flag("1=7.00").unwrap();
        assert_eq!(balances.cards["62220202"].parameters["as_of"], "今天");
        assert_eq!(balances.cards["1"].password.as_deref(), Some("9"));
        assert_eq!(balances.cards["1"].parameters["balance"], "7.00");
        for wrong in ["", "1", "=7", "1="] {
            assert!(balances.add_flag(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn another_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("balances.yaml");
        fs::write(&file, "card: {}\n").unwrap();
        assert!(Balances::load(&file).is_err());
        assert!(Balances::load(&dir.path().join("none.yaml")).is_err());
    }
}
