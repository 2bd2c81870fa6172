//! Bundles of published logs, read and taken apart; a few are kept, because those who look for one leaf often look for
//! its neighbours next.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use hongyan_tlog::{TILE_WIDTH, Tile, tile::Kind};

use crate::{
    publish::{PublishError, TileStore},
    record::LogId,
};

/// Bundles that are kept, at most,
const KEPT: usize = 64;
/// and their octets.
const KEPT_OCTETS: usize = 16 << 20;

/// The entries of one bundle.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Where its first entry stands in the log.
    first: u64,
    entries: Vec<Bytes>,
}

impl Bundle {
    /// Reads the bundle of a log of `size` leaves that holds this one.
    pub(crate) async fn read(
        store: &TileStore,
        log: LogId,
        log_index: u64,
        size: u64,
    ) -> Result<Self, PublishError> {
        let Some(tile) = Tile::holding(Kind::Entries, log_index, size) else {
            return Err(PublishError::RolledBack {
                log,
                locked: log_index,
                have: size,
            });
        };
        Ok(Self {
            first: tile.index() * u64::from(TILE_WIDTH),
            entries: store.entries(log, tile).await?,
        })
    }

    /// The entry at this place of the log; `None` where the bundle does not hold it.
    pub(crate) fn entry(&self, log_index: u64) -> Option<&Bytes> {
        let nth = usize::try_from(log_index.checked_sub(self.first)?).ok()?;
        self.entries.get(nth)
    }

    /// The place behind its last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// How much memory it takes, about.
    pub(crate) fn octets(&self) -> usize {
        let octets: usize = self.entries.iter().map(Bytes::len).sum();
        octets + self.entries.len() * size_of::<Bytes>()
    }
}

/// Bundles that were read last, the newest at the end; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<VecDeque<Held>>>);

type Held = (LogId, Arc<Bundle>);

impl Shelf {
    /// The bundle that holds an entry of a log of `size` leaves: one that is kept, or read now.
    pub(crate) async fn bundle(
        &self,
        store: &TileStore,
        log: LogId,
        log_index: u64,
        size: u64,
    ) -> Result<Arc<Bundle>, PublishError> {
        if let Some(kept) = self.look(log, log_index) {
            return Ok(kept);
        }
        let bundle = Arc::new(Bundle::read(store, log, log_index, size).await?);
        self.keep(log, Arc::clone(&bundle));
        Ok(bundle)
    }

    fn look(&self, log: LogId, log_index: u64) -> Option<Arc<Bundle>> {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = row
            .iter()
            .position(|(of, bundle)| *of == log && bundle.entry(log_index).is_some())?;
        let found = row.remove(nth)?;
        let bundle = Arc::clone(&found.1);
        row.push_back(found);
        Some(bundle)
    }

    fn keep(&self, log: LogId, bundle: Arc<Bundle>) {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A bundle that grew takes the place of its smaller form.
        row.retain(|(of, kept)| (*of, kept.first) != (log, bundle.first));
        row.push_back((log, bundle));
        let mut octets: usize = row.iter().map(|(_, bundle)| bundle.octets()).sum();
        while row.len() > KEPT || (octets > KEPT_OCTETS && row.len() > 1) {
            let Some((_, oldest)) = row.pop_front() else {
                return;
            };
            octets -= oldest.octets();
        }
    }

    /// Lets go of a log that was dropped.
    pub(crate) fn forget(&self, log: LogId) {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.retain(|(of, _)| *of != log);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::{Bundle, KEPT, KEPT_OCTETS, Shelf};
    use crate::{
        publish::{Growing, PublishError, TileStore},
        record::LogId,
    };

    fn log() -> LogId {
        LogId::of("MESSAGE_FINAL", 0)
    }

    /// A log as it was published at these sizes.
    async fn store(dir: &std::path::Path, sizes: &[u64]) -> TileStore {
        let store = TileStore::open(dir).unwrap();
        let mut growing = Growing::default();
        for size in sizes {
            while growing.size() < *size {
                growing
                    .push(format!("entry {}", growing.size()).as_bytes())
                    .unwrap();
            }
            store.create(log(), growing.take_files()).await.unwrap();
        }
        store
    }

    #[tokio::test]
    async fn a_flipped_bit_is_named_wherever_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &[9]).await;
        for file in ["tile/entries/000.p/9", "tile/0/000.p/9"] {
            let path = dir.path().join(log().to_string()).join(file);
            let whole = std::fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                std::fs::write(&path, flipped).unwrap();
                let found = Bundle::read(&store, log(), 3, 9).await;
                assert!(
                    matches!(found, Err(PublishError::Tile { .. })),
                    "{file}, octet {at}"
                );
            }
            std::fs::write(&path, whole).unwrap();
        }
        assert!(Bundle::read(&store, log(), 3, 9).await.is_ok());
    }

    #[tokio::test]
    async fn entries_are_found_by_their_place_and_a_partial_bundle_gives_way_to_the_full_one() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &[7, 256]).await;
        let bundle = Bundle::read(&store, log(), 6, 7).await.unwrap();
        let entry = |bundle: &Bundle, at| bundle.entry(at).map(|entry| entry.to_vec());
        assert_eq!(
            (entry(&bundle, 6), entry(&bundle, 7)),
            (Some(b"entry 6".to_vec()), None)
        );
        assert_eq!(bundle.end(), 7);
        let full = Bundle::read(&store, log(), 6, 9).await.unwrap();
        assert_eq!((full.end(), entry(&full, 8)), (9, Some(b"entry 8".to_vec())));
        let beyond = Bundle::read(&store, log(), 9, 9).await.unwrap_err();
        assert!(matches!(beyond, PublishError::RolledBack { .. }), "{beyond}");
        let missing = Bundle::read(&store, log(), 300, 301).await.unwrap_err();
        assert!(missing.to_string().contains("missing"), "{missing}");
    }

    #[tokio::test]
    async fn a_kept_bundle_is_not_read_again_and_grows() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), &[7, 9]).await;
        let shelf = Shelf::default();
        let first = shelf.bundle(&store, log(), 3, 7).await.unwrap();
        let again = shelf.bundle(&store, log(), 6, 9).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(shelf.bundle(&store, log(), 8, 9).await.unwrap().end(), 9);
        assert_eq!(shelf.0.lock().unwrap().len(), 1);
        shelf.forget(log());
        assert!(shelf.0.lock().unwrap().is_empty());
    }

    #[test]
    fn what_is_kept_is_limited() {
        let shelf = Shelf::default();
        let put = |first: u64, octets: usize| {
            let bundle = Bundle {
                first,
                entries: vec![Bytes::from(vec![0; octets])],
            };
            shelf.keep(log(), Arc::new(bundle));
            shelf.0.lock().unwrap().len()
        };
        for first in 0..KEPT as u64 {
            put(first, 1);
        }
        assert_eq!(put(999, 1), KEPT);
        assert_eq!(put(1_000, KEPT_OCTETS), 1);
        assert_eq!(put(1_001, KEPT_OCTETS + 1), 1, "one is always kept");
    }
}
