//! Whether the disk has room for what is to be measured.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use nix::sys::{
    statfs::{TMPFS_MAGIC, statfs},
    statvfs::statvfs,
};

/// Disk for one event: journal until it is published, bundle, tile and index.
const OCTETS_OF_AN_EVENT: u64 = 1_400;
/// Left free whatever happens.
const SPARED_OCTETS: u64 = 2 << 30;

/// So many events have room where the record is written. At least a million, or it fails.
pub(crate) fn events(dir: &Path, say: &impl Fn(&str)) -> Result<u64> {
    let kind = statfs(dir).with_context(|| format!("asking what {} is", dir.display()))?;
    if kind.filesystem_type() == TMPFS_MAGIC {
        say(&format!(
            "{} is in memory: figures of a disk need --dir",
            dir.display()
        ));
    }
    let found = statvfs(dir).with_context(|| format!("asking how much is free in {}", dir.display()))?;
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    let events = free.saturating_sub(SPARED_OCTETS) / OCTETS_OF_AN_EVENT;
    ensure!(
        events > 1_000_000,
        "{}: {} MiB are free, too little for a million events; name another directory with --dir",
        dir.display(),
        free >> 20
    );
    Ok(events)
}
