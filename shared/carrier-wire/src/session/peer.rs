//! What the peer asks and gets wrong: its unanswered requests, and how much nonsense it may send.

use std::collections::VecDeque;

/// The span over which oddities are counted.
const ODDITY_SPAN_MS: u64 = 60_000;

/// Requests of the peer that the application has not answered.
#[derive(Debug)]
pub(super) struct Inbound<S> {
    limit: usize,
    open: VecDeque<Asked<S>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked<S> {
    pub(super) sequence: S,
    pub(super) identity: u64,
    pub(super) command: u32,
}

/// Whether a request of the peer goes up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    Yes,
    Repeated,
    TooMany,
}

impl<S: Copy + Eq> Inbound<S> {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            open: VecDeque::new(),
        }
    }

    /// Notes a request as unanswered.
    pub(super) fn admit(&mut self, asked: Asked<S>) -> Admitted {
        if self.open.contains(&asked) {
            Admitted::Repeated
        } else if self.open.len() >= self.limit {
            Admitted::TooMany
        } else {
            self.open.push_back(asked);
            Admitted::Yes
        }
    }

    /// Where the open request is that the application answers.
    pub(super) fn find(&self, matches: impl Fn(&Asked<S>) -> bool) -> Option<usize> {
        self.open.iter().position(matches)
    }

    /// Strikes a request off, as [`Self::find`] gave it.
    pub(super) fn settle(&mut self, position: usize) {
        self.open.remove(position);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

/// How much nonsense the peer may still send.
#[derive(Debug)]
pub(super) struct Patience {
    limit: u32,
    seen: u32,
    since_ms: u64,
}

impl Patience {
    pub(super) const fn new(limit: u32) -> Self {
        Self {
            limit,
            seen: 0,
            since_ms: 0,
        }
    }

    /// Counts an oddity; false when it was one too many within a minute.
    pub(super) const fn tolerate(&mut self, now_ms: u64) -> bool {
        if now_ms.saturating_sub(self.since_ms) >= ODDITY_SPAN_MS {
            self.since_ms = now_ms;
            self.seen = 0;
        }
        self.seen = self.seen.saturating_add(1);
        self.seen <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn asked(sequence: u32, identity: u64) -> Asked<u32> {
        Asked {
            sequence,
            identity,
            command: 5,
        }
    }

    #[test]
    fn a_request_is_open_once_and_the_number_of_open_ones_is_bounded() {
        let mut inbound = Inbound::new(2);
        assert_eq!(inbound.admit(asked(1, 7)), Admitted::Yes);
        assert_eq!(inbound.admit(asked(1, 7)), Admitted::Repeated);
        assert_eq!(
            inbound.admit(asked(1, 8)),
            Admitted::Yes,
            "another one under the same number"
        );
        assert_eq!(inbound.admit(asked(2, 0)), Admitted::TooMany);
        let position = inbound.find(|open| open.identity == 7).unwrap();
        inbound.settle(position);
        assert_eq!(inbound.find(|open| open.identity == 7), None);
        assert_eq!(inbound.admit(asked(2, 0)), Admitted::Yes);
        assert!(!inbound.is_empty());
    }

    #[test]
    fn patience_comes_back_after_a_minute() {
        let mut patience = Patience::new(2);
        assert!(patience.tolerate(0) && patience.tolerate(59_999));
        assert!(!patience.tolerate(59_999));
        assert!(patience.tolerate(60_000));
    }
}
