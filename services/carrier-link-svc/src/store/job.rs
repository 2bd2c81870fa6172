//! What a connection asks the store to do, and what the store says. Each job is one script, and repeating one changes
//! nothing, so that a job whose answer was lost is simply done again.

use std::sync::Arc;

use hongyan_domain::{MessageId, Partition};
use hongyan_queue::StreamId;

use crate::events::Told;

/// Where a message's entry stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its partition.
    pub partition: Partition,
    /// The key of its queue.
    pub stream: Arc<str>,
    /// Its id there.
    pub id: StreamId,
    /// The message.
    pub message_id: MessageId,
}

/// An id that a segment has before it leaves, in protocols where the carrier gives none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// What the receipt will name.
    pub carrier_message_id: String,
    /// The span that the receipt continues should nobody live to hear the answer; empty for none.
    pub traceparent: String,
}

/// One attempt at one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub segment: u8,
    /// From 1.
    pub number: u32,
    /// The reference in the parts' headers.
    pub reference: u16,
    /// When it is about to leave.
    pub at_ms: u64,
    /// The id that it will have; `None` where the carrier gives it.
    pub reserved: Option<Reserved>,
}

/// What is left of a message after one of its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Another segment, whose intent is written in the same step.
    Next,
    /// Nothing.
    Last,
    /// This is a correction: the message is settled, or on its way by another attempt.
    Late,
}

/// One step.
#[derive(Debug, Clone)]
pub enum Job {
    /// A segment is about to leave.
    Intent(Place, Attempt),
    /// It did not leave after all.
    Clear(Place, Attempt),
    /// The carrier took a segment.
    Submitted {
        /// The message.
        place: Place,
        /// The segment.
        segment: u8,
        /// The carrier's id, in hexadecimal.
        carrier_message_id: String,
        /// What is told.
        told: Told,
        /// The span that the receipt continues; empty for none.
        traceparent: String,
        /// Of the recipient, for a key.
        tag: String,
        /// What is left to do.
        left: Left,
        /// Where the id is none of the carrier's, and a receipt under another one may be about it.
        doubt: Option<Doubt>,
        /// When.
        now_ms: u64,
    },
    /// Something else became of a segment or message.
    Settle {
        /// The message.
        place: Place,
        /// The attempt after which the message goes on; `None` where it ends here.
        goes_on_after: Option<u32>,
        /// What is told.
        told: Told,
        /// The span that it is told in; empty for none.
        traceparent: String,
        /// Where nobody knows whether the carrier has the segment.
        doubt: Option<Doubt>,
        /// Whose the message must be.
        hold: Hold,
        /// When.
        now_ms: u64,
    },
    /// The carrier told what became of a segment.
    Receipt {
        /// Of the recipient.
        partition: Partition,
        /// The carrier's id, in hexadecimal.
        carrier_message_id: String,
        /// What is told, without message and segment.
        told: Told,
        /// The same for the same receipt.
        mark: String,
        /// Of the recipient, for a key.
        tag: String,
        /// When the submit left, as the receipt says; `None` for garbage.
        submitted_ms: Option<u64>,
        /// When to look whether it settles a doubt, if its id is not known by then.
        look_at_ms: u64,
        /// When.
        now_ms: u64,
    },
    /// Something that is told and changes nothing here. Told again after a lost answer, which harms nobody.
    Tell {
        /// On whose stream.
        partition: Partition,
        /// What; without a form for the record where that is empty.
        told: Told,
        /// The span of it; empty for none.
        traceparent: String,
        /// When.
        now_ms: u64,
    },
    /// A subscriber's whole text.
    Uplink {
        /// Of the sender.
        partition: Partition,
        /// The carrier's id; `None` where it gave none.
        carrier_message_id: Option<String>,
        /// The uplink.
        sealed: Vec<u8>,
        /// Its span; empty for none.
        traceparent: String,
        /// For the record.
        audit: Vec<u8>,
        /// When.
        now_ms: u64,
    },
    /// A part of one.
    Part(PartJob),
    /// One that was put together.
    Complete {
        /// Of the sender.
        partition: Partition,
        /// The key of the parts.
        parts: String,
        /// Of how many parts it was made.
        made_of: usize,
        /// The uplink; empty for parts that cannot be read and are dropped.
        sealed: Vec<u8>,
        /// Its span; empty for none.
        traceparent: String,
        /// For the record.
        audit: Vec<u8>,
        /// When.
        now_ms: u64,
    },
}

/// Whose a message must be for it to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Anybody's: what is told holds whoever has it by now.
    Any,
    /// Ours, in the same step: what goes back to dispatch must not go on here as well.
    Ours,
    /// Ours, and it has not gone back for want of a connection lately: dispatch may have nowhere else to send it.
    OursOnce,
}

/// A submit without answer, which a receipt may settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Of the recipient, for a key.
    pub tag: String,
    /// From 1.
    pub segment: u8,
    /// When to look whether a receipt has come.
    pub look_at_ms: u64,
}

/// A part of a subscriber's text.
#[derive(Debug, Clone)]
pub struct PartJob {
    /// Of the sender.
    pub partition: Partition,
    /// The carrier's id; `None` where it gave none.
    pub carrier_message_id: Option<String>,
    /// See [`super::parts_key`].
    pub parts: String,
    /// From 1.
    pub number: u8,
    /// How many.
    pub total: u8,
    /// The part, sealed.
    pub sealed: Vec<u8>,
    /// What is known of the whole text, sealed.
    pub head: Vec<u8>,
    /// The span of the first part; empty for none.
    pub traceparent: String,
    /// When to stop waiting.
    pub deadline_ms: u64,
}

/// The store's answer to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `Intent`: it is ours to send. To `Submitted` with `Next`: so is the next one.
    GoOn,
    /// Somebody else holds the message by now.
    Lost,
    /// Done, and nothing is left to do.
    Done,
    /// It was done before.
    Before,
    /// To `Complete`: another part has come meanwhile, and nothing was done.
    Outdated,
    /// To `Receipt`.
    Receipt(ReceiptReply),
    /// To `Part`.
    Part(PartReply),
}

/// What became of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptReply {
    /// It was told.
    Matched {
        /// The message.
        message_id: String,
        /// From 1.
        segment: String,
        /// The span of the submit; empty for none.
        traceparent: String,
    },
    /// It was told or parked before.
    Duplicate,
    /// Its id is not known yet.
    Parked,
    /// Too many different receipts are parked under its id.
    Full,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartReply {
    /// Others are missing.
    Waiting,
    /// Its text was told before.
    Seen,
    /// Too many texts wait for parts.
    Full,
    /// No part is missing.
    Complete(Collected),
}

/// The stored parts of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// What is known of the whole text, sealed.
    pub head: Vec<u8>,
    /// The span of the first part; empty for none.
    pub traceparent: String,
    /// Sealed, in order; `None` for one that is missing.
    pub parts: Vec<Option<Vec<u8>>>,
}

impl Left {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Last => "last",
            Self::Late => "late",
        }
    }
}

impl Collected {
    /// How many parts there are.
    pub fn count(&self) -> usize {
        self.parts.iter().flatten().count()
    }

    /// Of the fields of the hash.
    pub(super) fn of(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut collected = Self::default();
        for (name, value) in fields {
            match name.as_slice() {
                b"head" => collected.head = value,
                b"tp" => collected.traceparent = String::from_utf8(value).unwrap_or_default(),
                b"total" => collected.reserve(number(&value)),
                name => {
                    let number = number(name);
                    collected.reserve(number);
                    if let Some(place) = number
                        .checked_sub(1)
                        .and_then(|at| collected.parts.get_mut(usize::from(at)))
                    {
                        *place = Some(value);
                    }
                }
            }
        }
        collected
    }

    fn reserve(&mut self, total: u8) {
        if self.parts.len() < usize::from(total) {
            self.parts.resize(usize::from(total), None);
        }
    }
}

fn number(digits: &[u8]) -> u8 {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}
