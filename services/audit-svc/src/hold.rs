//! Locks on directories that belong to one process.

use std::{
    fs::{File, TryLockError},
    thread,
    time::Duration,
};

const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// Locks a file; half a second long where it is locked. Whoever held it may just be ending, and a child that this process
/// starts has the locks of its parent until it becomes another program. Blocks.
pub(crate) fn hold(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            other => return other,
        }
    }
    file.try_lock()
}
