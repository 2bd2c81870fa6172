//! When to stop asking an upstream that does not answer.

use std::time::Duration;

/// Opens after so many failures in a row, lets one question through after a pause, and closes when that one is answered.
/// Pure: the caller says what time it is.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_to_open: u32,
    pause_ms: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many failures in a row.
    Closed(u32),
    /// Until this time nobody asks.
    Open(u64),
    /// One question is out to see; if it is never answered, the next one goes at this time.
    Probing(u64),
}

impl Breaker {
    /// Closed.
    pub(super) fn new(failures_to_open: u32, pause: Duration) -> Self {
        Self {
            failures_to_open,
            pause_ms: u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            state: State::Closed(0),
        }
    }

    /// Whether a question may go now. One that may must be followed by [`Breaker::answered`], [`Breaker::failed`] or
    /// nothing at all: a probe that is given up is forgotten after the pause.
    pub(super) fn admits(&mut self, now_ms: u64) -> bool {
        match self.state {
            State::Closed(_) => true,
            State::Open(until) | State::Probing(until) if now_ms < until => false,
            State::Open(_) | State::Probing(_) => {
                self.state = State::Probing(now_ms.saturating_add(self.pause_ms));
                true
            }
        }
    }

    /// The upstream answered, whatever it said.
    pub(super) fn answered(&mut self) {
        self.state = State::Closed(0);
    }

    /// The upstream did not answer, or answered nonsense. True where that opened the breaker.
    pub(super) fn failed(&mut self, now_ms: u64) -> bool {
        let until = now_ms.saturating_add(self.pause_ms);
        match self.state {
            State::Closed(failures) if failures + 1 < self.failures_to_open => {
                self.state = State::Closed(failures + 1);
                false
            }
            State::Closed(_) | State::Probing(_) => {
                self.state = State::Open(until);
                true
            }
            // The answer to a question from before it opened.
            State::Open(_) => false,
        }
    }

    /// Nobody is let through without having to prove that it works again.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed(_))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Breaker;

    fn breaker() -> Breaker {
        Breaker::new(3, Duration::from_millis(100))
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let mut breaker = breaker();
        assert!(!breaker.failed(0));
        assert!(!breaker.failed(0));
        breaker.answered();
        assert!(!breaker.failed(0));
        assert!(!breaker.failed(0));
        assert!(breaker.admits(0));
        assert!(breaker.failed(0));
        assert!(!breaker.admits(99) && breaker.is_open());
    }

    #[test]
    fn after_the_pause_one_question_goes_and_decides() {
        let mut breaker = breaker();
        for _ in 0..3 {
            breaker.failed(0);
        }
        assert!(breaker.admits(100));
        assert!(!breaker.admits(101), "only one");
        assert!(breaker.failed(110));
        assert!(!breaker.admits(209));
        assert!(breaker.admits(210));
        breaker.answered();
        assert!(breaker.admits(211) && breaker.admits(211) && !breaker.is_open());
    }

    #[test]
    fn a_probe_that_was_given_up_does_not_block_for_ever() {
        let mut breaker = breaker();
        for _ in 0..3 {
            breaker.failed(0);
        }
        assert!(breaker.admits(100));
        assert!(!breaker.admits(199));
        assert!(breaker.admits(200));
    }

    #[test]
    fn late_failures_do_not_lengthen_the_pause() {
        let mut breaker = breaker();
        for _ in 0..3 {
            breaker.failed(0);
        }
        assert!(!breaker.failed(90));
        assert!(breaker.admits(100));
    }
}
