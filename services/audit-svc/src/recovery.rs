//! Opens a record with its logs: locks, tiles, snapshot and journal, each of which must fit the others.

use std::path::PathBuf;

use hongyan_tlog::key::Signer;
use tokio::runtime::Handle;

use crate::{
    publish::{PublishError, Publisher, TileStore, Witnesses, serve::Served},
    record::{self, Host, OpenError},
};

/// Where the parts of a record are, and whose it is.
#[derive(Debug)]
pub struct Places {
    /// The journal and the snapshot.
    pub journal: PathBuf,
    /// Octets of a segment of the journal.
    pub segment_octets: u64,
    /// The newest checkpoint of each log.
    pub locks: PathBuf,
    /// The logs as others read them.
    pub tiles: TileStore,
    /// What stands in the first line of every checkpoint.
    pub organisation: String,
    /// What signs checkpoints.
    pub signer: Signer,
    /// Who cosigns them before they are published.
    pub witnesses: Option<Witnesses>,
}

/// What was found on disk.
#[derive(Debug)]
pub struct Recovered {
    /// The record.
    pub opened: record::Opened,
    /// What publishes it.
    pub publisher: Publisher,
    /// Its logs as they are published.
    pub logs: Served,
}

/// Why a record cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// Locks and tiles are damaged, or do not fit each other.
    #[error(transparent)]
    Logs(#[from] PublishError),
    /// The journal is damaged, or does not fit the logs.
    #[error(transparent)]
    Record(#[from] OpenError),
}

/// Reads locks, tiles, snapshot and journal, and sees that they fit together. Blocks, so keep it off async threads.
pub fn recover(places: Places, host: Host, runtime: Handle) -> Result<Recovered, RecoveryError> {
    let Places {
        journal,
        segment_octets,
        locks,
        tiles,
        organisation,
        signer,
        witnesses,
    } = places;
    let (mut publisher, publication) =
        Publisher::open(&organisation, signer, tiles.clone(), &locks, witnesses, runtime)?;
    let opened = record::open(&journal, segment_octets, host, &mut publisher)?;
    Ok(Recovered {
        opened,
        publisher,
        logs: Served {
            publication,
            store: tiles,
        },
    })
}
