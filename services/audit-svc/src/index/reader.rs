//! Looking things up.

use std::{ops::Range, sync::Arc, time::Duration};

use fjall::Readable as _;

use hongyan_proto::audit::v1::Leaf;
use tokio::{sync::watch, task, time::timeout};

use super::{
    Progress,
    bundles::Shelf,
    keys, numbers,
    statistics::{Cell, Fold},
    store::{self, IndexError, Keyspaces, LogKeys},
};
use crate::{
    publish::{PublishError, serve::Served},
    record::{LogId, leaf},
};

/// How long the publisher and the index together may take to come up to the record before a caller is sent away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Entries of one epoch that are looked through for a number: they overlap where an epoch was forgotten and began again.
const MAX_OVERLAPPING: usize = 16;

/// Counters of messages that one question may read.
const MAX_COUNTERS: usize = 1 << 20;

/// Where a leaf of the record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// In this log, at this place.
    At(LogId, u64),
    /// Its log's entries were dropped when their time was over.
    Gone,
    /// The index is not so far.
    NotYet,
}

/// A leaf that was found, as it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its log.
    pub log: LogId,
    /// Where it stands there.
    pub log_index: u64,
    /// What the leaf's hash covers.
    pub octets: Vec<u8>,
    /// The same, decoded.
    pub leaf: Leaf,
}

/// The index; cheap to clone.
#[derive(Clone)]
pub struct Index {
    keyspaces: Keyspaces,
    progress: watch::Receiver<Progress>,
    logs: Served,
    shelf: Shelf,
}

impl Index {
    pub(super) fn new(keyspaces: Keyspaces, progress: watch::Receiver<Progress>, logs: Served) -> Self {
        Self {
            keyspaces,
            progress,
            logs,
            shelf: Shelf::default(),
        }
    }

    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Tells when it moves.
    pub fn watch_progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until all leaves of the record below `size` are published and taken in, and asks for it to be soon; false
    /// where it does not come to that in time.
    pub async fn reaches(&self, size: u64) -> bool {
        let mut progress = self.watch_progress();
        if progress.borrow().indexed >= size {
            return true;
        }
        let reached = async {
            self.logs.publication.reaches(size).await.ok()?;
            progress
                .wait_for(|progress| progress.indexed >= size)
                .await
                .ok()
                .map(|_| ())
        };
        matches!(timeout(PATIENCE, reached).await, Ok(Some(())))
    }

    /// Whether leaves of the record are gone with their logs.
    pub(crate) fn has_holes(&self) -> bool {
        !self.logs.publication.state().pruned.is_empty()
    }

    /// Where a leaf of the record is. Blocks on the disk.
    pub fn place_of(&self, index: u64) -> Result<Whereabouts, IndexError> {
        if index >= self.progress.borrow().indexed {
            return Ok(Whereabouts::NotYet);
        }
        let place = store::run_of(&self.keyspaces.record, index)?
            .and_then(|run| Some((self.name_of(run.log)?, run.log_index + (index - run.index))));
        Ok(match place {
            Some((log, log_index)) => Whereabouts::At(log, log_index),
            None => Whereabouts::Gone,
        })
    }

    /// Where a numbered event stands in the record; `None` where the index does not know. Blocks on the disk.
    pub fn index_of(&self, producer: &str, epoch: u64, seq: u64) -> Result<Option<u64>, IndexError> {
        let range = keys::sequence(producer, epoch, 0)..=keys::sequence(producer, epoch, seq);
        for pair in self.keyspaces.record.range(range).rev().take(MAX_OVERLAPPING) {
            let (key, entry) = pair.into_inner()?;
            let nth = keys::sequence_at(&key).and_then(|first| seq.checked_sub(first));
            if let Some(index) = nth.and_then(|nth| numbers::index_of(&entry, nth)) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// A leaf of the record by its index; `None` where its log's entries were dropped. The index must have come so far
    /// ([`Self::reaches`]).
    pub async fn leaf(&self, index: u64) -> Result<Option<Found>, IndexError> {
        let looking = self.clone();
        let place = task::spawn_blocking(move || looking.place_of(index))
            .await
            .map_err(|_| IndexError::Broken("the look-up was interrupted".to_owned()))??;
        self.leaf_of(index, place).await
    }

    /// A leaf of the record whose place is known; `None` where its log's entries were dropped.
    pub(crate) async fn leaf_of(&self, index: u64, place: Whereabouts) -> Result<Option<Found>, IndexError> {
        match place {
            Whereabouts::At(log, log_index) => match self.leaf_at(index, log, log_index).await {
                // Dropped just now: the index has not heard of it yet.
                Err(IndexError::Published(PublishError::Expired { .. })) => Ok(None),
                found => found.map(Some),
            },
            Whereabouts::Gone => Ok(None),
            Whereabouts::NotYet => Err(IndexError::Broken(format!("leaf {index} is not indexed yet"))),
        }
    }

    /// The leaf of the record that stands at this place of a log. Whatever else stands there is damage, and told.
    async fn leaf_at(&self, index: u64, log: LogId, log_index: u64) -> Result<Found, IndexError> {
        let wrong = |reason| IndexError::Leaf {
            log,
            log_index,
            reason,
        };
        let size = self
            .logs
            .publication
            .of(log)
            .map_or(0, |published| published.size);
        let bundle = self.shelf.bundle(&self.logs.store, log, log_index, size).await?;
        let octets = bundle
            .entry(log_index)
            .ok_or_else(|| wrong("is not in its bundle".to_owned()))?;
        let (leaf, event) = leaf::decode(index, octets).map_err(wrong)?;
        if leaf::log_of(&leaf).map_err(wrong)? != log || leaf.log_index != log_index {
            let said = format!("says that it is number {} of {}", leaf.log_index, leaf.log);
            return Err(wrong(said));
        }
        Ok(Found {
            log,
            log_index,
            octets: octets.to_vec(),
            leaf: Leaf {
                event: Some(event),
                ..leaf
            },
        })
    }

    /// Messages by tenant, carrier, class and hour of acceptance, from the first hour up to and without the second, as far
    /// as `wanted` says; and how many leaves of the record were counted. `None` where there are too many of them. Blocks on
    /// the disk.
    pub(crate) fn statistics(
        &self,
        hours: Range<u64>,
        wanted: impl Fn(&Cell<'_>) -> bool,
    ) -> Result<Option<(Fold, u64)>, IndexError> {
        let logs = self.keyspaces.logs();
        let snapshot = self.keyspaces.snapshot();
        let broken = || IndexError::Broken("a counter of messages cannot be read".to_owned());
        let mut fold = Fold::default();
        let mut counters = 0;
        for log in &*logs {
            let range = keys::statistics_from(hours.start)..keys::statistics_from(hours.end);
            for pair in snapshot.range(&log.keys, range) {
                let (key, value) = pair.into_inner()?;
                counters += 1;
                if counters > MAX_COUNTERS {
                    return Ok(None);
                }
                let (cell, standing) = keys::read_statistic(&key).ok_or_else(broken)?;
                if wanted(&cell) {
                    fold.add(cell, standing, keys::read_counter(&value).ok_or_else(broken)?);
                }
            }
        }
        let position = snapshot.get(&self.keyspaces.record, keys::POSITION)?;
        let counted = position.and_then(|value| keys::read_position(&value));
        Ok(Some((fold, counted.map_or(0, |(next, _)| next))))
    }

    /// The first leaf that came at this time or later; `None` where none did.
    pub(super) fn first_since(&self, unix_ms: i64) -> Result<Option<u64>, IndexError> {
        let range = keys::time(unix_ms)..=keys::time(i64::MAX);
        match self.keyspaces.record.range(range).next() {
            Some(found) => Ok(keys::read_number(&found.value()?)),
            None => Ok(None),
        }
    }

    /// The logs that are there.
    pub(super) fn logs(&self) -> Arc<[LogKeys]> {
        self.keyspaces.logs()
    }

    fn name_of(&self, number: u16) -> Option<LogId> {
        let logs = self.keyspaces.logs();
        logs.iter().find(|log| log.number == number).map(|log| log.id)
    }

    /// What concerns the record as a whole.
    pub(super) fn record(&self) -> &fjall::Keyspace {
        &self.keyspaces.record
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}
