//! Takes leaves from the record into their logs, and publishes these.
//!
//! Everything here can be done again: leaves come from the record in the same order, so they make the same files and the
//! same roots, and a file that is there already is compared and not replaced.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use hongyan_tlog::{
    Tile,
    checkpoint::Checkpoint,
    edge::{Edge, EdgeError},
    key::{Signer, Verifier},
    note::Note,
    tile::Kind,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    PublishError,
    growing::Growing,
    locks::Locks,
    published::{Publication, Published, State},
    store::TileStore,
};
use crate::{
    log::LogReader,
    record::{FinalCheckpoint, Head, LogId, leaf, leaf::Standing, turn::Opening},
};

/// Leaves taken into their logs between two checkpoints, at most: they stand in memory until they are written.
const ROUND_LEAVES: u64 = 32_768;
/// And their octets, about.
const ROUND_OCTETS: usize = 32 << 20;

/// A checkpoint that was signed and is in the locks.
#[derive(Debug, Clone)]
struct Signed {
    note: Arc<str>,
    checkpoint: Checkpoint,
}

/// Whether a round took in all that was on record when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Whole,
    /// It was long enough, and the next one follows at once.
    Cut,
}

#[derive(Debug)]
struct Log {
    growing: Growing,
    signer: Signer,
    /// In the locks.
    signed: Option<Signed>,
    /// Leaves under the checkpoint beside the tiles.
    stored: u64,
    /// Leaves that the record has.
    recorded: u64,
    /// Its last leaf is one that closes it.
    is_closed: bool,
}

/// Publishes the logs of a record.
pub struct Publisher {
    organisation: String,
    signer: Signer,
    store: TileStore,
    locks: Locks,
    logs: BTreeMap<LogId, Log>,
    /// Leaves of the record taken in.
    through: u64,
    state: watch::Sender<State>,
    hurry: Arc<Notify>,
    runtime: Handle,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("through", &self.through)
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
        runtime: Handle,
    ) -> Result<(Self, Publication), PublishError> {
        let (publication, state, hurry) = Publication::new();
        let locks = Locks::open(locks_dir)?;
        let mut publisher = Self {
            organisation: organisation.to_owned(),
            signer,
            store: tiles,
            locks,
            logs: BTreeMap::new(),
            through: 0,
            state,
            hurry,
            runtime,
        };
        for (id, note) in publisher.locks.all()? {
            let log = publisher.open_log(id, &note)?;
            publisher.logs.insert(id, log);
        }
        Ok((publisher, publication))
    }

    /// A log that was published before: its lock is the truth, its tiles must lead there.
    fn open_log(&self, id: LogId, note: &str) -> Result<Log, PublishError> {
        let signer = self.signer.named(&id.origin(&self.organisation))?;
        let lock = read_checkpoint(id, "lock", note.as_bytes(), signer.verifier())?;
        let stored = match self.runtime.block_on(self.store.checkpoint(id))? {
            None => None,
            Some(octets) => Some(read_checkpoint(id, "checkpoint", &octets, signer.verifier())?.checkpoint),
        };
        let (size, locked) = (
            stored.as_ref().map_or(0, Checkpoint::size),
            lock.checkpoint.size(),
        );
        if size > locked {
            return Err(PublishError::LockBehind {
                log: id,
                stored: size,
                locked,
            });
        }
        let growing = self.load(id, size)?;
        let roots = [stored.as_ref(), Some(&lock.checkpoint)];
        for checkpoint in roots.into_iter().flatten() {
            if checkpoint.size() == size && *checkpoint.root() != growing.root() {
                return Err(PublishError::OtherRoot { log: id, size });
            }
        }
        Ok(Log {
            is_closed: self.is_closed(id, size)?,
            growing,
            signer,
            signed: Some(lock),
            stored: size,
            recorded: 0,
        })
    }

    /// A log as its tiles have it.
    fn load(&self, id: LogId, size: u64) -> Result<Growing, PublishError> {
        let read = |tile: Tile| {
            let found = self
                .runtime
                .block_on(self.store.tile(id, tile))
                .map_err(|error| error.to_string())?;
            found.ok_or_else(|| "is missing".to_owned())
        };
        let wrong = |tile, reason| PublishError::Tile {
            log: id,
            tile,
            reason,
        };
        let edge = Edge::load(size, read).map_err(|error| match error {
            EdgeError::Tile { tile, source } => wrong(tile, source),
            EdgeError::WrongLength {
                tile,
                expected,
                found,
            } => wrong(tile, format!("should have {expected} octets and has {found}")),
        })?;
        let mut bundle = Vec::new();
        if let Some(tile) = Tile::all(Kind::Entries, size).last().filter(Tile::is_partial) {
            bundle = read(tile).map_err(|reason| wrong(tile, reason))?;
            let entries = hongyan_tlog::bundle::entries(&bundle, tile.width())
                .map_err(|error| wrong(tile, error.to_string()))?;
            // The edge's hashes were checked by the root; the entries must be theirs.
            let hashes: Vec<u8> = hongyan_tlog::bundle::leaf_hashes(&entries)
                .iter()
                .flat_map(|hash| *hash.as_bytes())
                .collect();
            let beside = edge.partial().find(|(tile, _)| tile.kind() == Kind::Hashes(0));
            if beside.is_none_or(|(_, octets)| octets != hashes) {
                return Err(wrong(
                    tile,
                    "its entries are not those of the tile of hashes".to_owned(),
                ));
            }
        }
        Ok(Growing::new(edge, bundle))
    }

    /// Whether the last leaf of a log of this size closed it.
    fn is_closed(&self, id: LogId, size: u64) -> Result<bool, PublishError> {
        let Some(last) = size.checked_sub(1) else {
            return Ok(false);
        };
        let entry = self.runtime.block_on(self.store.entry(id, last, size))?;
        Ok(leaf::closes(&entry))
    }

    /// Takes in a leaf of the record, in its order. What its log has already is passed over.
    pub fn replay(&mut self, index: u64, bytes: &[u8]) -> Result<(), PublishError> {
        let wrong = |reason| PublishError::Leaf { index, reason };
        let Standing {
            log: id,
            log_index,
            closes,
            opens,
        } = leaf::standing(index, bytes).map_err(wrong)?;
        self.through = index.saturating_add(1);
        if opens
            && self
                .logs
                .get(&id)
                .is_none_or(|log| log.growing.size() <= log_index)
        {
            self.opens(id, index, bytes)?;
        }
        let log = match self.logs.entry(id) {
            std::collections::btree_map::Entry::Occupied(log) => log.into_mut(),
            std::collections::btree_map::Entry::Vacant(none) => none.insert(Log {
                growing: Growing::default(),
                signer: self.signer.named(&id.origin(&self.organisation))?,
                signed: None,
                stored: 0,
                recorded: 0,
                is_closed: false,
            }),
        };
        log.recorded = log_index.saturating_add(1);
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
        // A checkpoint that was signed before its files were all written: now they can be.
        let size = log.growing.size();
        let due = log
            .signed
            .as_ref()
            .filter(|signed| log.stored < size && signed.checkpoint.size() == size)
            .cloned();
        if let Some(signed) = due {
            if *signed.checkpoint.root() != log.growing.root() {
                return Err(PublishError::OtherRoot { log: id, size });
            }
            self.runtime.block_on(write(&self.store, id, log, &signed))?;
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

    /// All leaves of the record are in: nothing that was signed may be missing.
    pub fn replayed(&self) -> Result<(), PublishError> {
        for (id, log) in &self.logs {
            let locked = log.signed.as_ref().map_or(0, |signed| signed.checkpoint.size());
            let have = log.recorded;
            if have < locked {
                return Err(PublishError::RolledBack {
                    log: *id,
                    locked,
                    have,
                });
            }
        }
        self.tell();
        Ok(())
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
            let is_behind = self.through < size || self.has_unsigned();
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

    fn has_unsigned(&self) -> bool {
        self.logs.values().any(Log::has_unsigned)
    }

    /// One checkpoint of every log that has new leaves.
    fn round(&mut self, reader: &LogReader) -> Result<Round, PublishError> {
        let started = Instant::now();
        let round = self.take_in(reader)?;
        let ids: Vec<_> = self
            .logs
            .iter()
            .filter(|(_, log)| log.has_unsigned())
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.publish(id)?;
        }
        self.tell();
        metrics::histogram!("hongyan_audit_publish_seconds").record(started.elapsed());
        metrics::gauge!("hongyan_audit_published").set(self.through as f64);
        Ok(round)
    }

    fn take_in(&mut self, reader: &LogReader) -> Result<Round, PublishError> {
        let from = self.through;
        let mut octets = 0;
        let mut result = Ok(());
        reader.read_range(from..from.saturating_add(ROUND_LEAVES), |index, bytes| {
            octets += bytes.len();
            result = self.replay(index, bytes);
            if result.is_ok() && octets < ROUND_OCTETS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        result?;
        let is_cut = octets >= ROUND_OCTETS || self.through - from >= ROUND_LEAVES;
        Ok(if is_cut { Round::Cut } else { Round::Whole })
    }

    /// Signs, swaps the lock, writes the files, and then the checkpoint beside them.
    fn publish(&mut self, id: LogId) -> Result<(), PublishError> {
        let Some(log) = self.logs.get_mut(&id) else {
            return Ok(());
        };
        let origin = id.origin(&self.organisation);
        let place = "lock";
        let checkpoint =
            Checkpoint::new(&origin, log.growing.size(), log.growing.root()).map_err(|source| {
                PublishError::Checkpoint {
                    place,
                    log: id,
                    source,
                }
            })?;
        let note = Note::sign(&checkpoint.to_string(), &log.signer, unix_s()).map_err(|source| {
            PublishError::Note {
                place,
                log: id,
                source,
            }
        })?;
        let signed = Signed {
            note: Arc::from(note.to_string()),
            checkpoint,
        };
        let old = log.signed.as_ref().map(|signed| &*signed.note);
        self.locks.swap(id, old, &signed.note)?;
        log.signed = Some(signed.clone());
        self.runtime.block_on(write(&self.store, id, log, &signed))?;
        metrics::counter!("hongyan_audit_checkpoints_total", "class" => id.class().as_str()).increment(1);
        Ok(())
    }

    fn tell(&self) {
        let logs = self.logs.iter().filter_map(|(id, log)| {
            let signed = log
                .signed
                .as_ref()
                .filter(|signed| signed.checkpoint.size() == log.stored)?;
            let published = Published {
                size: log.stored,
                root: *signed.checkpoint.root(),
                note: Arc::clone(&signed.note),
                verifier: log.signer.verifier().clone(),
            };
            Some((*id, published))
        });
        let logs: BTreeMap<_, _> = logs.collect();
        // Between a start and the first round, leaves on record may still wait for their checkpoint.
        let through = if self.has_unsigned() { 0 } else { self.through };
        let finals = self.logs.iter().filter_map(|(id, log)| log.end(*id));
        self.state.send_replace(State {
            through,
            logs: Arc::new(logs),
            finals: Arc::new(finals.map(|end| (end.log, end)).collect()),
            pruned: Arc::default(),
        });
    }
}

impl Log {
    fn has_unsigned(&self) -> bool {
        let signed = self.signed.as_ref().map_or(0, |signed| signed.checkpoint.size());
        self.growing.size() > signed
    }

    /// The last checkpoint of a log that is closed and signed to its end.
    fn end(&self, id: LogId) -> Option<FinalCheckpoint> {
        let signed = self
            .signed
            .as_ref()
            .filter(|_| self.is_closed && !self.has_unsigned())?;
        Some(FinalCheckpoint {
            log: id,
            origin: signed.checkpoint.origin().to_owned(),
            size: signed.checkpoint.size(),
            root: *signed.checkpoint.root(),
            note: Arc::clone(&signed.note),
        })
    }
}

/// The files of a signed checkpoint, then the checkpoint.
async fn write(store: &TileStore, id: LogId, log: &mut Log, signed: &Signed) -> Result<(), PublishError> {
    let files = log.growing.take_files();
    let full: Vec<_> = files
        .iter()
        .map(|(tile, _)| *tile)
        .filter(|tile| !tile.is_partial())
        .collect();
    store.create(id, files).await?;
    store.put_checkpoint(id, &signed.note).await?;
    log.stored = signed.checkpoint.size();
    store.remove_partials(id, &full).await
}

fn read_checkpoint(
    log: LogId,
    place: &'static str,
    octets: &[u8],
    verifier: &Verifier,
) -> Result<Signed, PublishError> {
    let wrong = |source| PublishError::Note { place, log, source };
    let note = Note::parse(octets).map_err(wrong)?;
    note.verified_by(std::slice::from_ref(verifier)).map_err(wrong)?;
    let checkpoint = Checkpoint::parse_of(verifier.name(), note.text())
        .map_err(|source| PublishError::Checkpoint { place, log, source })?;
    Ok(Signed {
        note: Arc::from(note.to_string()),
        checkpoint,
    })
}

fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
