//! How many within any second.

use std::collections::{BTreeMap, VecDeque};

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

    /// How many lie within the second that ends now: after the moment a second ago, up to now.
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

/// What an account's traffic looked like, by every second that ends with a segment: the busiest second of all is
/// among them, so that the most is exact and not that of the clock's seconds.
#[derive(Debug)]
pub(super) struct Windows {
    last: LastSecond,
    segments: u64,
    peak: u64,
    histogram: BTreeMap<u64, u64>,
    first_us: Option<u64>,
    last_us: u64,
}

impl Windows {
    /// Counts at most `max` in one second.
    pub(super) const fn new(max: usize) -> Self {
        Self {
            last: LastSecond::new(max),
            segments: 0,
            peak: 0,
            histogram: BTreeMap::new(),
            first_us: None,
            last_us: 0,
        }
    }

    /// Notes a segment.
    pub(super) fn note(&mut self, now_us: u64) {
        let within = self.last.note(now_us) as u64;
        self.segments += 1;
        self.peak = self.peak.max(within);
        *self.histogram.entry(within).or_default() += 1;
        self.first_us.get_or_insert(now_us);
        self.last_us = now_us;
    }

    pub(super) const fn segments(&self) -> u64 {
        self.segments
    }

    /// The most within any second.
    pub(super) const fn peak(&self) -> u64 {
        self.peak
    }

    /// How often a second that ends with a segment had so many.
    pub(super) const fn histogram(&self) -> &BTreeMap<u64, u64> {
        &self.histogram
    }

    /// From the first segment to the last, in microseconds.
    pub(super) fn span_us(&self) -> u64 {
        self.first_us
            .map_or(0, |first| self.last_us.saturating_sub(first))
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

    #[test]
    fn the_busiest_second_is_found_wherever_it_lies() {
        let mut windows = Windows::new(1_000);
        // A steady ten a second, and twenty in a burst across the turn of a second.
        for at in (0..5).map(|n| n * 100_000) {
            windows.note(at);
        }
        for at in (0..20).map(|n| 990_000 + n * 1_000) {
            windows.note(at);
        }
        assert_eq!((windows.segments(), windows.peak()), (25, 24));
        assert_eq!(windows.histogram().values().sum::<u64>(), 25);
        assert_eq!(windows.histogram().get(&5), Some(&1));
        assert_eq!(windows.span_us(), 1_009_000);
    }

    #[test]
    fn a_segment_exactly_a_second_ago_is_of_another_second() {
        let mut windows = Windows::new(1_000);
        for at in [0, 1_000_000, 2_000_000] {
            windows.note(at);
        }
        assert_eq!(windows.peak(), 1);
    }
}
