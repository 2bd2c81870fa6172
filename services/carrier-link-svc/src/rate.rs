//! How many things happened lately, a second. Pure.

const SPAN_S: usize = 10;

/// Counts by second over the last ten whole seconds.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    /// The second, and how many: the place is the second modulo the length. One more than the span, because the current
    /// second is not over.
    counts: [(u64, u32); SPAN_S + 1],
}

impl Rate {
    /// One more.
    pub fn count(&mut self, now_ms: u64) {
        let second = now_ms / 1_000;
        let place = &mut self.counts[second as usize % (SPAN_S + 1)];
        if place.0 != second {
            *place = (second, 0);
        }
        place.1 = place.1.saturating_add(1);
    }

    /// A second, over the ten whole seconds before this one.
    pub fn per_second(&self, now_ms: u64) -> f64 {
        let second = now_ms / 1_000;
        let span = second.saturating_sub(SPAN_S as u64)..second;
        let counted = self.counts.iter().filter(|(at, _)| span.contains(at));
        counted.map(|(_, count)| f64::from(*count)).sum::<f64>() / SPAN_S as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn only_the_last_ten_whole_seconds_count() {
        let mut rate = Rate::default();
        for second in 0..25_u64 {
            for _ in 0..second {
                rate.count(second * 1_000 + 7);
            }
        }
        // Seconds 14 to 23; the current one, 24, is not over.
        let expected = f64::from((14..24).sum::<u32>()) / 10.0;
        assert!((rate.per_second(24_500) - expected).abs() < 1e-9);
        assert!(rate.per_second(60_000).abs() < 1e-9);
    }
}
