//! The index on disk: an embedded key-value store that can be thrown away.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, Snapshot,
    config::{BlockSizePolicy, CompressionPolicy, FilterPolicy},
};

use super::{keys, places};
use crate::{publish::PublishError, record::LogId};

const RECORD: &str = "record";
const CACHE_OCTETS: u64 = 32 << 20;
const WORKER_THREADS: usize = 2;
/// What of a keyspace is in memory before it goes to disk, as the store counts it; small keys take several times as much.
/// About five keyspaces grow at once.
const MEMTABLE_OCTETS: u64 = 12 << 20;
/// What a start reads again, at most; the least that the store takes.
const JOURNAL_OCTETS: u64 = 64 << 20;
const BLOCK_OCTETS: u32 = 8 << 10;

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
    /// A published log could not be read.
    #[error(transparent)]
    Published(#[from] PublishError),
    /// The index knows leaves that the record does not have: it has lost something that was on record.
    #[error(
        "the index has seen {indexed} leaves and the record has {size}: accepted events are lost. \
         Restore the record; to go on without them, delete the index"
    )]
    AheadOfRecord {
        /// Leaves that the index has taken in.
        indexed: u64,
        /// Leaves that the record has.
        size: u64,
    },
    /// The index knows leaves that a published log does not have.
    #[error(
        "{log}: the index has seen {indexed} leaves and {published} are published: the log was rolled back. \
         Restore it; to go on without them, delete the index"
    )]
    AheadOfLog {
        /// Which log.
        log: LogId,
        /// Leaves of it that the index has taken in.
        indexed: u64,
        /// Leaves that it has.
        published: u64,
    },
    /// Leaves are published, and the one that should come next is in no log.
    #[error(
        "leaf {index} of the record should come next in the published logs; the next one there has index {next}"
    )]
    Hole {
        /// Which is missing.
        index: u64,
        /// The next one that is there.
        next: u64,
    },
    /// A leaf cannot be read as one, or is another than the one that should stand there.
    #[error("leaf {log_index} of {log}: {reason}")]
    Leaf {
        /// Which log.
        log: LogId,
        /// Where in it.
        log_index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// What the index holds contradicts itself.
    #[error("the index contradicts itself: {0}")]
    Broken(String),
}

/// One log's part of the index.
#[derive(Clone)]
pub(super) struct LogKeys {
    pub(super) id: LogId,
    pub(super) number: u16,
    pub(super) keys: Keyspace,
}

/// What was found on disk: everything that is needed to write on.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) keyspaces: Keyspaces,
    pub(super) next: u64,
    pub(super) last_time_unix_ms: i64,
    /// By number: id, next place, whether it was dropped.
    pub(super) logs: BTreeMap<u16, (LogId, u64, bool)>,
}

/// All keyspaces, for reading; cheap to clone.
#[derive(Clone)]
pub(super) struct Keyspaces {
    database: Database,
    pub(super) record: Keyspace,
    /// Logs that are there, in the order of their ids.
    logs: Arc<RwLock<Arc<[LogKeys]>>>,
}

impl Keyspaces {
    /// All of them as they are now, while they are written on.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }

    pub(super) fn logs(&self) -> Arc<[LogKeys]> {
        Arc::clone(&self.logs.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_logs(&self, logs: Vec<LogKeys>) {
        *self.logs.write().unwrap_or_else(PoisonError::into_inner) = Arc::from(logs);
    }
}

/// Opens the index in `dir`; one that cannot be opened or has another layout is built anew. `size` is the record's.
pub(super) fn open(dir: &Path, size: u64) -> Result<Opened, IndexError> {
    let opened = match open_store(dir) {
        Ok(Some(opened)) => opened,
        other => {
            let reason = other
                .err()
                .map_or("its layout is another".to_owned(), |error| error.to_string());
            tracing::warn!(dir = %dir.display(), reason, "the index is built anew from the published logs");
            metrics::counter!("hongyan_audit_index_rebuilds_total").increment(1);
            remove(dir)?;
            let (database, record) = create_store(dir)?;
            record.insert(keys::VERSION, keys::LAYOUT)?;
            read_store(database, record)?
        }
    };
    if opened.next > size {
        return Err(IndexError::AheadOfRecord {
            indexed: opened.next,
            size,
        });
    }
    Ok(opened)
}

/// `None` where the layout is not this one.
fn open_store(dir: &Path) -> Result<Option<Opened>, IndexError> {
    let is_new = !dir.exists();
    let (database, record) = create_store(dir)?;
    if is_new {
        record.insert(keys::VERSION, keys::LAYOUT)?;
    }
    let known = record
        .get(keys::VERSION)?
        .is_some_and(|version| *version == *keys::LAYOUT);
    if known {
        read_store(database, record).map(Some)
    } else {
        Ok(None)
    }
}

fn create_store(dir: &Path) -> Result<(Database, Keyspace), IndexError> {
    let database = Database::builder(dir)
        .cache_size(CACHE_OCTETS)
        .worker_threads(WORKER_THREADS)
        .max_journaling_size(JOURNAL_OCTETS)
        .open()?;
    let record = database.keyspace(RECORD, options)?;
    Ok((database, record))
}

/// Postings of neighbours share most of their octets: blocks are compressed from the first merge on. Everything is found
/// by ranges, for which filters are no help.
fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .filter_policy(FilterPolicy::disabled())
        .max_memtable_size(MEMTABLE_OCTETS)
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_OCTETS))
        .data_block_compression_policy(CompressionPolicy::new([
            CompressionType::None,
            CompressionType::Lz4,
        ]))
}

/// The keyspace of a log, made where it is missing.
pub(super) fn keyspace_of(database: &Database, log: LogId) -> Result<Keyspace, IndexError> {
    Ok(database.keyspace(&log.to_string(), options)?)
}

fn read_store(database: Database, record: Keyspace) -> Result<Opened, IndexError> {
    let (next, last_time_unix_ms) = record
        .get(keys::POSITION)?
        .and_then(|value| keys::read_position(&value))
        .unwrap_or_default();
    let mut logs = BTreeMap::new();
    let mut there = Vec::new();
    for pair in record.prefix(keys::LOGS) {
        let (key, row) = pair.into_inner()?;
        let broken = || IndexError::Broken("the row of a log cannot be read".to_owned());
        let number = keys::log_number(&key).ok_or_else(broken)?;
        let (name, next, is_dropped) = keys::read_log_row(&row).ok_or_else(broken)?;
        let id: LogId = name.parse().map_err(|_| broken())?;
        logs.insert(number, (id, next, is_dropped));
        let is_there = database.keyspace_exists(name);
        match (is_dropped, is_there) {
            // Killed between the row and the keyspace.
            (true, true) => database.delete_keyspace(keyspace_of(&database, id)?)?,
            (true, false) => {}
            (false, true) => there.push(LogKeys {
                id,
                number,
                keys: keyspace_of(&database, id)?,
            }),
            (false, false) => return Err(IndexError::Broken(format!("{id} has no keyspace"))),
        }
    }
    there.sort_by_key(|log| log.id);
    let keyspaces = Keyspaces {
        database: database.clone(),
        record,
        logs: Arc::new(RwLock::new(Arc::from(there))),
    };
    Ok(Opened {
        database,
        keyspaces,
        next,
        last_time_unix_ms,
        logs,
    })
}

fn remove(dir: &Path) -> Result<(), IndexError> {
    fs::remove_dir_all(dir).map_err(|source| IndexError::Directory {
        path: dir.display().to_string(),
        source,
    })
}

/// The run that holds a leaf of the record; `None` where none does.
pub(super) fn run_of(record: &Keyspace, index: u64) -> Result<Option<places::Run>, IndexError> {
    let runs = block_of(record, index)?;
    Ok(places::run_of(&runs, index).copied())
}

/// The runs of the block that would hold a leaf; none where there is no such block.
pub(super) fn block_of(record: &Keyspace, index: u64) -> Result<Vec<places::Run>, IndexError> {
    let from = index.saturating_sub(places::BLOCK_LEAVES - 1);
    let Some(pair) = record.range(keys::places(from)..=keys::places(index)).next_back() else {
        return Ok(Vec::new());
    };
    read_block(pair)
}

/// The runs of the first block behind an index; none where there is no such block.
pub(super) fn block_behind(record: &Keyspace, index: u64) -> Result<Vec<places::Run>, IndexError> {
    let Some(from) = index.checked_add(1) else {
        return Ok(Vec::new());
    };
    match record.range(keys::places(from)..=keys::places(u64::MAX)).next() {
        Some(pair) => read_block(pair),
        None => Ok(Vec::new()),
    }
}

/// The runs of the last block that begins at an index or before; none where there is no such block.
pub(super) fn block_before(record: &Keyspace, index: u64) -> Result<Vec<places::Run>, IndexError> {
    match record.range(keys::places(0)..=keys::places(index)).next_back() {
        Some(pair) => read_block(pair),
        None => Ok(Vec::new()),
    }
}

fn read_block(pair: fjall::Guard) -> Result<Vec<places::Run>, IndexError> {
    let (key, value) = pair.into_inner()?;
    keys::places_at(&key)
        .and_then(|first| places::runs(first, &value))
        .ok_or_else(|| IndexError::Broken("a block of places cannot be read".to_owned()))
}
