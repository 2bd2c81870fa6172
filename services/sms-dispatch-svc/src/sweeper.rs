//! Closing messages of which nobody reports any more.
//!
//! Every second the messages whose deadline has passed are read, closed where they are due, and stored with their next
//! deadline; a change that lost against another replica's is left to the next round. Any number of replicas may sweep.

use std::{sync::Arc, time::Duration};

use hongyan_domain::{MessageId, Partition};
use hongyan_queue::QueueError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now_unix_ms,
    lifecycle::close_if_due,
    metric,
    record::RecordError,
    settling::Open,
    store::{Settled, Store, Stored},
};

const PERIOD: Duration = Duration::from_secs(1);

/// Messages in one write.
const BATCH: usize = 256;

/// Batches of one partition in one round: so many that a backlog of an outage goes in minutes, so few that a round ends.
const BATCHES: usize = 16;

/// Closes messages whose deadline has passed.
pub struct Sweeper {
    store: Store,
    actor: Arc<str>,
}

impl Sweeper {
    /// `actor` is the service's own id, as it stands on record.
    pub fn new(store: Store, actor: Arc<str>) -> Self {
        Self { store, actor }
    }

    /// Sweeps until the token is cancelled.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            for partition in self.store.partitions().iter() {
                if let Err(error) = self.sweep(partition, now_unix_ms()).await {
                    tracing::warn!(%error, %partition, "overdue messages stay until the next round");
                }
            }
        }
    }

    /// One round over one partition; gives how many messages were closed.
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
        for (id, stored) in due.iter().zip(self.store.load(due.iter().copied()).await?) {
            match stored {
                None => gone.push(*id),
                Some(Ok(stored)) => match self.change(*id, stored, now_ms) {
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
                Settled::Done => {
                    closed += 1;
                    if let Some(told) = meaning.announcement {
                        metric::deadline(&meaning.outcome);
                        metric::told(&meaning.outcome, meaning.class, told.corrects.is_some());
                    }
                }
                Settled::Conflict => left += 1,
                Settled::Gone => {}
            }
        }
        Ok((closed, left))
    }

    fn change(
        &self,
        id: MessageId,
        stored: Stored,
        now_ms: i64,
    ) -> Option<(crate::store::Change, crate::settling::Meaning)> {
        let mut open = Open::new(id, stored);
        // Not due: its deadline moved while it was read, and is put right by the same change.
        let _was_due = close_if_due(&mut open.record, now_ms);
        open.into_change(Vec::new(), now_ms, &self.actor)
            .inspect_err(
                |error| tracing::error!(message_id = %id, %error, "a message cannot be closed any more"),
            )
            .ok()
    }
}
