//! How long to wait before the next attempt.

use std::time::Duration;

use rand::Rng;

/// Exponential back-off with full jitter between half and all of the step, so that many clients of one failed server do
/// not come back in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempt: u32,
}

impl Backoff {
    /// Waits about `first`, then twice as long each time, never longer than `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            attempt: 0,
        }
    }

    /// For loops over Redis: 50 ms to 2 s.
    pub fn for_redis() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(2))
    }

    /// The wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let step = self.step();
        self.attempt = self.attempt.saturating_add(1);
        step.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Failures since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    fn step(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempt.min(31)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_double_up_to_the_most_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(700));
        for most_ms in [100, 200, 400, 700, 700] {
            let wait = backoff.next_wait();
            assert!(
                wait <= Duration::from_millis(most_ms) && wait * 2 >= Duration::from_millis(most_ms),
                "{wait:?} for {most_ms}"
            );
        }
        backoff.reset();
        assert!(backoff.next_wait() <= Duration::from_millis(100));
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let mut backoff = Backoff::new(Duration::from_hours(1), Duration::from_hours(2));
        for _ in 0..200 {
            assert!(backoff.next_wait() <= Duration::from_hours(2));
        }
    }
}
