//! What can go wrong with keys of subjects, each with its place. No error holds a key or a tag.

use std::{
    io,
    path::{Path, PathBuf},
};

use hongyan_envelope::{OpenError, SealError};

/// Why keys could not be read, made or destroyed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
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
    /// A slot is not as it was written. Nothing is repaired: what stands there may be somebody's only key, or one that
    /// was to be destroyed.
    #[error("{} is damaged: slot {slot}, offset {offset}: {reason}", path.display())]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// Slot 0 is the file's head.
        slot: u32,
        /// Octets from the file's start.
        offset: u64,
        /// What is there instead.
        reason: &'static str,
    },
    /// No such slot, or another key stands in it: the file was lost, or put back from an older copy.
    #[error("{} has no such key in slot {slot}", path.display())]
    Missing {
        /// The key file.
        path: PathBuf,
        /// Where the key was.
        slot: u32,
    },
    /// The key that wraps it is not in the keyring of `keys.kek_file` any more, or is another one.
    #[error("{}: slot {slot} does not open under keys.kek_file: {source}", path.display())]
    Wrapped {
        /// The key file.
        path: PathBuf,
        /// Which slot.
        slot: u32,
        /// Why not.
        source: OpenError,
    },
    /// A new key could not be wrapped.
    #[error("a new key cannot be wrapped: {0}")]
    Wrapping(#[from] SealError),
    /// The system gave no random octets.
    #[error("the system gave no random octets for a key")]
    NoRandom,
    /// Four thousand million keys in one period.
    #[error("{} takes no more keys", .0.display())]
    Full(PathBuf),
    /// Another process has the directory.
    #[error("{}: another process has these keys", .0.display())]
    Locked(PathBuf),
    /// An order to erase that was kept is not as it was written.
    #[error("{}: is no order to erase", .0.display())]
    NoOrder(PathBuf),
    /// Keys are opened when they are compared with the erasures on record, which needs the index.
    #[error("the keys are not compared with the erasures on record yet")]
    Uncompared,
    /// The thread that writes keys has ended; so does the process.
    #[error("the keys take no more work")]
    Stopped,
}

impl KeysError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// Whether nobody knows any more what is on disk.
    pub(crate) fn ends_the_process(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}
