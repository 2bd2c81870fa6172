//! Closing messages of which nobody reports any more.
//!
//! Every second the messages whose deadline has passed are read, closed where they are due, and stored with their next
//! deadline; a change that lost against another replica's is left to the next round. Any number of replicas may sweep.
//!
//! What the links have reported comes first: while reports wait to be settled, the sweeper's clock stands where the oldest
//! of them was made ([`Patience`]). Otherwise a backlog (this service was down for an hour) would be told as messages that
//! expired, and corrected a moment later.

use std::{collections::HashMap, time::Duration};

use hongyan_domain::{MessageId, Partition};
use hongyan_queue::{QueueError, depth, keys};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now_unix_ms,
    lifecycle::close_if_due,
    metric,
    record::RecordError,
    rerouter::{Rerouter, World},
    settling::{Meaning, Open},
    store::{Change, Settled, Store, Stored},
    worker::GROUP,
};

const PERIOD: Duration = Duration::from_secs(1);

/// Messages in one write.
const BATCH: usize = 256;

/// Batches of one partition in one round: so many that a backlog of an outage goes in minutes, so few that a round ends.
const BATCHES: usize = 16;

/// How long a backlog is waited for that does not move: ten minutes. Then something is broken that closing messages as
/// EXPIRED or UNKNOWN does not make worse; a late report still corrects them.
const STUCK_AFTER_MS: i64 = 600_000;

/// Tells what time it is for the sweeper. Pure.
#[derive(Debug, Default)]
pub struct Patience {
    backlogs: HashMap<Partition, Backlog>,
}

/// The oldest report of a partition that is not settled.
#[derive(Debug, PartialEq, Eq)]
struct Backlog {
    oldest_ms: i64,
    /// Since when it is the oldest.
    since_ms: i64,
    /// Whether it was said that it is stuck.
    told: bool,
}

impl Patience {
    /// Now, or while reports wait the time of the oldest: of what happened later not everything is known yet.
    pub fn clock(&mut self, partition: Partition, oldest_report_ms: Option<i64>, now_ms: i64) -> i64 {
        let Some(oldest_ms) = oldest_report_ms else {
            self.backlogs.remove(&partition);
            return now_ms;
        };
        let fresh = || Backlog {
            oldest_ms,
            since_ms: now_ms,
            told: false,
        };
        let backlog = self.backlogs.entry(partition).or_insert_with(fresh);
        if backlog.oldest_ms != oldest_ms {
            *backlog = fresh();
        }
        if now_ms.saturating_sub(backlog.since_ms) < STUCK_AFTER_MS {
            return oldest_ms.min(now_ms);
        }
        if !backlog.told {
            tracing::error!(%partition, "reports are stuck; overdue messages are closed without them");
            backlog.told = true;
        }
        now_ms
    }
}

/// Closes messages whose deadline has passed.
pub struct Sweeper {
    store: Store,
    rerouter: Rerouter,
}

impl Sweeper {
    /// Sees the world as the rerouter does.
    pub fn new(store: Store, rerouter: Rerouter) -> Self {
        Self { store, rerouter }
    }

    /// Sweeps until the token is cancelled.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut patience = Patience::default();
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            for partition in self.store.partitions().iter() {
                if let Err(error) = self.round(partition, &mut patience).await {
                    tracing::warn!(%error, %partition, "overdue messages stay until the next round");
                }
            }
        }
    }

    async fn round(&self, partition: Partition, patience: &mut Patience) -> Result<usize, QueueError> {
        let now_ms = now_unix_ms();
        let oldest_ms = self.oldest_report(partition, now_ms).await?;
        self.sweep(partition, patience.clock(partition, oldest_ms, now_ms))
            .await
    }

    /// When the oldest report was made that is not settled yet; `None` where all are.
    pub async fn oldest_report(&self, partition: Partition, now_ms: i64) -> Result<Option<i64>, QueueError> {
        let stream = keys::receipts(partition);
        let mut connection = self.store.redis().shared();
        let depth = depth(&mut connection, &stream, GROUP, now_ms.unsigned_abs()).await?;
        let age_ms = i64::try_from(depth.oldest_age_ms).unwrap_or(i64::MAX);
        Ok((depth.waiting + depth.taken > 0).then(|| now_ms.saturating_sub(age_ms)))
    }

    /// One round over one partition at a time of the caller's; gives how many messages were closed.
    pub async fn sweep(&self, partition: Partition, now_ms: i64) -> Result<usize, QueueError> {
        let mut closed = 0;
        for _ in 0..BATCHES {
            let due = self.store.due(partition, now_ms, BATCH).await?;
            if due.is_empty() {
                break;
            }
            let (done, left) = self.close(partition, &due, now_ms).await?;
            closed += done;
            if left > 0 || due.len() < BATCH {
                break;
            }
        }
        Ok(closed)
    }

    /// Gives how many were closed, and how many must be looked at again.
    async fn close(
        &self,
        partition: Partition,
        due: &[MessageId],
        now_ms: i64,
    ) -> Result<(usize, usize), QueueError> {
        let (mut gone, mut left) = (Vec::new(), 0);
        let (mut changes, mut meanings) = (Vec::new(), Vec::new());
        let world = self.rerouter.world();
        for (id, stored) in due.iter().zip(self.store.load(due.iter().copied()).await?) {
            match stored {
                None => gone.push(*id),
                Some(Ok(stored)) => match change(*id, stored, &world, now_ms) {
                    Some((change, meaning)) => {
                        changes.push(change);
                        meanings.push(meaning);
                    }
                    None => gone.push(*id),
                },
                // A newer program closes it.
                Some(Err(RecordError::Version(_))) => left += 1,
                Some(Err(error)) => {
                    tracing::error!(message_id = %id, %error, "a message cannot be closed any more");
                    gone.push(*id);
                }
            }
        }
        self.store.forget_deadlines(partition, &gone).await?;
        let mut closed = 0;
        for (settled, meaning) in self.store.settle(&changes).await?.into_iter().zip(meanings) {
            match settled? {
                Settled::Done { .. } => {
                    closed += 1;
                    if let Some(told) = meaning.announcement {
                        metric::deadline(&meaning.outcome);
                        metric::told(&meaning.outcome, meaning.class, told.corrects.is_some());
                    }
                }
                Settled::Conflict => left += 1,
                Settled::Gone | Settled::ClaimLost => {}
            }
        }
        Ok((closed, left))
    }
}

fn change(id: MessageId, stored: Stored, world: &World, now_ms: i64) -> Option<(Change, Meaning)> {
    let mut open = Open::new(id, stored);
    // Not due: its deadline moved while it was read, and is put right by the same change.
    let _was_due = close_if_due(&mut open.record, now_ms, world.codes());
    open.into_change(Vec::new(), world.terms(now_ms))
        .inspect_err(|error| tracing::error!(message_id = %id, %error, "a message cannot be closed any more"))
        .ok()
}

#[cfg(test)]
mod tests {
    use hongyan_domain::Partition;

    use super::{Patience, STUCK_AFTER_MS};

    #[test]
    fn the_clock_stands_at_the_oldest_report_and_goes_on_when_it_is_settled_or_stuck() {
        let mut patience = Patience::default();
        let (p0, p1) = (Partition::new(0).unwrap(), Partition::new(1).unwrap());
        assert_eq!(patience.clock(p0, None, 1_000), 1_000);
        assert_eq!(patience.clock(p0, Some(400), 2_000), 400);
        assert_eq!(patience.clock(p0, Some(700), 3_000), 700, "the backlog moves");
        assert_eq!(
            patience.clock(p1, None, 3_000),
            3_000,
            "each partition has its own"
        );
        assert_eq!(patience.clock(p0, Some(700), 3_000 + STUCK_AFTER_MS - 1), 700);
        assert_eq!(
            patience.clock(p0, Some(700), 3_000 + STUCK_AFTER_MS),
            3_000 + STUCK_AFTER_MS
        );
        assert_eq!(
            patience.clock(p0, Some(800), 4_000 + STUCK_AFTER_MS),
            800,
            "it moved again"
        );
        assert_eq!(
            patience.clock(p0, None, 5_000 + STUCK_AFTER_MS),
            5_000 + STUCK_AFTER_MS
        );
    }
}
