//! The one who writes the index.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

use fjall::{Database, Keyspace, OwnedWriteBatch, PersistMode};
use tokio::sync::watch;

use super::{
    keys,
    numbers::Entry,
    places::Block,
    postings::Gathered,
    statistics,
    store::{self, IndexError, Keyspaces, LogKeys, Opened},
    view::View,
};
use crate::record::LogId;

/// Most actions of one log that are counted by name.
const MAX_ACTIONS: usize = 512;
/// Counts the leaves of every action above [`MAX_ACTIONS`].
const OTHER_ACTIONS: &str = "OTHER";

/// How far the index is, and what it counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Leaves of the record taken in: all below this index.
    pub indexed: u64,
    /// Leaves by action, of all logs that are there.
    pub counts: Arc<BTreeMap<String, u64>>,
}

/// A log that is there.
struct Log {
    id: LogId,
    name: String,
    number: u16,
    keys: Keyspace,
    /// The place of the next leaf.
    next: u64,
    counts: BTreeMap<String, u64>,
    /// The batch that is taken in has leaves of it.
    is_touched: bool,
    gathered: Gathered,
    /// How much the batch changes which counters of messages.
    changes: HashMap<Vec<u8>, i64>,
}

impl Log {
    fn new(id: LogId, number: u16, keys: Keyspace) -> Self {
        Self {
            id,
            name: id.to_string(),
            number,
            keys,
            next: 0,
            counts: BTreeMap::new(),
            is_touched: false,
            gathered: Gathered::default(),
            changes: HashMap::new(),
        }
    }

    fn take_in(&mut self, leaf: &View<'_>) {
        self.is_touched = true;
        self.next = leaf.log_index + 1;
        self.gathered.push(leaf);
        count(&mut self.counts, leaf.action);
        statistics::changes(leaf, |cell, standing, by| {
            *self.changes.entry(keys::statistic(&cell, &standing)).or_default() += by;
        });
    }

    /// Puts what the batch changes into it.
    fn put(&mut self, batch: &mut OwnedWriteBatch, record: &Keyspace) -> Result<(), IndexError> {
        let row = keys::log_row(&self.name, self.next, false);
        batch.insert(record, keys::log(self.number), row);
        self.gathered.drain(|key, behind| {
            batch.insert(&self.keys, key, behind);
        });
        for (action, count) in &self.counts {
            batch.insert(&self.keys, keys::count(action), count.to_be_bytes());
        }
        for (key, by) in self.changes.drain().filter(|(_, by)| *by != 0) {
            let before = self.keys.get(&key)?;
            let before = before.and_then(|before| keys::read_counter(&before));
            let now = before.unwrap_or_default().saturating_add(by);
            batch.insert(&self.keys, key, now.to_be_bytes());
        }
        self.is_touched = false;
        Ok(())
    }
}

/// Takes leaves in, in the order of the record.
pub(crate) struct IndexWriter {
    database: Database,
    keyspaces: Keyspaces,
    next: u64,
    last_time_unix_ms: i64,
    logs: Vec<Log>,
    /// Logs whose entries are gone.
    dropped: Vec<LogId>,
    /// The number of the next new log.
    next_number: u16,
    progress: watch::Sender<Progress>,
}

/// Opens the index in `dir`; one that cannot be opened or has another layout is built anew. `size` is the record's.
pub(super) fn open(
    dir: &Path,
    size: u64,
) -> Result<(Keyspaces, watch::Receiver<Progress>, IndexWriter), IndexError> {
    let Opened {
        database,
        keyspaces,
        next,
        last_time_unix_ms,
        logs: rows,
    } = store::open(dir, size)?;
    let next_number = rows.last_key_value().map_or(0, |(number, _)| number + 1);
    let mut logs = Vec::new();
    for found in &*keyspaces.logs() {
        let next = rows.get(&found.number).map_or(0, |(_, next, _)| *next);
        let mut counts = BTreeMap::new();
        for pair in found.keys.prefix(keys::COUNTS) {
            let (key, value) = pair.into_inner()?;
            let action = String::from_utf8_lossy(&key[keys::COUNTS.len()..]).into_owned();
            counts.insert(action, keys::read_number(&value).unwrap_or_default());
        }
        logs.push(Log {
            next,
            counts,
            ..Log::new(found.id, found.number, found.keys.clone())
        });
    }
    let dropped = rows
        .values()
        .filter(|(_, _, is_dropped)| *is_dropped)
        .map(|(id, _, _)| *id)
        .collect();
    let (progress, told) = watch::channel(Progress {
        indexed: next,
        counts: Arc::new(sum(&logs)),
    });
    let writer = IndexWriter {
        database,
        keyspaces: keyspaces.clone(),
        next,
        last_time_unix_ms,
        logs,
        dropped,
        next_number,
        progress,
    };
    Ok((keyspaces, told, writer))
}

fn sum(logs: &[Log]) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    for (action, count) in logs.iter().flat_map(|log| &log.counts) {
        *sum.entry(action.clone()).or_default() += count;
    }
    sum
}

impl IndexWriter {
    /// The next leaf of the record that the index lacks.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The next leaf of a log that the index lacks; `None` where the log was dropped.
    pub(crate) fn next_of(&self, log: LogId) -> Option<u64> {
        if self.dropped.contains(&log) {
            return None;
        }
        let known = self.logs.iter().find(|known| known.id == log);
        Some(known.map_or(0, |known| known.next))
    }

    /// As a program with another layout would have left it.
    #[cfg(test)]
    pub(crate) fn forge_version(&self, version: &[u8]) {
        self.keyspaces.record.insert(keys::VERSION, version).unwrap();
    }

    /// As a process that was killed in the middle of dropping a log would have left it.
    #[cfg(test)]
    pub(crate) fn forge_half_dropped(&self, id: LogId) {
        let log = self.logs.iter().find(|log| log.id == id).unwrap();
        let row = keys::log_row(&log.name, log.next, true);
        self.keyspaces.record.insert(keys::log(log.number), row).unwrap();
    }

    /// Takes in the leaves that follow, and the new position with them, in one atomic step: all leaves of the record below
    /// `next` that are there are in then.
    pub(crate) fn take_in(&mut self, leaves: &[View<'_>], next: u64) -> Result<(), IndexError> {
        if next <= self.next {
            return Ok(());
        }
        // Handed to the system with each commit, so that a killed process has nothing to do again. After a power cut the
        // end may be gone, keys and position together, and is built again from the logs.
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        let record = self.keyspaces.record.clone();
        let mut block = Block::default();
        let mut numbers: HashMap<(&str, u64), Entry> = HashMap::new();
        let mut nth = usize::MAX;
        for leaf in leaves {
            if self.logs.get(nth).is_none_or(|log| log.name != leaf.log) {
                nth = self.log_of(leaf)?;
            }
            let Some(log) = self.logs.get_mut(nth) else {
                continue;
            };
            log.take_in(leaf);
            if !block.push(leaf.index, log.number, leaf.log_index) {
                if let Some((first, octets)) = block.take() {
                    batch.insert(&record, keys::places(first), octets);
                }
                block.push(leaf.index, log.number, leaf.log_index);
            }
            let stands = numbers
                .get_mut(&(leaf.producer, leaf.epoch))
                .is_some_and(|entry| entry.push(leaf.seq, leaf.index));
            if !stands {
                let entry = Entry::new(leaf.seq, leaf.index);
                if let Some(full) = numbers.insert((leaf.producer, leaf.epoch), entry) {
                    let (first, octets) = full.finish();
                    batch.insert(&record, keys::sequence(leaf.producer, leaf.epoch, first), octets);
                }
            }
            if leaf.received_at_unix_ms > self.last_time_unix_ms || leaf.index == 0 {
                batch.insert(
                    &record,
                    keys::time(leaf.received_at_unix_ms),
                    leaf.index.to_be_bytes(),
                );
                self.last_time_unix_ms = leaf.received_at_unix_ms;
            }
        }
        if let Some((first, octets)) = block.take() {
            batch.insert(&record, keys::places(first), octets);
        }
        for ((producer, epoch), entry) in numbers {
            let (first, octets) = entry.finish();
            batch.insert(&record, keys::sequence(producer, epoch, first), octets);
        }
        for log in self.logs.iter_mut().filter(|log| log.is_touched) {
            log.put(&mut batch, &record)?;
        }
        batch.insert(
            &record,
            keys::POSITION,
            keys::position(next, self.last_time_unix_ms),
        );
        batch.commit()?;
        self.next = next;
        self.tell();
        Ok(())
    }

    /// Lets go of everything about a log whose entries were dropped. That its leaves were there stays known.
    pub(crate) fn drop_log(&mut self, id: LogId) -> Result<(), IndexError> {
        if self.dropped.contains(&id) {
            return Ok(());
        }
        let Some(nth) = self.logs.iter().position(|log| log.id == id) else {
            return Ok(());
        };
        let log = self.logs.remove(nth);
        let row = keys::log_row(&log.name, log.next, true);
        self.keyspaces.record.insert(keys::log(log.number), row)?;
        self.dropped.push(id);
        self.show();
        self.database.delete_keyspace(log.keys)?;
        self.tell();
        Ok(())
    }

    /// Where the log of this leaf is in `logs`; it is made where it is new.
    fn log_of(&mut self, leaf: &View<'_>) -> Result<usize, IndexError> {
        if let Some(nth) = self.logs.iter().position(|log| log.name == leaf.log) {
            return Ok(nth);
        }
        let id: LogId = leaf
            .log
            .parse()
            .map_err(|error| IndexError::Broken(format!("leaf {}: {error}", leaf.index)))?;
        let number = self.next_number;
        self.next_number = number
            .checked_add(1)
            .ok_or_else(|| IndexError::Broken("there are too many logs".to_owned()))?;
        let keys = store::keyspace_of(&self.database, id)?;
        self.logs.push(Log::new(id, number, keys));
        self.show();
        Ok(self.logs.len() - 1)
    }

    /// Shows readers the logs that are there.
    fn show(&self) {
        let mut logs: Vec<_> = self
            .logs
            .iter()
            .map(|log| LogKeys {
                id: log.id,
                number: log.number,
                keys: log.keys.clone(),
            })
            .collect();
        logs.sort_by_key(|log| log.id);
        self.keyspaces.set_logs(logs);
    }

    fn tell(&self) {
        self.progress.send_replace(Progress {
            indexed: self.next,
            counts: Arc::new(sum(&self.logs)),
        });
    }
}

fn count(counts: &mut BTreeMap<String, u64>, action: &str) {
    if let Some(count) = counts.get_mut(action) {
        *count += 1;
    } else if counts.len() < MAX_ACTIONS {
        counts.insert(action.to_owned(), 1);
    } else {
        *counts.entry(OTHER_ACTIONS.to_owned()).or_default() += 1;
    }
}
