//! Keys of subjects: personal data in the record is sealed under a key for each person and half-year, and erasing a person
//! is destroying the keys.
//!
//! # On the way in
//!
//! A producer seals personal data under the mesh's keyring. `take_in` opens it, before the record sees the
//! event, and seals it again under the subject's key of the running half-year (see `sealed.rs`); the leaf holds nothing
//! else. Events without personal data pay nothing. A new key is on disk before its event may go on record. A key that was
//! made for an event that does not go on record in the end waits for the subject's next one.
//!
//! # On disk
//!
//! One file for each half-year, `<keys.dir>/2026h2.keys`, of slots of 256 octets (see `slot.rs`). A key stands there
//! wrapped by the key-encryption key of `keys.kek_file`; that can be rotated at any time, and a pass in the background
//! wraps older slots anew. Erasing overwrites the slot in place. One process has the directory at a time.
//!
//! # Erasing
//!
//! First the order is kept on disk (`<keys.dir>/erasing`), then the keys of all half-years are destroyed, then
//! KEY_DESTROYED goes on record, then the order is forgotten. A start finishes every order that it finds, so that a kill
//! anywhere ends in "destroyed and on record", once. No unwrapped key outlives the event that it was unwrapped for; an
//! event that is being sealed while its subject's key is destroyed goes on record as one that nobody can open.
//!
//! # The end of a half-year
//!
//! When the time of all logs of a half-year is over and their entries are dropped, its keys are destroyed as a whole
//! (`RECORD_KEYS_EXPIRED` on record): copies of the entries that others have open for nobody from then on.
//!
//! # An older copy
//!
//! Where an older copy of the directory was put back, keys that were destroyed live again. So each start compares the keys
//! with the erasures on record before anything is opened; a key that came back goes on record (KEY_RETURNED) and is
//! destroyed again.
//!
//! What is not promised: that copies of the key directory are gone (backups, snapshots, what a disk keeps of overwritten
//! sectors). For these the key-encryption key is the second hand: rotate it, let the pass end, destroy the old one.

mod erasing;
mod error;
mod expiring;
mod file;
mod intake;
mod keeper;
mod opening;
mod returned;
mod rewrap;
mod sealed;
mod slot;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod wrapping;

use std::{
    fs::{File, TryLockError},
    path::Path,
    sync::Arc,
    thread,
};

use hongyan_chassis::LiveKeyring;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

pub(crate) use erasing::{Destroyed, ERASURES, Order};
pub use error::KeysError;
pub(crate) use opening::Sealed;
pub(crate) use returned::Erasure;

use crate::record::Clock;
use keeper::{Command, Keeper};

/// The action of the event that says what an erasure destroyed.
pub(crate) const KEY_DESTROYED: &str = "KEY_DESTROYED";
/// The action of the event that says that destroyed keys were there again.
pub(crate) const KEY_RETURNED: &str = "KEY_RETURNED";
/// The action of the event that says that a person's data was asked for.
pub(crate) const KEY_USED: &str = "KEY_USED";

/// The action of the event that says that the keys of a half-year are gone because its time is over.
pub(crate) const KEYS_EXPIRED: &str = "RECORD_KEYS_EXPIRED";

const LOCK_FILE: &str = "lock";
/// Requests that may wait for the disk; more wait with their callers.
const WAITING: usize = 1_024;

/// A handle to the keys of subjects; cheap to clone. When the last one goes, the writing thread ends.
#[derive(Clone)]
pub struct SubjectKeys {
    commands: mpsc::Sender<Command>,
    dir: Arc<Path>,
    organisation: Arc<str>,
    mesh: LiveKeyring,
    kek: LiveKeyring,
    /// Tells the running half-year.
    clock: Clock,
    /// Whether no key is here that an erasure on record destroyed; nothing is opened before.
    compared: Arc<watch::Sender<bool>>,
    /// One erasure at a time: each reads the files of all half-years.
    erasing: Arc<Mutex<()>>,
}

impl std::fmt::Debug for SubjectKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectKeys")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// Keys that are open.
#[derive(Debug)]
pub struct OpenedKeys {
    /// The handle.
    pub keys: SubjectKeys,
    /// How the writing thread ended; `Err` where it died.
    pub ended: oneshot::Receiver<Result<(), KeysError>>,
}

/// Opens the keys in `dir`, which is made where it is missing, and starts the writing thread. Blocks for as long as
/// reading the newest file takes (256 octets a subject).
///
/// `mesh` is what producers seal with, `kek` wraps the subjects' keys, `organisation` is part of every log's origin, `clock`
/// is the record's.
pub fn open(
    dir: &Path,
    organisation: &str,
    mesh: LiveKeyring,
    kek: LiveKeyring,
    clock: Clock,
) -> Result<OpenedKeys, KeysError> {
    keeper::make_dir(dir)?;
    let lock = lock(dir)?;
    erasing::make_dir(dir)?;
    let keeper = Keeper::open(dir, kek.clone())?;
    let (commands, queue) = mpsc::channel(WAITING);
    let (end, ended) = oneshot::channel();
    thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || {
            let result = keeper.run(queue);
            drop(lock);
            // Nobody listens any more only when the process is ending anyway.
            let _ = end.send(result);
        })
        .map_err(KeysError::io("starting the writing thread for", dir))?;
    let keys = SubjectKeys {
        commands,
        dir: Arc::from(dir),
        organisation: Arc::from(organisation),
        mesh,
        kek,
        clock,
        compared: Arc::default(),
        erasing: Arc::new(Mutex::new(())),
    };
    Ok(OpenedKeys { keys, ended })
}

impl SubjectKeys {
    /// Asks the writing thread.
    async fn ask<T>(&self, command: impl FnOnce(keeper::Answer<T>) -> Command) -> Result<T, KeysError> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(command(answer))
            .await
            .map_err(|_| KeysError::Stopped)?;
        answered.await.map_err(|_| KeysError::Stopped)?
    }
}

/// Runs what blocks on the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeysError> + Send + 'static,
) -> Result<T, KeysError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(KeysError::Stopped))
}

fn lock(dir: &Path) -> Result<File, KeysError> {
    let path = dir.join(LOCK_FILE);
    let lock = File::create(&path).map_err(KeysError::io("creating", &path))?;
    match crate::hold::hold(&lock) {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(KeysError::Locked(dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(KeysError::io("locking", &path)(source)),
    }
}
