//! The faults in force.

use anyhow::{Context as _, Result, ensure};

use super::{Answer, Code, ConnectionEffects, Cut, Effects, Faults, Meaning, ReceiptPlan, Rule};

/// The most rules at once, of messages and of connections.
const MAX_RULES: usize = 1_000;

/// What was decided about one message.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Decision {
    pub(in super::super) result: Code,
    pub(in super::super) delay_ms: u64,
    pub(in super::super) answer: Answer,
    pub(in super::super) cut: Option<Cut>,
    pub(in super::super) receipt: ReceiptPlan,
}

/// The faults in force, with what is left of their counts.
#[derive(Debug)]
pub(in super::super) struct FaultSet {
    faults: Faults,
    plan: ReceiptPlan,
}

impl FaultSet {
    pub(in super::super) fn new(plan: ReceiptPlan) -> Self {
        Self {
            faults: Faults::default(),
            plan,
        }
    }

    /// The faults as they are now: counts show what is left.
    pub(in super::super) const fn current(&self) -> &Faults {
        &self.faults
    }

    pub(in super::super) fn replace(&mut self, faults: Faults) -> Result<()> {
        ensure!(
            faults.rules.len() <= MAX_RULES,
            "rules: at most {MAX_RULES} rules"
        );
        ensure!(
            faults.connections.len() <= MAX_RULES,
            "connections: at most {MAX_RULES} rules"
        );
        for (index, rule) in faults.rules.iter().enumerate() {
            rule.check().with_context(|| format!("rule {index}"))?;
        }
        for (index, rule) in faults.connections.iter().enumerate() {
            rule.check().with_context(|| format!("connection rule {index}"))?;
        }
        self.faults = faults;
        Ok(())
    }

    pub(in super::super) fn add(&mut self, rule: Rule) -> Result<()> {
        // Rules that are used up make room.
        self.faults.rules.retain(|rule| rule.next != Some(0));
        ensure!(self.faults.rules.len() < MAX_RULES, "at most {MAX_RULES} rules");
        rule.check().context("rule")?;
        self.faults.rules.push(rule);
        Ok(())
    }

    /// Decides about a message to a number, given without "86"; `dice` gives numbers from 0 up to 1.
    pub(in super::super) fn decide(&mut self, number: &str, mut dice: impl FnMut() -> f64) -> Decision {
        let mut decision = Decision {
            result: Code::Meaning(Meaning::Accept),
            delay_ms: 0,
            answer: Answer::Whole,
            cut: None,
            receipt: self.plan.clone(),
        };
        for rule in &mut self.faults.rules {
            if rule.is_about(number) && hits(&mut rule.next, rule.fraction, &mut dice) {
                decision.apply(&rule.then);
            }
        }
        decision
    }

    /// Decides about a connection.
    pub(in super::super) fn connect(&mut self, mut dice: impl FnMut() -> f64) -> ConnectionEffects {
        let mut effects = ConnectionEffects::default();
        for rule in &mut self.faults.connections {
            if hits(&mut rule.next, rule.fraction, &mut dice) {
                effects.apply(&rule.then);
            }
        }
        effects
    }
}

/// Whether a rule applies this time; uses up one of its count if so.
fn hits(next: &mut Option<u64>, fraction: Option<f64>, dice: &mut impl FnMut() -> f64) -> bool {
    if *next == Some(0) || fraction.is_some_and(|fraction| dice() >= fraction) {
        return false;
    }
    *next = next.map(|left| left.saturating_sub(1));
    true
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

#[cfg(test)]
mod tests {
    use super::super::CloseAt;
    use super::*;

    fn set(json: &str) -> FaultSet {
        let mut set = FaultSet::new(ReceiptPlan::default());
        set.replace(serde_json::from_str(json).unwrap()).unwrap();
        set
    }

    fn results(set: &mut FaultSet, numbers: &[&str]) -> Vec<u32> {
        let code = |code| match code {
            Code::Number(number) => number,
            Code::Meaning(Meaning::Accept) => 0,
            Code::Meaning(_) => 99,
        };
        numbers
            .iter()
            .map(|number| code(set.decide(number, || 0.5).result))
            .collect()
    }

    #[test]
    fn the_next_n_and_some_numbers_and_always() {
        let mut next = set(r#"{"rules":[{"next":2,"then":{"result":8}}]}"#);
        assert_eq!(results(&mut next, &["1", "2", "3"]), [8, 8, 0]);
        let mut number = set(r#"{"rules":[{"number":"2","then":{"result":13}}]}"#);
        assert_eq!(results(&mut number, &["1", "2", "3", "2"]), [0, 13, 0, 13]);
        let mut both = set(r#"{"rules":[{"number":"2","next":1,"then":{"result":13}}]}"#);
        assert_eq!(results(&mut both, &["1", "2", "2"]), [0, 13, 0]);
        let mut ported =
            set(r#"{"rules":[{"numbers":["8613800138000","13900139000"],"then":{"result":"no_route"}}]}"#);
        assert_eq!(
            results(&mut ported, &["13800138000", "13900139000", "13700137000"]),
            [99, 99, 0]
        );
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
        let hits: Vec<bool> = (0..4)
            .map(|_| some.decide("1", || dice.next().unwrap_or(0.0)).result == Code::Number(1))
            .collect();
        assert_eq!(hits, [false, false, true, false]);
    }

    #[test]
    fn effects_add_up() {
        let mut set = set(
            r#"{"rules":[{"then":{"delay_ms":50}},{"then":{"answer":"none","cut":"after_answer"}},
                {"then":{"receipt":{"time":"early","copies":2,"stat":"MA:0001","form":"short",
                  "damage":["unknown_tlv","content_length_more"]}}}]}"#,
        );
        let decision = set.decide("1", || 0.0);
        assert_eq!(
            (decision.delay_ms, decision.answer, decision.cut),
            (50, Answer::None, Some(Cut::AfterAnswer))
        );
        assert_eq!(
            (decision.receipt.copies, decision.receipt.stat.as_str()),
            (2, "MA:0001")
        );
        assert_eq!(decision.receipt.damage.len(), 2);
    }

    #[test]
    fn connections_have_rules_of_their_own() {
        let mut set = set(
            r#"{"connections":[{"next":1,"then":{"close":"accept"}},{"then":{"wrong_authenticator":true}}]}"#,
        );
        let first = set.connect(|| 0.0);
        assert_eq!(
            (first.close, first.wrong_authenticator),
            (Some(CloseAt::Accept), Some(true))
        );
        let second = set.connect(|| 0.0);
        assert_eq!((second.close, second.wrong_authenticator), (None, Some(true)));
    }

    #[test]
    fn what_cannot_be_is_refused_and_the_old_stays() {
        let mut set = set(r#"{"throttle_per_second":5}"#);
        for bad in [
            r#"{"rules":[{"fraction":1.5,"then":{}}]}"#,
            r#"{"connections":[{"fraction":-1,"then":{}}]}"#,
            r#"{"rules":[{"then":{"receipt":{"stat":"TOO-LONG"}}}]}"#,
            r#"{"rules":[{"then":{"receipt":{"copies":0}}}]}"#,
        ] {
            assert!(set.replace(serde_json::from_str(bad).unwrap()).is_err(), "{bad}");
        }
        assert_eq!(set.current().throttle_per_second, Some(5));
        for bad in [
            r#"{"throtle_per_second":5}"#,
            r#"{"rules":[{"then":{"result":"perhaps"}}]}"#,
        ] {
            assert!(
                serde_json::from_str::<Faults>(bad).is_err(),
                "a typing mistake shows: {bad}"
            );
        }
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
