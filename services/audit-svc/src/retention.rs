//! How long the logs of each class are kept, and what becomes of those whose time is over.
//!
//! | step | what happens | killed behind it |
//! |---|---|---|
//! | 1 | `RECORD_LOG_PRUNED` goes on record, in the class `meta`, and under a checkpoint | the number of the event is the log's own, so it stands there once |
//! | 2 | a mark says that entries of the log may be missing | the next start goes on with step 3 |
//! | 3 | the entries go, from the first to the last | the same |
//!
//! When no log of a half-year has entries any more and the longest time is over, the keys of its subjects go as well, put on
//! record first in the same way (`RECORD_KEYS_EXPIRED`).

use std::{sync::Arc, time::Duration};

use hongyan_proto::audit::v1::AuditEvent;
use tokio_util::sync::CancellationToken;

use crate::{
    keys::{KEYS_EXPIRED, KeysError, SubjectKeys},
    own,
    publish::{Pruning, Publication, PublishError, State},
    record::{
        Class, Clock, FinalCheckpoint, LogId, Numbered, Period, Placed, Record, Stopped, Submission, turn,
    },
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

    /// Whether the keys of a half-year have to go: every class has an end, the longest is over, and no log of that time has
    /// entries.
    fn keys_are_over(self, state: &State, period: Period, now_unix_ms: i64) -> bool {
        let months = Class::ALL.map(|class| self.months(class));
        let longest = months.into_iter().max().unwrap_or_default();
        let has_entries = |log: &LogId| log.period() == period && !state.pruned.contains(log);
        !months.contains(&0)
            && period.ended_unix_ms(longest) <= now_unix_ms
            && !state.logs.keys().any(has_entries)
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
    pub(crate) keys: SubjectKeys,
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
    Keys(#[from] KeysError),
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
        if let Err(error) = self.drop_keys().await {
            failing += 1;
            tracing::error!(%error, "keys whose time is over cannot be dropped; it is tried again");
        }
        metrics::gauge!("hongyan_audit_retention_failing").set(f64::from(failing));
    }

    async fn drop_keys(&self) -> Result<(), NotDropped> {
        // What an earlier process left.
        self.keys.wipe_retired().await?;
        for period in self.keys.periods().await? {
            let state = self.publication.state();
            if self.retention.keys_are_over(&state, period, (self.clock)()) {
                let about = [("period", period.to_string())];
                let event = own::event(KEYS_EXPIRED, "OK", &self.actor, about);
                self.record_once(format!("retention/keys/{period}"), event)
                    .await?;
                tracing::info!(%period, "the keys of a half-year are destroyed: the time of its logs is over");
                self.keys.expire(period).await?;
            }
        }
        Ok(())
    }

    async fn drop_entries(&self, over: &FinalCheckpoint) -> Result<(), NotDropped> {
        if !self.pruning.is_dropped(over) {
            self.put_on_record(over).await?;
            tracing::info!(log = %over.log, size = over.size, "the entries of a log are dropped: their time is over");
        }
        Ok(self.pruning.drop_entries(over).await?)
    }

    async fn put_on_record(&self, over: &FinalCheckpoint) -> Result<(), NotDropped> {
        let months = self.retention.months(over.log.class());
        let attributes = turn::pruned_attributes(over, months);
        let event = own::event(turn::PRUNED, "OK", &self.actor, attributes);
        self.record_once(format!("retention/{}", over.log), event).await
    }

    /// Once for each producer, and so that no copy of the directory lacks what was dropped and not yet has the event.
    async fn record_once(&self, producer: String, event: AuditEvent) -> Result<(), NotDropped> {
        let numbered = Numbered {
            producer: Arc::from(producer),
            epoch: 1,
            seq: 1,
            event,
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
