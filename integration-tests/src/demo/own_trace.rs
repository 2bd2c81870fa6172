//! The caller's end of a trace: one span, told to the trace sink as any caller would tell it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};
use tonic::{Request, metadata::MetadataValue};

/// A span that began when this was made.
#[derive(Debug, Clone)]
pub(super) struct OwnTrace {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    name: &'static str,
    started_ns: u64,
}

impl OwnTrace {
    /// Begins a trace.
    pub(super) fn begin(name: &'static str) -> Self {
        Self {
            trace_id: rand::random(),
            span_id: rand::random(),
            name,
            started_ns: now_ns(),
        }
    }

    /// Its id, 32 hexadecimal digits.
    pub(super) fn id(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// Makes a call part of this trace.
    pub(super) fn request<T>(&self, message: T) -> Result<Request<T>> {
        let mut request = Request::new(message);
        let traceparent = format!("00-{}-{}-01", self.id(), hex::encode(self.span_id));
        request
            .metadata_mut()
            .insert("traceparent", MetadataValue::try_from(traceparent)?);
        Ok(request)
    }

    /// Ends the span and tells the sink.
    pub(super) async fn end(self, otlp: std::net::SocketAddr) -> Result<()> {
        let span = Span {
            trace_id: self.trace_id.to_vec(),
            span_id: self.span_id.to_vec(),
            name: self.name.to_owned(),
            kind: SpanKind::Client.into(),
            start_time_unix_nano: self.started_ns,
            end_time_unix_nano: now_ns(),
            ..Span::default()
        };
        let name = KeyValue {
            key: "service.name".to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue("caller".to_owned())),
            }),
            ..KeyValue::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: vec![name],
                    ..Resource::default()
                }),
                scope_spans: vec![ScopeSpans {
                    spans: vec![span],
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        TraceServiceClient::connect(format!("http://{otlp}"))
            .await?
            .export(request)
            .await?;
        Ok(())
    }
}

fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
