//! How the streams' entries appear in traces.
//!
//! A batch of one continues the trace of its entry. A larger batch is a root of its own that links to its entries'
//! traces, and each entry's trace, where it is recorded at all, gets a short span of its own, so that one message's trace
//! shows this hop too.

use hongyan_queue::Entry;
use hongyan_telemetry::{TraceContext, context, names};
use tracing::{Span, field::Empty};

/// The exporter keeps no more links of one span.
const MAX_LINKS: usize = 128;

/// The spans of one batch. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct BatchSpans {
    /// The work is done in this one.
    pub(crate) around: Span,
    each: Vec<Option<Span>>,
}

impl BatchSpans {
    pub(crate) fn begin(entries: &[Entry], group: &'static str) -> Self {
        let contexts: Vec<_> = entries
            .iter()
            .map(|entry| entry.traceparent().and_then(TraceContext::parse))
            .collect();
        if let ([entry], [carried]) = (entries, &contexts[..]) {
            let around = append_span(&entry.stream, group);
            context::continue_from(&around, carried.as_ref());
            return Self {
                each: vec![Some(around.clone())],
                around,
            };
        }
        let around = tracing::info_span!(
            "audit append batch",
            otel.kind = names::kind::CONSUMER,
            { names::MESSAGING_SYSTEM } = names::SYSTEM_REDIS,
            { names::MESSAGING_OPERATION_TYPE } = names::operation::PROCESS,
            { names::MESSAGING_CONSUMER_GROUP_NAME } = group,
            { names::MESSAGING_BATCH_MESSAGE_COUNT } = entries.len(),
        );
        context::root_linked_to(&around, contexts.iter().flatten().take(MAX_LINKS));
        let each = entries.iter().zip(&contexts).map(|(entry, carried)| {
            let carried = carried.as_ref().filter(|carried| carried.is_sampled())?;
            let span = append_span(&entry.stream, group);
            context::continue_from(&span, Some(carried));
            Some(span)
        });
        Self {
            each: each.collect(),
            around,
        }
    }

    /// Notes where an entry's event stands.
    pub(crate) fn placed(&self, nth: usize, index: u64) {
        if let Some(Some(span)) = self.each.get(nth) {
            span.record("hongyan.audit.index", index);
        }
    }
}

fn append_span(stream: &str, group: &'static str) -> Span {
    tracing::info_span!(
        "audit append",
        otel.kind = names::kind::CONSUMER,
        { names::MESSAGING_SYSTEM } = names::SYSTEM_REDIS,
        { names::MESSAGING_OPERATION_TYPE } = names::operation::PROCESS,
        { names::MESSAGING_DESTINATION_NAME } = stream,
        { names::MESSAGING_CONSUMER_GROUP_NAME } = group,
        hongyan.audit.index = Empty,
    )
}
