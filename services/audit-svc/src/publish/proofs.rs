//! Proofs from the published tiles.

use std::collections::HashMap;

use hongyan_tlog::{
    Hash, Tile,
    proof::{MakeError, Nodes},
    tile::Place,
};
use tokio::runtime::Handle;

use super::{PublishError, store::TileStore};
use crate::record::LogId;

/// The complete subtrees of one log at one size. Reads each tile once; blocks, so keep it off async threads.
pub(crate) struct Subtrees<'a> {
    store: &'a TileStore,
    runtime: &'a Handle,
    log: LogId,
    size: u64,
    tiles: HashMap<Tile, Vec<u8>>,
}

impl<'a> Subtrees<'a> {
    pub(crate) fn new(store: &'a TileStore, runtime: &'a Handle, log: LogId, size: u64) -> Self {
        Self {
            store,
            runtime,
            log,
            size,
            tiles: HashMap::new(),
        }
    }

    /// A partial tile gives way to the full one, which begins alike.
    fn tile(&mut self, tile: Tile) -> Result<&[u8], PublishError> {
        if !self.tiles.contains_key(&tile) {
            let found = self.runtime.block_on(self.store.tile(self.log, tile))?;
            let octets = match found {
                Some(octets) => octets,
                None if tile.is_partial() => {
                    let full = self.runtime.block_on(self.store.tile(self.log, tile.full()))?;
                    let width = usize::from(tile.width()) * hongyan_tlog::HASH_OCTETS;
                    let full = full.and_then(|octets| octets.get(..width).map(<[u8]>::to_vec));
                    full.ok_or_else(|| self.wrong(tile, "is missing"))?
                }
                None => return Err(self.wrong(tile, "is missing")),
            };
            self.tiles.insert(tile, octets);
        }
        Ok(self.tiles.get(&tile).map_or(&[], Vec::as_slice))
    }

    fn wrong(&self, tile: Tile, reason: &str) -> PublishError {
        PublishError::Tile {
            log: self.log,
            tile,
            reason: reason.to_owned(),
        }
    }
}

impl Nodes for Subtrees<'_> {
    type Error = PublishError;

    fn node(&mut self, level: u8, number: u64) -> Result<Hash, PublishError> {
        let Some(place) = Place::of(level, number, self.size) else {
            return Err(PublishError::RolledBack {
                log: self.log,
                locked: number,
                have: self.size,
            });
        };
        let root = place.root(self.tile(place.tile)?);
        root.ok_or_else(|| self.wrong(place.tile, "has the wrong length"))
    }
}

/// Why a proof is not given.
pub(crate) type ProofError = MakeError<PublishError>;
