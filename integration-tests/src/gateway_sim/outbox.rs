//! Receipts and uplinks on their way to a client, by the time they are due. They belong to an account, not to a
//! connection: when one connection ends, another takes over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytes::Bytes;
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use time::OffsetDateTime;

use super::message::{DELETED, MessageId};
use super::{Damage, Padding, ReceiptForm, ReceiptId, UplinkCoding};

/// How often a receipt or uplink is sent that the client does not take.
pub(super) const MAX_ATTEMPTS: u8 = 5;

/// Something to deliver.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) body: Body,
    /// The id of the PDU itself, the same in every attempt. Of SGIP it is the sequence number.
    pub(super) id: MessageId,
    /// Times it was sent without being taken.
    pub(super) attempts: u8,
    /// What is broken about the PDU.
    pub(super) damage: Vec<Damage>,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Receipt(Box<Receipt>),
    Uplink(Box<UplinkPart>),
    UserReport(Box<UserReport>),
}

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Receipt,
    Uplink,
    UserReport,
}

/// What a receipt says; its form is settled when it is sent.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    pub(super) message: MessageId,
    /// The recipient as the client wrote it.
    pub(super) number: TerminalId,
    /// The number that the message came from.
    pub(super) source: FixedStr<21>,
    pub(super) service: FixedStr<10>,
    pub(super) stat: FixedStr<7>,
    pub(super) error: u32,
    pub(super) submitted: OffsetDateTime,
    /// The first octets of the message's text.
    pub(super) text_start: Bytes,
    pub(super) form: ReceiptForm,
    pub(super) padding: Padding,
    pub(super) id_form: ReceiptId,
}

/// One part of an uplink, or a whole one.
#[derive(Debug, Clone, Default)]
pub(super) struct UplinkPart {
    pub(super) from: TerminalId,
    pub(super) to: FixedStr<21>,
    pub(super) service: FixedStr<10>,
    pub(super) link_id: FixedStr<20>,
    pub(super) coding: UplinkCoding,
    pub(super) has_udh: bool,
    pub(super) content: Bytes,
}

/// What SGIP tells of a phone by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct UserReport {
    pub(super) number: TerminalId,
    pub(super) access_number: FixedStr<21>,
    pub(super) condition: u8,
}

impl Outgoing {
    pub(super) const fn kind(&self) -> Kind {
        match self.body {
            Body::Receipt(_) => Kind::Receipt,
            Body::Uplink(_) => Kind::Uplink,
            Body::UserReport(_) => Kind::UserReport,
        }
    }
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

    /// Takes a message back whose receipts have not left: they say so, at once. False when there is none.
    pub(super) fn take_back(&mut self, message: MessageId, now_ms: u64) -> bool {
        let mut found = false;
        let mut waiting = std::mem::take(&mut self.waiting).into_vec();
        for Reverse(due) in &mut waiting {
            if let Body::Receipt(receipt) = &mut due.outgoing.body
                && receipt.message == message
                && due.outgoing.attempts == 0
            {
                receipt.stat = FixedStr::new(DELETED).unwrap_or_default();
                due.at_ms = now_ms;
                found = true;
            }
        }
        self.waiting = BinaryHeap::from(waiting);
        found
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

    fn outgoing(id: u128) -> Outgoing {
        Outgoing {
            body: Body::Uplink(Box::default()),
            id: MessageId(id),
            attempts: 0,
            damage: Vec::new(),
        }
    }

    fn receipt(id: u128) -> Outgoing {
        Outgoing {
            body: Body::Receipt(Box::new(Receipt {
                message: MessageId(id),
                number: TerminalId::default(),
                source: FixedStr::default(),
                service: FixedStr::default(),
                stat: FixedStr::new("DELIVRD").unwrap(),
                error: 0,
                submitted: OffsetDateTime::UNIX_EPOCH,
                text_start: Bytes::new(),
                form: ReceiptForm::default(),
                padding: Padding::default(),
                id_form: ReceiptId::default(),
            })),
            ..outgoing(id)
        }
    }

    #[test]
    fn gives_out_by_time_and_within_it_in_order() {
        let mut outbox = Outbox::new(10);
        for (at_ms, id) in [(20, 3), (10, 1), (10, 2), (30, 4)] {
            assert!(outbox.push(at_ms, outgoing(id)));
        }
        assert!(outbox.pop_due(9).is_none());
        let order: Vec<u128> = std::iter::from_fn(|| outbox.pop_due(20))
            .map(|out| out.id.0)
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

    #[test]
    fn a_message_is_taken_back_while_its_receipt_waits() {
        let mut outbox = Outbox::new(10);
        assert!(outbox.push(50, receipt(1)));
        assert!(outbox.push(90, receipt(2)));
        assert!(outbox.take_back(MessageId(2), 5));
        assert!(!outbox.take_back(MessageId(3), 5));
        let first = outbox.pop_due(5).unwrap();
        assert!(matches!(&first.body, Body::Receipt(receipt)
            if receipt.message == MessageId(2) && receipt.stat.as_str() == Some("DELETED")));
        assert_eq!(outbox.next_due_ms(), Some(50));
    }
}
