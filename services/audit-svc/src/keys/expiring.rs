//! The end of a half-year's keys: when its logs have lost their entries, copies of these should open for nobody either.

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use super::{
    SubjectKeys, blocking,
    error::KeysError,
    file::{self, sync_dir},
    keeper::Command,
};
use crate::record::Period;

/// What a file is called whose keys are no keys any more.
pub(crate) const RETIRED: &str = "expired";
/// Written over it at once.
const ZEROS: usize = 1 << 20;

impl SubjectKeys {
    /// The half-years that have keys, oldest first.
    pub(crate) async fn periods(&self) -> Result<Vec<Period>, KeysError> {
        let dir = self.dir.clone();
        blocking(move || file::periods(&dir)).await
    }

    /// Destroys all keys of a half-year. They are gone with the first step, a renaming; the octets of files that were
    /// renamed, now or by an earlier process, are overwritten then.
    pub(crate) async fn expire(&self, period: Period) -> Result<(), KeysError> {
        self.ask(|answer| Command::Retire { period, answer }).await?;
        self.wipe_retired().await
    }

    /// Overwrites and removes files whose keys have expired.
    pub(crate) async fn wipe_retired(&self) -> Result<(), KeysError> {
        let dir = self.dir.clone();
        blocking(move || wipe_retired(&dir)).await
    }
}

fn wipe_retired(dir: &Path) -> Result<(), KeysError> {
    for entry in fs::read_dir(dir).map_err(KeysError::io("listing", dir))? {
        let path = entry.map_err(KeysError::io("listing", dir))?.path();
        if path.extension() == Some(OsStr::new(RETIRED)) {
            wipe(&path)?;
            fs::remove_file(&path).map_err(KeysError::io("removing", &path))?;
            sync_dir(dir)?;
        }
    }
    Ok(())
}

/// What a disk or a file system keeps of it elsewhere is not reached; the key-encryption key is the second hand there.
fn wipe(path: &Path) -> Result<(), KeysError> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(KeysError::io("opening", path))?;
    let mut left = file.metadata().map_err(KeysError::io("reading", path))?.len();
    let zeros = vec![0; ZEROS];
    while left > 0 {
        let now = usize::try_from(left).map_or(ZEROS, |left| left.min(ZEROS));
        file.write_all(&zeros[..now])
            .map_err(KeysError::io("writing", path))?;
        left -= now as u64;
    }
    file.sync_all().map_err(KeysError::io("syncing", path))
}
