//! When to ask a silent peer, and when to give it up.

use super::SessionLimits;

/// Any PDU of the peer proves that it lives, not only the answer to a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeepAlive {
    heard_ms: u64,
    asked_ms: Option<u64>,
    asked: u32,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Check {
    Fine,
    Ask,
    Lost,
}

impl KeepAlive {
    pub(super) const fn new(now_ms: u64) -> Self {
        Self {
            heard_ms: now_ms,
            asked_ms: None,
            asked: 0,
        }
    }

    pub(super) fn heard(&mut self, now_ms: u64) {
        *self = Self::new(now_ms);
    }

    pub(super) const fn heard_ms(&self) -> u64 {
        self.heard_ms
    }

    pub(super) fn deadline_ms(&self, limits: &SessionLimits) -> u64 {
        match self.asked_ms {
            None => self.heard_ms.saturating_add(limits.idle_ms),
            Some(asked_ms) => asked_ms.saturating_add(limits.keep_alive_timeout_ms),
        }
    }

    /// What is due now; `Ask` is taken as done.
    pub(super) fn check(&mut self, now_ms: u64, limits: &SessionLimits) -> Check {
        if now_ms < self.deadline_ms(limits) {
            return Check::Fine;
        }
        if self.asked >= limits.keep_alive_attempts {
            return Check::Lost;
        }
        self.asked = self.asked.saturating_add(1);
        self.asked_ms = Some(now_ms);
        Check::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_after_silence_and_gives_up_after_the_attempts() {
        let limits = SessionLimits::default();
        let mut keep_alive = KeepAlive::new(0);
        assert_eq!(keep_alive.check(29_999, &limits), Check::Fine);
        assert_eq!(keep_alive.check(30_000, &limits), Check::Ask);
        assert_eq!(keep_alive.check(39_999, &limits), Check::Fine);
        assert_eq!(keep_alive.check(40_000, &limits), Check::Ask);
        assert_eq!(keep_alive.check(50_000, &limits), Check::Ask);
        assert_eq!(keep_alive.check(60_000, &limits), Check::Lost);
    }

    #[test]
    fn anything_heard_starts_over() {
        let limits = SessionLimits::default();
        let mut keep_alive = KeepAlive::new(0);
        assert_eq!(keep_alive.check(30_000, &limits), Check::Ask);
        keep_alive.heard(35_000);
        assert_eq!(keep_alive.check(64_999, &limits), Check::Fine);
        assert_eq!(keep_alive.check(65_000, &limits), Check::Ask);
    }
}
