//! Deletes segments that nobody needs any more.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{error::LogError, reader::Shared, recover::sync_dir};
use crate::point::point;

/// A hand that deletes old segments while the writer goes on.
#[derive(Debug)]
pub struct Pruner {
    dir: PathBuf,
    shared: Arc<Shared>,
}

impl Pruner {
    pub(crate) fn new(dir: &Path, shared: Arc<Shared>) -> Self {
        Self {
            dir: dir.to_owned(),
            shared,
        }
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.shared.segments()
    }

    /// Whether [`Pruner::prune_below`] would delete something.
    pub fn has_below(&self, index: u64) -> bool {
        self.shared.oldest_below(index).is_some()
    }

    /// Deletes every closed segment all of whose leaves stand below `index`; says how many. Oldest first, and each durably
    /// before the next, so that a crash leaves no hole. Blocks on the disk.
    pub fn prune_below(&self, index: u64) -> Result<u64, LogError> {
        let mut pruned = 0;
        while let Some(oldest) = self.shared.oldest_below(index) {
            // Who reads in it has it open.
            self.shared.drop_oldest();
            fs::remove_file(&oldest.path).map_err(LogError::io("removing", &oldest.path))?;
            point!("segment-removed");
            sync_dir(&self.dir)?;
            point!("segment-removal-synced");
            pruned += 1;
        }
        Ok(pruned)
    }
}
