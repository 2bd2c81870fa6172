//! A bounded number of spans in memory, by trace.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use super::span::{Span, SpanId, TraceId};

/// Traces that one picture follows links into; more are left out.
const MAX_LINKED_TRACES: usize = 64;

/// Keeps spans until there are too many; then the traces that began to arrive first go, whole.
#[derive(Debug)]
pub struct SpanStore {
    max_spans: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    traces: HashMap<TraceId, Vec<Span>>,
    /// In the order of their first span.
    order: VecDeque<TraceId>,
    /// Traces holding a span that links to the key.
    linking: HashMap<TraceId, HashSet<TraceId>>,
    spans: usize,
    evicted: u64,
}

/// One line of the list of traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceSummary {
    /// Which.
    pub trace_id: TraceId,
    /// How many spans are kept of it.
    pub spans: usize,
    /// The names of the services in it, sorted.
    pub services: Vec<String>,
    /// The name of its earliest span.
    pub first: String,
    /// Unix time of its earliest span.
    pub start_ns: u64,
    /// From its earliest start to its latest end.
    pub duration_ns: u64,
}

impl SpanStore {
    /// Keeps at most `max_spans` (at least one trace).
    pub fn new(max_spans: usize) -> Self {
        Self {
            max_spans: max_spans.max(1),
            inner: Mutex::default(),
        }
    }

    /// Takes a span in. The same span sent twice is kept once.
    pub fn insert(&self, span: Span) {
        let mut inner = self.lock();
        let id = span.trace_id;
        if !inner.traces.contains_key(&id) {
            inner.order.push_back(id);
        }
        for (target, _) in &span.links {
            if *target != id {
                inner.linking.entry(*target).or_default().insert(id);
            }
        }
        let trace = inner.traces.entry(id).or_default();
        if trace.iter().any(|kept| kept.span_id == span.span_id) {
            return;
        }
        trace.push(span);
        inner.spans += 1;
        while inner.spans > self.max_spans && inner.order.len() > 1 {
            inner.evict_oldest();
        }
    }

    /// The spans of one trace, earliest first; empty where nothing is known of it.
    pub fn trace(&self, id: TraceId) -> Vec<Span> {
        let inner = self.lock();
        let mut spans = inner.traces.get(&id).cloned().unwrap_or_default();
        spans.sort_by_key(|span| (span.start_ns, span.end_ns));
        spans
    }

    /// The spans of one trace and of those that link to it, directly or through others; at most 64 traces.
    pub fn with_linked(&self, id: TraceId) -> Vec<Span> {
        let inner = self.lock();
        let mut found = vec![id];
        let mut next = 0;
        while let Some(trace) = found.get(next).copied() {
            next += 1;
            let mut linking: Vec<_> = inner.linking.get(&trace).into_iter().flatten().copied().collect();
            linking.sort_unstable();
            for other in linking {
                if found.len() < MAX_LINKED_TRACES && !found.contains(&other) {
                    found.push(other);
                }
            }
        }
        let mut spans: Vec<Span> = found
            .iter()
            .filter_map(|id| inner.traces.get(id))
            .flatten()
            .cloned()
            .collect();
        spans.sort_by_key(|span| (span.start_ns, span.end_ns));
        spans
    }

    /// The newest traces, newest first.
    pub fn newest(&self, limit: usize) -> Vec<TraceSummary> {
        let inner = self.lock();
        inner
            .order
            .iter()
            .rev()
            .take(limit)
            .filter_map(|id| inner.traces.get(id).and_then(|spans| summary(*id, spans)))
            .collect()
    }

    /// Every span kept, in no order.
    pub fn all(&self) -> Vec<Span> {
        self.lock().traces.values().flatten().cloned().collect()
    }

    /// Spans that had to go.
    pub fn evicted(&self) -> u64 {
        self.lock().evicted
    }

    /// One span of one trace.
    pub fn span(&self, trace: TraceId, span: SpanId) -> Option<Span> {
        self.lock()
            .traces
            .get(&trace)?
            .iter()
            .find(|kept| kept.span_id == span)
            .cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn evict_oldest(&mut self) {
        let Some(id) = self.order.pop_front() else { return };
        let gone = self.traces.remove(&id).unwrap_or_default();
        self.spans -= gone.len();
        self.evicted += gone.len() as u64;
        for (target, _) in gone.iter().flat_map(|span| &span.links) {
            if let Some(linking) = self.linking.get_mut(target) {
                linking.remove(&id);
                if linking.is_empty() {
                    self.linking.remove(target);
                }
            }
        }
    }
}

fn summary(trace_id: TraceId, spans: &[Span]) -> Option<TraceSummary> {
    let earliest = spans.iter().min_by_key(|span| span.start_ns)?;
    let end_ns = spans.iter().map(|span| span.end_ns).max()?;
    let mut services: Vec<String> = spans.iter().map(|span| span.service.clone()).collect();
    services.sort_unstable();
    services.dedup();
    Some(TraceSummary {
        trace_id,
        spans: spans.len(),
        services,
        first: earliest.name.clone(),
        start_ns: earliest.start_ns,
        duration_ns: end_ns.saturating_sub(earliest.start_ns),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Span, SpanId, SpanStore, TraceId};
    use crate::trace_sink::span::SpanStatus;

    pub(in crate::trace_sink) fn trace(n: u8) -> TraceId {
        TraceId([n; 16])
    }

    pub(in crate::trace_sink) fn span(trace_id: u8, id: u8, parent: Option<u8>, name: &str) -> Span {
        Span {
            trace_id: trace(trace_id),
            span_id: SpanId([id; 8]),
            parent: parent.map(|id| SpanId([id; 8])),
            service: "svc".into(),
            instance: "i".into(),
            name: name.into(),
            kind: "internal",
            start_ns: u64::from(id) * 1_000_000,
            end_ns: u64::from(id) * 1_000_000 + 500_000,
            status: SpanStatus::Unset,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
        }
    }

    #[test]
    fn the_oldest_traces_go_whole_and_newer_spans_stay() {
        let store = SpanStore::new(3);
        for one in [
            span(1, 1, None, "a"),
            span(1, 2, None, "b"),
            span(2, 3, None, "c"),
            span(2, 4, None, "d"),
        ] {
            store.insert(one);
        }
        assert!(store.trace(trace(1)).is_empty());
        assert_eq!(store.trace(trace(2)).len(), 2);
        assert_eq!(store.evicted(), 2);
    }

    #[test]
    fn a_span_sent_twice_is_kept_once() {
        let store = SpanStore::new(10);
        store.insert(span(1, 1, None, "a"));
        store.insert(span(1, 1, None, "a"));
        assert_eq!(store.all().len(), 1);
    }

    #[test]
    fn traces_that_link_are_found_through_others() {
        let store = SpanStore::new(10);
        store.insert(span(1, 1, None, "accept"));
        let mut retry = span(2, 2, None, "retry");
        retry.links.push((trace(1), SpanId([1; 8])));
        store.insert(retry);
        let mut again = span(3, 3, None, "again");
        again.links.push((trace(2), SpanId([2; 8])));
        store.insert(again);
        store.insert(span(4, 4, None, "unrelated"));
        let names: Vec<_> = store
            .with_linked(trace(1))
            .into_iter()
            .map(|span| span.name)
            .collect();
        assert_eq!(names, ["accept", "retry", "again"]);
    }
}
