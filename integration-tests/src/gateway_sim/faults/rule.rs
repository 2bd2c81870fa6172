//! What is done with messages.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::ReceiptChange;

/// What to do with some messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Only messages to this number, with or without "86".
    pub number: Option<String>,
    /// Only messages to one of these numbers.
    pub numbers: Option<Vec<String>>,
    /// Only this share of them, 0 to 1, by chance.
    pub fraction: Option<f64>,
    /// Only the next so many of them.
    pub next: Option<u64>,
    /// What is done.
    pub then: Effects,
}

/// The most numbers of one rule.
const MAX_NUMBERS: usize = 10_000;

/// What is done with a message; what is left out stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effects {
    /// The result: a code of the protocol, or what it shall mean. A message whose result is not 0 counts as refused
    /// and gets no receipt.
    pub result: Option<Code>,
    /// The answer comes so many milliseconds later.
    pub delay_ms: Option<u64>,
    /// The form of the answer.
    pub answer: Option<Answer>,
    /// Drops the connection.
    pub cut: Option<Cut>,
    /// The receipt; what is left out of it, too, stays as it was.
    pub receipt: Option<ReceiptChange>,
}

/// A result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Code {
    /// As the protocol writes it.
    Number(u32),
    /// As the protocol would write it.
    Meaning(Meaning),
}

/// What a result means, whatever the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Taken.
    Accept,
    /// Slow down and try again.
    Throttle,
    /// The number is not with this carrier, as after it was ported.
    NoRoute,
    /// Refused for good.
    Refuse,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// As it should be.
    #[default]
    Whole,
    /// None at all; the message is taken.
    None,
    /// None at all; the message is lost without a trace, and counted as such.
    Lost,
    /// Its first half, then the connection drops.
    Truncated,
    /// Octets that are no PDU.
    Garbage,
    /// Its length field says one octet more than there is.
    WrongLength,
    /// The header alone.
    WithoutBody,
    /// It answers a request that was never made.
    WrongSequence,
}

/// When a connection drops. The message is taken in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// Instead of the answer.
    BeforeAnswer,
    /// Right after it.
    AfterAnswer,
}

impl Rule {
    /// Whether the rule speaks about this number, given without "86".
    pub(super) fn is_about(&self, number: &str) -> bool {
        let same = |only: &String| national(only) == number;
        self.number.as_ref().is_none_or(same)
            && self
                .numbers
                .as_ref()
                .is_none_or(|numbers| numbers.iter().any(same))
    }

    pub(super) fn check(&self) -> Result<()> {
        check_fraction(self.fraction)?;
        ensure!(
            self.numbers
                .as_ref()
                .is_none_or(|numbers| numbers.len() <= MAX_NUMBERS),
            "numbers: at most {MAX_NUMBERS}"
        );
        match &self.then.receipt {
            Some(receipt) => receipt.check(),
            None => Ok(()),
        }
    }
}

pub(super) fn check_fraction(fraction: Option<f64>) -> Result<()> {
    ensure!(
        fraction.is_none_or(|fraction| (0.0..=1.0).contains(&fraction)),
        "fraction must be 0 to 1"
    );
    Ok(())
}

/// A mobile number without "+86" or "86"; any other as it is.
pub(in super::super) fn national(number: &str) -> &str {
    let rest = number.strip_prefix("+86").or_else(|| number.strip_prefix("86"));
    rest.filter(|rest| rest.len() == 11).unwrap_or(number)
}
