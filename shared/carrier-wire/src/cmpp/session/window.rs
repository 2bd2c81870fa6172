//! Requests of our own that have no answer yet.

use std::collections::VecDeque;

/// How many timed-out requests are remembered for a late answer.
const LATE_REMEMBERED: usize = 1024;

/// Requests in the order in which they were sent, which is the order of their deadlines as well.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    timeout_ms: u64,
    open: VecDeque<Pending>,
    late: VecDeque<Pending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) sequence: u32,
    pub(super) token: u64,
    deadline_ms: u64,
}

/// Whom an answer belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    InTime { token: u64 },
    Late { token: u64 },
    Unknown,
}

impl Window {
    pub(super) fn new(size: usize, timeout_ms: u64) -> Self {
        Self {
            size,
            timeout_ms,
            open: VecDeque::with_capacity(size),
            late: VecDeque::new(),
        }
    }

    pub(super) fn free(&self) -> usize {
        self.size.saturating_sub(self.open.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn push(&mut self, sequence: u32, token: u64, now_ms: u64) {
        self.open.push_back(Pending {
            sequence,
            token,
            deadline_ms: now_ms.saturating_add(self.timeout_ms),
        });
    }

    pub(super) fn answer(&mut self, sequence: u32) -> Answered {
        if let Some(pending) = take(&mut self.open, sequence) {
            return Answered::InTime { token: pending.token };
        }
        match take(&mut self.late, sequence) {
            Some(pending) => Answered::Late { token: pending.token },
            None => Answered::Unknown,
        }
    }

    /// The next request whose time is over; it stays remembered for a late answer.
    pub(super) fn expire(&mut self, now_ms: u64) -> Option<Pending> {
        let due = self
            .open
            .front()
            .is_some_and(|oldest| oldest.deadline_ms <= now_ms);
        let expired = if due { self.open.pop_front() } else { None }?;
        if self.late.len() >= LATE_REMEMBERED {
            self.late.pop_front();
        }
        self.late.push_back(expired);
        Some(expired)
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.open.front().map(|oldest| oldest.deadline_ms)
    }

    /// Everything unanswered, because no answer can come any more.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Pending> + '_ {
        self.late.clear();
        self.open.drain(..)
    }
}

fn take(queue: &mut VecDeque<Pending>, sequence: u32) -> Option<Pending> {
    let position = queue.iter().position(|pending| pending.sequence == sequence)?;
    queue.remove(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_match_in_any_order_and_once() {
        let mut window = Window::new(4, 100);
        for sequence in 1..=3 {
            window.push(sequence, u64::from(sequence) * 10, 0);
        }
        assert_eq!(window.free(), 1);
        assert_eq!(window.answer(2), Answered::InTime { token: 20 });
        assert_eq!(window.answer(2), Answered::Unknown);
        assert_eq!(window.answer(1), Answered::InTime { token: 10 });
        assert_eq!(
            window.drain().map(|pending| pending.token).collect::<Vec<_>>(),
            [30]
        );
    }

    #[test]
    fn expires_oldest_first_and_remembers_for_a_late_answer() {
        let mut window = Window::new(4, 100);
        window.push(1, 10, 0);
        window.push(2, 20, 50);
        assert_eq!(window.deadline_ms(), Some(100));
        assert_eq!(window.expire(99), None);
        assert_eq!(window.expire(100).map(|pending| pending.token), Some(10));
        assert_eq!(window.expire(100), None);
        assert_eq!(window.answer(1), Answered::Late { token: 10 });
        assert_eq!(window.answer(1), Answered::Unknown);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut window = Window::new(4, 1);
        for sequence in 0..5_000u32 {
            window.push(sequence, 0, 0);
            assert!(window.expire(10).is_some());
        }
        assert_eq!(window.late.len(), LATE_REMEMBERED);
    }
}
