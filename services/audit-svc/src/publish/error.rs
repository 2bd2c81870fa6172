//! What can go wrong between the record and its published logs.

use std::{io, path::PathBuf};

use hongyan_tlog::{Tile, checkpoint::CheckpointError, key::KeyError, note::NoteError};

use crate::{log::LogError, record::LogId};

/// Why logs cannot be opened, published or read. Nothing of it is repaired: whatever the cause, a log that heals itself
/// in silence is none.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The place of the tiles refused.
    #[error("the tiles: {doing} {path}: {source}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: String,
        /// What it said.
        source: object_store::Error,
    },
    /// A file that is never written twice is there with other octets.
    #[error("{path} is there already, with other octets")]
    Differs {
        /// Which.
        path: String,
    },
    /// The locks' directory refused.
    #[error("the locks: {doing} {}: {source}", path.display())]
    Locks {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the locks' directory.
    #[error("{}: another process publishes these logs", .0.display())]
    Locked(PathBuf),
    /// The checkpoint in the locks is not the one that this process put there: another one publishes the same log.
    #[error("{log}: another process published this log; this one must not go on")]
    Fenced {
        /// Which log.
        log: LogId,
    },
    /// A checkpoint that is no note, or not signed by this record's key.
    #[error("{place} of {log}: {source}")]
    Note {
        /// `checkpoint` or `lock`.
        place: &'static str,
        /// Which log.
        log: LogId,
        /// What is wrong.
        source: NoteError,
    },
    /// A checkpoint under another key or another organisation than those of the settings.
    #[error(
        "{place} of {log} is of {origin}, and not signed as {expected} by the key of record.signing_key_file: that key and \
         record.organisation must be those that the record began with"
    )]
    OtherKey {
        /// `checkpoint` or `lock`.
        place: &'static str,
        /// Which log.
        log: LogId,
        /// What its first line says.
        origin: String,
        /// What it must say.
        expected: String,
    },
    /// A note that is no checkpoint of this log.
    #[error("{place} of {log}: {source}")]
    Checkpoint {
        /// `checkpoint` or `lock`.
        place: &'static str,
        /// Which log.
        log: LogId,
        /// What is wrong.
        source: CheckpointError,
    },
    /// The tiles are newer than the locks, which are written first.
    #[error(
        "{log}: its checkpoint has {stored} leaves, and the lock knows of {locked}: the locks were rolled back"
    )]
    LockBehind {
        /// Which log.
        log: LogId,
        /// Leaves of the checkpoint beside the tiles.
        stored: u64,
        /// Leaves of the checkpoint in the locks; 0 where there is none.
        locked: u64,
    },
    /// The record has fewer leaves than a checkpoint that was signed.
    #[error(
        "{log}: a checkpoint of {locked} leaves was signed, and the record has {have}: it was rolled back"
    )]
    RolledBack {
        /// Which log.
        log: LogId,
        /// Leaves of the signed checkpoint.
        locked: u64,
        /// Leaves of the record.
        have: u64,
    },
    /// The leaves of the record, or the tiles, lead to another root than the signed one.
    #[error("{log}: the first {size} leaves lead to another root than the one that was signed")]
    OtherRoot {
        /// Which log.
        log: LogId,
        /// How many leaves.
        size: u64,
    },
    /// A tile is missing, or has another length than it must have.
    #[error("{log}: {tile}: {reason}")]
    Tile {
        /// Which log.
        log: LogId,
        /// Which tile.
        tile: Tile,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry of a log is not the leaf that stands there.
    #[error("{log}: entry {log_index}: {reason}")]
    Entry {
        /// Which log.
        log: LogId,
        /// Where in it.
        log_index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The entries of the log were dropped when their time was over.
    #[error("{log}: its entries were kept for as long as they had to be, and dropped")]
    Expired {
        /// Which log.
        log: LogId,
    },
    /// A leaf of the record does not follow the log's last one.
    #[error("leaf {index} of the record: {reason}")]
    Leaf {
        /// Where in the record.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The signing key does not fit.
    #[error("the signing key: {0}")]
    Key(#[from] KeyError),
    /// The record could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}
