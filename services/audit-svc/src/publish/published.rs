//! What of the record others can check by now.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hongyan_tlog::{Hash, key::Verifier};
use tokio::sync::{Notify, watch};

use crate::record::{FinalCheckpoint, LogId};

/// One log's newest checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Leaves under it.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The signed note.
    pub note: Arc<str>,
    /// Who checks it.
    pub verifier: Verifier,
}

/// All logs, as far as they are published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// How many leaves of the record are under a checkpoint, all logs together.
    pub through: u64,
    /// The newest checkpoint of each log that has one.
    pub logs: Arc<BTreeMap<LogId, Published>>,
    /// The last checkpoint of each log that is closed, as soon as it is signed, which is before it is published.
    pub finals: Arc<BTreeMap<LogId, FinalCheckpoint>>,
    /// Logs whose entries were dropped when their time was over.
    pub pruned: Arc<BTreeSet<LogId>>,
}

/// A handle for readers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Publication {
    state: watch::Receiver<State>,
    hurry: Arc<Notify>,
}

/// Nothing will be published any more: the process is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing is published any more")]
pub struct Ended;

impl Publication {
    /// A handle, and the two ends that the publisher has.
    pub(crate) fn new() -> (Self, watch::Sender<State>, Arc<Notify>) {
        let (sender, state) = watch::channel(State::default());
        let hurry = Arc::new(Notify::new());
        let publication = Self {
            state,
            hurry: Arc::clone(&hurry),
        };
        (publication, sender, hurry)
    }

    /// What is published now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// One log's newest checkpoint.
    pub fn of(&self, log: LogId) -> Option<Published> {
        self.state.borrow().logs.get(&log).cloned()
    }

    /// Tells of every change.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Asks for a round to be soon.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Waits until `through` leaves of the record are under a checkpoint, and asks for it to be soon.
    pub async fn reaches(&self, through: u64) -> Result<(), Ended> {
        let mut state = self.state.clone();
        if state.borrow().through < through {
            self.hurry.notify_one();
        }
        let reached = state.wait_for(|state| state.through >= through).await;
        reached.map(|_| ()).map_err(|_| Ended)
    }
}
