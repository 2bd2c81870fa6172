//! The lock store: the newest checkpoint of each log, apart from its tiles, changed by compare-and-swap alone.
//!
//! A checkpoint stands here before any file of it is written. So whoever finds tiles that are newer than the lock, or a
//! lock that somebody else changed, knows that this directory was rolled back, or that two processes write one log.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::PublishError;
use crate::{point::point, record::LogId};

const LOCK_FILE: &str = "lock";
const SUFFIX: &str = ".checkpoint";
const PRUNED: &str = ".pruned";
const STAGED: &str = ".staged";

/// A directory of checkpoints, held by one process.
#[derive(Debug)]
pub(crate) struct Locks {
    dir: PathBuf,
    _lock: File,
}

impl Locks {
    /// Opens the directory, which is made where it is missing. One process at a time.
    pub(crate) fn open(dir: &Path) -> Result<Self, PublishError> {
        fs::create_dir_all(dir).map_err(failed("creating", dir))?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
        let path = dir.join(LOCK_FILE);
        let lock = File::create(&path).map_err(failed("creating", &path))?;
        match crate::hold::hold(&lock) {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(PublishError::Locked(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed("locking", &path)(source)),
        }
    }

    /// All checkpoints.
    pub(crate) fn all(&self) -> Result<BTreeMap<LogId, String>, PublishError> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.dir).map_err(failed("listing", &self.dir))? {
            let name = entry.map_err(failed("listing", &self.dir))?.file_name();
            if let Some(log) = log_named(&name, SUFFIX)
                && let Some(note) = self.read(log)?
            {
                found.insert(log, note);
            }
        }
        Ok(found)
    }

    /// Logs whose entries may be gone.
    pub(crate) fn pruned(&self) -> Result<Vec<LogId>, PublishError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed("listing", &self.dir))? {
            let name = entry.map_err(failed("listing", &self.dir))?.file_name();
            found.extend(log_named(&name, PRUNED));
        }
        Ok(found)
    }

    /// Keeps in mind that the entries of a log may be gone from now on; so that where they are missing, it is no damage.
    pub(crate) fn mark_pruned(&self, log: LogId, note: &str) -> Result<(), PublishError> {
        self.write(&self.path(log, PRUNED), note)
    }

    /// Puts a checkpoint in the place of the one that this process put or found there.
    pub(crate) fn swap(&self, log: LogId, old: Option<&str>, new: &str) -> Result<(), PublishError> {
        if self.read(log)?.as_deref() != old {
            return Err(PublishError::Fenced { log });
        }
        self.write(&self.path(log, SUFFIX), new)
    }

    /// As a whole or not at all.
    fn write(&self, path: &Path, note: &str) -> Result<(), PublishError> {
        let staged = path.with_extension(STAGED.trim_start_matches('.'));
        let mut file = File::create(&staged).map_err(failed("creating", &staged))?;
        file.write_all(note.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed("writing", &staged))?;
        point!("lock-staged");
        fs::rename(&staged, path).map_err(failed("renaming", &staged))?;
        point!("lock-renamed");
        sync_dir(&self.dir)
    }

    fn read(&self, log: LogId) -> Result<Option<String>, PublishError> {
        let path = self.path(log, SUFFIX);
        match fs::read_to_string(&path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("reading", &path)(source)),
        }
    }

    fn path(&self, log: LogId, suffix: &str) -> PathBuf {
        let name = log.to_string().replace('/', ".");
        self.dir.join(format!("{name}{suffix}"))
    }
}

fn log_named(name: &OsStr, suffix: &str) -> Option<LogId> {
    let name = name.to_str()?.strip_suffix(suffix)?;
    name.replace('.', "/").parse().ok()
}

fn sync_dir(dir: &Path) -> Result<(), PublishError> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(failed("syncing", dir))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_owned();
    move |source| PublishError::Locks { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::Locks;
    use crate::{publish::PublishError, record::LogId};

    #[test]
    fn a_checkpoint_takes_the_place_of_the_expected_one_and_of_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogId::of("MESSAGE_FINAL", 0);
        let locks = Locks::open(&dir.path().join("locks")).unwrap();
        assert!(locks.all().unwrap().is_empty());
        locks.swap(log, None, "one").unwrap();
        locks.swap(log, Some("one"), "two").unwrap();
        for old in [None, Some("one")] {
            let lost = locks.swap(log, old, "three");
            assert!(matches!(lost, Err(PublishError::Fenced { .. })), "{lost:?}");
        }
        locks.mark_pruned(log, "two").unwrap();
        assert_eq!(locks.all().unwrap(), [(log, "two".to_owned())].into());
        assert_eq!(locks.pruned().unwrap(), [log]);
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Locks::open(dir.path()).unwrap();
        assert!(matches!(Locks::open(dir.path()), Err(PublishError::Locked(_))));
        drop(first);
        Locks::open(dir.path()).unwrap();
    }
}
