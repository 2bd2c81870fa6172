//! Logs, metrics and traces of one process, and the carriers of a trace's context.
//!
//! * Logs are JSON, one object a line, on standard error, with the service, the instance and the ids of the current span.
//! * Traces go by OTLP over gRPC to `telemetry.otlp_endpoint`; without one nothing is exported, but spans still have ids, so
//!   that logs and stream entries can be joined.
//! * Metrics are recorded through the `metrics` facade and rendered in Prometheus' text format.
//!
//! This is the one crate that names `opentelemetry`. Everybody else speaks of a [`TraceContext`], a value of 26 octets that
//! travels as `traceparent` in gRPC metadata and beside the body of a stream entry.
//!
//! # One trace tells one message's story
//!
//! The first attempt at a stream entry continues the trace that the entry carries ([`context::continue_from`]); a retry, or the
//! span of a whole batch, is a root of its own that links back ([`context::root_linked_to`]).
//! Both must be called before the span is entered: an entered span has its parent already.
//!
//! ```
//! use hongyan_telemetry::{TraceContext, context, names};
//!
//! let carried = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
//! let span = tracing::info_span!(
//!     "process",
//!     otel.name = "process {p0}:receipts",
//!     otel.kind = names::kind::CONSUMER,
//!     { names::MESSAGING_OPERATION_TYPE } = names::operation::PROCESS,
//! );
//! context::continue_from(&span, Some(&carried));
//! let _entered = span.enter();
//! ```
//!
//! Neither a log line, nor a span, nor a metric may hold a phone number, a name, an id number, a card, a text or a code.

pub mod context;
mod init;
mod log;
mod metrics_recorder;
pub mod names;
mod settings;
mod trace_context;

pub use init::{Telemetry, TelemetryError, init};
pub use settings::TelemetrySettings;
pub use trace_context::TraceContext;
