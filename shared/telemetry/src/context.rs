//! Where a span belongs, and how its place travels.
//!
//! Without [`init`](crate::init) (in a unit test) spans have no place: the functions here then do nothing and answer `None`.

use http::{HeaderMap, HeaderValue};
use opentelemetry::{Context, trace::TraceContextExt as _};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::TraceContext;

/// The header of gRPC metadata that carries a [`TraceContext`].
pub const TRACEPARENT: &str = "traceparent";

impl TraceContext {
    /// The place of the span that the current task is in.
    pub fn current() -> Option<Self> {
        Self::of_otel(Context::current().span().span_context())
    }

    /// The place of a span, entered or not. Asking settles the span's parent: set that first.
    pub fn of(span: &Span) -> Option<Self> {
        Self::of_otel(span.context().span().span_context())
    }
}

/// Makes `span` a child of `parent`, which may live in another process. Call it before the span is entered or asked for
/// its context; later the span has its parent already, and the call changes nothing and answers `false`.
#[must_use = "false means that the span tells its story in another trace"]
pub fn set_parent(span: &Span, parent: &TraceContext) -> bool {
    let remote = Context::new().with_remote_span_context(parent.to_otel());
    span.set_parent(remote).is_ok()
}

/// Links `span` to another place, in the same trace or in another.
pub fn link(span: &Span, to: &TraceContext) {
    span.add_link(to.to_otel());
}

/// The span of a first attempt at work that carries a context: its trace goes on. Where the work carries none (its sender
/// had no trace), `span` stays where it was made. Before the span is entered.
pub fn continue_from(span: &Span, carried: Option<&TraceContext>) {
    if let Some(parent) = carried
        && !set_parent(span, parent)
    {
        // No tracing at all (a unit test), or a caller that entered too early: the link still tells where it came from.
        link(span, parent);
    }
}

/// The span of a retry, or of a batch: a new root, outside of whatever span is current, that links back to each place the
/// work came from. At most 128 links are kept by the exporter. Before the span is entered.
pub fn root_linked_to<'a>(span: &Span, origins: impl IntoIterator<Item = &'a TraceContext>) {
    // Fails where there is no tracing to speak of, and then there is no parent to be rid of.
    let _ = span.set_parent(Context::new());
    for origin in origins {
        link(span, origin);
    }
}

/// The context that a request's headers carry; `None` where there is none or it is malformed.
pub fn from_metadata(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// Writes the place of the current span into a request's headers.
pub fn inject(headers: &mut HeaderMap) {
    inject_context(headers, TraceContext::current());
}

/// Writes a place into a request's headers, in the place of any that is there.
pub fn inject_context(headers: &mut HeaderMap, context: Option<TraceContext>) {
    match context.map(|context| HeaderValue::from_str(&context.to_string())) {
        Some(Ok(value)) => {
            headers.insert(TRACEPARENT, value);
        }
        _ => {
            headers.remove(TRACEPARENT);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing::{info_span, subscriber};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{continue_from, from_metadata, inject, link, root_linked_to, set_parent};
    use crate::TraceContext;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// Runs `story` under a subscriber and returns what it exported.
    fn told(story: impl FnOnce(TraceContext)) -> Vec<opentelemetry_sdk::trace::SpanData> {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let given = TraceContext::parse(GIVEN).unwrap();
        subscriber::with_default(tracing_subscriber::registry().with(layer), || story(given));
        exporter.get_finished_spans().unwrap()
    }

    #[test]
    fn spans_under_a_parsed_parent_share_its_trace() {
        let spans = told(|given| {
            let server = info_span!("server");
            assert!(set_parent(&server, &given));
            let _in_server = server.enter();
            let here = TraceContext::current().unwrap();
            assert_eq!(here.trace_id(), given.trace_id());
            assert_ne!(here.span_id(), given.span_id());
            assert_eq!(Some(here), TraceContext::of(&server));
            let inner = info_span!("inner");
            assert_eq!(TraceContext::of(&inner).unwrap().trace_id(), given.trace_id());
        });
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["inner", "server"]);
        assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
        assert_eq!(spans[1].parent_span_id.to_string(), "00f067aa0ba902b7");
        assert!(spans[1].parent_span_is_remote);
    }

    #[test]
    fn a_parent_set_after_entering_is_refused_and_said_so() {
        let spans = told(|given| {
            let span = info_span!("late");
            let entered = span.enter();
            assert!(!set_parent(&span, &given));
            drop(entered);
            // The helper keeps the connection as a link instead.
            continue_from(&span, Some(&given));
        });
        assert_ne!(
            spans[0].span_context.trace_id().to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(spans[0].links.links.len(), 1);
    }

    #[test]
    fn a_retry_is_a_root_of_its_own_that_links_back() {
        let spans = told(|given| {
            let around = info_span!("around");
            let _in_around = around.enter();
            let retry = info_span!("retry");
            root_linked_to(&retry, [&given]);
            retry.in_scope(|| {
                assert_ne!(TraceContext::current().unwrap().trace_id(), given.trace_id());
            });
        });
        let retry = spans.iter().find(|span| span.name == "retry").unwrap();
        let around = spans.iter().find(|span| span.name == "around").unwrap();
        assert_eq!(retry.parent_span_id, opentelemetry::trace::SpanId::INVALID);
        assert_ne!(retry.span_context.trace_id(), around.span_context.trace_id());
        let linked: Vec<_> = retry
            .links
            .iter()
            .map(|link| link.span_context.trace_id().to_string())
            .collect();
        assert_eq!(linked, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
    }

    #[test]
    fn an_unsampled_parent_keeps_its_children_out_of_the_export() {
        let spans = told(|_| {
            let quiet =
                TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").unwrap();
            let span = info_span!("quiet");
            assert!(set_parent(&span, &quiet));
            let context = TraceContext::of(&span).unwrap();
            assert!(!context.is_sampled());
            assert_eq!(context.trace_id(), quiet.trace_id());
        });
        assert!(spans.is_empty());
    }

    #[test]
    fn headers_carry_the_current_place_and_no_tracestate() {
        told(|given| {
            let span = info_span!("client");
            assert!(set_parent(&span, &given));
            let _in_span = span.enter();
            let mut headers = HeaderMap::new();
            inject(&mut headers);
            assert_eq!(from_metadata(&headers), TraceContext::current());
            assert_eq!(headers.len(), 1);
        });
    }

    #[test]
    fn outside_of_tracing_nothing_is_carried_and_a_stale_header_goes() {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(GIVEN));
        assert_eq!(TraceContext::current(), None);
        inject(&mut headers);
        assert!(headers.is_empty());
        headers.insert("traceparent", HeaderValue::from_static("nonsense"));
        assert_eq!(from_metadata(&headers), None);
        link(&tracing::Span::none(), &TraceContext::parse(GIVEN).unwrap());
    }
}
