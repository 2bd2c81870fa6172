//! One piece of work.

use std::sync::Arc;

use bytes::Bytes;

use crate::stream_id::StreamId;

/// An entry that this consumer holds on lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key of its stream.
    pub stream: Arc<str>,
    /// Where it stands there.
    pub id: StreamId,
    /// How often it was handed out, this time included; more than 1 means that an earlier consumer did not settle it.
    pub delivery_count: u64,
    /// All fields as they stand in the stream.
    pub fields: Vec<(Bytes, Bytes)>,
}

impl Entry {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Bytes> {
        self.fields
            .iter()
            .find(|(field, _)| field.as_ref() == name.as_bytes())
            .map(|(_, value)| value)
    }

    /// The field `b`: a protobuf message, sealed where the stream says so.
    pub fn body(&self) -> Option<&Bytes> {
        self.field("b")
    }

    /// The field `tp`: the W3C `traceparent` of the message. Not checked here.
    pub fn traceparent(&self) -> Option<&str> {
        self.field("tp").and_then(|value| std::str::from_utf8(value).ok())
    }
}
