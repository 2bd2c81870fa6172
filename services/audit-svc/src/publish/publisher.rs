//! Takes leaves from the record into their logs, and publishes these.
//!
//! Everything here can be done again: leaves come from the record in the same order, so they make the same files and the
//! same roots, and a file that is there already is compared and not replaced.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use hongyan_tlog::key::Signer;
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    PublishError, load,
    locks::Locks,
    log::Log,
    pruning::Pruning,
    published::{Publication, State},
    store::TileStore,
    witness::Witnesses,
};
use crate::{
    log::LogReader,
    record::{Head, LogId, leaf, leaf::Standing, turn::Opening},
};

/// Leaves taken into their logs between two checkpoints, at most: they stand in memory until they are written.
const ROUND_LEAVES: u64 = 32_768;
/// And their octets, about.
const ROUND_OCTETS: usize = 32 << 20;

mod recovery;
mod round;

/// Whether a round took in all that was on record when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Whole,
    /// It was long enough, and the next one follows at once.
    Cut,
}

/// Publishes the logs of a record.
pub struct Publisher {
    organisation: String,
    signer: Signer,
    store: TileStore,
    locks: Arc<Locks>,
    witnesses: Option<Witnesses>,
    logs: BTreeMap<LogId, Log>,
    /// Leaves of the record taken in.
    taken: u64,
    /// While the journal is read at a start: the first leaf that was left for a round, because nothing that was signed needs
    /// it.
    left: Option<u64>,
    /// Whether the store of the files fails in this round, and whether it did in the one before.
    store_fails: bool,
    store_failed: bool,
    state: Arc<watch::Sender<State>>,
    hurry: Arc<Notify>,
    runtime: Handle,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl Publisher {
    /// Opens what was published before. Blocks on the disk, so keep it off async threads; leaves of the record come
    /// next, by `replay`.
    pub fn open(
        organisation: &str,
        signer: Signer,
        tiles: TileStore,
        locks_dir: &Path,
        witnesses: Option<Witnesses>,
        runtime: Handle,
    ) -> Result<(Self, Publication), PublishError> {
        let (publication, state, hurry) = Publication::new();
        let locks = Arc::new(Locks::open(locks_dir)?);
        let mut publisher = Self {
            organisation: organisation.to_owned(),
            signer,
            store: tiles,
            locks,
            witnesses,
            logs: BTreeMap::new(),
            taken: 0,
            left: None,
            store_fails: false,
            store_failed: false,
            state: Arc::new(state),
            hurry,
            runtime,
        };
        for id in publisher.locks.pruned()? {
            publisher.store.expire(id);
        }
        for (id, note) in publisher.locks.all()? {
            let signer = publisher.signer_of(id)?;
            let log = load::log(&publisher.store, &publisher.runtime, id, signer, &note)?;
            publisher.logs.insert(id, log);
        }
        Ok((publisher, publication))
    }

    /// For whoever drops entries whose time is over.
    pub(crate) fn pruning(&self) -> Pruning {
        Pruning::new(&self.store, &self.locks, &self.state)
    }

    /// The key under the log's own name.
    fn signer_of(&self, id: LogId) -> Result<Signer, PublishError> {
        Ok(self.signer.named(&id.origin(&self.organisation))?)
    }

    /// Takes in a leaf of the record, in its order. What its log has already is passed over.
    fn replay(&mut self, index: u64, bytes: &[u8]) -> Result<(), PublishError> {
        let wrong = |reason| PublishError::Leaf { index, reason };
        let Standing {
            log: id,
            log_index,
            closes,
            opens,
        } = leaf::standing(index, bytes).map_err(wrong)?;
        self.taken = index.saturating_add(1);
        if opens
            && self
                .logs
                .get(&id)
                .is_none_or(|log| log.growing.size() <= log_index)
        {
            self.opens(id, index, bytes)?;
        }
        if !self.logs.contains_key(&id) {
            let log = self.new_log(id)?;
            self.logs.insert(id, log);
        }
        let Some(log) = self.logs.get_mut(&id) else {
            return Err(wrong(format!("{id} is not there")));
        };
        log.recorded = log.recorded.max(log_index.saturating_add(1));
        let size = log.growing.size();
        if log_index < size {
            return Ok(());
        }
        if log_index > size {
            return Err(wrong(format!(
                "{id} has {size} leaves, and the next one says that it is number {log_index}"
            )));
        }
        if log.is_closed {
            return Err(wrong(format!("stands behind the leaf that closed {id}")));
        }
        log.growing
            .push(bytes)
            .map_err(|error| wrong(error.to_string()))?;
        log.is_closed = closes;
        log.unpublished_from.get_or_insert(index);
        // A checkpoint that was signed before its files were all written: now they can be.
        let size = log.growing.size();
        let due = log
            .pending()
            .filter(|signed| signed.checkpoint.size() == size)
            .cloned();
        if let Some(signed) = due {
            if *signed.checkpoint.root() != log.growing.root() {
                return Err(PublishError::OtherRoot { log: id, size });
            }
            log.stage();
            let is_written = self.write(id)?;
            if is_written && self.witnesses.is_none() {
                self.publish(id, signed)?;
            }
        }
        Ok(())
    }

    /// A leaf begins the log behind another one: what it says of the end of that one must be so.
    fn opens(&self, id: LogId, index: u64, bytes: &[u8]) -> Result<(), PublishError> {
        let wrong = |reason| PublishError::Leaf { index, reason };
        let (_, event) = leaf::decode(index, bytes).map_err(wrong)?;
        let said = Opening::parse(&event).map_err(wrong)?;
        let before = self.logs.range(..id).next_back();
        let is_so = before.is_some_and(|(before, log)| {
            said.is_behind(*before)
                && said.size == log.growing.size()
                && said.root == log.growing.root().to_string()
        });
        if is_so {
            return Ok(());
        }
        let origin = said.previous_origin;
        Err(wrong(format!(
            "{id} begins behind an end that {origin} does not have"
        )))
    }

    /// Publishes until the token is cancelled and everything on record is published, at most once in `interval` unless
    /// somebody waits for it. An error ends it, and must end the process: what is on disk is known at a start alone.
    pub async fn run(
        mut self,
        reader: LogReader,
        mut head: watch::Receiver<Head>,
        interval: Duration,
        end: CancellationToken,
    ) -> Result<(), PublishError> {
        let hurry = Arc::clone(&self.hurry);
        let mut due = Instant::now();
        loop {
            let size = head.borrow_and_update().size;
            let is_behind = self.taken < size || self.is_unpublished();
            if is_behind {
                tokio::select! {
                    () = end.cancelled() => {}
                    () = hurry.notified() => {}
                    () = tokio::time::sleep_until(due) => {}
                }
                due = Instant::now() + interval;
                let from = reader.clone();
                let round = task::spawn_blocking(move || {
                    let result = self.round(&from);
                    (self, result)
                });
                // The runtime is going down: the next start does this round.
                let Ok((returned, result)) = round.await else {
                    return Ok(());
                };
                self = returned;
                if result? == Round::Cut {
                    due = Instant::now();
                } else if end.is_cancelled() && (self.is_unpublished() || self.store_fails) {
                    // What witnesses did not cosign now, or a bucket did not take, waits for the next start.
                    return Ok(());
                }
                continue;
            }
            tokio::select! {
                () = end.cancelled() => return Ok(()),
                moved = head.changed() => if moved.is_err() {
                    return Ok(());
                },
            }
        }
    }

    fn is_unpublished(&self) -> bool {
        self.logs.values().any(|log| log.unpublished_from.is_some())
    }

    fn take_in(&mut self, reader: &LogReader) -> Result<Round, PublishError> {
        let from = self.taken;
        let mut octets = 0;
        let mut result = Ok(());
        reader.read_range(from..from.saturating_add(ROUND_LEAVES), |index, bytes| {
            octets += bytes.len();
            result = self.replay(index, bytes);
            if result.is_err() {
                // Where that may pass, it comes again.
                self.taken = index;
            }
            if result.is_ok() && octets < ROUND_OCTETS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        if !self.succeeded(result)? {
            return Ok(Round::Whole);
        }
        let is_cut = octets >= ROUND_OCTETS || self.taken - from >= ROUND_LEAVES;
        Ok(if is_cut { Round::Cut } else { Round::Whole })
    }

    fn tell(&self) {
        let logs = self.logs.iter();
        let logs = logs.filter_map(|(id, log)| Some((*id, log.told()?)));
        let finals = self.logs.iter().filter_map(|(id, log)| log.end(*id));
        let unpublished = self.logs.values().filter_map(|log| log.unpublished_from);
        let told = State {
            through: unpublished
                .min()
                .map_or(self.taken, |first| first.min(self.taken)),
            logs: Arc::new(logs.collect()),
            finals: Arc::new(finals.map(|end| (end.log, end)).collect()),
            pruned: Arc::default(),
        };
        // Asked for under the lock of the channel, where others may tell of more of them meanwhile.
        self.state.send_modify(|state| {
            *state = State {
                pruned: self.store.expired(),
                ..told
            };
        });
    }
}
