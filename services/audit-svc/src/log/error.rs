//! What can go wrong with the log, each with its place.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why the log could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done, e.g. `writing`.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was once on disk is not there as it was written. Nothing is repaired: whatever the cause, a record that
    /// heals itself in silence is none.
    #[error("the record is damaged: {0}")]
    Corrupt(Damage),
    /// The leaf is not kept here any more: it is published, and its segment is gone.
    #[error("leaf {index} is not in the journal any more, which begins at index {first}")]
    Pruned {
        /// Which was asked for.
        index: u64,
        /// The first one that is there.
        first: u64,
    },
    /// Another process has the directory.
    #[error("{}: another process writes this record", .0.display())]
    Locked(PathBuf),
    /// An earlier write failed, so nobody knows what is on disk; only a new start can tell.
    #[error("an earlier write failed; the process must start anew")]
    Broken,
}

/// Where the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Octets from the segment's start.
    pub offset: u64,
    /// The leaf that should stand there.
    pub index: u64,
    /// What is there instead.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            offset,
            index,
            reason,
        } = self;
        write!(
            f,
            "{} at offset {offset}, index {index}: {reason}",
            path.display()
        )
    }
}

impl LogError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, index: u64, reason: impl Into<String>) -> Self {
        Self::Corrupt(Damage {
            path: path.to_owned(),
            offset,
            index,
            reason: reason.into(),
        })
    }
}
