//! Where a message stands in its trace.
//!
//! A message's trace is the one of its accept: what the accept span's place is, the link and the settling continue. A
//! trace that is not recorded costs no span; its place is handed on as it came, so that logs can still be joined.

use hongyan_telemetry::{TraceContext, context, names};
use tracing::{Span, field::Empty, info_span};

use crate::request::Submission;

/// How a request came.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// By a call of its own; the current span is the call's.
    Call,
    /// As an item of a stream, whose span has this place.
    Stream(Option<TraceContext>),
}

macro_rules! accept_span {
    ($($parent:tt)*) => {
        info_span!(
            $($parent)*
            "accept",
            otel.name = "accept",
            otel.kind = names::kind::PRODUCER,
            { names::MESSAGE_ID } = Empty,
            { names::TENANT } = Empty,
            { names::CLASS } = Empty,
            { names::CARRIER } = Empty,
            { names::LINK } = Empty,
            { names::SEGMENTS } = Empty,
            { names::OUTCOME } = Empty,
        )
    };
}

/// The span of one accept, and the place that the message carries on. An item's own trace is continued; without one the
/// item begins a trace that links to the stream's.
pub fn accept_span(origin: Origin, own: Option<TraceContext>) -> (Span, Option<TraceContext>) {
    let quiet = |place: &TraceContext| !place.is_sampled();
    let span = match (origin, own) {
        (Origin::Call, _) => match TraceContext::current() {
            Some(call) if quiet(&call) => return (Span::none(), Some(call)),
            _ => accept_span!(),
        },
        (Origin::Stream(_), Some(own)) if quiet(&own) => return (Span::none(), Some(own)),
        (Origin::Stream(_), Some(own)) => {
            let span = accept_span!(parent: None,);
            context::continue_from(&span, Some(&own));
            span
        }
        (Origin::Stream(Some(stream)), None) if quiet(&stream) => return (Span::none(), Some(stream)),
        (Origin::Stream(stream), None) => {
            let span = accept_span!(parent: None,);
            context::root_linked_to(&span, stream.as_ref());
            span
        }
    };
    let place = TraceContext::of(&span);
    (span, place)
}

/// Tells what the message is.
pub fn describe(span: &Span, message_id: &str, tenant: &str, submission: &Submission) {
    if span.is_disabled() {
        return;
    }
    span.record(names::MESSAGE_ID, message_id)
        .record(names::TENANT, tenant)
        .record(names::CLASS, submission.class.as_str())
        .record(names::CARRIER, submission.carrier.as_str())
        .record(names::LINK, submission.link.as_str())
        .record(names::SEGMENTS, submission.segments);
}

/// Tells what became of it.
pub fn outcome(span: &Span, outcome: &str) {
    span.record(names::OUTCOME, outcome);
}

/// The span of settling what a link reported, a child of the report. None where the trace is not recorded.
pub fn settle_span(report: Option<TraceContext>, message_id: &str) -> Span {
    let Some(report) = report.filter(TraceContext::is_sampled) else {
        return Span::none();
    };
    let span = info_span!(
        parent: None,
        "settle",
        otel.name = "settle",
        otel.kind = names::kind::CONSUMER,
        { names::MESSAGING_OPERATION_TYPE } = names::operation::PROCESS,
        { names::MESSAGE_ID } = message_id,
        { names::STATUS } = Empty,
        { names::RAW_CODE } = Empty,
        { names::OUTCOME } = Empty,
    );
    context::continue_from(&span, Some(&report));
    span
}
