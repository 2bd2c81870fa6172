//! The names of this service's metrics, and the ones that are counted for every message, looked up once.

use hongyan_domain::MessageClass;
use metrics::{Counter, Histogram, counter, histogram};

use crate::{lifecycle::Outcome, routing::Lesson, settling::Rerouted};

/// Accepted messages by class.
const ACCEPTED: &str = "hongyan_dispatch_accepted_total";
/// Segments of accepted messages by class.
const SEGMENTS: &str = "hongyan_dispatch_segments_total";
/// Requests that were answered as before, by class.
const REPEATED: &str = "hongyan_dispatch_repeated_total";
/// Refused requests by reason and class (`none` where the request had no class).
const REFUSED: &str = "hongyan_dispatch_refused_total";
/// Seconds from a link's report to the settled message.
const SETTLE_LAG: &str = "hongyan_dispatch_settle_lag_seconds";
/// Final statuses by class, status and whether it corrects another.
const FINAL: &str = "hongyan_dispatch_final_total";
/// Messages that a deadline closed, by status.
const DEADLINES: &str = "hongyan_dispatch_deadlines_total";
/// Entries of a send queue by link, class and state (`waiting`, `taken`).
const QUEUE_DEPTH: &str = "hongyan_dispatch_queue_depth";
/// Age of the oldest unsettled entry in milliseconds, by link and class.
const QUEUE_AGE: &str = "hongyan_dispatch_queue_oldest_age_ms";
/// Changes that lost against another one and were made again.
const CONFLICTS: &str = "hongyan_dispatch_settle_conflicts_total";
/// Messages that went another way, by reason and by the links that they went from and to.
const REROUTED: &str = "hongyan_dispatch_rerouted_total";
/// Messages that a link gave back and that found no other way, by reason and link.
const RETURNED: &str = "hongyan_dispatch_returned_total";
/// Numbers found to be with another carrier than was known, by how it was found.
const LEARNED: &str = "hongyan_dispatch_carriers_learned_total";
/// 1 where a link is up as routing sees it, else 0.
const LINK_UP: &str = "hongyan_dispatch_link_up";
/// Open watchers of receipts.
const WATCHERS: &str = "hongyan_dispatch_watchers";

/// Counters of the hot path.
#[derive(Clone)]
pub struct Metrics {
    accepted: [Counter; 4],
    segments: [Counter; 4],
    repeated: [Counter; 4],
    settle_lag: Histogram,
}

impl Metrics {
    /// Looks the counters up in the process's recorder.
    pub fn new() -> Self {
        let by_class =
            |name: &'static str| MessageClass::ALL.map(|class| counter!(name, "class" => class.as_str()));
        Self {
            accepted: by_class(ACCEPTED),
            segments: by_class(SEGMENTS),
            repeated: by_class(REPEATED),
            settle_lag: histogram!(SETTLE_LAG),
        }
    }

    /// A message was accepted.
    pub fn accepted(&self, class: MessageClass, segments: u32) {
        self.accepted[class as usize].increment(1);
        self.segments[class as usize].increment(segments.into());
    }

    /// A request got the answer that it got before.
    pub fn repeated(&self, class: MessageClass) {
        self.repeated[class as usize].increment(1);
    }

    /// A link's report was settled so long after it was made.
    pub fn settled(&self, lag_ms: i64) {
        self.settle_lag.record(lag_ms.max(0) as f64 / 1_000.0);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A request was refused.
pub fn refused(reason: &str, class: Option<MessageClass>) {
    let class = class.map_or("none", MessageClass::as_str);
    counter!(REFUSED, "reason" => reason.to_owned(), "class" => class).increment(1);
}

/// A caller is told a final status.
pub fn told(outcome: &Outcome, class: &'static str, is_correction: bool) {
    let correction = if is_correction { "true" } else { "false" };
    counter!(FINAL, "status" => outcome.detail.status.as_str(), "class" => class, "correction" => correction)
        .increment(1);
}

/// A deadline closed a message.
pub fn deadline(outcome: &Outcome) {
    counter!(DEADLINES, "status" => outcome.detail.status.as_str()).increment(1);
}

/// Changes lost against others.
pub fn conflicts(count: u64) {
    counter!(CONFLICTS).increment(count);
}

/// One send queue, over all partitions.
pub fn queue(link: &str, class: MessageClass, waiting: u64, taken: u64, oldest_age_ms: u64) {
    let depth = |state: &'static str| metrics::gauge!(QUEUE_DEPTH, "link" => link.to_owned(), "class" => class.as_str(), "state" => state);
    depth("waiting").set(waiting as f64);
    depth("taken").set(taken as f64);
    metrics::gauge!(QUEUE_AGE, "link" => link.to_owned(), "class" => class.as_str())
        .set(oldest_age_ms as f64);
}

/// A message went another way.
pub fn rerouted(rerouted: &Rerouted) {
    let Rerouted { from, to, reason } = rerouted;
    counter!(REROUTED, "reason" => *reason, "from" => from.clone(), "to" => to.clone()).increment(1);
}

/// A link gave a message back, and there is no other way for it.
pub fn returned(reason: &'static str, link: &str) {
    counter!(RETURNED, "reason" => reason, "link" => link.to_owned()).increment(1);
}

/// It was learned where a number is.
pub fn learned(lesson: &Lesson) {
    counter!(LEARNED, "source" => lesson.source_name(), "outcome" => lesson.outcome()).increment(1);
}

/// Whether a link is up as routing sees it.
pub fn link_up(link: &str, is_up: bool) {
    metrics::gauge!(LINK_UP, "link" => link.to_owned()).set(if is_up { 1.0 } else { 0.0 });
}

/// A watcher came (1) or went (-1).
pub fn watchers(change: f64) {
    metrics::gauge!(WATCHERS).increment(change);
}
