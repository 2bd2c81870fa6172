//! Receipts and uplinks on their way to a client, by the time they are due. They belong to an account, not to a
//! connection: when one connection ends, another takes over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hongyan_carrier_wire::cmpp::MsgId;
use hongyan_carrier_wire::cmpp::pdu::Deliver;
use hongyan_carrier_wire::field::{FixedStr, TerminalId};

use super::ReceiptForm;

/// How often a receipt or uplink is sent that the client does not take.
pub(super) const MAX_ATTEMPTS: u8 = 5;

/// Something to deliver.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) body: OutgoingBody,
    /// The id of the `DELIVER` itself, the same in every attempt.
    pub(super) deliver_id: MsgId,
    /// Times it was sent without being taken.
    pub(super) attempts: u8,
}

#[derive(Debug, Clone)]
pub(super) enum OutgoingBody {
    Receipt(Box<Receipt>),
    Uplink(Box<Deliver>),
}

/// What a receipt says; its form is settled when it is sent.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    pub(super) msg_id: MsgId,
    pub(super) number: TerminalId,
    pub(super) source: FixedStr<21>,
    pub(super) service_id: FixedStr<10>,
    pub(super) stat: FixedStr<7>,
    pub(super) submit_time: FixedStr<10>,
    pub(super) form: ReceiptForm,
}

#[derive(Debug)]
struct Due {
    at_ms: u64,
    number: u64,
    outgoing: Outgoing,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at_ms, self.number) == (other.at_ms, other.number)
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}

/// What waits, bounded.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: BinaryHeap<Reverse<Due>>,
    next_number: u64,
    max: usize,
}

impl Outbox {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            waiting: BinaryHeap::new(),
            next_number: 0,
            max,
        }
    }

    /// False when there is no room.
    #[must_use]
    pub(super) fn push(&mut self, at_ms: u64, outgoing: Outgoing) -> bool {
        if self.waiting.len() >= self.max {
            return false;
        }
        self.waiting.push(Reverse(Due {
            at_ms,
            number: self.next_number,
            outgoing,
        }));
        self.next_number = self.next_number.wrapping_add(1);
        true
    }

    /// The first one that is due.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Outgoing> {
        if self.next_due_ms()? > now_ms {
            return None;
        }
        self.waiting.pop().map(|Reverse(due)| due.outgoing)
    }

    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse(due)| due.at_ms)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(id: u64) -> Outgoing {
        Outgoing {
            body: OutgoingBody::Uplink(Box::default()),
            deliver_id: MsgId(id),
            attempts: 0,
        }
    }

    #[test]
    fn gives_out_by_time_and_within_it_in_order() {
        let mut outbox = Outbox::new(10);
        for (at_ms, id) in [(20, 3), (10, 1), (10, 2), (30, 4)] {
            assert!(outbox.push(at_ms, outgoing(id)));
        }
        assert!(outbox.pop_due(9).is_none());
        let order: Vec<u64> = std::iter::from_fn(|| outbox.pop_due(20))
            .map(|out| out.deliver_id.0)
            .collect();
        assert_eq!(order, [1, 2, 3]);
        assert_eq!(outbox.next_due_ms(), Some(30));
    }

    #[test]
    fn is_bounded() {
        let mut outbox = Outbox::new(1);
        assert!(outbox.push(0, outgoing(1)));
        assert!(!outbox.push(0, outgoing(2)));
    }
}
