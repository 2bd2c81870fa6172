//! Drops the entries of a log whose time is over (C2SP tlog-tiles, "Pruning").
//!
//! The hashes and the last checkpoint stay for ever, so that every proof that somebody holds still verifies, and that the
//! log is consistent with what anybody saw of it can still be proven. Against the specification the last, partial bundle goes
//! too: nothing follows in a closed log, and what must be forgotten is forgotten as a whole.
//!
//! A mark in the locks' directory says that entries may be missing; without it a missing one is damage. It is written
//! before the first file goes, and whoever starts with a mark goes on removing.

use std::sync::{Arc, Weak};

use tokio::{sync::watch, task};

use super::{PublishError, locks::Locks, published::State, store::TileStore};
use crate::record::FinalCheckpoint;

/// Drops entries; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pruning {
    store: TileStore,
    locks: Arc<Locks>,
    /// Ends with the publisher.
    state: Weak<watch::Sender<State>>,
}

impl Pruning {
    pub(super) fn new(store: &TileStore, locks: &Arc<Locks>, state: &Arc<watch::Sender<State>>) -> Self {
        Self {
            store: store.clone(),
            locks: Arc::clone(locks),
            state: Arc::downgrade(state),
        }
    }

    /// Drops the entries of a closed log. May be called again, also after it failed or was interrupted.
    pub(crate) async fn drop_entries(&self, end: &FinalCheckpoint) -> Result<(), PublishError> {
        if !self.store.is_expired(end.log) {
            let (locks, end) = (Arc::clone(&self.locks), end.clone());
            let marked = task::spawn_blocking(move || locks.mark_pruned(end.log, &end.note));
            match marked.await {
                Ok(marked) => marked?,
                // The runtime is going down.
                Err(_) => return Ok(()),
            }
        }
        self.store.expire(end.log);
        if let Some(state) = self.state.upgrade() {
            state.send_modify(|state| state.pruned = self.store.expired());
        }
        if self.store.has_entries(end.log).await? {
            self.store.remove_entries(end.log, end.size).await?;
        }
        Ok(())
    }

    /// Whether nobody gets an entry of the log any more.
    pub(crate) fn is_dropped(&self, end: &FinalCheckpoint) -> bool {
        self.store.is_expired(end.log)
    }
}
