//! Entries that cannot go on record: put aside for good, or left on their stream for a while. No IO.

use hongyan_queue::Entry;

/// How long an entry waits on its stream for what may pass: an hour. A new key of the mesh is on every machine within
/// minutes, and gaps are filled or given up.
const PATIENCE_MS: u64 = 3_600_000;

/// Those of one batch, by their place in it, and why.
#[derive(Debug, Default)]
pub(crate) struct Unfit {
    now_unix_ms: u64,
    /// Can never go on record.
    pub(crate) poisoned: Vec<(usize, String)>,
    /// May go on record later: stay pending, and come again.
    pub(crate) waiting: Vec<(usize, String)>,
}

impl Unfit {
    /// None, at this time.
    pub(crate) fn new(now_unix_ms: u64) -> Self {
        Self {
            now_unix_ms,
            ..Self::default()
        }
    }

    /// Never.
    pub(crate) fn for_good(&mut self, nth: usize, why: impl Into<String>) {
        self.poisoned.push((nth, why.into()));
    }

    /// Not now. An entry that is older than the patience with it is refused for good, so that nothing waits for ever.
    pub(crate) fn for_now(&mut self, nth: usize, entry: &Entry, why: impl Into<String>) {
        let why = why.into();
        if self.now_unix_ms.saturating_sub(entry.id.unix_ms) < PATIENCE_MS {
            self.waiting.push((nth, why));
        } else {
            self.for_good(nth, format!("{why}; it has waited for an hour"));
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_queue::{Entry, StreamId};

    use super::{PATIENCE_MS, Unfit};

    fn entry(unix_ms: u64) -> Entry {
        Entry {
            stream: "hy:{p0}:audit".into(),
            id: StreamId { unix_ms, sequence: 0 },
            delivery_count: 1,
            fields: Vec::new(),
        }
    }

    #[test]
    fn what_may_pass_waits_for_an_hour_and_what_may_not_never_waits() {
        let now = 1_800_000_000_000;
        let mut unfit = Unfit::new(now);
        unfit.for_good(0, "is damaged");
        unfit.for_now(1, &entry(now - PATIENCE_MS + 1), "is early");
        unfit.for_now(2, &entry(now - PATIENCE_MS), "is early");
        // Redis's clock goes ahead of ours.
        unfit.for_now(3, &entry(now + 5_000), "is early");
        let why = |unfit: &[(usize, String)]| {
            let why = unfit.iter().map(|(nth, why)| (*nth, why.clone()));
            why.collect::<Vec<_>>()
        };
        let early = "is early".to_owned();
        assert_eq!(why(&unfit.waiting), [(1, early.clone()), (3, early)]);
        let late = "is early; it has waited for an hour".to_owned();
        assert_eq!(why(&unfit.poisoned), [(0, "is damaged".to_owned()), (2, late)]);
    }
}
