//! Whether a receipt under an unknown id settles a submit without answer. Pure.

use crate::store::{DoubtsAbout, InDoubt, Orphan};

/// A receipt tells when its submit left, to the minute and by the carrier's clock; ours may differ by this much besides.
const NEAR_MS: u64 = 3 * 60_000;

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

/// A receipt and a submit belong together where they left at about the same time and neither has another one that did.
/// Nothing is matched before the receipt's own response can no longer come: it would be known by that then.
pub fn judge(about: &DoubtsAbout, now_ms: u64) -> Verdict<'_> {
    let pairs = about.doubts.iter().filter_map(|doubt| {
        let orphan = only(about.orphans.iter().filter(|orphan| is_near(doubt, orphan)))?;
        only(about.doubts.iter().filter(|other| is_near(other, orphan)))?;
        Some((doubt, orphan))
    });
    let Some((doubt, orphan)) = pairs.min_by_key(|(_, orphan)| orphan.ripe_ms) else {
        return Verdict::Nothing;
    };
    if now_ms < orphan.ripe_ms {
        return Verdict::TooEarly(orphan.ripe_ms);
    }
    Verdict::Settles(doubt, orphan)
}

fn is_near(doubt: &InDoubt, orphan: &Orphan) -> bool {
    doubt.left_ms.abs_diff(orphan.submitted_ms) <= NEAR_MS
}

/// The one item of an iterator that has one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::{NEAR_MS, Verdict, judge};
    use crate::{
        store::{DoubtsAbout, InDoubt, Orphan},
        testing,
    };

    const NOON_MS: u64 = 1_700_000_000_000;

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
        let later = NOON_MS + NEAR_MS + 1;
        for (doubts, orphans) in [
            (vec![NOON_MS], vec![later]),
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
    fn times_tell_several_apart() {
        let later = NOON_MS + 2 * NEAR_MS + 1;
        let two = about(&[NOON_MS, later], &[later, NOON_MS]);
        assert_eq!(
            judge(&two, u64::MAX),
            Verdict::Settles(&two.doubts[0], &two.orphans[1])
        );
    }
}
