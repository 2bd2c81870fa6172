//! A trace as a tree of lines.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write as _,
};

use super::span::{Span, SpanId, SpanStatus, TraceId};

/// Lines of one picture; what is beyond is counted and left out.
const MAX_LINES: usize = 400;
const MAX_DEPTH: usize = 64;

/// Attributes worth a place on the line, most telling first; at most [`MAX_SHOWN`] of them are shown.
const SHOWN: [&str; 3] = [
    "rpc.response.status_code",
    "messaging.destination.name",
    "db.operation.name",
];
const SHOWN_PREFIX: &str = "hongyan.";
const MAX_SHOWN: usize = 8;

/// Nanoseconds as milliseconds with two places.
pub(super) fn milliseconds(ns: u64) -> String {
    format!("{}.{:02} ms", ns / 1_000_000, ns % 1_000_000 / 10_000)
}

/// Draws `trace` with the spans given. Spans of other traces that link to one of its spans stand below the span that
/// they link to, marked `⇠`.
pub fn draw(trace: TraceId, spans: &[Span]) -> String {
    let own: Vec<&Span> = spans.iter().filter(|span| span.trace_id == trace).collect();
    let services: BTreeSet<&str> = own.iter().map(|span| span.service.as_str()).collect();
    let start_ns = own.iter().map(|span| span.start_ns).min().unwrap_or_default();
    let end_ns = own.iter().map(|span| span.end_ns).max().unwrap_or_default();
    let mut picture = Picture {
        spans,
        index: Index::of(spans),
        start_ns,
        drawn: HashSet::new(),
        lines: Vec::new(),
        left_out: 0,
    };
    for root in &own {
        if picture.index.parent_of(root).is_none() {
            picture.subtree(root, "", "", Relation::Child, 0);
        }
    }
    let mut out = format!(
        "trace {trace} · {} spans · {} services · {}\n",
        own.len(),
        services.len(),
        milliseconds(end_ns.saturating_sub(start_ns)),
    );
    for line in &picture.lines {
        let _ = writeln!(out, "{line}");
    }
    if picture.left_out > 0 {
        let _ = writeln!(out, "… and {} more", picture.left_out);
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    Child,
    Linked,
}

type Key = (TraceId, SpanId);

/// Positions in the list of spans.
struct Index {
    by_id: HashMap<Key, usize>,
    children: HashMap<Key, Vec<usize>>,
    linked: HashMap<Key, Vec<usize>>,
}

impl Index {
    fn of(spans: &[Span]) -> Self {
        let by_id: HashMap<Key, usize> = spans
            .iter()
            .enumerate()
            .map(|(at, span)| ((span.trace_id, span.span_id), at))
            .collect();
        let mut children: HashMap<Key, Vec<usize>> = HashMap::new();
        let mut linked: HashMap<Key, Vec<usize>> = HashMap::new();
        for (at, span) in spans.iter().enumerate() {
            if let Some(parent) = span.parent {
                children.entry((span.trace_id, parent)).or_default().push(at);
            }
            for target in &span.links {
                if target.0 != span.trace_id {
                    linked.entry(*target).or_default().push(at);
                }
            }
        }
        Self {
            by_id,
            children,
            linked,
        }
    }

    fn parent_of(&self, span: &Span) -> Option<usize> {
        self.by_id.get(&(span.trace_id, span.parent?)).copied()
    }
}

fn key_of(span: &Span) -> Key {
    (span.trace_id, span.span_id)
}

struct Picture<'a> {
    spans: &'a [Span],
    index: Index,
    start_ns: u64,
    drawn: HashSet<Key>,
    lines: Vec<String>,
    left_out: usize,
}

impl Picture<'_> {
    /// `first` stands before the span's own line, `rest` before the lines below it.
    fn subtree(&mut self, span: &Span, first: &str, rest: &str, relation: Relation, depth: usize) {
        let key = key_of(span);
        if depth > MAX_DEPTH || !self.drawn.insert(key) {
            return;
        }
        if self.lines.len() >= MAX_LINES {
            self.left_out += 1;
        } else {
            self.lines.push(format!("{first}{}", self.line(span, relation)));
        }
        let spans = self.spans;
        let at = |list: Option<&Vec<usize>>| list.cloned().unwrap_or_default();
        let below: Vec<(usize, Relation)> = at(self.index.children.get(&key))
            .into_iter()
            .map(|at| (at, Relation::Child))
            .chain(
                at(self.index.linked.get(&key))
                    .into_iter()
                    .map(|at| (at, Relation::Linked)),
            )
            // One that links to several spans stands below the first.
            .filter(|(at, _)| {
                spans
                    .get(*at)
                    .is_some_and(|span| !self.drawn.contains(&key_of(span)))
            })
            .collect();
        let last = below.len().saturating_sub(1);
        for (place, (at, relation)) in below.into_iter().enumerate() {
            let Some(child) = spans.get(at) else { continue };
            let (branch, trunk) = if place == last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            let (first, rest) = (format!("{rest}{branch}"), format!("{rest}{trunk}"));
            self.subtree(child, &first, &rest, relation, depth + 1);
        }
    }

    fn line(&self, span: &Span, relation: Relation) -> String {
        let mut line = String::new();
        if relation == Relation::Linked {
            let _ = write!(
                line,
                "⇠ linked from trace {} · ",
                span.trace_id.to_string().split_at(8).0
            );
        }
        let after_ns = span.start_ns.saturating_sub(self.start_ns);
        let _ = write!(
            line,
            "{} · {} · {} · +{}",
            span.service,
            span.name,
            milliseconds(span.duration_ns()),
            milliseconds(after_ns),
        );
        if let SpanStatus::Error(message) = &span.status {
            let _ = write!(line, " · ERROR {message}");
        }
        let listed = SHOWN
            .iter()
            .filter_map(|name| Some((*name, span.attribute(name)?)));
        let ours = span
            .attributes
            .iter()
            .filter(|(name, _)| name.starts_with(SHOWN_PREFIX))
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in listed.chain(ours).take(MAX_SHOWN) {
            let short = name.strip_prefix(SHOWN_PREFIX).unwrap_or(name);
            let _ = write!(line, " · {short}={value}");
        }
        let elsewhere = span
            .links
            .iter()
            .filter(|(trace, _)| *trace != span.trace_id && relation == Relation::Child)
            .count();
        if elsewhere > 0 {
            let _ = write!(line, " · ⇢ links to {elsewhere}");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::draw;
    use crate::trace_sink::{
        span::{SpanId, SpanStatus},
        store::tests::{span, trace},
    };

    #[test]
    fn children_stand_below_their_parents_and_linked_traces_below_what_they_link_to() {
        let mut accept = span(1, 2, Some(1), "accept");
        accept.attributes = vec![
            ("hongyan.class".into(), "otp".into()),
            ("rpc.response.status_code".into(), "OK".into()),
            ("other".into(), "hidden".into()),
        ];
        let mut submit = span(1, 3, Some(2), "submit");
        submit.status = SpanStatus::Error("busy".into());
        let mut retry = span(2, 4, None, "retry");
        retry.links.push((trace(1), SpanId([2; 8])));
        let spans = [
            span(1, 1, None, "call"),
            accept,
            submit,
            retry,
            span(1, 5, Some(1), "after"),
        ];
        let text = draw(trace(1), &spans);
        let expected = [
            "trace 01010101010101010101010101010101 · 4 spans · 1 services · 4.50 ms",
            "svc · call · 0.50 ms · +0.00 ms",
            "├─ svc · accept · 0.50 ms · +1.00 ms · rpc.response.status_code=OK · class=otp",
            "│  ├─ svc · submit · 0.50 ms · +2.00 ms · ERROR busy",
            "│  └─ ⇠ linked from trace 02020202 · svc · retry · 0.50 ms · +3.00 ms",
            "└─ svc · after · 0.50 ms · +4.00 ms",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_span_whose_parent_never_came_is_a_root_and_circles_end() {
        let text = draw(trace(1), &[span(1, 2, Some(9), "orphan")]);
        assert!(text.contains("\nsvc · orphan"));
        let mut first = span(1, 1, None, "first");
        first.links.push((trace(2), SpanId([2; 8])));
        let mut second = span(2, 2, None, "second");
        second.links.push((trace(1), SpanId([1; 8])));
        let text = draw(trace(1), &[first, second]);
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn a_batch_that_links_to_several_spans_is_drawn_once() {
        let mut batch = span(2, 9, None, "batch");
        batch.links = vec![(trace(1), SpanId([2; 8])), (trace(1), SpanId([3; 8]))];
        let spans = [
            span(1, 1, None, "root"),
            span(1, 2, Some(1), "a"),
            span(1, 3, Some(1), "b"),
            batch,
        ];
        let text = draw(trace(1), &spans);
        assert_eq!(text.matches("batch").count(), 1, "{text}");
        assert!(text.ends_with("└─ svc · b · 0.50 ms · +2.00 ms\n"), "{text}");
    }

    #[test]
    fn a_huge_trace_is_cut_and_says_so() {
        let mut spans = vec![span(1, 255, None, "root")];
        for n in 0..600_u32 {
            let mut child = span(1, 1, Some(255), "child");
            child.span_id = SpanId((u64::from(n) + 1).to_be_bytes());
            spans.push(child);
        }
        let text = draw(trace(1), &spans);
        assert!(
            text.ends_with("… and 201 more\n"),
            "{}",
            text.lines().last().unwrap()
        );
    }
}
