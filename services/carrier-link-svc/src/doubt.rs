//! Whether a receipt under an unknown id settles a submit without answer. Pure.

use crate::store::{DoubtsAbout, InDoubt, Orphan};

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

/// A receipt that overtakes its response waits for it; one that has waited for `wait_ms` is of a submit whose response
/// never came. It is matched only where there is no choice: one submit in doubt, one such receipt.
pub fn judge(about: &DoubtsAbout, now_ms: u64, wait_ms: u64) -> Verdict<'_> {
    let ([doubt], [orphan]) = (about.doubts.as_slice(), about.orphans.as_slice()) else {
        return Verdict::Nothing;
    };
    let ripe_ms = orphan.parked_ms.saturating_add(wait_ms);
    if now_ms < ripe_ms {
        return Verdict::TooEarly(ripe_ms);
    }
    Verdict::Settles(doubt, orphan)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};
    use crate::{
        store::{DoubtsAbout, InDoubt, Orphan},
        testing,
    };

    fn about(doubts: u8, orphans: u64) -> DoubtsAbout {
        DoubtsAbout {
            partition: hongyan_domain::Partition::new(0).unwrap(),
            tag: "tag".to_owned(),
            doubts: (0..doubts)
                .map(|n| InDoubt {
                    message_id: testing::message_id(n),
                    kept: "1|".to_owned(),
                })
                .collect(),
            orphans: (0..orphans)
                .map(|n| Orphan {
                    carrier_message_id: n.to_string(),
                    parked_ms: 1_000,
                })
                .collect(),
        }
    }

    #[test]
    fn only_where_there_is_no_choice_a_receipt_settles_a_doubt() {
        let one = about(1, 1);
        assert_eq!(
            judge(&one, 31_000, 30_000),
            Verdict::Settles(&one.doubts[0], &one.orphans[0])
        );
        for (doubts, orphans) in [(0, 0), (0, 1), (1, 0), (2, 1), (1, 2), (2, 2)] {
            assert_eq!(judge(&about(doubts, orphans), 31_000, 30_000), Verdict::Nothing);
        }
    }

    #[test]
    fn a_receipts_own_response_is_awaited_first() {
        assert_eq!(judge(&about(1, 1), 30_999, 30_000), Verdict::TooEarly(31_000));
    }
}
