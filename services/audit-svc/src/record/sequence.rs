//! Which numbers of which producer are on record: what makes an append idempotent, and shows what never came.
//!
//! A producer numbers its events from 1, epoch by epoch. What was seen of an epoch is kept as runs without holes, so
//! that memory grows with the holes and not with the events. Where an event stands is not kept here: that is for the
//! index to tell.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Most holes of one epoch; a producer that leaves more does not number its events one after the other.
const MAX_RUNS: usize = 4_096;
/// Most epochs of all producers together.
const MAX_EPOCHS: usize = 65_536;
/// Above [`MAX_EPOCHS`] an epoch that was silent for so long is forgotten: 24 hours.
const FORGET_AFTER_MS: i64 = 24 * 3_600 * 1_000;
/// Above [`MAX_EPOCHS`] one of a producer whose epochs have one event each is forgotten behind so much: ten minutes, in
/// which it may come again. A thousand erasures must not keep other producers out.
const FORGET_ONCE_AFTER_MS: i64 = 600_000;
/// What such a producer's name begins with. Nobody outside this process can have one.
pub(crate) const ONCE: &str = "audit-svc/";
/// The number of an epoch's first event. A producer that begins with 0 does no harm.
const FIRST: u64 = 1;

/// Whether a number was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sighting {
    New,
    Seen,
}

/// Why a number cannot be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The producer leaves too many holes.
    #[error("the epoch has {MAX_RUNS} gaps already: number the events one after the other")]
    TooSparse,
    /// Too many producers are alive at once.
    #[error("{MAX_EPOCHS} producers were heard within the last 24 hours, which is the most")]
    TooManyProducers,
}

/// Numbers that never came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose they are.
    pub producer: Arc<str>,
    /// Of which epoch.
    pub epoch: u64,
    /// The first one that is missing.
    pub first: u64,
    /// The last one that is missing.
    pub last: u64,
}

/// Numbers without a hole between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) last: u64,
    /// When the run's first event came, and so when the hole before it showed.
    pub(super) since_unix_ms: i64,
}

/// What was seen of one epoch.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    /// By their first number.
    pub(super) runs: BTreeMap<u64, Run>,
    pub(super) heard_unix_ms: i64,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Sequences {
    producers: HashMap<Arc<str>, BTreeMap<u64, Epoch>>,
    epochs: usize,
}

impl Sequences {
    /// Takes note of a number.
    pub(crate) fn see(
        &mut self,
        producer: &Arc<str>,
        epoch: u64,
        seq: u64,
        now_unix_ms: i64,
    ) -> Result<Sighting, Refusal> {
        let known = self
            .producers
            .get(producer)
            .is_some_and(|epochs| epochs.contains_key(&epoch));
        if !known {
            if self.epochs >= MAX_EPOCHS {
                self.forget(now_unix_ms)?;
            }
            self.epochs += 1;
        }
        let epochs = self.producers.entry(Arc::clone(producer)).or_default();
        epochs.entry(epoch).or_default().see(seq, now_unix_ms)
    }

    /// All epochs, each with its producer and its number.
    pub(super) fn epochs(&self) -> impl Iterator<Item = (&Arc<str>, u64, &Epoch)> {
        self.producers.iter().flat_map(|(producer, epochs)| {
            epochs
                .iter()
                .map(move |(number, epoch)| (producer, *number, epoch))
        })
    }

    /// Takes in an epoch as it was; false where it is there already.
    pub(super) fn restore(&mut self, producer: Arc<str>, number: u64, epoch: Epoch) -> bool {
        let before = self.producers.entry(producer).or_default().insert(number, epoch);
        self.epochs += usize::from(before.is_none());
        before.is_none()
    }

    /// The newest epoch of a producer.
    pub(crate) fn newest_epoch(&self, producer: &str) -> Option<u64> {
        let epochs = self.producers.get(producer)?;
        epochs.last_key_value().map(|(number, _)| *number)
    }

    /// Whether a number was seen.
    pub(crate) fn knows(&self, producer: &str, epoch: u64, seq: u64) -> bool {
        self.producers
            .get(producer)
            .and_then(|epochs| epochs.get(&epoch))
            .is_some_and(|seen| seen.knows(seq))
    }

    /// The holes that have shown for at least `age_ms`: at most `limit` of them, and how many there are.
    pub(crate) fn gaps(&self, now_unix_ms: i64, age_ms: i64, limit: usize) -> (Vec<Gap>, usize) {
        let mut gaps = Vec::new();
        let mut count = 0;
        for (producer, epochs) in &self.producers {
            for (epoch, seen) in epochs {
                for (first, last) in seen.gaps(now_unix_ms.saturating_sub(age_ms)) {
                    count += 1;
                    if gaps.len() < limit {
                        gaps.push(Gap {
                            producer: Arc::clone(producer),
                            epoch: *epoch,
                            first,
                            last,
                        });
                    }
                }
            }
        }
        gaps.sort_unstable_by(|a, b| (&a.producer, a.epoch, a.first).cmp(&(&b.producer, b.epoch, b.first)));
        (gaps, count)
    }

    /// The numbers of one epoch that were never seen, as ranges: all up to `up_to` where that is given, else those whose hole
    /// has shown for at least `age_ms`. At most `limit` ranges.
    pub(crate) fn missing(
        &self,
        (producer, epoch): (&str, u64),
        (now_unix_ms, age_ms): (i64, i64),
        up_to: Option<u64>,
        limit: usize,
    ) -> Vec<(u64, u64)> {
        let none = Epoch::default();
        let seen = self.producers.get(producer).and_then(|epochs| epochs.get(&epoch));
        let seen = seen.unwrap_or(&none);
        let shown_by = match up_to {
            Some(_) => i64::MAX,
            None => now_unix_ms.saturating_sub(age_ms),
        };
        // Behind the last number that there is, nothing can be missing.
        let behind = match seen.runs.last_key_value() {
            Some((_, run)) => run.last.checked_add(1),
            None => Some(FIRST),
        };
        let tail = up_to.zip(behind).filter(|(last, behind)| last >= behind);
        let tail = tail.map(|(last, behind)| (behind, last));
        let between = seen.gaps(shown_by);
        let wanted = up_to.unwrap_or(u64::MAX);
        let between = between.filter(|(first, _)| *first <= wanted);
        let between = between.map(|(first, last)| (first, last.min(wanted)));
        between.chain(tail).take(limit).collect()
    }

    /// Makes room for an epoch.
    fn forget(&mut self, now_unix_ms: i64) -> Result<(), Refusal> {
        let long_ago = now_unix_ms.saturating_sub(FORGET_ONCE_AFTER_MS);
        let mut forgotten = 0;
        self.producers.retain(|producer, epochs| {
            if producer.starts_with(ONCE) {
                let before = epochs.len();
                epochs.retain(|_, seen| seen.heard_unix_ms > long_ago);
                forgotten += before - epochs.len();
            }
            !epochs.is_empty()
        });
        self.epochs -= forgotten;
        if forgotten > 0 {
            return Ok(());
        }
        self.forget_one(now_unix_ms)
    }

    /// Forgets the epoch that was silent longest, if that is long enough.
    fn forget_one(&mut self, now_unix_ms: i64) -> Result<(), Refusal> {
        let oldest = self
            .producers
            .iter()
            .flat_map(|(producer, epochs)| {
                epochs
                    .iter()
                    .map(move |(epoch, seen)| (seen.heard_unix_ms, producer, *epoch))
            })
            .min()
            .map(|(heard, producer, epoch)| (heard, Arc::clone(producer), epoch));
        let Some((heard, producer, epoch)) = oldest else {
            return Ok(());
        };
        if now_unix_ms.saturating_sub(heard) < FORGET_AFTER_MS {
            return Err(Refusal::TooManyProducers);
        }
        if let Some(epochs) = self.producers.get_mut(&producer) {
            epochs.remove(&epoch);
            if epochs.is_empty() {
                self.producers.remove(&producer);
            }
        }
        self.epochs -= 1;
        Ok(())
    }
}

impl Epoch {
    fn knows(&self, seq: u64) -> bool {
        let before = self.runs.range(..=seq).next_back();
        before.is_some_and(|(_, run)| seq <= run.last)
    }

    fn see(&mut self, seq: u64, now_unix_ms: i64) -> Result<Sighting, Refusal> {
        // Leaves of several logs do not come in their order when they are read again.
        self.heard_unix_ms = self.heard_unix_ms.max(now_unix_ms);
        let before = self
            .runs
            .range(..=seq)
            .next_back()
            .map(|(first, run)| (*first, *run));
        if before.is_some_and(|(_, run)| seq <= run.last) {
            return Ok(Sighting::Seen);
        }
        let joins_before = before.filter(|(_, run)| run.last + 1 == seq);
        let joins_behind = seq.checked_add(1).and_then(|next| self.runs.get(&next).copied());
        if joins_before.is_none() && joins_behind.is_none() && self.runs.len() >= MAX_RUNS {
            return Err(Refusal::TooSparse);
        }
        let (first, since_unix_ms) =
            joins_before.map_or((seq, now_unix_ms), |(first, run)| (first, run.since_unix_ms));
        let last = match joins_behind {
            Some(run) => {
                self.runs.remove(&(seq + 1));
                run.last
            }
            None => seq,
        };
        // A run that grows to the front leaves a smaller hole, not a younger one.
        let since_unix_ms = match (joins_before, joins_behind) {
            (None, Some(run)) => run.since_unix_ms,
            _ => since_unix_ms,
        };
        self.runs.insert(first, Run { last, since_unix_ms });
        Ok(Sighting::New)
    }

    fn gaps(&self, shown_by_unix_ms: i64) -> impl Iterator<Item = (u64, u64)> {
        let mut expected = FIRST;
        self.runs.iter().filter_map(move |(first, run)| {
            let gap =
                (expected < *first && run.since_unix_ms <= shown_by_unix_ms).then(|| (expected, first - 1));
            expected = run.last.saturating_add(1);
            gap
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use proptest::{prop_assert_eq, proptest};

    use super::{FORGET_AFTER_MS, FORGET_ONCE_AFTER_MS, MAX_EPOCHS, MAX_RUNS, Refusal, Sequences, Sighting};

    fn gaps(sequences: &Sequences, now: i64) -> Vec<(u64, u64)> {
        sequences
            .gaps(now, 60_000, 100)
            .0
            .into_iter()
            .map(|gap| (gap.first, gap.last))
            .collect()
    }

    #[test]
    fn a_number_is_new_once_for_each_producer_and_epoch() {
        let mut sequences = Sequences::default();
        let (a, b) = (Arc::from("a"), Arc::from("b"));
        for (producer, epoch) in [(&a, 1), (&a, 2), (&b, 1)] {
            assert_eq!(sequences.see(producer, epoch, 1, 0), Ok(Sighting::New));
            assert_eq!(sequences.see(producer, epoch, 1, 0), Ok(Sighting::Seen));
        }
    }

    #[test]
    fn a_gap_is_told_after_its_minute_and_until_it_is_filled() {
        let mut sequences = Sequences::default();
        let producer = Arc::from("p");
        for (seq, now) in [(1, 0), (2, 0), (6, 1_000), (9, 5_000)] {
            sequences.see(&producer, 7, seq, now).unwrap();
        }
        assert_eq!(gaps(&sequences, 60_999), []);
        assert_eq!(gaps(&sequences, 61_000), [(3, 5)]);
        assert_eq!(gaps(&sequences, 65_000), [(3, 5), (7, 8)]);
        sequences.see(&producer, 7, 5, 66_000).unwrap();
        assert_eq!(gaps(&sequences, 66_000), [(3, 4), (7, 8)]);
        for seq in [3, 4] {
            sequences.see(&producer, 7, seq, 66_000).unwrap();
        }
        assert_eq!(gaps(&sequences, 66_000), [(7, 8)]);
    }

    #[test]
    fn an_epoch_that_does_not_begin_at_one_lacks_its_beginning() {
        let mut sequences = Sequences::default();
        sequences.see(&Arc::from("p"), 1, 4, 0).unwrap();
        sequences.see(&Arc::from("q"), 1, 0, 0).unwrap();
        sequences.see(&Arc::from("r"), 1, u64::MAX, 0).unwrap();
        assert_eq!(gaps(&sequences, 60_000), [(1, 3), (1, u64::MAX - 1)]);
        let (told, count) = sequences.gaps(60_000, 60_000, 1);
        assert_eq!((told.len(), count), (1, 2));
    }

    #[test]
    fn what_is_missing_up_to_a_number_is_known_at_once_and_what_may_still_come_is_not() {
        let mut sequences = Sequences::default();
        let producer: Arc<str> = "stream:{p0}:audit".into();
        let missing = |sequences: &Sequences, up_to| sequences.missing((&producer, 5), (100, 60), up_to, 9);
        assert_eq!(missing(&sequences, Some(3)), [(1, 3)]);
        assert_eq!(missing(&sequences, None), []);
        for (seq, now) in [(2, 10), (3, 11), (6, 50)] {
            sequences.see(&producer, 5, seq, now).unwrap();
        }
        for (up_to, expected) in [
            (Some(9), &[(1, 1), (4, 5), (7, 9)][..]),
            (Some(6), &[(1, 1), (4, 5)]),
            (Some(4), &[(1, 1), (4, 4)]),
            (Some(3), &[(1, 1)]),
            // The hole in front of 6 has not shown for long.
            (None, &[(1, 1)]),
        ] {
            assert_eq!(missing(&sequences, up_to), expected, "{up_to:?}");
        }
        assert_eq!(sequences.missing((&producer, 5), (100, 60), Some(9), 2).len(), 2);
        assert_eq!(sequences.missing((&producer, 6), (100, 60), Some(2), 2), [(1, 2)]);
    }

    #[test]
    fn numbers_that_are_used_once_keep_no_producer_out() {
        let mut sequences = Sequences::default();
        let once: Arc<str> = "audit-svc/erasures".into();
        for epoch in 1..=MAX_EPOCHS as u64 {
            sequences.see(&once, epoch, 1, 0).unwrap();
        }
        let (first, second) = (Arc::from("verify-svc-1"), Arc::from("verify-svc-2"));
        let early = FORGET_ONCE_AFTER_MS - 1;
        assert_eq!(sequences.see(&first, 1, 1, early), Err(Refusal::TooManyProducers));
        assert_eq!(sequences.see(&once, 9, 1, early), Ok(Sighting::Seen));
        assert_eq!(sequences.see(&first, 1, 1, early + 1), Ok(Sighting::New));
        assert_eq!(sequences.see(&second, 1, 1, early + 1), Ok(Sighting::New));
        // It was heard again a moment ago.
        assert!(sequences.knows(&once, 9, 1));
        assert_eq!(sequences.epochs, sequences.epochs().count());
        assert_eq!(sequences.epochs, 3);
    }

    #[test]
    fn the_largest_number_is_one_like_others() {
        let mut sequences = Sequences::default();
        let producer: Arc<str> = "stream:{p0}:audit".into();
        sequences.see(&producer, 5, u64::MAX, 0).unwrap();
        let missing = |up_to| sequences.missing((&producer, 5), (100_000, 60), up_to, 9);
        assert_eq!(missing(Some(u64::MAX)), [(1, u64::MAX - 1)]);
        assert_eq!(missing(None), [(1, u64::MAX - 1)]);
        assert_eq!(missing(Some(7)), [(1, 7)]);
    }

    #[test]
    fn holes_and_producers_are_limited() {
        let mut sequences = Sequences::default();
        let sparse = Arc::from("sparse");
        for nth in 0..MAX_RUNS as u64 {
            sequences.see(&sparse, 1, 1 + nth * 2, 0).unwrap();
        }
        assert_eq!(sequences.see(&sparse, 1, 1 << 40, 0), Err(Refusal::TooSparse));
        assert_eq!(
            sequences.see(&sparse, 1, 2, 0),
            Ok(Sighting::New),
            "filling a hole is no new one"
        );
        for epoch in 2..=MAX_EPOCHS as u64 {
            sequences.see(&sparse, epoch, 1, 1).unwrap();
        }
        let late = Arc::from("late");
        assert_eq!(sequences.see(&late, 1, 1, 2), Err(Refusal::TooManyProducers));
        assert_eq!(sequences.see(&late, 1, 1, FORGET_AFTER_MS), Ok(Sighting::New));
        assert_eq!(
            sequences.see(&sparse, 1, 1, FORGET_AFTER_MS),
            Err(Refusal::TooManyProducers)
        );
    }

    proptest! {
        #[test]
        fn runs_agree_with_a_plain_set(numbers in proptest::collection::vec(1_u64..60, 1..120)) {
            let mut sequences = Sequences::default();
            let producer = Arc::from("p");
            let mut set = BTreeSet::new();
            for number in numbers {
                let expected = if set.insert(number) { Sighting::New } else { Sighting::Seen };
                prop_assert_eq!(sequences.see(&producer, 1, number, 0), Ok(expected));
            }
            let highest = set.last().copied().unwrap_or(0);
            let missing: Vec<_> = (1..highest).filter(|number| !set.contains(number)).collect();
            let told: Vec<_> = gaps(&sequences, 60_000).into_iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(told, missing);
        }
    }
}
