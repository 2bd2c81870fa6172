//! Spending leases as their time comes.

use std::collections::VecDeque;

use crate::gcra::{Lease, TOLERANCE_US};

/// Leases kept at once; more are not needed, because a holder asks for the next one when the last is nearly spent.
const MOST_LEASES: usize = 64;

/// The slots that one process holds.
///
/// Invariant: a use happens at or after its slot and at most [`TOLERANCE_US`] later, and each slot is used once. With the
/// spacing of [`crate::Rate`], no half-open second holds more uses than the rate, over all processes that share the
/// budget.
#[derive(Debug, Default)]
pub struct Pacer {
    leases: VecDeque<Lease>,
    lost: u64,
}

impl Pacer {
    /// No slots yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a lease. Leases come in the order of their slots; one too many is dropped.
    pub fn add(&mut self, lease: Lease) {
        if lease.granted > 0 && self.leases.len() < MOST_LEASES {
            self.leases.push_back(lease);
        }
    }

    /// Uses up to `wanted` slots whose time has come; gives how many.
    pub fn take(&mut self, wanted: u32, now_us: u64) -> u32 {
        self.drop_lost(now_us);
        let mut taken = 0;
        while taken < wanted {
            let Some(lease) = self.leases.front_mut() else {
                break;
            };
            if lease.first_us > now_us {
                break;
            }
            let due = u32::try_from((now_us - lease.first_us) / lease.interval_us + 1).unwrap_or(u32::MAX);
            let used = due.min(lease.granted).min(wanted - taken);
            taken += used;
            consume(lease, used);
            if lease.granted == 0 {
                self.leases.pop_front();
            }
        }
        taken
    }

    /// When the next slot comes, in microseconds since 1970; `None` without slots.
    pub fn next_slot_us(&self) -> Option<u64> {
        self.leases.front().map(|lease| lease.first_us)
    }

    /// Slots in hand that are not lost at `now_us`.
    pub fn slots(&mut self, now_us: u64) -> u32 {
        self.drop_lost(now_us);
        self.leases.iter().map(|lease| lease.granted).sum()
    }

    /// Slots in hand whose time comes at `until_us` or before.
    pub fn due_by(&self, until_us: u64) -> u32 {
        let due = self.leases.iter().map(|lease| {
            let slots = until_us
                .checked_sub(lease.first_us)
                .map_or(0, |ahead| ahead / lease.interval_us + 1);
            u32::try_from(slots).unwrap_or(u32::MAX).min(lease.granted)
        });
        due.sum()
    }

    /// Slots whose time went by without use, since the start.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Forgets all slots; for a rate that was lowered.
    pub fn clear(&mut self) {
        self.leases.clear();
    }

    fn drop_lost(&mut self, now_us: u64) {
        while let Some(lease) = self.leases.front_mut() {
            let oldest_useful = now_us.saturating_sub(TOLERANCE_US);
            if lease.first_us >= oldest_useful {
                return;
            }
            let late = (oldest_useful - lease.first_us).div_ceil(lease.interval_us);
            let dropped = u32::try_from(late).unwrap_or(u32::MAX).min(lease.granted);
            self.lost += u64::from(dropped);
            consume(lease, dropped);
            if lease.granted > 0 {
                return;
            }
            self.leases.pop_front();
        }
    }
}

fn consume(lease: &mut Lease, slots: u32) {
    lease.first_us += u64::from(slots) * lease.interval_us;
    lease.granted -= slots;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Pacer;
    use crate::gcra::{Lease, Rate, TOLERANCE_US, grant};

    const SECOND_US: u64 = 1_000_000;

    fn lease(first_us: u64, interval_us: u64, granted: u32) -> Lease {
        Lease {
            first_us,
            interval_us,
            granted,
            retry_after_us: 0,
        }
    }

    #[test]
    fn slots_are_used_when_their_time_has_come_and_once() {
        let mut pacer = Pacer::new();
        pacer.add(lease(1_000, 100, 3));
        assert_eq!(pacer.take(9, 999), 0);
        assert_eq!(pacer.take(9, 1_000), 1);
        assert_eq!(pacer.take(9, 1_099), 0);
        assert_eq!(pacer.next_slot_us(), Some(1_100));
        assert_eq!(
            [1_099, 1_100, 1_200, 9_999].map(|until| pacer.due_by(until)),
            [0, 1, 2, 2]
        );
        assert_eq!(pacer.take(1, 1_500), 1);
        assert_eq!(pacer.take(9, 1_500), 1);
        assert_eq!(pacer.take(9, 9_999), 0);
        assert_eq!(pacer.lost(), 0);
    }

    #[test]
    fn slots_that_are_too_old_are_lost() {
        let mut pacer = Pacer::new();
        pacer.add(lease(0, 10_000, 10));
        // At 50 ms the slots of 0 to 30 ms are older than the tolerance; 40 and 50 ms are due.
        assert_eq!(pacer.take(99, 50_000), 2);
        assert_eq!((pacer.slots(50_000), pacer.lost()), (4, 4));
        assert_eq!(pacer.take(99, 50_000 + 10 * SECOND_US), 0);
        assert_eq!((pacer.slots(50_000), pacer.lost()), (0, 8));
    }

    fn most_in_a_second(mut uses: Vec<u64>) -> usize {
        uses.sort_unstable();
        uses.iter()
            .enumerate()
            .map(|(at, start)| uses[at..].partition_point(|time| *time < start + SECOND_US))
            .max()
            .unwrap_or(0)
    }

    proptest! {
        /// Two processes with clocks that agree within part of the tolerance share one budget, ask and use at random
        /// times, and change their rate downwards at random.
        #[test]
        fn no_second_sees_more_than_the_rate(
            rate in 1_u32..400,
            steps in prop::collection::vec((0_usize..2, 0_u64..30_000, 1_u32..40, any::<bool>()), 1..600),
        ) {
            let mut pacers = [Pacer::new(), Pacer::new()];
            let mut free = None;
            let mut now = 1_700_000_000_000_000_u64;
            let mut uses = Vec::new();
            for (who, pass_us, want, halved) in steps {
                now += pass_us;
                let factor = if halved { 0.5 } else { 1.0 };
                let asked = Rate::per_second(f64::from(rate) * factor);
                if pacers[who].slots(now) == 0 {
                    let (lease, kept) = grant(free, now, asked, 100_000, want);
                    free = kept;
                    pacers[who].add(lease);
                }
                for _ in 0..pacers[who].take(want, now) {
                    uses.push(now);
                }
            }
            prop_assert!(most_in_a_second(uses) <= rate as usize);
        }

        /// One process that looks every millisecond gets the whole rate, less the tolerance.
        #[test]
        fn an_attentive_process_gets_nearly_the_rate(rate in 1_u32..900) {
            let mut pacer = Pacer::new();
            let mut free = None;
            let start = 1_700_000_000_000_000_u64;
            let asked = Rate::per_second(f64::from(rate));
            let mut used = 0_u64;
            for millisecond in 0..10_000_u64 {
                let now = start + millisecond * 1_000;
                if pacer.slots(now) < 50 {
                    let (lease, kept) = grant(free, now, asked, 100_000, 50);
                    free = kept;
                    pacer.add(lease);
                }
                used += u64::from(pacer.take(1_000, now));
            }
            let expected = 10 * SECOND_US / asked.interval_us();
            prop_assert!(used >= expected && used <= expected + 1, "{} of {}", used, expected);
        }
    }

    #[test]
    fn the_tolerance_costs_one_percent() {
        assert_eq!(Rate::per_second(100.0).interval_us(), 10_000 + TOLERANCE_US / 100);
    }
}
