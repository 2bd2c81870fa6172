//! What the gateway does wrong, and to whom.

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

/// The most rules at once.
const MAX_RULES: usize = 1_000;

/// Everything that can be changed while the gateway runs. The default is a gateway without a fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What to do with which message. All that match apply, in order; a later one overrides an earlier one.
    pub rules: Vec<Rule>,
    /// Answers 8 (slow down) to messages of an account above this many within any second.
    pub throttle_per_second: Option<u32>,
    /// Does not answer `ACTIVE_TEST`.
    pub ignore_active_test: bool,
    /// Refuses every login with this status.
    pub refuse_logins_with: Option<u32>,
    /// Drops each connection after it has taken this many PDUs.
    pub drop_after_pdus: Option<u64>,
}

/// What to do with some messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Only messages to this number.
    pub number: Option<String>,
    /// Only this share of them, 0 to 1, by chance.
    pub fraction: Option<f64>,
    /// Only the next so many of them.
    pub next: Option<u64>,
    /// What is done.
    pub then: Effects,
}

/// What is done with a message; what is left out stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Effects {
    /// The result code; messages with a code other than 0 count as refused and get no receipt.
    pub result: Option<u32>,
    /// The answer comes so many milliseconds later.
    pub delay_ms: Option<u64>,
    /// The form of the answer.
    pub answer: Option<Answer>,
    /// Drops the connection.
    pub cut: Option<Cut>,
    /// The receipt; what is left out of it, too, stays as it was.
    pub receipt: Option<ReceiptChange>,
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
    /// Its first half, then the connection drops.
    Truncated,
    /// Octets that are no PDU.
    Garbage,
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

/// What is different about a receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiptChange {
    /// When, or not at all.
    pub time: Option<ReceiptTime>,
    /// How long after the answer, with [`ReceiptTime::Later`].
    pub delay_ms: Option<u64>,
    /// How often it is sent.
    pub copies: Option<u8>,
    /// The status text, at most seven octets.
    pub stat: Option<String>,
    /// Its form.
    pub form: Option<ReceiptForm>,
    /// Sent even to a message that did not ask for one.
    pub even_unasked: Option<bool>,
}

/// The receipt of an accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptPlan {
    /// When, or not at all.
    pub time: ReceiptTime,
    /// How long after the answer, with [`ReceiptTime::Later`].
    pub delay_ms: u64,
    /// How often it is sent.
    pub copies: u8,
    /// The status text, at most seven octets.
    pub stat: String,
    /// Its form.
    pub form: ReceiptForm,
    /// Sent even to a message that did not ask for one.
    pub even_unasked: bool,
}

impl Default for ReceiptPlan {
    fn default() -> Self {
        Self {
            time: ReceiptTime::Later,
            delay_ms: 100,
            copies: 1,
            stat: "DELIVRD".to_owned(),
            form: ReceiptForm::OfVersion,
            even_unasked: false,
        }
    }
}

/// When a receipt is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptTime {
    /// Before the answer that tells the id it refers to.
    Early,
    /// After the answer.
    #[default]
    Later,
    /// Not at all.
    Never,
}

/// The form of a receipt's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptForm {
    /// 60 octets in a 2.x session, 71 in a 3.0 session.
    #[default]
    OfVersion,
    /// 60 octets.
    Short,
    /// 71 octets.
    Long,
}

/// What was decided about one message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) result: u32,
    pub(super) delay_ms: u64,
    pub(super) answer: Answer,
    pub(super) cut: Option<Cut>,
    pub(super) receipt: ReceiptPlan,
}

/// The faults in force, with what is left of their counts.
#[derive(Debug)]
pub(super) struct FaultSet {
    faults: Faults,
    plan: ReceiptPlan,
}

impl FaultSet {
    pub(super) fn new(plan: ReceiptPlan) -> Self {
        Self {
            faults: Faults::default(),
            plan,
        }
    }

    /// The faults as they are now: counts show what is left.
    pub(super) const fn current(&self) -> &Faults {
        &self.faults
    }

    pub(super) fn replace(&mut self, faults: Faults) -> Result<()> {
        ensure!(faults.rules.len() <= MAX_RULES, "at most {MAX_RULES} rules");
        for (index, rule) in faults.rules.iter().enumerate() {
            check(rule).with_context(|| format!("rule {index}"))?;
        }
        self.faults = faults;
        Ok(())
    }

    pub(super) fn add(&mut self, rule: Rule) -> Result<()> {
        // Rules that are used up make room.
        self.faults.rules.retain(|rule| rule.next != Some(0));
        ensure!(self.faults.rules.len() < MAX_RULES, "at most {MAX_RULES} rules");
        check(&rule).context("rule")?;
        self.faults.rules.push(rule);
        Ok(())
    }

    /// Decides about a message; `dice` gives numbers from 0 up to 1.
    pub(super) fn decide(&mut self, number: &[u8], mut dice: impl FnMut() -> f64) -> Decision {
        let mut decision = Decision {
            result: 0,
            delay_ms: 0,
            answer: Answer::Whole,
            cut: None,
            receipt: self.plan.clone(),
        };
        for rule in &mut self.faults.rules {
            let to_it = rule.number.as_ref().is_none_or(|only| only.as_bytes() == number);
            if !to_it || rule.next == Some(0) || rule.fraction.is_some_and(|fraction| dice() >= fraction) {
                continue;
            }
            rule.next = rule.next.map(|left| left.saturating_sub(1));
            decision.apply(&rule.then);
        }
        decision
    }
}

impl Decision {
    fn apply(&mut self, effects: &Effects) {
        self.result = effects.result.unwrap_or(self.result);
        self.delay_ms = effects.delay_ms.unwrap_or(self.delay_ms);
        self.answer = effects.answer.unwrap_or(self.answer);
        self.cut = effects.cut.or(self.cut);
        if let Some(change) = &effects.receipt {
            self.receipt.apply(change);
        }
    }
}

impl ReceiptPlan {
    fn apply(&mut self, change: &ReceiptChange) {
        self.time = change.time.unwrap_or(self.time);
        self.delay_ms = change.delay_ms.unwrap_or(self.delay_ms);
        self.copies = change.copies.unwrap_or(self.copies);
        self.form = change.form.unwrap_or(self.form);
        self.even_unasked = change.even_unasked.unwrap_or(self.even_unasked);
        if let Some(stat) = &change.stat {
            self.stat.clone_from(stat);
        }
    }
}

fn check(rule: &Rule) -> Result<()> {
    ensure!(
        rule.fraction
            .is_none_or(|fraction| (0.0..=1.0).contains(&fraction)),
        "fraction must be 0 to 1"
    );
    if let Some(receipt) = &rule.then.receipt {
        ensure!(
            receipt.stat.as_ref().is_none_or(|stat| stat.len() <= 7),
            "stat has at most 7 octets"
        );
        ensure!(
            receipt.copies != Some(0),
            "copies must be at least 1; say \"time\": \"never\" for none"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(json: &str) -> FaultSet {
        let mut set = FaultSet::new(ReceiptPlan::default());
        set.replace(serde_json::from_str(json).unwrap()).unwrap();
        set
    }

    fn results(set: &mut FaultSet, numbers: &[&str]) -> Vec<u32> {
        numbers
            .iter()
            .map(|number| set.decide(number.as_bytes(), || 0.5).result)
            .collect()
    }

    #[test]
    fn the_next_n_and_one_number_and_always() {
        let mut next = set(r#"{"rules":[{"next":2,"then":{"result":8}}]}"#);
        assert_eq!(results(&mut next, &["1", "2", "3"]), [8, 8, 0]);
        let mut number = set(r#"{"rules":[{"number":"2","then":{"result":13}}]}"#);
        assert_eq!(results(&mut number, &["1", "2", "3", "2"]), [0, 13, 0, 13]);
        let mut both = set(r#"{"rules":[{"number":"2","next":1,"then":{"result":13}}]}"#);
        assert_eq!(results(&mut both, &["1", "2", "2"]), [0, 13, 0]);
        let mut always = set(r#"{"rules":[{"then":{"result":9}},{"number":"2","then":{"result":0}}]}"#);
        assert_eq!(
            results(&mut always, &["1", "2"]),
            [9, 0],
            "a later rule overrides"
        );
    }

    #[test]
    fn a_fraction_is_left_to_chance_and_uses_up_only_what_it_hits() {
        let mut some = set(r#"{"rules":[{"fraction":0.25,"next":1,"then":{"result":1}}]}"#);
        let mut dice = [0.9, 0.3, 0.2, 0.1].into_iter();
        let results: Vec<u32> = (0..4)
            .map(|_| some.decide(b"1", || dice.next().unwrap_or(0.0)).result)
            .collect();
        assert_eq!(results, [0, 0, 1, 0]);
    }

    #[test]
    fn effects_add_up() {
        let mut set = set(
            r#"{"rules":[{"then":{"delay_ms":50}},{"then":{"answer":"none","cut":"after_answer"}},
                {"then":{"receipt":{"time":"early","copies":2,"stat":"MA:0001","form":"short"}}}]}"#,
        );
        let decision = set.decide(b"1", || 0.0);
        assert_eq!(
            (decision.delay_ms, decision.answer, decision.cut),
            (50, Answer::None, Some(Cut::AfterAnswer))
        );
        assert_eq!(
            (decision.receipt.copies, decision.receipt.stat.as_str()),
            (2, "MA:0001")
        );
    }

    #[test]
    fn what_cannot_be_is_refused_and_the_old_stays() {
        let mut set = set(r#"{"throttle_per_second":5}"#);
        for bad in [
            r#"{"rules":[{"fraction":1.5,"then":{}}]}"#,
            r#"{"rules":[{"then":{"receipt":{"stat":"TOO-LONG"}}}]}"#,
            r#"{"rules":[{"then":{"receipt":{"copies":0}}}]}"#,
        ] {
            assert!(set.replace(serde_json::from_str(bad).unwrap()).is_err(), "{bad}");
        }
        assert_eq!(set.current().throttle_per_second, Some(5));
        assert!(
            serde_json::from_str::<Faults>(r#"{"throtle_per_second":5}"#).is_err(),
            "a typing mistake shows"
        );
    }

    #[test]
    fn the_number_of_rules_is_bounded_and_used_up_ones_make_room() {
        let mut set = FaultSet::new(ReceiptPlan::default());
        for _ in 0..5_000 {
            set.add(Rule {
                next: Some(0),
                ..Rule::default()
            })
            .unwrap();
        }
        for _ in 0..MAX_RULES {
            set.add(Rule::default()).unwrap();
        }
        assert!(set.add(Rule::default()).is_err());
    }
}
