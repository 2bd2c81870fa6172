//! A log as its files have it. Blocks on the store.

use hongyan_tlog::{
    Tile, bundle,
    edge::{Edge, EdgeError},
    key::Signer,
    leaf_hash,
    tile::{Kind, MAX_LEVEL},
};
use tokio::runtime::Handle;

use super::{
    PublishError,
    growing::Growing,
    log::{Log, Signed},
    store::TileStore,
};
use crate::record::{LogId, leaf};

/// A log that was published before: its lock is the truth, its tiles must lead there.
pub(super) fn log(
    store: &TileStore,
    runtime: &Handle,
    id: LogId,
    signer: Signer,
    lock: &str,
) -> Result<Log, PublishError> {
    let lock = Signed::read(id, "lock", lock.as_bytes(), signer.verifier())?;
    let published = match runtime.block_on(store.checkpoint(id))? {
        None => None,
        Some(octets) => Some(Signed::read(id, "checkpoint", &octets, signer.verifier())?),
    };
    let size = published
        .as_ref()
        .map_or(0, |published| published.checkpoint.size());
    let locked = lock.checkpoint.size();
    if size > locked {
        return Err(PublishError::LockBehind {
            log: id,
            stored: size,
            locked,
        });
    }
    if size < locked {
        // A kill between signing and publishing leaves this, a witness that does not cosign too, and so does whoever
        // puts an older copy of the tiles back: it is told, and what is missing comes from the journal or is refused.
        tracing::warn!(
            log = %id,
            published = size,
            signed = locked,
            "the tiles are behind the signed checkpoint; what is missing is written again from the journal"
        );
    }
    let growing = growing(store, runtime, id, size)?;
    for signed in published.iter().chain([&lock]) {
        if signed.checkpoint.size() == size && *signed.checkpoint.root() != growing.root() {
            return Err(PublishError::OtherRoot { log: id, size });
        }
    }
    let mut partials = Vec::new();
    for kind in (0..=MAX_LEVEL).map(Kind::Hashes).chain([Kind::Entries]) {
        if let Some(tile) = Tile::all(kind, size).last().filter(Tile::is_partial) {
            partials.extend(runtime.block_on(store.partials(id, tile))?);
        }
    }
    let last = last_entry(store, runtime, id, size)?;
    Ok(Log {
        growing,
        partials,
        signed: Some(lock),
        published,
        recorded: size,
        // Only the entries of a closed log are dropped.
        is_closed: store.is_expired(id) || last.as_deref().is_some_and(leaf::closes),
        last: match &last {
            Some(entry) => Some((index_of(id, size, entry)?, leaf_hash(entry))),
            None => None,
        },
        ..Log::new(signer)
    })
}

/// What goes on behind so many leaves.
fn growing(store: &TileStore, runtime: &Handle, id: LogId, size: u64) -> Result<Growing, PublishError> {
    let read = |tile: Tile| {
        let found = runtime
            .block_on(store.tile(id, tile))
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
    let mut entries = Vec::new();
    if let Some(tile) = Tile::all(Kind::Entries, size).last().filter(Tile::is_partial)
        && !store.is_expired(id)
    {
        entries = read(tile).map_err(|reason| wrong(tile, reason))?;
        let found =
            bundle::entries(&entries, tile.width()).map_err(|error| wrong(tile, error.to_string()))?;
        // The edge's hashes were checked by the root; the entries must be theirs.
        let hashes: Vec<u8> = bundle::leaf_hashes(&found)
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
    Ok(Growing::new(edge, entries))
}

/// The last entry of a log of this size; `None` where it has none, or has dropped it.
fn last_entry(
    store: &TileStore,
    runtime: &Handle,
    id: LogId,
    size: u64,
) -> Result<Option<Vec<u8>>, PublishError> {
    let last = size.checked_sub(1).filter(|_| !store.is_expired(id));
    let Some(last) = last else {
        return Ok(None);
    };
    runtime.block_on(store.entry(id, last, size)).map(Some)
}

/// Where the last entry of a log of this size stands in the record.
fn index_of(id: LogId, size: u64, entry: &[u8]) -> Result<u64, PublishError> {
    let log_index = size.saturating_sub(1);
    let wrong = |reason| PublishError::Entry {
        log: id,
        log_index,
        reason,
    };
    let (index, standing) = leaf::standing_of(entry).map_err(wrong)?;
    if (standing.log, standing.log_index) == (id, log_index) {
        return Ok(index);
    }
    Err(wrong(format!(
        "says that it is number {} of {}",
        standing.log_index, standing.log
    )))
}
