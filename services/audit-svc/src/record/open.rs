//! Opens a record: what the snapshot remembers, what the journal holds, and what is published must be of one record.

use std::{collections::BTreeMap, error::Error, path::Path};

use super::{
    Host, LogId,
    fit::{self, Base, Held, Misfit},
    leaf,
    sequencer::Sequencer,
    snapshot::{self, Counted, Snapshot},
    snapshot_file,
};
use crate::log::{self, LogError};

type BoxError = Box<dyn Error + Send + Sync>;

/// What is known of a record outside its journal: its published logs. Leaves of the journal are led into them.
pub trait Outside {
    /// The logs as far as their files are there.
    fn bases(&self) -> BTreeMap<LogId, Base>;
    /// Every leaf that they hold, log by log and each in its order, checked against its root. What `each` finds wrong with
    /// one ends it.
    fn each_leaf(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), String>) -> Result<(), BoxError>;
    /// Takes in a leaf of the journal, in its order; says why it cannot.
    fn replay(&mut self, index: u64, leaf: &[u8]) -> Result<(), BoxError>;
    /// All leaves of the journal are in, which ends before this index. Tells how many leaves each log leads to, those
    /// that are not published included.
    fn replayed(&mut self, end: u64) -> Result<BTreeMap<LogId, u64>, BoxError>;
}

/// A record whose logs nobody publishes: its journal is all there is.
#[derive(Debug, Default)]
pub struct Alone(BTreeMap<LogId, u64>);

impl Outside for Alone {
    fn bases(&self) -> BTreeMap<LogId, Base> {
        BTreeMap::new()
    }

    fn each_leaf(&self, _: &mut dyn FnMut(&[u8]) -> Result<(), String>) -> Result<(), BoxError> {
        Ok(())
    }

    fn replay(&mut self, index: u64, bytes: &[u8]) -> Result<(), BoxError> {
        let standing = leaf::standing(index, bytes)?;
        self.0.insert(standing.log, standing.log_index.saturating_add(1));
        Ok(())
    }

    fn replayed(&mut self, _: u64) -> Result<BTreeMap<LogId, u64>, BoxError> {
        Ok(std::mem::take(&mut self.0))
    }
}

/// Why a record cannot be opened. Nothing in its directory was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal is damaged, or the disk refuses.
    #[error(transparent)]
    Journal(#[from] LogError),
    /// Journal, snapshot and logs are not of one record, or of different moments of it.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The published logs are damaged.
    #[error(transparent)]
    Outside(BoxError),
}

/// Reads everything, and gives what goes on from there.
pub(super) fn read(
    dir: &Path,
    host: Host,
    outside: &mut impl Outside,
) -> Result<(Sequencer, log::Recovered), OpenError> {
    let bases = outside.bases();
    // Where the journal is in its first segment still, everything is in it.
    let first = log::first_index(dir)?.unwrap_or_default();
    let snapshot = read_snapshot(dir)?;
    let covered = snapshot.as_ref().map(|snapshot| snapshot.size);
    let mut sequencer = match snapshot {
        Some(snapshot) => {
            fit::joins(snapshot.size, first)?;
            Sequencer::restored(host, snapshot, true)
        }
        None if first == 0 => Sequencer::new(host),
        None => {
            tracing::warn!(
                first,
                "there is no sound snapshot beside the journal: what producers sent is read from all published entries, \
                 which takes its time"
            );
            Sequencer::restored(host, gather(&bases, outside)?, false)
        }
    };
    let mut refused = None;
    let log = log::recover(dir, |index, bytes| {
        let (leaf, event) = leaf::decode(index, bytes)?;
        sequencer.replay(index, &leaf, &event)?;
        outside.replay(index, bytes).map_err(|error| {
            let said = error.to_string();
            refused = Some(error);
            said
        })
    });
    // What the logs say to a sound leaf is no damage of the journal.
    let log = match (log, refused) {
        (_, Some(error)) => return Err(OpenError::Outside(error)),
        (log, None) => log?,
    };
    let held = Held {
        first: log.first_index(),
        end: log.size(),
    };
    fit::reaches(held, covered, &bases)?;
    let published = outside.replayed(held.end).map_err(OpenError::Outside)?;
    let recorded = sequencer.logs().iter().map(|(log, leaves)| (*log, *leaves));
    fit::is_whole(held.end, recorded, &published)?;
    sequencer.begin(held.end);
    Ok((sequencer, log))
}

/// `None` where it must be made anew.
fn read_snapshot(dir: &Path) -> Result<Option<Snapshot>, LogError> {
    let Some(octets) = snapshot_file::read(dir)? else {
        return Ok(None);
    };
    match snapshot::decode(&octets) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(fault) => {
            tracing::error!(dir = %dir.display(), %fault, "the snapshot beside the journal cannot be used");
            Ok(None)
        }
    }
}

/// What a snapshot would say, from all entries of all logs.
fn gather(bases: &BTreeMap<LogId, Base>, outside: &impl Outside) -> Result<Snapshot, OpenError> {
    let mut snapshot = Snapshot::default();
    let mut leaves: u64 = 0;
    let mut take = |bytes: &[u8]| {
        let (producer, epoch, seq, received_unix_ms) = leaf::number(bytes)?;
        snapshot.last_received_unix_ms = snapshot.last_received_unix_ms.max(received_unix_ms);
        // What is on record is on record, whatever today's limits would say to it.
        let _ = snapshot.sequences.see(&producer, epoch, seq, received_unix_ms);
        leaves += 1;
        if leaves.is_multiple_of(1_000_000) {
            tracing::info!(leaves, "reading published entries");
        }
        Ok(())
    };
    outside.each_leaf(&mut take).map_err(OpenError::Outside)?;
    snapshot.logs = bases
        .iter()
        .map(|(log, base)| {
            let counted = Counted {
                leaves: base.leaves,
                is_closed: base.is_closed,
            };
            (*log, counted)
        })
        .collect();
    Ok(snapshot)
}
