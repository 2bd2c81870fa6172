//! Requests of our own that have no answer yet.

use std::collections::VecDeque;

use bytes::Bytes;

/// How many settled requests are remembered for an answer that comes late, or once more.
const REMEMBERED: usize = 1024;

/// Requests in the order of their deadlines, which is that in which they were sent.
#[derive(Debug)]
pub(super) struct Window<S> {
    size: usize,
    timeout_ms: u64,
    open: VecDeque<Pending<S>>,
    /// Given as uncertain: their answer corrects that.
    late: VecDeque<Pending<S>>,
    /// Answered after a repetition: the answers to the other copies mean nothing new.
    echoes: VecDeque<Echo<S>>,
    /// How many requests have been sent again.
    sent_again: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending<S> {
    pub(super) sequence: S,
    pub(super) token: u64,
    pub(super) command: u32,
    pub(super) again: Option<Again>,
    sent: u32,
    deadline_ms: u64,
}

/// A request that is sent again when it is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) octets: Bytes,
    pub(super) left: u32,
}

#[derive(Debug)]
struct Echo<S> {
    sequence: S,
    command: u32,
    left: u32,
}

/// Whom an answer belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    InTime {
        token: u64,
    },
    Late {
        token: u64,
    },
    /// To a copy of a request that is settled.
    Echo,
    Unknown,
}

/// What follows when the oldest request's time is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expired<S> {
    /// Send this once more.
    SendAgain(Bytes),
    /// Its outcome is uncertain.
    GivenUp { sequence: S, token: u64 },
}

impl<S: Copy + Eq> Window<S> {
    pub(super) fn new(size: usize, timeout_ms: u64) -> Self {
        Self {
            size,
            timeout_ms,
            open: VecDeque::with_capacity(size),
            late: VecDeque::new(),
            echoes: VecDeque::new(),
            sent_again: 0,
        }
    }

    pub(super) const fn sent_again(&self) -> u64 {
        self.sent_again
    }

    pub(super) fn free(&self) -> usize {
        self.size.saturating_sub(self.open.len())
    }

    pub(super) fn in_flight(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn push(&mut self, sequence: S, token: u64, command: u32, again: Option<Again>, now_ms: u64) {
        self.open.push_back(Pending {
            sequence,
            token,
            command,
            again,
            sent: 1,
            deadline_ms: now_ms.saturating_add(self.timeout_ms),
        });
    }

    /// Settles the request with this sequence that `fits`, given its command.
    pub(super) fn answer(&mut self, sequence: S, fits: impl Fn(u32) -> bool) -> Answered {
        if let Some(pending) = take(&mut self.open, sequence, &fits) {
            if pending.sent > 1 {
                let left = pending.sent.saturating_sub(1);
                let command = pending.command;
                remember(
                    &mut self.echoes,
                    Echo {
                        sequence,
                        command,
                        left,
                    },
                );
            }
            return Answered::InTime { token: pending.token };
        }
        if let Some(pending) = take(&mut self.late, sequence, &fits) {
            return Answered::Late { token: pending.token };
        }
        let position = self
            .echoes
            .iter()
            .position(|echo| echo.sequence == sequence && fits(echo.command));
        let Some(position) = position else {
            return Answered::Unknown;
        };
        if let Some(echo) = self.echoes.get_mut(position) {
            echo.left = echo.left.saturating_sub(1);
            if echo.left == 0 {
                self.echoes.remove(position);
            }
        }
        Answered::Echo
    }

    /// Gives up the request with this sequence before its time; it stays remembered for a readable answer.
    pub(super) fn give_up(&mut self, sequence: S) -> Option<u64> {
        let pending = take(&mut self.open, sequence, |_| true)?;
        let token = pending.token;
        self.forget_octets_and_remember(pending);
        Some(token)
    }

    /// What is due next; called until there is nothing.
    pub(super) fn expire(&mut self, now_ms: u64) -> Option<Expired<S>> {
        let due = self
            .open
            .front()
            .is_some_and(|oldest| oldest.deadline_ms <= now_ms);
        let mut oldest = if due { self.open.pop_front() } else { None }?;
        if let Some(again) = oldest.again.as_mut().filter(|again| again.left > 0) {
            again.left = again.left.saturating_sub(1);
            let octets = again.octets.clone();
            oldest.sent = oldest.sent.saturating_add(1);
            self.sent_again = self.sent_again.saturating_add(1);
            // One timeout for all, so the order of deadlines is kept by going to the back.
            oldest.deadline_ms = now_ms.saturating_add(self.timeout_ms);
            self.open.push_back(oldest);
            return Some(Expired::SendAgain(octets));
        }
        let (sequence, token) = (oldest.sequence, oldest.token);
        self.forget_octets_and_remember(oldest);
        Some(Expired::GivenUp { sequence, token })
    }

    fn forget_octets_and_remember(&mut self, mut pending: Pending<S>) {
        pending.again = None;
        remember(&mut self.late, pending);
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.open.front().map(|oldest| oldest.deadline_ms)
    }

    /// Everything unanswered, because no answer can come any more.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Pending<S>> + '_ {
        self.late.clear();
        self.echoes.clear();
        self.open.drain(..)
    }
}

fn remember<T>(queue: &mut VecDeque<T>, settled: T) {
    if queue.len() >= REMEMBERED {
        queue.pop_front();
    }
    queue.push_back(settled);
}

fn take<S: Copy + Eq>(
    queue: &mut VecDeque<Pending<S>>,
    sequence: S,
    fits: impl Fn(u32) -> bool,
) -> Option<Pending<S>> {
    let position = queue
        .iter()
        .position(|pending| pending.sequence == sequence && fits(pending.command))?;
    queue.remove(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: fn(u32) -> bool = |_| true;

    fn push(window: &mut Window<u32>, sequence: u32, again: Option<Again>, now_ms: u64) {
        window.push(sequence, u64::from(sequence) * 10, 4, again, now_ms);
    }

    #[test]
    fn answers_match_in_any_order_and_once() {
        let mut window = Window::new(4, 100);
        for sequence in 1..=3 {
            push(&mut window, sequence, None, 0);
        }
        assert_eq!((window.free(), window.in_flight()), (1, 3));
        assert_eq!(window.answer(2, ANY), Answered::InTime { token: 20 });
        assert_eq!(window.answer(2, ANY), Answered::Unknown);
        assert_eq!(window.answer(1, |command| command == 6), Answered::Unknown);
        assert_eq!(
            window.answer(1, |command| command == 4),
            Answered::InTime { token: 10 }
        );
        assert_eq!(
            window.drain().map(|pending| pending.token).collect::<Vec<_>>(),
            [30]
        );
    }

    #[test]
    fn expires_oldest_first_and_remembers_for_a_late_answer() {
        let mut window = Window::new(4, 100);
        push(&mut window, 1, None, 0);
        push(&mut window, 2, None, 50);
        assert_eq!(window.deadline_ms(), Some(100));
        assert_eq!(window.expire(99), None);
        assert_eq!(
            window.expire(100),
            Some(Expired::GivenUp {
                sequence: 1,
                token: 10
            })
        );
        assert_eq!(window.expire(100), None);
        assert_eq!(window.answer(1, ANY), Answered::Late { token: 10 });
        assert_eq!(window.answer(1, ANY), Answered::Unknown);
        assert_eq!(window.give_up(2), Some(20));
        assert_eq!(window.give_up(2), None);
        assert_eq!(window.answer(2, ANY), Answered::Late { token: 20 });
    }

    #[test]
    fn sends_again_as_often_as_it_may_and_takes_every_answer_to_it() {
        let mut window = Window::new(4, 100);
        let octets = Bytes::from_static(b"again");
        let again = || {
            Some(Again {
                octets: octets.clone(),
                left: 2,
            })
        };
        push(&mut window, 1, again(), 0);
        push(&mut window, 2, None, 10);
        assert_eq!(window.expire(100), Some(Expired::SendAgain(octets.clone())));
        assert_eq!(
            window.deadline_ms(),
            Some(110),
            "the second one is due before the repetition"
        );
        assert_eq!(window.answer(2, ANY), Answered::InTime { token: 20 });
        assert_eq!(window.expire(200), Some(Expired::SendAgain(octets.clone())));
        assert_eq!(
            window.expire(300),
            Some(Expired::GivenUp {
                sequence: 1,
                token: 10
            })
        );

        push(&mut window, 3, again(), 300);
        assert_eq!(window.expire(400), Some(Expired::SendAgain(octets.clone())));
        assert_eq!(window.sent_again(), 3);
        assert_eq!(window.answer(3, ANY), Answered::InTime { token: 30 });
        assert_eq!(
            window.answer(3, ANY),
            Answered::Echo,
            "the answer to the other copy"
        );
        assert_eq!(window.answer(3, ANY), Answered::Unknown);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut window = Window::new(4, 1);
        for sequence in 0..5_000u32 {
            push(&mut window, sequence, None, 0);
            assert!(window.expire(10).is_some());
        }
        assert_eq!(window.late.len(), REMEMBERED);
    }
}
