//! What is done with a batch of entries: on record first, settled then.

use std::sync::Arc;

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_queue::{Entry, Group, QueueError};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{entry, spans::BatchSpans, unfit::Unfit};
use crate::{
    index::Index,
    keys::{KeysError, SubjectKeys},
    known::{self, Again, Known},
    own,
    record::{Numbered, ONCE, Placed, Record, Stopped, Submission, now_unix_ms},
};

/// Why a batch was not settled. What is not settled comes again, and is known then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsettled {
    /// The process is ending.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Brings entries of the streams on record.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) group: Group,
    pub(crate) record: Record,
    pub(crate) index: Index,
    pub(crate) keys: SubjectKeys,
    /// Who puts events about entries on record.
    pub(crate) actor: String,
}

/// An entry with what it says.
struct Work<'e> {
    nth: usize,
    entry: &'e Entry,
    numbered: Numbered,
}

impl Recorder {
    /// Puts every event on record, once, and settles the entries; those that can never go on record are put aside, and
    /// that is put on record. Those that may go on record later stay pending. Answers how many entries were settled.
    pub(crate) async fn work_off(&self, entries: &[Entry]) -> Result<usize, Unsettled> {
        if entries.is_empty() {
            return Ok(0);
        }
        let spans = BatchSpans::begin(entries, self.group.name());
        let around = spans.around.clone();
        self.work_off_in(entries, &spans).instrument(around).await
    }

    async fn work_off_in(&self, entries: &[Entry], spans: &BatchSpans) -> Result<usize, Unsettled> {
        let mut work = Vec::with_capacity(entries.len());
        let mut unfit = Unfit::new(u64::try_from(now_unix_ms()).unwrap_or_default());
        for (nth, entry) in entries.iter().enumerate() {
            match entry::parse(entry) {
                Ok(numbered) => work.push(Work { nth, entry, numbered }),
                Err(reason) => unfit.for_good(nth, reason),
            }
        }
        let refused = self
            .keys
            .take_in(work.iter_mut().map(|work| &mut work.numbered.event))
            .await?;
        // From the last one on, so that the places of the others stay.
        for (at, why) in refused.into_iter().rev() {
            let Work { nth, entry, .. } = work.remove(at);
            let said = format!("sealed {why}");
            if why.may_pass() {
                unfit.for_now(nth, entry, said);
            } else {
                unfit.for_good(nth, said);
            }
        }
        let submissions = work
            .iter()
            .map(|work| Submission::Numbered(work.numbered.clone()))
            .collect();
        let placed = self.record.append(submissions).await?;
        let mut settled = Vec::with_capacity(entries.len());
        let mut seen = Vec::new();
        for (work, placed) in work.into_iter().zip(placed) {
            match placed {
                Placed::Recorded(place) => {
                    spans.placed(work.nth, place.index);
                    settled.push(work.nth);
                }
                Placed::Duplicate => seen.push(work),
                Placed::Refused(refusal) => unfit.for_now(work.nth, work.entry, refusal.to_string()),
                Placed::TooLarge(octets) => {
                    unfit.for_good(work.nth, format!("makes a leaf of {octets} octets"));
                }
            }
        }
        let fresh = settled.len();
        self.settle_known(seen, spans, &mut settled, &mut unfit).await?;
        metrics::counter!("hongyan_audit_stream_events_total").increment(fresh as u64);
        metrics::counter!("hongyan_audit_duplicates_total").increment((settled.len() - fresh) as u64);
        tell_waiting(&unfit, entries);
        let done = settled.len() + unfit.poisoned.len();
        for (nth, reason) in unfit.poisoned {
            if let Some(entry) = entries.get(nth) {
                self.put_aside(entry, &reason).await?;
            }
        }
        let settled = settled.into_iter().filter_map(|nth| entries.get(nth));
        self.group
            .ack(settled.map(|entry| (&*entry.stream, entry.id)))
            .await?;
        Ok(done)
    }

    /// Entries whose number is on record: delivered again after a crash, as a rule. Where another event stands under the
    /// number, the stream has numbered twice (a Redis that lost its last writes does), and dropping the entry would lose
    /// an event in silence.
    async fn settle_known(
        &self,
        seen: Vec<Work<'_>>,
        spans: &BatchSpans,
        settled: &mut Vec<usize>,
        unfit: &mut Unfit,
    ) -> Result<(), Unsettled> {
        let again = seen.iter().map(|work| Again {
            producer: work.numbered.producer.clone(),
            epoch: work.numbered.epoch,
            seq: work.numbered.seq,
            event_id: work.numbered.event.event_id.clone(),
        });
        let known = match known::look_up(&self.record, &self.index, again.collect()).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, entries = seen.len(), "entries stay pending until it is known whether they are on record");
                return Ok(());
            }
        };
        for (work, known) in seen.into_iter().zip(known) {
            match known {
                Known::Here(place) => spans.placed(work.nth, place.index),
                // On record once, for as long as its log was kept.
                Known::Gone => {}
                Known::Reused(_) => {
                    let Numbered {
                        producer,
                        epoch,
                        seq,
                        event,
                    } = work.numbered;
                    metrics::counter!("hongyan_audit_sequence_reused_total").increment(1);
                    tracing::error!(%producer, epoch, seq, "a stream used a number twice: Redis has lost writes that it acknowledged");
                    let again = renumbered(event, &producer, epoch, seq);
                    let placed = self.record.append(vec![again]).await?;
                    match placed.first() {
                        Some(Placed::Recorded(place)) => spans.placed(work.nth, place.index),
                        // The process ended before the entry was settled.
                        Some(Placed::Duplicate) => {}
                        Some(Placed::Refused(refusal)) => {
                            unfit.for_now(work.nth, work.entry, refusal.to_string());
                            continue;
                        }
                        other => {
                            let why = format!("its number was used twice, and it takes no other: {other:?}");
                            unfit.for_good(work.nth, why);
                            continue;
                        }
                    }
                }
            }
            settled.push(work.nth);
        }
        Ok(())
    }

    /// The event about a poisoned entry takes the place of its own, under its number: so the number is no gap, and an
    /// entry that comes again leaves no second event.
    async fn put_aside(&self, entry: &Entry, reason: &str) -> Result<(), Unsettled> {
        metrics::counter!("hongyan_audit_stream_poisoned_total").increment(1);
        let about = own::event(
            "ENTRY_REFUSED",
            "DEAD_LETTER",
            &self.actor,
            [
                ("stream", entry.stream.to_string()),
                ("entry_id", entry.id.to_string()),
                ("why", shortened(reason)),
            ],
        );
        let in_place = entry::number(entry).map(|number| {
            Submission::Numbered(Numbered {
                producer: number.producer,
                epoch: number.epoch,
                seq: number.seq,
                event: about.clone(),
            })
        });
        let placed = match in_place {
            Ok(submission) => self.record.append(vec![submission]).await?.first().copied(),
            Err(_) => None,
        };
        if !matches!(placed, Some(Placed::Recorded(_) | Placed::Duplicate)) {
            self.record.append_own(about).await?;
        }
        self.group.dead_letter(entry, reason).await?;
        Ok(())
    }
}

/// One line for all: an entry that waits comes again every half minute.
fn tell_waiting(unfit: &Unfit, entries: &[Entry]) {
    let Some((nth, why)) = unfit.waiting.first() else {
        return;
    };
    metrics::counter!("hongyan_audit_stream_deferred_total").increment(unfit.waiting.len() as u64);
    let entry = entries.get(*nth);
    tracing::warn!(
        entries = unfit.waiting.len(),
        stream = entry.map(|entry| &*entry.stream),
        entry_id = entry.map(|entry| tracing::field::display(entry.id)),
        why,
        "entries cannot go on record yet; they stay on their stream for up to an hour"
    );
}

/// The event under a number that it always gets, so that it is on record once however often it comes; with the number
/// that it came with.
fn renumbered(mut event: AuditEvent, producer: &str, epoch: u64, seq: u64) -> Submission {
    let (first, second) = Uuid::try_parse(&event.event_id).unwrap_or_default().as_u64_pair();
    for (name, value) in [
        ("reused_producer", producer.to_owned()),
        ("reused_epoch", epoch.to_string()),
        ("reused_seq", seq.to_string()),
    ] {
        event.attributes.insert(name.to_owned(), value);
    }
    Submission::Numbered(Numbered {
        producer: Arc::from(format!("{ONCE}reused/{producer}/{epoch}/{seq}")),
        epoch: first ^ second,
        seq: 1,
        event,
    })
}

/// As long as an attribute may be.
fn shortened(reason: &str) -> String {
    reason.chars().take(256).collect()
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::AuditEvent;

    use super::renumbered;
    use crate::record::Submission;

    fn number(event_id: &str, seq: u64) -> (String, u64, u64) {
        let event = AuditEvent {
            event_id: event_id.to_owned(),
            ..AuditEvent::default()
        };
        match renumbered(event, "stream:{p0}:audit", 7, seq) {
            Submission::Numbered(numbered) => (numbered.producer.to_string(), numbered.epoch, numbered.seq),
            Submission::Own(_) => panic!("it has no number of its own"),
        }
    }

    #[test]
    fn an_event_under_a_used_number_gets_the_same_other_one_every_time() {
        let (one, two) = (
            "018f3e2a-0000-7000-8000-000000000001",
            "018f3e2a-0000-7000-8000-000000000002",
        );
        assert_eq!(number(one, 3), number(one, 3));
        assert_eq!(number(one, 3).0, "audit-svc/reused/stream:{p0}:audit/7/3");
        assert_ne!(number(one, 3), number(two, 3));
        assert_ne!(number(one, 3), number(one, 4));
    }
}
