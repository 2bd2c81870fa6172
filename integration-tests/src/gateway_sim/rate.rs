//! How many within any second.

use std::collections::VecDeque;

const SECOND_US: u64 = 1_000_000;

/// The times of the last second, bounded.
#[derive(Debug)]
pub(super) struct LastSecond {
    times_us: VecDeque<u64>,
    max: usize,
}

impl LastSecond {
    /// Remembers at most `max` times.
    pub(super) const fn new(max: usize) -> Self {
        Self {
            times_us: VecDeque::new(),
            max,
        }
    }

    /// How many lie within the second that ends now.
    pub(super) fn count(&mut self, now_us: u64) -> usize {
        while self
            .times_us
            .front()
            .is_some_and(|oldest| oldest.saturating_add(SECOND_US) <= now_us)
        {
            self.times_us.pop_front();
        }
        self.times_us.len()
    }

    /// Notes one and gives the count with it.
    pub(super) fn note(&mut self, now_us: u64) -> usize {
        self.count(now_us);
        if self.times_us.len() < self.max {
            self.times_us.push_back(now_us);
        }
        self.times_us.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_any_second_and_not_those_of_the_clock() {
        let mut last = LastSecond::new(100);
        for at in [900_000, 950_000, 1_000_000, 1_050_000] {
            last.note(at);
        }
        assert_eq!(last.count(1_050_000), 4);
        assert_eq!(last.count(1_900_000), 3);
        assert_eq!(last.count(2_050_000), 0);
    }

    #[test]
    fn is_bounded() {
        let mut last = LastSecond::new(3);
        for _ in 0..10 {
            last.note(0);
        }
        assert_eq!(last.count(0), 3);
    }
}
