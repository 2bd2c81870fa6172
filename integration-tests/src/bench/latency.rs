//! How long operations took, counted from when each was *meant* to start.
//!
//! In an open model the arrivals do not wait for the answers: a stall then shows in every operation that it delayed,
//! which a closed loop hides ("coordinated omission").

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Latencies up to a minute, in microseconds, to three figures.
pub struct Latencies(Histogram<u64>);

/// Three points of a distribution.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Percentiles {
    /// Half were faster. Milliseconds, as all three.
    pub p50_ms: f64,
    /// 99 of 100 were faster.
    pub p99_ms: f64,
    /// 999 of 1,000 were faster.
    pub p999_ms: f64,
}

impl Latencies {
    const MOST: Duration = Duration::from_mins(1);

    /// None recorded yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(
            1,
            Self::MOST.as_micros() as u64,
            3,
        )?))
    }

    /// One operation, from its intended start to its end.
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(took.as_micros().max(1) as u64);
    }

    /// The three points.
    pub fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1_000.0;
        Percentiles {
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
        }
    }
}

/// When each operation of a run at a fixed rate is meant to start.
#[derive(Debug, Clone, Copy)]
pub struct Arrivals {
    start: Instant,
    interval: Duration,
    count: u64,
}

impl Arrivals {
    /// `rate` operations a second for `length`, beginning now. The rate is at least one a second.
    pub fn new(rate: f64, length: Duration) -> Self {
        let rate = rate.max(1.0);
        let interval = Duration::from_secs_f64(1.0 / rate);
        let count = (length.as_nanos() / interval.as_nanos().max(1)) as u64;
        Self {
            start: Instant::now(),
            interval,
            count,
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The intended start of one of them.
    pub fn intended(&self, index: u64) -> Instant {
        self.start + self.interval.mul_f64(index as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Arrivals, Latencies};

    #[test]
    fn arrivals_keep_the_rate_however_late_the_answers_are() {
        let arrivals = Arrivals::new(1_000.0, Duration::from_secs(2));
        assert_eq!(arrivals.count(), 2_000);
        assert_eq!(
            arrivals.intended(1_500) - arrivals.intended(0),
            Duration::from_millis(1_500)
        );
    }

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut latencies = Latencies::new().unwrap();
        for ms in 1..=1_000 {
            latencies.record(Duration::from_millis(ms));
        }
        let found = latencies.percentiles();
        assert!(
            (found.p50_ms - 500.0).abs() < 2.0 && (found.p99_ms - 990.0).abs() < 2.0,
            "{found:?}"
        );
    }
}
