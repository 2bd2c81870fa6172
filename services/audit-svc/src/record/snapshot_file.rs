//! The snapshot on disk: one file beside the segments, replaced as a whole.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use crate::{log::LogError, point::point};

const NAME: &str = "snapshot";
const STAGED: &str = "snapshot.staged";

/// Puts a snapshot in the place of the one before. When it answers, the new one is on disk; killed before, one of the two
/// is. Blocks on the disk.
pub(crate) fn write(dir: &Path, octets: &[u8]) -> Result<(), LogError> {
    let (staged, path) = (dir.join(STAGED), dir.join(NAME));
    let mut file = File::create(&staged).map_err(LogError::io("creating", &staged))?;
    file.write_all(octets).map_err(LogError::io("writing", &staged))?;
    point!("snapshot-written");
    file.sync_all().map_err(LogError::io("syncing", &staged))?;
    point!("snapshot-synced");
    fs::rename(&staged, &path).map_err(LogError::io("renaming", &staged))?;
    point!("snapshot-renamed");
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(LogError::io("syncing", dir))?;
    point!("snapshot-name-synced");
    Ok(())
}

/// The octets of the snapshot; `None` where there is none.
pub(crate) fn read(dir: &Path) -> Result<Option<Vec<u8>>, LogError> {
    let path = dir.join(NAME);
    match fs::read(&path) {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("reading", &path)(error)),
    }
}
