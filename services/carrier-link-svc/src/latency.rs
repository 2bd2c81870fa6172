//! How long answers took lately. Pure.

use std::time::Duration;

/// The last minute, in slices that are forgotten as a whole.
const SLICES: usize = 6;
const SLICE_MS: u64 = 10_000;
/// Four to each doubling, so that a figure is at most a fifth too high.
const PER_DOUBLING: u32 = 4;
/// Shorter ones count as this: 64 µs.
const SHORTEST_US: u64 = 1 << SHORTEST_BITS;
const SHORTEST_BITS: u32 = 6;
/// Up to 2^27 µs, 134 seconds; longer ones count as this.
const BUCKETS: usize = 21 * PER_DOUBLING as usize + 1;

/// Answers by how long they took, over the last 50 to 60 seconds. Of fixed size.
#[derive(Debug, Clone)]
pub struct Latency {
    slices: [Slice; SLICES],
}

#[derive(Debug, Clone, Copy)]
struct Slice {
    /// Which ten seconds since 1970.
    at: u64,
    counts: [u32; BUCKETS],
}

impl Default for Latency {
    fn default() -> Self {
        let empty = Slice {
            at: 0,
            counts: [0; BUCKETS],
        };
        Self {
            slices: [empty; SLICES],
        }
    }
}

impl Latency {
    /// An answer came.
    pub fn count(&mut self, took: Duration, now_ms: u64) {
        let at = now_ms / SLICE_MS;
        let Some(slice) = self.slices.get_mut(at as usize % SLICES) else {
            return;
        };
        if slice.at != at {
            slice.at = at;
            slice.counts.fill(0);
        }
        if let Some(count) = slice.counts.get_mut(bucket(took)) {
            *count = count.saturating_add(1);
        }
    }

    /// So long took so many thousandths of the answers at most, rounded up to a bucket's end; `None` where none came.
    pub fn quantile(&self, per_mille: u64, now_ms: u64) -> Option<Duration> {
        let current = now_ms / SLICE_MS;
        let lately = || {
            self.slices
                .iter()
                .filter(|slice| slice.at <= current && current - slice.at < SLICES as u64)
        };
        let in_bucket = |bucket: usize| -> u64 {
            lately()
                .filter_map(|slice| slice.counts.get(bucket))
                .map(|count| u64::from(*count))
                .sum()
        };
        let all: u64 = (0..BUCKETS).map(in_bucket).sum();
        if all == 0 {
            return None;
        }
        let wanted = all.saturating_mul(per_mille).div_ceil(1_000).max(1);
        let mut counted = 0;
        (0..BUCKETS)
            .find(|bucket| {
                counted += in_bucket(*bucket);
                counted >= wanted
            })
            .map(end)
    }
}

fn bucket(took: Duration) -> usize {
    let us = u64::try_from(took.as_micros())
        .unwrap_or(u64::MAX)
        .max(SHORTEST_US);
    let doublings = us.ilog2();
    // The two bits behind the highest one: which quarter between this power of two and the next.
    let quarter = (us >> (doublings - 2)) & 3;
    let place = (doublings - SHORTEST_BITS) * PER_DOUBLING;
    (place as usize + quarter as usize).min(BUCKETS - 1)
}

/// The end of a bucket.
fn end(bucket: usize) -> Duration {
    let (doublings, quarter) = (
        bucket as u64 / u64::from(PER_DOUBLING),
        bucket as u64 % u64::from(PER_DOUBLING),
    );
    Duration::from_micros((SHORTEST_US << doublings) / 4 * (5 + quarter))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Latency, bucket, end};

    #[test]
    fn a_bucket_ends_behind_what_it_holds_by_a_quarter_at_most() {
        for us in [64, 65, 100, 1_000, 1_023, 1_024, 50_000, 10_000_000, 100_000_000] {
            let took = Duration::from_micros(us);
            let end = end(bucket(took));
            assert!(
                end > took && end <= took * 5 / 4 + Duration::from_micros(1),
                "{us} {end:?}"
            );
        }
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::from_hours(1)), bucket(Duration::from_hours(9)));
    }

    #[test]
    fn the_middle_and_the_slowest_of_the_last_minute_are_told() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(500, 1_000), None);
        for _ in 0..98 {
            latency.count(Duration::from_millis(50), 1_000);
        }
        for _ in 0..2 {
            latency.count(Duration::from_secs(2), 12_000);
        }
        let within = |per_mille, now_ms, from_ms, to_ms| {
            let found = latency.quantile(per_mille, now_ms).unwrap();
            let range = Duration::from_millis(from_ms)..=Duration::from_millis(to_ms);
            assert!(range.contains(&found), "{found:?}");
        };
        within(500, 12_000, 50, 63);
        within(990, 12_000, 2_000, 2_500);
        // A minute on, only the later slice counts; later still, nothing.
        within(500, 65_000, 2_000, 2_500);
        assert_eq!(latency.quantile(500, 80_000), None);
    }
}
