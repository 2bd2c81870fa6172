//! Which of two facts of one kind is kept. Never which came first: the order of arrival must not matter.

use hongyan_domain::status::StatusDetail;

use crate::record::{Fact, Submission};

/// The detail's raw code is printable and short, whatever the carrier sent.
pub(super) fn fact(at_unix_ms: i64, detail: StatusDetail) -> Fact {
    Fact {
        at_unix_ms,
        raw_code: detail.raw_code,
    }
}

pub(super) fn order(fact: &Fact) -> (i64, &str) {
    (fact.at_unix_ms, &fact.raw_code)
}

pub(super) fn earliest<'a>(facts: impl Iterator<Item = &'a Fact>) -> Option<&'a Fact> {
    facts.min_by(|one, other| order(one).cmp(&order(other)))
}

pub(super) fn keep_earliest(slot: &mut Option<Fact>, fact: Fact) {
    if slot.as_ref().is_none_or(|known| order(&fact) < order(known)) {
        *slot = Some(fact);
    }
}

pub(super) fn keep_latest(slot: &mut Option<Fact>, fact: Fact) {
    if slot.as_ref().is_none_or(|known| order(&fact) > order(known)) {
        *slot = Some(fact);
    }
}

pub(super) fn keep_latest_attempt(slot: &mut Option<Submission>, submission: Submission) {
    let order = |submission: &Submission| (submission.attempt, submission.at_unix_ms);
    if slot
        .as_ref()
        .is_none_or(|known| order(&submission) > order(known))
    {
        *slot = Some(submission);
    }
}
