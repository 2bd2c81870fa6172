//! The rule by which time slots are given away.

/// How late a slot may be used, in microseconds: what a busy machine delays, and what the clocks of replicas differ. A
/// slot that is older is lost.
pub const TOLERANCE_US: u64 = 10_000;

const SECOND_US: u64 = 1_000_000;
/// A first free slot that lies further ahead than this and one interval was written by a clock that is wrong; it is not
/// believed.
pub(crate) const ABSURD_US: u64 = 5_000_000;

/// Events a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    interval_us: u64,
}

impl Rate {
    /// The slowest rate: one in a hundred seconds.
    pub const LEAST: f64 = 0.01;
    /// The fastest rate; near it the interval, in whole microseconds, costs up to a tenth of the rate.
    pub const MOST: f64 = 100_000.0;

    /// Between [`Rate::LEAST`] and [`Rate::MOST`]; what lies outside is brought to the nearer end.
    ///
    /// Slots are a little further apart than one second divided by the rate: a slot may be used [`TOLERANCE_US`] late,
    /// so the uses in one second come from the slots of one second and the tolerance. Spreading the rate over that span
    /// keeps the promise exact, at 1 % less throughput.
    pub fn per_second(rate: f64) -> Self {
        let rate = rate.clamp(Self::LEAST, Self::MOST);
        let interval = ((SECOND_US + TOLERANCE_US) as f64 / rate).ceil();
        Self {
            // In range by the clamp above: between 11 and 102,000,000.
            #[allow(clippy::cast_sign_loss, reason = "positive by construction")]
            interval_us: interval as u64,
        }
    }

    /// The distance of two slots.
    pub fn interval_us(self) -> u64 {
        self.interval_us
    }
}

/// Slots that belong to one holder: `first_us`, `first_us + interval_us`, … (`granted` of them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The first slot, in microseconds since 1970.
    pub first_us: u64,
    /// The distance of slots.
    pub interval_us: u64,
    /// How many slots.
    pub granted: u32,
    /// Where none was granted: ask again after so long, in microseconds.
    pub retry_after_us: u64,
}

/// Invariant: slots given away, by whomever, are at least the giver's interval apart, and no slot is given away twice.
///
/// `free_us` is the first slot that is not given away; slots up to `now_us + horizon_us` may be. Gives the lease and the
/// new first free slot. The same rule stands in `lua/lease.lua`; a test runs both side by side.
#[cfg(test)]
pub(crate) fn grant(
    free_us: Option<u64>,
    now_us: u64,
    rate: Rate,
    horizon_us: u64,
    wanted: u32,
) -> (Lease, Option<u64>) {
    let free = match free_us {
        Some(free) if free >= now_us && free <= now_us + ABSURD_US + rate.interval_us => free,
        _ => now_us,
    };
    let end = now_us + horizon_us;
    let room = if free > end {
        0
    } else {
        (end - free) / rate.interval_us + 1
    };
    let granted = room.min(u64::from(wanted));
    let retry_after_us = if granted == 0 {
        free.saturating_sub(end).max(1)
    } else {
        0
    };
    let lease = Lease {
        first_us: free,
        interval_us: rate.interval_us,
        granted: granted as u32,
        retry_after_us,
    };
    let kept = if granted == 0 {
        free_us
    } else {
        Some(free + granted * rate.interval_us)
    };
    (lease, kept)
}
