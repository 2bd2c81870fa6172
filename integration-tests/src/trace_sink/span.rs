//! One span, as kept.

use std::fmt;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{self as otlp, span::SpanKind, status::StatusCode},
};
use serde::{Serialize, Serializer};

/// More attributes than these are left out.
const MAX_ATTRIBUTES: usize = 64;
const MAX_LINKS: usize = 128;

/// 16 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// 8 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub [u8; 8]);

macro_rules! hexadecimal {
    ($id:ident, $octets:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl $id {
            /// From hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                let mut octets = [0; $octets];
                hex::decode_to_slice(text, &mut octets).ok()?;
                Some(Self(octets))
            }

            /// `None` for a wrong length, and for zeros, which mean "none" in OTLP.
            pub fn of_octets(octets: &[u8]) -> Option<Self> {
                let octets: [u8; $octets] = octets.try_into().ok()?;
                (octets != [0; $octets]).then_some(Self(octets))
            }
        }
    };
}
hexadecimal!(TraceId, 16);
hexadecimal!(SpanId, 8);

/// How a span ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanStatus {
    /// Nobody said.
    Unset,
    /// Said to be good.
    Ok,
    /// Failed, with what was said about it.
    Error(String),
}

/// One span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span that it happened in.
    pub parent: Option<SpanId>,
    /// `service.name` of the process.
    pub service: String,
    /// `service.instance.id` of the process.
    pub instance: String,
    /// What was done.
    pub name: String,
    /// `server`, `client`, `producer`, `consumer` or `internal`.
    pub kind: &'static str,
    /// Unix time.
    pub start_ns: u64,
    /// Unix time.
    pub end_ns: u64,
    /// How it ended.
    pub status: SpanStatus,
    /// In the order in which they came.
    pub attributes: Vec<(String, String)>,
    /// Names of the events within.
    pub events: Vec<String>,
    /// Spans that caused this one without being its parent.
    pub links: Vec<(TraceId, SpanId)>,
}

impl Span {
    /// `None` where the ids are not ids.
    pub(super) fn of_otlp(span: otlp::Span, service: &str, instance: &str) -> Option<Self> {
        let kind = match span.kind() {
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
            SpanKind::Internal | SpanKind::Unspecified => "internal",
        };
        let status = span
            .status
            .as_ref()
            .map_or(SpanStatus::Unset, |status| match status.code() {
                StatusCode::Unset => SpanStatus::Unset,
                StatusCode::Ok => SpanStatus::Ok,
                StatusCode::Error => SpanStatus::Error(status.message.clone()),
            });
        Some(Self {
            trace_id: TraceId::of_octets(&span.trace_id)?,
            span_id: SpanId::of_octets(&span.span_id)?,
            parent: SpanId::of_octets(&span.parent_span_id),
            service: service.to_owned(),
            instance: instance.to_owned(),
            name: span.name,
            kind,
            start_ns: span.start_time_unix_nano,
            end_ns: span.end_time_unix_nano,
            status,
            attributes: attributes(span.attributes),
            events: span
                .events
                .into_iter()
                .take(MAX_ATTRIBUTES)
                .map(|event| event.name)
                .collect(),
            links: span
                .links
                .iter()
                .take(MAX_LINKS)
                .filter_map(|link| {
                    Some((
                        TraceId::of_octets(&link.trace_id)?,
                        SpanId::of_octets(&link.span_id)?,
                    ))
                })
                .collect(),
        })
    }

    /// How long it took; 0 where the clock went backwards.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Attributes as text, at most [`MAX_ATTRIBUTES`].
pub(super) fn attributes(list: Vec<KeyValue>) -> Vec<(String, String)> {
    list.into_iter()
        .take(MAX_ATTRIBUTES)
        .map(|pair| (pair.key, pair.value.map_or_else(String::new, text)))
        .collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        None => String::new(),
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BytesValue(octets)) => hex::encode(octets),
        Some(Value::ArrayValue(list)) => {
            let items: Vec<String> = list.values.into_iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        Some(other) => format!("{other:?}"),
    }
}
