//! What lies on disk, and how fast anybody else checks it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hongyan_integration_tests::harness::process::find_program;
use hongyan_proto::audit::v1::GetHeadRequest;
use tokio::process::Command;

use super::server::Server;

const VERIFY_LIMIT: Duration = Duration::from_mins(30);
/// Of an entry in a bundle, before its octets.
const LENGTH_OCTETS: u64 = 2;

/// Octets by what they are for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Octets {
    /// Of the entries themselves.
    pub(crate) entries: u64,
    /// Of the files of all logs.
    pub(crate) tiles: u64,
    /// Of the disk that these take up.
    pub(crate) tiles_on_disk: u64,
    /// Of the journal's files, as they are on disk.
    pub(crate) journal: u64,
    pub(crate) index: u64,
}

/// Counts them; `entries` are on record.
pub(crate) fn octets(data: &Path, entries: u64) -> Result<Octets> {
    let tiles = sum(&data.join("tiles"), &|_| true)?;
    let bundles = sum(&data.join("tiles"), &|path| {
        path.components().any(|part| part.as_os_str() == "entries")
    })?;
    let whole = sum(data, &|_| true)?;
    let index = sum(&data.join("index"), &|_| true)?;
    Ok(Octets {
        entries: bundles.length.saturating_sub(entries * LENGTH_OCTETS),
        tiles: tiles.length,
        tiles_on_disk: tiles.on_disk,
        journal: whole.on_disk.saturating_sub(tiles.on_disk + index.on_disk),
        index: index.on_disk,
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    length: u64,
    on_disk: u64,
}

fn sum(dir: &Path, wanted: &impl Fn(&Path) -> bool) -> Result<Sum> {
    use std::os::unix::fs::MetadataExt as _;
    const BLOCK: u64 = 512;
    let mut sum = Sum::default();
    for entry in fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))? {
        let entry = entry?;
        let path = entry.path();
        let more = match entry.metadata() {
            Ok(found) if found.is_dir() => self::sum(&path, wanted)?,
            Ok(found) if wanted(&path) => Sum {
                length: found.len(),
                on_disk: found.blocks() * BLOCK,
            },
            // A file that went meanwhile counts for nothing.
            _ => Sum::default(),
        };
        sum.length += more.length;
        sum.on_disk += more.on_disk;
    }
    Ok(sum)
}

/// Entries a second that `hongyan audit verify` checks.
pub(crate) async fn verified(server: &Server, data: &Path) -> Result<f64> {
    let head = server.operator()?.get_head(GetHeadRequest {}).await?.into_inner();
    let key = &head.logs.first().context("no log")?.verifier_key;
    let entries: u64 = head.logs.iter().map(|log| log.published).sum();
    let start = Instant::now();
    let run = Command::new(find_program("hongyan")?)
        .args(["audit", "verify", "--key", key])
        .arg(data.join("tiles"))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(VERIFY_LIMIT, run).await??;
    ensure!(
        output.status.success(),
        "the record does not verify: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(entries as f64 / start.elapsed().as_secs_f64())
}
