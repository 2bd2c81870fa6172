//! What is stored of a message: facts, from which the status follows, and the story told to operators.
//!
//! A private protobuf message, so that a newer version reads what an older one wrote. It holds no personal data: the
//! recipient is a keyed tag, and the text lives sealed in the queue entry, until a link has sent it. Only where a route has
//! a fallback it also stands, sealed, beside the record, until the message has ended or gone there.

use std::fmt::Write as _;

use bytes::Bytes;
use hongyan_proto::{
    carrier::v1::ReturnReason,
    common::v1::{Carrier, MessageClass},
    dispatch::v1::MessageStatus,
};
use prost::Message as _;

/// The version that this program writes. A higher one is refused: an older program must not drop fields it cannot see.
pub const RECORD_VERSION: u32 = 1;

/// The story's length; beyond it the oldest intermediate entries are left out and counted.
pub const MAX_EVENTS: usize = 64;

/// One message's facts. Nothing here is a status: [`crate::lifecycle::outcome`] derives it, so that the order in which
/// facts were learned cannot matter.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MessageRecord {
    /// [`RECORD_VERSION`] of the writer.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// Whose message it is.
    #[prost(string, tag = "2")]
    pub tenant: String,
    /// The caller's id of the request.
    #[prost(string, tag = "3")]
    pub request_id: String,
    /// The caller's own words, given back on receipts.
    #[prost(string, tag = "4")]
    pub reference: String,
    /// What the message is for.
    #[prost(enumeration = "MessageClass", tag = "5")]
    pub class: i32,
    /// The recipient's carrier, as routed.
    #[prost(enumeration = "Carrier", tag = "6")]
    pub carrier: i32,
    /// The link it was queued for.
    #[prost(string, tag = "7")]
    pub link: String,
    /// How many segments the carrier bills.
    #[prost(uint32, tag = "8")]
    pub segment_count: u32,
    /// When accept decided, by this service's clock.
    #[prost(int64, tag = "9")]
    pub accepted_at_unix_ms: i64,
    /// Until when the message is worth sending.
    #[prost(int64, tag = "10")]
    pub valid_until_unix_ms: i64,
    /// The keyed tag of the recipient's number, for the audit events that follow.
    #[prost(bytes = "bytes", tag = "11")]
    pub subject_tag: Bytes,
    /// The trace context of the accept span; empty where there was none.
    #[prost(string, tag = "12")]
    pub traceparent: String,
    /// What is known of each segment, by number, gaps where nothing is known.
    #[prost(message, repeated, tag = "13")]
    pub segments: Vec<SegmentRecord>,
    /// The story behind acceptance, oldest first.
    #[prost(message, repeated, tag = "14")]
    pub events: Vec<EventRecord>,
    /// How many entries of the story were left out.
    #[prost(uint32, tag = "15")]
    pub events_omitted: u32,
    /// A second attempt followed an uncertain one.
    #[prost(bool, tag = "16")]
    pub possible_duplicate: bool,
    /// The carrier refused, and the link did not say which segment.
    #[prost(message, optional, tag = "17")]
    pub refused: Option<Fact>,
    /// The link saw the validity run out.
    #[prost(message, optional, tag = "18")]
    pub expired_at_link: Option<Fact>,
    /// The sweeper saw the validity run out while no link had reported anything.
    #[prost(message, optional, tag = "19")]
    pub expired_in_queue: Option<Fact>,
    /// A submit without answer that is not tried again.
    #[prost(message, optional, tag = "20")]
    pub uncertain: Option<Fact>,
    /// A submit without answer that is tried again; the latest.
    #[prost(message, optional, tag = "21")]
    pub resent: Option<Fact>,
    /// The sweeper gave up waiting for receipts.
    #[prost(message, optional, tag = "22")]
    pub no_receipt: Option<Fact>,
    /// The final status last told to the caller; unspecified where none was.
    #[prost(enumeration = "MessageStatus", tag = "23")]
    pub announced: i32,
    /// The link cannot put the message on the wire.
    #[prost(message, optional, tag = "24")]
    pub unsendable: Option<Fact>,
    /// How it was sent another way; at most once in its life.
    #[prost(message, optional, tag = "25")]
    pub rerouted: Option<Reroute>,
    /// The sealed message is kept beside the record, for a receipt that says "no route".
    #[prost(bool, tag = "26")]
    pub body_kept: bool,
    /// The carrier's word, or ours, that was told with [`Self::announced`]: a correction says which one it corrects.
    #[prost(string, tag = "27")]
    pub announced_code: String,
}

/// That a message was sent another way. [`MessageRecord::link`] and [`MessageRecord::carrier`] are the new ones then.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Reroute {
    /// When, by this service's clock.
    #[prost(int64, tag = "1")]
    pub at_unix_ms: i64,
    /// The link that it was taken from; what that one still reports is told and changes nothing.
    #[prost(string, tag = "2")]
    pub from_link: String,
    /// Why.
    #[prost(enumeration = "ReturnReason", tag = "3")]
    pub reason: i32,
    /// The carrier's word, where it said one.
    #[prost(string, tag = "4")]
    pub raw_code: String,
    /// Where the catalog has the number.
    #[prost(enumeration = "Carrier", tag = "5")]
    pub expected: i32,
    /// It was noted that the number is with the other carrier.
    #[prost(bool, tag = "6")]
    pub taught: bool,
}

/// Something learned once.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Fact {
    /// When it happened, by the clock of who saw it.
    #[prost(int64, tag = "1")]
    pub at_unix_ms: i64,
    /// The carrier's word for it, or ours.
    #[prost(string, tag = "2")]
    pub raw_code: String,
}

/// One segment's facts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SegmentRecord {
    /// From 1.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// The latest attempt that the carrier took.
    #[prost(message, optional, tag = "2")]
    pub submitted: Option<Submission>,
    /// The carrier refused it for good.
    #[prost(message, optional, tag = "3")]
    pub refused: Option<Fact>,
    /// The earliest receipt that says delivered.
    #[prost(message, optional, tag = "4")]
    pub delivered: Option<Fact>,
    /// The earliest receipt that says not delivered.
    #[prost(message, optional, tag = "5")]
    pub failed: Option<Fact>,
    /// The earliest receipt that says that the carrier does not know.
    #[prost(message, optional, tag = "6")]
    pub unknown: Option<Fact>,
    /// The earliest receipt that is not the last word.
    #[prost(message, optional, tag = "7")]
    pub intermediate: Option<Fact>,
}

impl SegmentRecord {
    /// The receipt that weighs most. Two attempts have a receipt each: the recipient has the text when either says so.
    pub fn receipt(&self) -> Option<&Fact> {
        let settled = self
            .delivered
            .as_ref()
            .or(self.failed.as_ref())
            .or(self.unknown.as_ref());
        settled.or(self.intermediate.as_ref())
    }
}

/// A segment that the carrier took.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Submission {
    /// When the carrier answered.
    #[prost(int64, tag = "1")]
    pub at_unix_ms: i64,
    /// From 1.
    #[prost(uint32, tag = "2")]
    pub attempt: u32,
    /// In hexadecimal.
    #[prost(string, tag = "3")]
    pub carrier_message_id: String,
}

/// One entry of the story.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EventRecord {
    /// When it happened.
    #[prost(int64, tag = "1")]
    pub at_unix_ms: i64,
    /// What happened.
    #[prost(enumeration = "EventKind", tag = "2")]
    pub kind: i32,
    /// From 1; 0 for the whole message.
    #[prost(uint32, tag = "3")]
    pub segment: u32,
    /// The carrier's word, or ours.
    #[prost(string, tag = "4")]
    pub raw_code: String,
    /// In hexadecimal; empty where there is none.
    #[prost(string, tag = "5")]
    pub carrier_message_id: String,
    /// From 1; 0 where it does not apply.
    #[prost(uint32, tag = "6")]
    pub attempt: u32,
    /// The connection's slot; only beside a sequence.
    #[prost(uint32, tag = "7")]
    pub slot: u32,
    /// The carrier protocol's sequence number; 0 where it does not apply.
    #[prost(uint32, tag = "8")]
    pub sequence: u32,
    /// For [`EventKind::Final`]: the status reached.
    #[prost(enumeration = "MessageStatus", tag = "9")]
    pub status: i32,
    /// For [`EventKind::Final`]: the status that this one corrects; unspecified for the first.
    #[prost(enumeration = "MessageStatus", tag = "10")]
    pub corrects: i32,
    /// For [`EventKind::Rerouted`]: the link that it goes to. Else the link that reports, where that is not the
    /// message's any more.
    #[prost(string, tag = "11")]
    pub link: String,
    /// For [`EventKind::Returned`] and [`EventKind::Rerouted`]: why.
    #[prost(enumeration = "ReturnReason", tag = "12")]
    pub reason: i32,
}

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum EventKind {
    /// Written by a newer program.
    Unspecified = 0,
    /// The carrier took a segment.
    Submitted = 1,
    /// The carrier took a segment that was submitted before.
    Resent = 2,
    /// The carrier refused a segment for good.
    SubmitRefused = 3,
    /// The connection died between submit and response.
    SubmitUncertain = 4,
    /// The carrier told a segment's fate.
    Receipt = 5,
    /// The validity ran out.
    Expired = 6,
    /// The link cannot put the message on the wire.
    Unsendable = 7,
    /// No receipt came in time.
    NoReceipt = 8,
    /// A final status, first or corrected.
    Final = 9,
    /// The link gave the message back.
    Returned = 10,
    /// The message goes another way.
    Rerouted = 11,
}

/// Why stored octets are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not protobuf, or not this message.
    #[error("the stored record cannot be decoded")]
    Undecodable,
    /// A newer program wrote it.
    #[error("the stored record has version {0}, and this program knows none above {RECORD_VERSION}")]
    Version(u32),
}

impl MessageRecord {
    /// Reads stored octets.
    pub fn from_octets(octets: &[u8]) -> Result<Self, RecordError> {
        let record = Self::decode(octets).map_err(|_| RecordError::Undecodable)?;
        match record.version {
            1..=RECORD_VERSION => Ok(record),
            0 => Err(RecordError::Undecodable),
            newer => Err(RecordError::Version(newer)),
        }
    }

    /// The octets to store.
    pub fn to_octets(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Whether a link's report is from before the message went another way.
    pub fn has_left(&self, link: &str) -> bool {
        self.rerouted
            .as_ref()
            .is_some_and(|reroute| reroute.from_link == link)
    }

    /// The recipient's tag as it stands in keys: the first 16 octets in hexadecimal. `None` for a record without tag.
    pub fn tag(&self) -> Option<String> {
        tag_of(&self.subject_tag)
    }

    /// The 32 digits of the trace; empty where there is none.
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }
}

/// A keyed tag of 32 octets as it stands in keys.
pub fn tag_of(octets: &[u8]) -> Option<String> {
    const OCTETS: usize = 32;
    const SHORT: usize = 16;
    (octets.len() == OCTETS).then(|| {
        octets[..SHORT]
            .iter()
            .fold(String::with_capacity(2 * SHORT), |mut hex, octet| {
                let _ = write!(hex, "{octet:02x}");
                hex
            })
    })
}

#[cfg(test)]
mod tests {
    use super::{MessageRecord, RECORD_VERSION, RecordError};

    fn record() -> MessageRecord {
        MessageRecord {
            version: RECORD_VERSION,
            tenant: "city-shebao".into(),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            ..MessageRecord::default()
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let record = record();
        assert_eq!(MessageRecord::from_octets(&record.to_octets()), Ok(record));
    }

    #[test]
    fn garbage_and_records_of_a_newer_program_are_refused() {
        assert_eq!(
            MessageRecord::from_octets(b"\xff\xff\xff"),
            Err(RecordError::Undecodable)
        );
        assert_eq!(MessageRecord::from_octets(b""), Err(RecordError::Undecodable));
        let newer = MessageRecord {
            version: RECORD_VERSION + 1,
            ..record()
        };
        assert_eq!(
            MessageRecord::from_octets(&newer.to_octets()),
            Err(RecordError::Version(RECORD_VERSION + 1))
        );
    }

    #[test]
    fn the_trace_id_is_the_second_field_of_the_context() {
        assert_eq!(record().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(MessageRecord::default().trace_id(), "");
    }
}
