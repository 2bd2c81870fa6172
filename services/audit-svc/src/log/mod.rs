//! The log on disk: segmented, checksummed, append-only.
//!
//! It knows leaves as bytes with an index and nothing else; what is in them, who may append and how they are found is
//! told by the modules above. One process writes a directory (a lock file sees to it), any number of threads read.
//!
//! - [`recover`] reads a directory; [`Recovered::begin`] hands out the one [`LogWriter`] and a [`LogReader`].
//! - A leaf is readable when it is on disk (written and synced), never before.
//! - Segments are made in their full length, named by the index of their first leaf, and never change once the next one
//!   exists. Old ones are deleted as a whole by whoever knows that nobody needs them ([`Pruner`]).

mod create;
mod error;
mod frame;
mod prune;
mod reader;
mod recover;
mod segment;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

pub use error::{Damage, LogError};
pub use frame::MAX_LEAF_OCTETS;
pub use prune::Pruner;
pub use reader::LogReader;
pub use recover::Cut;
pub use writer::LogWriter;

use reader::Shared;
use recover::Found;

/// The default of how large a segment is made.
pub const DEFAULT_SEGMENT_OCTETS: u64 = 64 << 20;
const LOCK_FILE: &str = "lock";

/// A log that is open.
#[derive(Debug)]
pub struct Opened {
    /// For the one task that appends.
    pub writer: LogWriter,
    /// For everybody else.
    pub reader: LogReader,
    /// Deletes what nobody needs any more.
    pub pruner: Pruner,
    /// The unfinished write that was taken off the end, if there was one.
    pub cut: Option<Cut>,
}

/// A log that was read, and is as it was found.
#[derive(Debug)]
pub struct Recovered {
    dir: PathBuf,
    lock: File,
    found: Found,
}

/// Reads the log in `dir`, which is made where it is missing: each leaf goes to `visit` with its index, and what `visit`
/// finds wrong with one is reported as damage. The directory is this process's from now on, and as yet nothing in it is
/// changed.
pub fn recover(
    dir: &Path,
    visit: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Recovered, LogError> {
    fs::create_dir_all(dir).map_err(LogError::io("creating", dir))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        recover::sync_dir(parent)?;
    }
    let lock = lock(dir)?;
    let found = recover::recover(dir, visit)?;
    Ok(Recovered {
        dir: dir.to_owned(),
        lock,
        found,
    })
}

/// The index of the first leaf of the log in `dir`, by the name of its oldest segment; `None` where there is no segment.
pub fn first_index(dir: &Path) -> Result<Option<u64>, LogError> {
    if !dir.exists() {
        return Ok(None);
    }
    let segments = recover::segment_files(dir)?;
    Ok(segments.first().map(|(first, _)| *first))
}

impl Recovered {
    /// The index of the first leaf that is there; that of the next one where none is.
    pub fn first_index(&self) -> u64 {
        self.found
            .segments
            .first()
            .map_or(self.found.size, |oldest| oldest.first)
    }

    /// The index behind the last leaf.
    pub fn size(&self) -> u64 {
        self.found.size
    }

    /// Cuts what has to be cut, and opens the log for more. Segments are made with `segment_octets`, or as large as a
    /// group that is larger.
    pub fn begin(self, segment_octets: u64) -> Result<Opened, LogError> {
        let Self { dir, lock, found } = self;
        if let Some(cut) = &found.cut {
            recover::cut_off(&dir, cut)?;
        }
        let shared = Shared::new(found.segments, found.size);
        Ok(Opened {
            reader: LogReader::new(Arc::clone(&shared)),
            pruner: Pruner::new(&dir, Arc::clone(&shared)),
            writer: LogWriter::new(&dir, segment_octets, shared, found.end, lock)?,
            cut: found.cut,
        })
    }
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join(LOCK_FILE);
    let file = File::create(&path).map_err(LogError::io("creating", &path))?;
    match crate::hold::hold(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked(path)),
        Err(TryLockError::Error(source)) => Err(LogError::io("locking", &path)(source)),
    }
}
