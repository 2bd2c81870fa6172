//! What the parts of the machine do alone: the disk with groups, one core with hashes.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use hongyan_tlog::leaf_hash;
use serde::Serialize;

use super::events::EVENT_OCTETS;

/// Events that one group commit of the record holds at most.
const GROUP: usize = 1_024;
/// The floor writes no more than this.
const MOST_OCTETS: u64 = 2 << 30;

/// Both floors.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Floors {
    /// Records a second: 1,024 of 512 octets in one write, then fdatasync, again and again.
    pub(crate) synced_per_second: f64,
    /// One such group, milliseconds.
    pub(crate) group_ms: f64,
    /// Leaf hashes of 512 octets a second on one core.
    pub(crate) hashed_per_second: f64,
}

impl Floors {
    /// Measures both, `length` each; the disk is that of `dir`.
    pub(crate) fn measure(dir: &Path, length: Duration) -> Result<Self> {
        let path = dir.join("floor");
        let mut file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        let group = vec![7_u8; GROUP * EVENT_OCTETS];
        let start = Instant::now();
        let mut groups = 0_u32;
        while start.elapsed() < length && u64::from(groups) * (group.len() as u64) < MOST_OCTETS {
            file.write_all(&group)?;
            file.sync_data()?;
            groups += 1;
        }
        let took = start.elapsed().as_secs_f64();
        drop(file);
        std::fs::remove_file(&path)?;

        let mut leaf = [7_u8; EVENT_OCTETS];
        let start = Instant::now();
        let mut hashes = 0_u64;
        while start.elapsed() < length {
            for _ in 0..1_000 {
                // Each hash is of the one before, so that none can be left out.
                let hash = leaf_hash(&leaf);
                leaf[..32].copy_from_slice(hash.as_bytes());
                hashes += 1;
            }
        }
        Ok(Self {
            synced_per_second: f64::from(groups) * GROUP as f64 / took,
            group_ms: took * 1_000.0 / f64::from(groups.max(1)),
            hashed_per_second: hashes as f64 / start.elapsed().as_secs_f64(),
        })
    }
}
