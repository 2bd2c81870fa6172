//! The log on disk: segmented, checksummed, append-only.
//!
//! It knows leaves as bytes with an index and nothing else; what is in them, who may append and how they are found is
//! told by the modules above. One process writes a directory (a lock file sees to it), any number of threads read.
//!
//! - [`open`] recovers a directory and hands out the one [`LogWriter`] and a [`LogReader`].
//! - A leaf is readable when it is on disk (written and synced), never before.
//! - Segments are named by the index of their first leaf and never change once the next one exists.

mod error;
mod frame;
mod reader;
mod recover;
mod segment;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

pub use error::{Damage, LogError};
pub use frame::MAX_LEAF_OCTETS;
pub use reader::LogReader;
pub use recover::Cut;
pub use writer::LogWriter;

use reader::Shared;

/// The default of how large a segment grows.
pub const DEFAULT_SEGMENT_OCTETS: u64 = 256 << 20;
const LOCK_FILE: &str = "lock";

/// A log that is open.
#[derive(Debug)]
pub struct Opened {
    /// For the one task that appends.
    pub writer: LogWriter,
    /// For everybody else.
    pub reader: LogReader,
    /// The unfinished write that was taken off the end, if there was one.
    pub cut: Option<Cut>,
}

/// Opens the log in `dir`, which is made where it is missing. Reads all of it: each leaf goes to `visit` with its index,
/// and what `visit` finds wrong with one is reported as damage.
///
/// A segment is closed when the next group would make it larger than `segment_octets`; a single group may.
pub fn open(
    dir: &Path,
    segment_octets: u64,
    visit: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Opened, LogError> {
    fs::create_dir_all(dir).map_err(LogError::io("creating", dir))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        recover::sync_dir(parent)?;
    }
    let lock = lock(dir)?;
    let found = recover::recover(dir, visit)?;
    let shared = Shared::new(found.segments, found.size);
    let reader = LogReader::new(std::sync::Arc::clone(&shared));
    let writer = LogWriter::new(dir, segment_octets, shared, found.end, lock)?;
    Ok(Opened {
        writer,
        reader,
        cut: found.cut,
    })
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join(LOCK_FILE);
    let file = File::create(&path).map_err(LogError::io("creating", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked(path)),
        Err(TryLockError::Error(source)) => Err(LogError::io("locking", &path)(source)),
    }
}
