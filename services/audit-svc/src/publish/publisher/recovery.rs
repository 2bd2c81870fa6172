//! What the publisher does with the journal at a start: sees that it leads on from the files, and finishes what was signed
//! and not written. Everything else is left for the rounds, so that a journal of any length is read with little memory.

use std::{collections::BTreeMap, error::Error};

use hongyan_tlog::{Tile, bundle, edge::Edge, leaf_hash, tile::Kind};

use super::{Log, Publisher};
use crate::{
    publish::{PublishError, log::Signed},
    record::{Base, LogId, Outside, leaf},
};

impl Publisher {
    fn recover_leaf(&mut self, index: u64, bytes: &[u8]) -> Result<(), PublishError> {
        let wrong = |reason| PublishError::Leaf { index, reason };
        let standing = leaf::standing(index, bytes).map_err(wrong)?;
        let (id, log_index) = (standing.log, standing.log_index);
        if !self.logs.contains_key(&id) {
            let log = self.new_log(id)?;
            self.logs.insert(id, log);
        }
        let Some(log) = self.logs.get_mut(&id) else {
            return Err(wrong(format!("{id} is not there")));
        };
        if log_index > log.recorded {
            return Err(wrong(format!(
                "{id} has {} leaves, and the next one says that it is number {log_index}",
                log.recorded
            )));
        }
        let is_last = log.last.filter(|(last, _)| *last == index);
        if is_last.is_some_and(|(_, hash)| hash != leaf_hash(bytes)) {
            return Err(wrong(format!(
                "is another one than that which is published in {id}"
            )));
        }
        if log_index < log.growing.size() {
            return Ok(());
        }
        if log_index < log.locked() {
            return self.replay(index, bytes);
        }
        log.recorded = log_index.saturating_add(1);
        self.left.get_or_insert(index);
        Ok(())
    }

    /// A log that has no lock, and so nothing that anybody may have seen.
    pub(super) fn new_log(&self, id: LogId) -> Result<Log, PublishError> {
        let signer = self.signer_of(id)?;
        match self.runtime.block_on(self.store.checkpoint(id))? {
            None => Ok(Log::new(signer)),
            Some(octets) => Err(PublishError::LockBehind {
                log: id,
                stored: Signed::read(id, "checkpoint", &octets, signer.verifier())?
                    .checkpoint
                    .size(),
                locked: 0,
            }),
        }
    }

    /// All leaves of the journal were seen, which ends before `end`: nothing that was signed may be missing.
    fn recovered(&mut self, end: u64) -> Result<BTreeMap<LogId, u64>, PublishError> {
        for (id, log) in &self.logs {
            let (locked, have) = (log.locked(), log.recorded);
            if have < locked {
                return Err(PublishError::RolledBack {
                    log: *id,
                    locked,
                    have,
                });
            }
        }
        self.taken = self.left.take().unwrap_or(end);
        self.tell();
        Ok(self.logs.iter().map(|(id, log)| (*id, log.recorded)).collect())
    }

    /// Every entry of one log, checked against its root.
    fn each_entry(
        &self,
        id: LogId,
        log: &Log,
        each: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), PublishError> {
        let mut edge = Edge::new();
        let mut full = Vec::new();
        for tile in Tile::all(Kind::Entries, log.stored()) {
            let wrong = |reason: String| PublishError::Tile {
                log: id,
                tile,
                reason,
            };
            let octets = self.runtime.block_on(self.store.tile(id, tile))?;
            let octets = octets.ok_or_else(|| wrong("is missing".to_owned()))?;
            let entries = bundle::entries(&octets, tile.width()).map_err(|error| wrong(error.to_string()))?;
            for entry in entries {
                edge.push(leaf_hash(entry), &mut full);
                full.clear();
                each(entry).map_err(wrong)?;
            }
        }
        if log.stored() == log.growing.size() && edge.root() != log.growing.root() {
            return Err(PublishError::OtherRoot {
                log: id,
                size: log.stored(),
            });
        }
        Ok(())
    }
}

impl Outside for Publisher {
    fn bases(&self) -> BTreeMap<LogId, Base> {
        let base = |log: &Log| Base {
            leaves: log.stored(),
            is_closed: log.is_closed,
            last_index: log.last.map(|(index, _)| index),
        };
        self.logs.iter().map(|(id, log)| (*id, base(log))).collect()
    }

    fn each_leaf(
        &self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        // What is older than entries are kept is forgotten with them.
        let kept = self.logs.iter().filter(|(id, _)| !self.store.is_expired(**id));
        for (id, log) in kept {
            self.each_entry(*id, log, each)?;
        }
        Ok(())
    }

    fn replay(&mut self, index: u64, leaf: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.recover_leaf(index, leaf)?)
    }

    fn replayed(&mut self, end: u64) -> Result<BTreeMap<LogId, u64>, Box<dyn Error + Send + Sync>> {
        Ok(self.recovered(end)?)
    }
}
