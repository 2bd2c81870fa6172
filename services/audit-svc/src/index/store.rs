//! The index on disk: an embedded key-value store that can be thrown away.

use std::{collections::BTreeMap, fs, io, ops::RangeInclusive, path::Path, sync::Arc};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use hongyan_proto::audit::v1::{AuditEvent, Leaf};
use tokio::sync::watch;

use super::keys::{self, Field, Postings};

const KEYSPACE: &str = "index";
const CACHE_OCTETS: u64 = 32 << 20;
const WORKER_THREADS: usize = 2;
/// Most actions that are counted by name.
const MAX_ACTIONS: usize = 512;
/// Counts the leaves of every action above [`MAX_ACTIONS`].
const OTHER_ACTIONS: &str = "OTHER";

/// Why the index does not answer. Deleting its directory and starting again builds it anew.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The store failed.
    #[error("the index: {0}")]
    Store(#[from] fjall::Error),
    /// Its directory cannot be made or removed.
    #[error("the index's directory {path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// The index knows leaves that the log does not have: the log has lost something that was on record.
    #[error(
        "the index has seen {indexed} leaves and the log has {size}: accepted events are lost. \
         Restore the log; to go on without them, delete the index"
    )]
    AheadOfLog {
        /// Leaves that the index has taken in.
        indexed: u64,
        /// Leaves that the log has.
        size: u64,
    },
    /// A leaf cannot be read as one.
    #[error("leaf {index}: {reason}")]
    Leaf {
        /// Which.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// How far the index is, and what it counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Leaves taken in.
    pub indexed: u64,
    /// Leaves by action.
    pub counts: Arc<BTreeMap<String, u64>>,
}

/// The index; cheap to clone. Reads block on the disk.
#[derive(Clone)]
pub struct Index {
    keys: Keyspace,
    progress: watch::Receiver<Progress>,
}

/// The one who writes the index.
pub(crate) struct IndexWriter {
    database: Database,
    keys: Keyspace,
    next: u64,
    last_time_unix_ms: i64,
    counts: Arc<BTreeMap<String, u64>>,
    progress: watch::Sender<Progress>,
}

/// Opens the index in `dir`; one that cannot be opened or has another layout is built anew. `size` is the log's.
pub(crate) fn open(dir: &Path, size: u64) -> Result<(Index, IndexWriter), IndexError> {
    let (database, keys) = match open_store(dir) {
        Ok(Some(opened)) => opened,
        other => {
            let reason = other
                .err()
                .map_or("its layout is another".to_owned(), |error| error.to_string());
            tracing::warn!(dir = %dir.display(), reason, "the index is built anew from the log");
            metrics::counter!("hongyan_audit_index_rebuilds_total").increment(1);
            remove(dir)?;
            let (database, keys) = create_store(dir)?;
            keys.insert(keys::VERSION, keys::LAYOUT)?;
            (database, keys)
        }
    };
    let (next, last_time_unix_ms) = keys
        .get(keys::POSITION)?
        .and_then(|value| keys::read_position(&value))
        .unwrap_or_default();
    if next > size {
        return Err(IndexError::AheadOfLog { indexed: next, size });
    }
    let mut counts = BTreeMap::new();
    for pair in keys.prefix(keys::COUNTS) {
        let (key, value) = pair.into_inner()?;
        let action = String::from_utf8_lossy(&key[keys::COUNTS.len()..]).into_owned();
        counts.insert(action, keys::read_number(&value).unwrap_or_default());
    }
    let counts = Arc::new(counts);
    let (sender, progress) = watch::channel(Progress {
        indexed: next,
        counts: Arc::clone(&counts),
    });
    let index = Index {
        keys: keys.clone(),
        progress,
    };
    let writer = IndexWriter {
        database,
        keys,
        next,
        last_time_unix_ms,
        counts,
        progress: sender,
    };
    Ok((index, writer))
}

/// `None` where the layout is not this one.
fn open_store(dir: &Path) -> Result<Option<(Database, Keyspace)>, IndexError> {
    let is_new = !dir.exists();
    let (database, keys) = create_store(dir)?;
    if is_new {
        keys.insert(keys::VERSION, keys::LAYOUT)?;
    }
    let known = keys
        .get(keys::VERSION)?
        .is_some_and(|version| *version == *keys::LAYOUT);
    Ok(known.then_some((database, keys)))
}

fn create_store(dir: &Path) -> Result<(Database, Keyspace), IndexError> {
    let database = Database::builder(dir)
        .cache_size(CACHE_OCTETS)
        .worker_threads(WORKER_THREADS)
        .open()?;
    let keys = database.keyspace(KEYSPACE, KeyspaceCreateOptions::default)?;
    Ok((database, keys))
}

fn remove(dir: &Path) -> Result<(), IndexError> {
    fs::remove_dir_all(dir).map_err(|source| IndexError::Directory {
        path: dir.display().to_string(),
        source,
    })
}

impl IndexWriter {
    /// The next leaf that the index lacks.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// As a program with another layout would have left it.
    #[cfg(test)]
    pub(crate) fn forge_version(&self, version: &[u8]) {
        self.keys.insert(keys::VERSION, version).unwrap();
    }

    /// Takes in the leaves that follow, and the new position with them, in one atomic step.
    pub(crate) fn take_in(&mut self, leaves: &[(Leaf, AuditEvent)]) -> Result<(), IndexError> {
        let Some((last, _)) = leaves.last() else {
            return Ok(());
        };
        // Handed to the system with each commit, so that a killed process has nothing to do again. After a power cut the
        // end may be gone, keys and position together, and is built again from the log.
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        let counts = Arc::make_mut(&mut self.counts);
        let mut counted = BTreeMap::new();
        let mut time = self.last_time_unix_ms;
        for (leaf, event) in leaves {
            for field in Field::ALL {
                let value = field.of(event);
                if !value.is_empty() {
                    batch.insert(&self.keys, Postings::new(field, value).key(leaf.index), "");
                }
            }
            let index = leaf.index.to_be_bytes();
            batch.insert(
                &self.keys,
                keys::sequence(&leaf.producer, leaf.epoch, leaf.seq),
                index,
            );
            if leaf.received_at_unix_ms > time || leaf.index == 0 {
                batch.insert(&self.keys, keys::time(leaf.received_at_unix_ms), index);
                time = leaf.received_at_unix_ms;
            }
            let action = if counts.contains_key(&event.action) || counts.len() < MAX_ACTIONS {
                event.action.as_str()
            } else {
                OTHER_ACTIONS
            };
            let count = counts.entry(action.to_owned()).or_default();
            *count += 1;
            counted.insert(action, *count);
        }
        for (action, count) in counted {
            batch.insert(&self.keys, keys::count(action), count.to_be_bytes());
        }
        let next = last.index + 1;
        batch.insert(&self.keys, keys::POSITION, keys::position(next, time));
        batch.commit()?;
        self.next = next;
        self.last_time_unix_ms = time;
        self.progress.send_replace(Progress {
            indexed: next,
            counts: Arc::clone(&self.counts),
        });
        Ok(())
    }
}

impl Index {
    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Tells when it moves.
    pub fn watch_progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Where a numbered event stands.
    pub fn index_of(&self, producer: &str, epoch: u64, seq: u64) -> Result<Option<u64>, IndexError> {
        let value = self.keys.get(keys::sequence(producer, epoch, seq))?;
        Ok(value.and_then(|value| keys::read_number(&value)))
    }

    /// The first leaf that came at this time or later; `None` where none did.
    pub(crate) fn first_since(&self, unix_ms: i64) -> Result<Option<u64>, IndexError> {
        let range = keys::time(unix_ms)..=keys::time(i64::MAX);
        match self.keys.range(range).next() {
            Some(found) => Ok(keys::read_number(&found.value()?)),
            None => Ok(None),
        }
    }

    /// The first leaf of the postings within `indices`.
    pub(crate) fn first_in(
        &self,
        postings: &Postings,
        indices: RangeInclusive<u64>,
    ) -> Result<Option<u64>, IndexError> {
        match self.keys.range(postings.range(indices)).next() {
            Some(found) => Ok(keys::index_of(&found.key()?)),
            None => Ok(None),
        }
    }

    /// The last leaf of the postings within `indices`.
    pub(crate) fn last_in(
        &self,
        postings: &Postings,
        indices: RangeInclusive<u64>,
    ) -> Result<Option<u64>, IndexError> {
        match self.keys.range(postings.range(indices)).next_back() {
            Some(found) => Ok(keys::index_of(&found.key()?)),
            None => Ok(None),
        }
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}
