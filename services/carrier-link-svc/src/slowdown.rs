//! Answering a carrier that asks to slow down. Pure.

/// Cuts within this span count as one: the answers to one full window arrive together.
const CUT_SPAN_MS: u64 = 500;
/// The pace never falls below this part of what is configured.
const LEAST: f64 = 1.0 / 64.0;
/// What comes back each second.
const RAISE_A_SECOND: f64 = 0.05;

const FIRST_PAUSE_MS: u64 = 100;
const LONGEST_PAUSE_MS: u64 = 5_000;

/// The part of a link's pace that is used: halved when the carrier throttles, raised again little by little.
#[derive(Debug, Clone)]
pub struct Slowdown {
    factor: f64,
    since_ms: u64,
    last_cut_ms: Option<u64>,
}

impl Default for Slowdown {
    fn default() -> Self {
        Self {
            factor: 1.0,
            since_ms: 0,
            last_cut_ms: None,
        }
    }
}

impl Slowdown {
    /// The carrier throttled. True where the pace was cut.
    pub fn throttled(&mut self, now_ms: u64) -> bool {
        if self.last_cut_ms.is_some_and(|last| now_ms < last + CUT_SPAN_MS) {
            return false;
        }
        self.factor = (self.factor(now_ms) / 2.0).max(LEAST);
        self.since_ms = now_ms;
        self.last_cut_ms = Some(now_ms);
        true
    }

    /// The part of the pace to use now, above 0 and at most 1.
    pub fn factor(&self, now_ms: u64) -> f64 {
        let seconds = now_ms.saturating_sub(self.since_ms) as f64 / 1_000.0;
        RAISE_A_SECOND.mul_add(seconds, self.factor).min(1.0)
    }
}

/// How long one connection keeps still after being throttled: doubled each time until something is taken again.
#[derive(Debug, Clone, Default)]
pub struct Pause {
    until_ms: u64,
    step_ms: u64,
}

impl Pause {
    /// The carrier throttled. Answers that arrive during the pause belong to what was sent before it.
    pub fn throttled(&mut self, now_ms: u64) {
        if now_ms >= self.until_ms {
            self.step_ms = (self.step_ms * 2).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
            self.until_ms = now_ms + self.step_ms;
        }
    }

    /// The carrier took something.
    pub fn taken(&mut self) {
        self.step_ms = 0;
    }

    /// The end of the pause, where one is on.
    pub fn until_ms(&self, now_ms: u64) -> Option<u64> {
        (now_ms < self.until_ms).then_some(self.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST, Pause, Slowdown};

    #[test]
    fn the_pace_halves_once_for_a_burst_and_comes_back_slowly() {
        let mut slowdown = Slowdown::default();
        assert!(slowdown.throttled(10_000));
        assert!(!slowdown.throttled(10_100), "the same burst");
        assert!((slowdown.factor(10_000) - 0.5).abs() < 1e-9);
        assert!((slowdown.factor(14_000) - 0.7).abs() < 1e-9);
        assert!(slowdown.throttled(14_000));
        assert!((slowdown.factor(14_000) - 0.35).abs() < 1e-9);
        assert!((slowdown.factor(1_000_000) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_pace_never_stops() {
        let mut slowdown = Slowdown::default();
        for burst in 0..100 {
            slowdown.throttled(burst * 500);
        }
        assert!(slowdown.factor(50_000) >= LEAST);
    }

    #[test]
    fn pauses_double_until_something_is_taken() {
        let mut pause = Pause::default();
        pause.throttled(1_000);
        pause.throttled(1_050);
        assert_eq!(pause.until_ms(1_050), Some(1_100));
        assert_eq!(pause.until_ms(1_100), None);
        pause.throttled(1_100);
        assert_eq!(pause.until_ms(1_100), Some(1_300));
        pause.taken();
        pause.throttled(2_000);
        assert_eq!(pause.until_ms(2_000), Some(2_100));
        for n in 0..20 {
            pause.throttled(10_000 * n + 10_000);
        }
        assert_eq!(pause.until_ms(200_000), Some(205_000));
    }
}
