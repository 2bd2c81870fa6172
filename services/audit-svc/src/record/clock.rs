//! The time that the record goes by, and how far the machine's clock is believed.
//!
//! A leaf's stamp never goes back, half-years turn by it, entries and keys are destroyed by it: one moment of a clock that
//! stands years ahead could not be mended. So a clock that leaps is not followed.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

/// Tells the time: milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Milliseconds since 1970; 0 on a machine whose clock stands before.
pub(crate) fn now_unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The clock stands further ahead of the time last known than it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock says {now_unix_ms} ms since 1970, {days} days ahead of {known_unix_ms} ms, the last time that is known; \
     set the clock, or, where so much time has passed, record.clock_ahead_days"
)]
pub struct ClockLeapt {
    known_unix_ms: i64,
    now_unix_ms: i64,
    days: i64,
}

/// Follows a clock for as long as it does not leap ahead. Has to be looked at more often than it may leap.
pub struct WatchedClock {
    clock: Clock,
    most_ahead_ms: i64,
    /// The newest time that was believed; 0 before any is known, when every time is.
    known_unix_ms: AtomicI64,
    leapt: OnceLock<ClockLeapt>,
    stopped: CancellationToken,
}

impl std::fmt::Debug for WatchedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchedClock")
            .field("most_ahead_ms", &self.most_ahead_ms)
            .field("known_unix_ms", &self.known_unix_ms)
            .finish_non_exhaustive()
    }
}

impl WatchedClock {
    /// Believes this clock for leaps of so much.
    pub fn new(clock: Clock, most_ahead: Duration) -> Arc<Self> {
        Arc::new(Self {
            clock,
            most_ahead_ms: i64::try_from(most_ahead.as_millis()).unwrap_or(i64::MAX),
            known_unix_ms: AtomicI64::new(0),
            leapt: OnceLock::new(),
            stopped: CancellationToken::new(),
        })
    }

    /// It was this time before, whatever the clock says; 0 where nothing is known. Fails where the clock is too far ahead
    /// of it.
    pub fn begin(&self, known_unix_ms: i64) -> Result<(), ClockLeapt> {
        self.known_unix_ms.fetch_max(known_unix_ms, Ordering::Relaxed);
        self.now();
        self.leapt.get().map_or(Ok(()), |leapt| Err(*leapt))
    }

    /// The time, or for ever the last one that was believed.
    pub fn now(&self) -> i64 {
        let now = (self.clock)();
        let known = self.known_unix_ms.load(Ordering::Relaxed);
        if self.leapt.get().is_some() {
            return known;
        }
        if known > 0 && now.saturating_sub(known) > self.most_ahead_ms {
            self.leapt.get_or_init(|| ClockLeapt {
                known_unix_ms: known,
                now_unix_ms: now,
                days: now.saturating_sub(known) / 86_400_000,
            });
            self.stopped.cancel();
            return known;
        }
        self.known_unix_ms.fetch_max(now, Ordering::Relaxed);
        now
    }

    /// The same as a function.
    pub fn as_clock(self: &Arc<Self>) -> Clock {
        let watched = Arc::clone(self);
        Arc::new(move || watched.now())
    }

    /// Ends when the clock has leapt.
    pub async fn leapt(&self) -> ClockLeapt {
        loop {
            self.stopped.cancelled().await;
            if let Some(leapt) = self.leapt.get() {
                return *leapt;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicI64, Ordering},
        },
        time::Duration,
    };

    use super::{ClockLeapt, WatchedClock};

    const DAY_MS: i64 = 86_400_000;
    const NOW: i64 = 1_800_000_000_000;

    fn watched(now: i64) -> (Arc<AtomicI64>, Arc<WatchedClock>) {
        let time = Arc::new(AtomicI64::new(now));
        let told = Arc::clone(&time);
        let clock = Arc::new(move || told.load(Ordering::Relaxed));
        (time, WatchedClock::new(clock, Duration::from_hours(31 * 24)))
    }

    #[test]
    fn a_clock_is_followed_by_small_steps_however_far() {
        let (time, watched) = watched(NOW);
        watched.begin(NOW - 31 * DAY_MS).unwrap();
        for step in 0..100 {
            time.store(NOW + step * 31 * DAY_MS, Ordering::Relaxed);
            assert_eq!(watched.now(), NOW + step * 31 * DAY_MS);
        }
        // Back is no harm: stamps do not follow it.
        time.store(NOW, Ordering::Relaxed);
        assert_eq!(watched.now(), NOW);
    }

    #[tokio::test]
    async fn a_leap_ahead_is_told_and_never_followed() {
        let (time, watched) = watched(NOW);
        watched.begin(0).unwrap();
        time.store(NOW + 31 * DAY_MS + 1, Ordering::Relaxed);
        let clock = watched.as_clock();
        assert_eq!(clock(), NOW);
        let leapt = ClockLeapt {
            known_unix_ms: NOW,
            now_unix_ms: NOW + 31 * DAY_MS + 1,
            days: 31,
        };
        assert_eq!(watched.leapt().await, leapt);
        time.store(NOW + 1, Ordering::Relaxed);
        assert_eq!(clock(), NOW, "what runs by it has to end");
    }

    #[test]
    fn a_start_with_a_clock_far_ahead_of_the_newest_leaf_is_refused() {
        let (_, ahead) = watched(NOW);
        let said = ahead.begin(NOW - 3_650 * DAY_MS).unwrap_err().to_string();
        assert!(said.contains("3650 days ahead"), "{said}");
        assert!(said.contains("record.clock_ahead_days"), "{said}");
        // Behind it, or nothing is known.
        for known in [NOW + DAY_MS, 0] {
            let (_, watched) = watched(NOW);
            watched.begin(known).unwrap();
        }
    }
}
