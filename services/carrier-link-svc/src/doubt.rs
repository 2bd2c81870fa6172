//! Whether a receipt under an unknown id settles a submit without answer. Pure.

use crate::store::{DoubtsAbout, InDoubt, Orphan};

/// A receipt tells when its submit left to the minute, and by the carrier's clock: the minute itself or one beside it.
const NEAR_MINUTES: u64 = 1;
const MINUTE_MS: u64 = 60_000;

/// What to do about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// This receipt is about this submit.
    Settles(&'a InDoubt, &'a Orphan),
    /// A receipt's own response may still come: look again at this time.
    TooEarly(u64),
    /// Nobody can tell, or nothing is left to tell.
    Nothing,
}

/// A receipt settles a doubt where there is no other explanation: there is one doubt about the number, and one receipt under
/// an unknown id that left in its minute.
///
/// A later message to the number cannot be what the receipt is about. Where its response has come, its id is known; where
/// none has come within the response timeout, or its process has died and its lease has run out, it is in doubt itself,
/// and there is more than one doubt. A receipt is ripe only after both, see [`crate::link::LinkShared::doubt_look_ms`].
pub fn judge(about: &DoubtsAbout, now_ms: u64) -> Verdict<'_> {
    let [doubt] = about.doubts.as_slice() else {
        return Verdict::Nothing;
    };
    let Some(orphan) = only(about.orphans.iter().filter(|orphan| is_near(doubt, orphan))) else {
        return Verdict::Nothing;
    };
    if now_ms < orphan.ripe_ms {
        return Verdict::TooEarly(orphan.ripe_ms);
    }
    Verdict::Settles(doubt, orphan)
}

fn is_near(doubt: &InDoubt, orphan: &Orphan) -> bool {
    let (left, told) = (doubt.left_ms / MINUTE_MS, orphan.submitted_ms / MINUTE_MS);
    left.abs_diff(told) <= NEAR_MINUTES
}

/// The one item of an iterator that has one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::{MINUTE_MS, Verdict, judge};
    use crate::{
        store::{DoubtsAbout, InDoubt, Orphan},
        testing,
    };

    /// A whole minute.
    const NOON_MS: u64 = 1_700_000_040_000;

    fn about(doubts: &[u64], orphans: &[u64]) -> DoubtsAbout {
        DoubtsAbout {
            partition: hongyan_domain::Partition::new(0).unwrap(),
            tag: "tag".to_owned(),
            doubts: (0..)
                .zip(doubts)
                .map(|(n, left_ms)| InDoubt {
                    message_id: testing::message_id(n),
                    left_ms: *left_ms,
                    kept: String::new(),
                })
                .collect(),
            orphans: orphans
                .iter()
                .map(|submitted_ms| Orphan {
                    carrier_message_id: submitted_ms.to_string(),
                    submitted_ms: *submitted_ms,
                    ripe_ms: NOON_MS + 1_000,
                })
                .collect(),
        }
    }

    #[test]
    fn one_that_left_at_the_same_time_settles_it_when_its_response_cannot_come_any_more() {
        let one = about(&[NOON_MS], &[NOON_MS - 50_000]);
        assert_eq!(judge(&one, NOON_MS + 999), Verdict::TooEarly(NOON_MS + 1_000));
        let settled = Verdict::Settles(&one.doubts[0], &one.orphans[0]);
        assert_eq!(judge(&one, NOON_MS + 1_000), settled);
    }

    #[test]
    fn another_messages_receipt_settles_nothing() {
        let later = NOON_MS + 2 * MINUTE_MS;
        for (doubts, orphans) in [
            (vec![NOON_MS], vec![later]),
            (vec![NOON_MS, later], vec![NOON_MS]),
            (vec![NOON_MS, later], vec![later, NOON_MS]),
            (vec![NOON_MS], vec![0]),
            (vec![NOON_MS], vec![]),
            (vec![], vec![NOON_MS]),
            (vec![NOON_MS, NOON_MS + 9], vec![NOON_MS]),
            (vec![NOON_MS], vec![NOON_MS, NOON_MS + 9]),
        ] {
            assert_eq!(
                judge(&about(&doubts, &orphans), u64::MAX),
                Verdict::Nothing,
                "{doubts:?} {orphans:?}"
            );
        }
    }

    #[test]
    fn the_minute_is_what_the_receipt_tells() {
        for (left_ms, told_ms) in [
            (NOON_MS + 59_999, NOON_MS),
            (NOON_MS, NOON_MS + MINUTE_MS),
            (NOON_MS + MINUTE_MS + 59_999, NOON_MS),
        ] {
            let one = about(&[left_ms], &[told_ms]);
            assert!(
                matches!(judge(&one, u64::MAX), Verdict::Settles(..)),
                "{left_ms} {told_ms}"
            );
        }
    }
}
