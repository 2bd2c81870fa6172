//! How long the logs of each class are kept, and what becomes of those whose time is over.
//!
//! | step | what happens | killed behind it |
//! |---|---|---|
//! | 1 | `RECORD_LOG_PRUNED` goes on record, in the class `meta`, and under a checkpoint | the number of the event is the log's own, so it stands there once |
//! | 2 | a mark says that entries of the log may be missing | the next start goes on with step 3 |
//! | 3 | the entries go, from the first to the last | the same |

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    own,
    publish::{Pruning, Publication, PublishError, State},
    record::{Class, Clock, FinalCheckpoint, Numbered, Placed, Record, Stopped, Submission, turn},
};

/// How often the calendar is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_hours(1);
/// The most months of a class: a hundred years.
pub(crate) const MAX_MONTHS: u32 = 1_200;

/// How many whole months, by Beijing's calendar, a log is kept behind the end of its period; 0 for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The ways of messages.
    pub sms_event: u32,
    /// Access to personal data.
    pub pd_access: u32,
    /// What is billed.
    pub cdr: u32,
    /// The record itself.
    pub meta: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            sms_event: 6,
            pd_access: 36,
            cdr: 36,
            meta: 36,
        }
    }
}

impl Retention {
    fn months(self, class: Class) -> u32 {
        match class {
            Class::SmsEvent => self.sms_event,
            Class::PdAccess => self.pd_access,
            Class::Cdr => self.cdr,
            Class::Meta => self.meta,
        }
    }

    /// The logs whose entries have to go at this time: closed, published to their end, and over for long enough. Those
    /// that went already are among them.
    fn over(self, state: &State, now_unix_ms: i64) -> Vec<FinalCheckpoint> {
        let is_over = |end: &&FinalCheckpoint| {
            let months = self.months(end.log.class());
            let published = state.logs.get(&end.log).map_or(0, |published| published.size);
            months > 0 && published == end.size && end.log.period().ended_unix_ms(months) <= now_unix_ms
        };
        state.finals.values().filter(is_over).cloned().collect()
    }
}

/// What drops the entries whose time is over.
pub(crate) struct Keeper {
    pub(crate) retention: Retention,
    pub(crate) record: Record,
    pub(crate) publication: Publication,
    pub(crate) pruning: Pruning,
    /// Who puts it on record: the SPIFFE id of this process.
    pub(crate) actor: String,
    pub(crate) clock: Clock,
}

/// Why entries are not dropped now.
#[derive(Debug, thiserror::Error)]
enum NotDropped {
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Ended(#[from] crate::publish::Ended),
    #[error("it was not put on record: {0:?}")]
    Unrecorded(Placed),
    #[error(transparent)]
    Files(#[from] PublishError),
}

impl Keeper {
    /// Looks every so often until the token is cancelled. What fails is an alarm, and tried again.
    pub(crate) async fn run(self, every: Duration, end: CancellationToken) {
        metrics::gauge!("hongyan_audit_retention_failing").set(0.0);
        let mut look = tokio::time::interval(every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                _ = look.tick() => {}
            }
            tokio::select! {
                () = end.cancelled() => return,
                () = self.look() => {}
            }
        }
    }

    pub(crate) async fn look(&self) {
        let mut failing = 0_u32;
        for over in self.retention.over(&self.publication.state(), (self.clock)()) {
            if let Err(error) = self.drop_entries(&over).await {
                failing += 1;
                tracing::error!(%error, log = %over.log, "entries whose time is over cannot be dropped; it is tried again");
            }
        }
        metrics::gauge!("hongyan_audit_retention_failing").set(f64::from(failing));
    }

    async fn drop_entries(&self, over: &FinalCheckpoint) -> Result<(), NotDropped> {
        if !self.pruning.is_dropped(over) {
            self.put_on_record(over).await?;
            tracing::info!(log = %over.log, size = over.size, "the entries of a log are dropped: their time is over");
        }
        Ok(self.pruning.drop_entries(over).await?)
    }

    /// Once for each log, and so that no copy of the directory lacks the entries and not yet has the event.
    async fn put_on_record(&self, over: &FinalCheckpoint) -> Result<(), NotDropped> {
        let months = self.retention.months(over.log.class());
        let attributes = turn::pruned_attributes(over, months);
        let numbered = Numbered {
            producer: Arc::from(format!("retention/{}", over.log)),
            epoch: 1,
            seq: 1,
            event: own::event(turn::PRUNED, "OK", &self.actor, attributes),
        };
        let placed = self.record.append(vec![Submission::Numbered(numbered)]).await?;
        let through = match placed.first() {
            Some(Placed::Recorded(place)) => place.index + 1,
            Some(Placed::Duplicate) => self.record.head().size,
            Some(other) => return Err(NotDropped::Unrecorded(*other)),
            None => return Err(Stopped.into()),
        };
        Ok(self.publication.reaches(through).await?)
    }
}

#[cfg(test)]
mod tests;
