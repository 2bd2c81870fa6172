//! What to do where nobody can know, and what may go into a window. Pure.

use hongyan_domain::MessageClass;

/// After a submit without answer: may the segment be sent again?
///
/// A one-time code is never sent twice: the subscriber would not know which one holds. Everything else is, up to
/// `max_attempts`, and marked as a possible duplicate.
pub fn sends_again(class: MessageClass, attempt: u32, max_attempts: u32) -> bool {
    class != MessageClass::Otp && attempt < max_attempts
}

/// When a submit gets no answer in time: may the same octets leave again on the same connection, under the same number, so
/// that a carrier that has them can tell? Never a one-time code.
pub fn repeats(class: MessageClass) -> bool {
    class != MessageClass::Otp
}

/// How many slots of a window are kept for one-time codes and replies: notices and bulk messages leave one free, so that
/// a one-time code never waits for the answer to one of them. A window of one has none to spare.
pub fn reserve(class: MessageClass, window: usize) -> usize {
    let waits = matches!(class, MessageClass::Notice | MessageClass::Bulk);
    usize::from(waits && window > 1)
}

/// How many messages of a class, and of those before it, may be made ready at once, with `free` slots of the window left.
///
/// An intent that is long ahead of its submit counts as an uncertain submit if this process dies, and a one-time code
/// would be given up for nothing: so only as many of them as can leave at once. For the others, one window more is made
/// ready while the first is without answer, or each window would wait for the store.
pub fn lookahead(class: MessageClass, window: usize, free: usize) -> usize {
    if class == MessageClass::Otp {
        free
    } else {
        window.saturating_sub(reserve(class, window)).max(1)
    }
}

/// What was written down of a message's submits before they left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    /// Segments up to this one were taken by the carrier; 0 for none.
    pub done: u8,
    /// The segment that was about to leave, or left.
    pub inflight: Option<u8>,
    /// Attempts at it, from 1.
    pub attempt: u32,
    /// The reference in the headers of the parts, where any part was about to leave.
    pub reference: Option<u16>,
}

/// How to go on with a message that another process, or an earlier life of this one, has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// Nothing has left.
    Fresh,
    /// Everything up to here has an answer: go on with this segment.
    Next {
        /// From 1.
        segment: u8,
    },
    /// This segment may have left.
    Uncertain {
        /// From 1.
        segment: u8,
    },
}

impl Intent {
    /// What follows from it.
    pub fn resume(&self) -> Resume {
        match (self.inflight, self.done) {
            (Some(segment), _) => Resume::Uncertain { segment },
            (None, 0) => Resume::Fresh,
            (None, done) => Resume::Next {
                segment: done.saturating_add(1),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_domain::MessageClass::{self, Bulk, Notice, Otp, Reply};

    use super::{Intent, Resume, lookahead, repeats, reserve, sends_again};

    #[test]
    fn only_a_one_time_code_is_never_sent_again() {
        assert!(!sends_again(Otp, 1, 3));
        assert_eq!(MessageClass::ALL.map(repeats), [false, true, true, true]);
        for class in [Reply, Notice, Bulk] {
            assert!(sends_again(class, 1, 3) && sends_again(class, 2, 3));
            assert!(!sends_again(class, 3, 3), "attempts are bounded");
        }
    }

    #[test]
    fn a_slot_is_kept_from_those_who_can_wait() {
        assert_eq!(MessageClass::ALL.map(|class| reserve(class, 16)), [0, 0, 1, 1]);
        assert_eq!(MessageClass::ALL.map(|class| reserve(class, 1)), [0, 0, 0, 0]);
    }

    #[test]
    fn a_code_is_made_ready_only_when_it_can_leave() {
        assert_eq!(
            MessageClass::ALL.map(|class| lookahead(class, 16, 3)),
            [3, 16, 15, 15]
        );
        assert_eq!(
            MessageClass::ALL.map(|class| lookahead(class, 16, 0)),
            [0, 16, 15, 15]
        );
        assert_eq!(
            MessageClass::ALL.map(|class| lookahead(class, 1, 0)),
            [0, 1, 1, 1]
        );
    }

    #[test]
    fn a_begun_message_goes_on_where_it_is_certain() {
        let intent = |done, inflight| Intent {
            done,
            inflight,
            attempt: 1,
            reference: Some(7),
        };
        assert_eq!(Intent::default().resume(), Resume::Fresh);
        assert_eq!(intent(0, Some(1)).resume(), Resume::Uncertain { segment: 1 });
        assert_eq!(intent(2, Some(3)).resume(), Resume::Uncertain { segment: 3 });
        assert_eq!(intent(2, None).resume(), Resume::Next { segment: 3 });
    }
}
