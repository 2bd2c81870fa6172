//! The files of the logs: below one directory or prefix, one directory a log, in the layout of C2SP tlog-tiles.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hongyan_tlog::{HASH_OCTETS, TILE_WIDTH, Tile, bundle, leaf_hash, tile::Kind};
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, path::Path as ObjectPath};

use super::{PublishError, place::TilesPlace};
use crate::{point::point, record::LogId};

/// Files written side by side: each waits for its own sync, or for its own answer from far away.
const AT_ONCE: usize = 8;
const FAR_AT_ONCE: usize = 32;
/// Files removed before the next ones are looked at.
const REMOVED_AT_ONCE: usize = 64;
const CHECKPOINT: &str = "checkpoint";

/// The files of all logs; cheap to clone.
#[derive(Debug, Clone)]
pub struct TileStore {
    files: Arc<dyn ObjectStore>,
    /// Where they are, unless that is far away.
    dir: Option<Arc<Path>>,
    /// Logs whose entries are dropped, or being dropped.
    expired: Arc<RwLock<Arc<BTreeSet<LogId>>>>,
}

impl TileStore {
    /// Opens a directory, which is made where it is missing.
    pub fn open(dir: &Path) -> Result<Self, PublishError> {
        Self::at(&TilesPlace::Dir(dir.to_owned()))
    }

    /// Opens them where they are.
    pub fn at(place: &TilesPlace) -> Result<Self, PublishError> {
        Ok(Self {
            files: place.open()?,
            dir: match place {
                TilesPlace::Dir(dir) => Some(Arc::from(dir.as_path())),
                TilesPlace::Bucket(_) => None,
            },
            expired: Arc::default(),
        })
    }

    fn at_once(&self) -> usize {
        if self.dir.is_none() { FAR_AT_ONCE } else { AT_ONCE }
    }

    /// Whether a write may fail and succeed when it is tried again: over a network, and not on a disk.
    pub(crate) fn may_recover(&self, error: &PublishError) -> bool {
        self.dir.is_none() && matches!(error, PublishError::Store { .. })
    }

    /// Writes files that are never written twice. One that is there must have the same octets.
    pub(crate) async fn create(
        &self,
        log: LogId,
        files: Vec<(Tile, impl Into<Bytes>)>,
    ) -> Result<(), PublishError> {
        let files: Vec<(Tile, Bytes)> = files
            .into_iter()
            .map(|(tile, octets)| (tile, octets.into()))
            .collect();
        stream::iter(files)
            .map(|(tile, octets)| self.create_one(log, tile, octets))
            .buffer_unordered(self.at_once())
            .try_collect()
            .await
    }

    async fn create_one(&self, log: LogId, tile: Tile, octets: Bytes) -> Result<(), PublishError> {
        let path = tile_path(log, tile);
        let payload = PutPayload::from(octets);
        let put = self
            .files
            .put_opts(&path, payload.clone(), PutMode::Create.into())
            .await;
        point!("some-files-written");
        match put {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self.read(&path).await?;
                if there.is_some_and(|there| payload.iter().flatten().eq(there.iter())) {
                    self.sync(&path).await
                } else {
                    Err(PublishError::Differs {
                        path: path.to_string(),
                    })
                }
            }
            Err(source) => Err(failed("writing", &path)(source)),
        }
    }

    /// Whoever wrote a file that is there may have been killed before its directories were synced: seen by everybody, and
    /// gone with the next loss of power.
    async fn sync(&self, path: &ObjectPath) -> Result<(), PublishError> {
        let Some(dir) = self.dir.clone() else {
            return Ok(());
        };
        let file = dir.join(path.as_ref());
        let synced = tokio::task::spawn_blocking(move || {
            let up_to_root = file.ancestors().take_while(|above| above.starts_with(&dir));
            for each in up_to_root {
                File::open(each)?.sync_all()?;
            }
            Ok(())
        });
        let synced = synced.await.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        synced.map_err(|source| {
            failed("syncing", path)(object_store::Error::Generic {
                store: "local",
                source: source.into(),
            })
        })
    }

    /// The partial forms of a file that are there.
    pub(crate) async fn partials(&self, log: LogId, tile: Tile) -> Result<Vec<Tile>, PublishError> {
        let dir = ObjectPath::from(format!("{log}/{}.p", tile.full()));
        let found: Vec<_> = self
            .files
            .list(Some(&dir))
            .map_ok(|found| found.location)
            .try_collect()
            .await
            .map_err(failed("listing", &dir))?;
        let prefix = format!("{log}/");
        let tiles = found
            .iter()
            .filter_map(|path| path.as_ref().strip_prefix(&prefix)?.parse().ok());
        Ok(tiles.collect())
    }

    /// Removes files; those that are not there are no matter.
    pub(crate) async fn remove(&self, log: LogId, tiles: Vec<Tile>) -> Result<(), PublishError> {
        stream::iter(tiles)
            .map(|tile| async move {
                let path = tile_path(log, tile);
                match self.files.delete(&path).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(source) => Err(failed("removing", &path)(source)),
                }
            })
            .buffer_unordered(self.at_once())
            .try_collect()
            .await
    }

    /// From now on nobody gets an entry of the log, whether it is there still or not.
    pub(crate) fn expire(&self, log: LogId) {
        let mut expired = self.expired.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut expired).insert(log);
    }

    /// Whether the entries of the log are no longer to be had.
    pub(crate) fn is_expired(&self, log: LogId) -> bool {
        self.expired().contains(&log)
    }

    /// The logs whose entries are no longer to be had.
    pub(crate) fn expired(&self) -> Arc<BTreeSet<LogId>> {
        Arc::clone(&self.expired.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes all entries of a log of this size, from the first to the last, so that what is left is always its end. What
    /// an interrupted call left is removed by the next. Its hashes stay: every proof can still be made and checked.
    pub(crate) async fn remove_entries(&self, log: LogId, size: u64) -> Result<(), PublishError> {
        let mut tiles = Tile::all(Kind::Entries, size);
        loop {
            let some: Vec<_> = tiles.by_ref().take(REMOVED_AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            self.remove(log, some).await?;
        }
        // Partial forms that nobody removed in time.
        let dir = ObjectPath::from(format!("{log}/tile/entries"));
        let left: Vec<_> = self
            .files
            .list(Some(&dir))
            .map_ok(|found| found.location)
            .try_collect()
            .await
            .map_err(failed("listing", &dir))?;
        for path in left {
            self.files
                .delete(&path)
                .await
                .map_err(failed("removing", &path))?;
        }
        Ok(())
    }

    /// Whether there is an entry of the log left.
    pub(crate) async fn has_entries(&self, log: LogId) -> Result<bool, PublishError> {
        let dir = ObjectPath::from(format!("{log}/tile/entries"));
        let first = self.files.list(Some(&dir)).try_next().await;
        first
            .map(|first| first.is_some())
            .map_err(failed("listing", &dir))
    }

    /// Puts a checkpoint where everybody looks for it.
    pub(crate) async fn put_checkpoint(&self, log: LogId, note: &str) -> Result<(), PublishError> {
        let path = ObjectPath::from(format!("{log}/{CHECKPOINT}"));
        let put = self.files.put(&path, PutPayload::from(note.to_owned())).await;
        put.map(|_| ()).map_err(failed("writing", &path))
    }

    /// The published checkpoint of a log; `None` where it has none.
    pub(crate) async fn checkpoint(&self, log: LogId) -> Result<Option<Vec<u8>>, PublishError> {
        self.read(&ObjectPath::from(format!("{log}/{CHECKPOINT}"))).await
    }

    /// A file of a log; `None` where it is not there.
    pub(crate) async fn tile(&self, log: LogId, tile: Tile) -> Result<Option<Vec<u8>>, PublishError> {
        self.read(&tile_path(log, tile)).await
    }

    /// One entry of a log of `size` leaves.
    pub(crate) async fn entry(&self, log: LogId, index: u64, size: u64) -> Result<Vec<u8>, PublishError> {
        let Some(tile) = Tile::holding(Kind::Entries, index, size) else {
            return Err(PublishError::RolledBack {
                log,
                locked: index,
                have: size,
            });
        };
        let nth = (index % u64::from(TILE_WIDTH)) as usize;
        let entry = self
            .entries(log, tile)
            .await?
            .get(nth)
            .map(|entry| entry.to_vec());
        entry.ok_or_else(|| PublishError::Tile {
            log,
            tile,
            reason: format!("has no entry {nth}"),
        })
    }

    /// The entries of a bundle, as many as it is wide; they share its memory. Each is compared with its hash in the tile
    /// beside it, so that a flipped bit is named and never shown. [`PublishError::Expired`] where they were dropped when
    /// their time was over.
    pub(crate) async fn entries(&self, log: LogId, tile: Tile) -> Result<Vec<Bytes>, PublishError> {
        if self.is_expired(log) {
            return Err(PublishError::Expired { log });
        }
        let wrong = |reason: String| PublishError::Tile { log, tile, reason };
        let (octets, width) = self.whole_or_part(log, tile).await?;
        let octets = Bytes::from(octets);
        let entries = bundle::entries(&octets, width).map_err(|error| wrong(error.to_string()))?;
        let hashes = match Tile::new(Kind::Hashes(0), tile.index(), tile.width()) {
            Some(hashes) => self.whole_or_part(log, hashes).await?.0,
            None => return Err(wrong("is no bundle".to_owned())),
        };
        let mut hashes = hashes.chunks_exact(HASH_OCTETS);
        let mut wanted = Vec::with_capacity(usize::from(tile.width()));
        for (nth, entry) in entries.into_iter().take(usize::from(tile.width())).enumerate() {
            if hashes.next() != Some(leaf_hash(entry).as_bytes().as_slice()) {
                return Err(wrong(format!(
                    "entry {nth} is not the one whose hash is in the tile of hashes beside it"
                )));
            }
            wanted.push(octets.slice_ref(entry));
        }
        Ok(wanted)
    }

    /// A file and its width. A partial one gives way to the full one, which begins alike.
    async fn whole_or_part(&self, log: LogId, tile: Tile) -> Result<(Vec<u8>, u16), PublishError> {
        if let Some(octets) = self.tile(log, tile).await? {
            return Ok((octets, tile.width()));
        }
        let full = if tile.is_partial() {
            self.tile(log, tile.full()).await?
        } else {
            None
        };
        full.map(|octets| (octets, TILE_WIDTH))
            .ok_or_else(|| PublishError::Tile {
                log,
                tile,
                reason: "is missing".to_owned(),
            })
    }

    async fn read(&self, path: &ObjectPath) -> Result<Option<Vec<u8>>, PublishError> {
        let found = match self.files.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => return Err(failed("reading", path)(source)),
        };
        let octets = found.bytes().await.map_err(failed("reading", path))?;
        Ok(Some(octets.to_vec()))
    }
}

fn tile_path(log: LogId, tile: Tile) -> ObjectPath {
    ObjectPath::from(format!("{log}/{tile}"))
}

fn failed(doing: &'static str, path: &ObjectPath) -> impl FnOnce(object_store::Error) -> PublishError {
    let path = path.to_string();
    move |source| PublishError::Store { doing, path, source }
}

#[cfg(test)]
mod tests {
    use hongyan_tlog::Tile;

    use super::TileStore;
    use crate::{publish::PublishError, record::LogId};

    #[tokio::test]
    async fn a_file_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = TileStore::open(&dir.path().join("tiles")).unwrap();
        let log = LogId::of("MESSAGE_FINAL", 0);
        let tile: Tile = "tile/0/x001/234.p/7".parse().unwrap();
        store.create(log, vec![(tile, vec![1, 2])]).await.unwrap();
        store.create(log, vec![(tile, vec![1, 2])]).await.unwrap();
        let other = store.create(log, vec![(tile, vec![1, 3])]).await;
        assert!(matches!(other, Err(PublishError::Differs { .. })), "{other:?}");
        let path = dir.path().join("tiles/cdr/1970h1/0/tile/0/x001/234.p/7");
        assert_eq!(std::fs::read(path).unwrap(), [1, 2]);
        assert_eq!(store.tile(log, tile).await.unwrap(), Some(vec![1, 2]));
        let other: Tile = "tile/0/x001/234.p/8".parse().unwrap();
        store.create(log, vec![(other, vec![1])]).await.unwrap();
        let mut partials = store.partials(log, tile).await.unwrap();
        partials.sort_by_key(Tile::width);
        assert_eq!(partials, [tile, other]);
        // Twice: what is gone is no matter.
        for _ in 0..2 {
            store.remove(log, vec![tile]).await.unwrap();
        }
        assert_eq!(store.partials(log, tile.full()).await.unwrap(), [other]);
        assert_eq!(store.tile(log, tile).await.unwrap(), None);
    }
}
