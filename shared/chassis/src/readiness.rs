//! Whether the process is ready, and if not, why.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;

/// Everything that can make the process unready, under one watch. The key's number tells two holders of one name apart.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    missing: BTreeMap<(Arc<str>, u64), String>,
    draining: bool,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }

    /// Not ready until the latch is set. A latch dropped before keeps the process unready for ever.
    pub(crate) fn latch(&self, name: &str) -> ReadinessLatch {
        ReadinessLatch {
            holder: self.hold(name, "not ready yet"),
        }
    }

    /// Not ready until the flag is first up, and whenever it is down.
    pub(crate) fn flag(&self, name: &str) -> HealthFlag {
        HealthFlag {
            holder: Arc::new(self.hold(name, "not checked yet")),
        }
    }

    /// A part of the process has ended for good. Where the part has said itself that it is down, that stands.
    pub(crate) fn lost(&self, name: &str, why: &str) {
        let is_told = self
            .state
            .borrow()
            .missing
            .keys()
            .any(|(told, _)| &**told == name);
        if !is_told {
            self.hold(name, why);
        }
    }

    /// From here on the process is not ready, whatever the latches say.
    pub(crate) fn drain(&self) {
        self.state.send_modify(|state| state.draining = true);
    }

    /// Why the process is not ready; empty where it is.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let state = self.state.borrow();
        let draining = state.draining.then(|| "draining".to_owned());
        let missing = state
            .missing
            .iter()
            .map(|((name, _), reason)| format!("{name}: {reason}"));
        draining.into_iter().chain(missing).collect()
    }

    /// Resolves at every change of [`Board::is_ready`] or of the reasons.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.state.subscribe())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state.borrow().draining
    }

    pub(crate) fn is_ready(&self) -> bool {
        let state = self.state.borrow();
        !state.draining && state.missing.is_empty()
    }

    fn hold(&self, name: &str, reason: &str) -> Holder {
        let name: Arc<str> = Arc::from(name);
        let mut number = 0;
        self.state.send_modify(|state| {
            number = state.next;
            state.next += 1;
            state.missing.insert((name.clone(), number), reason.to_owned());
        });
        Holder {
            board: self.clone(),
            key: (name, number),
        }
    }
}

/// Waits for changes of the board.
pub(crate) struct Changes(watch::Receiver<State>);

impl Changes {
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody is left who could change the board.
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug)]
struct Holder {
    board: Board,
    key: (Arc<str>, u64),
}

impl Holder {
    fn set(&self, reason: Option<&str>) {
        self.board.state.send_if_modified(|state| {
            let before = match reason {
                None => state.missing.remove(&self.key),
                Some(reason) => state.missing.insert(self.key.clone(), reason.to_owned()),
            };
            before.as_deref() != reason
        });
    }
}

/// Something that must happen once before the process is ready. Dropped without [`ReadinessLatch::set`], it stays missing.
#[derive(Debug)]
#[must_use = "the process is not ready before it is set"]
pub struct ReadinessLatch {
    holder: Holder,
}

impl ReadinessLatch {
    /// It happened.
    pub fn set(self) {
        self.holder.set(None);
    }
}

/// Something that comes and goes, such as a connection; the process is ready while it is up. Cheap to clone. Begins down.
#[derive(Debug, Clone)]
pub struct HealthFlag {
    holder: Arc<Holder>,
}

impl HealthFlag {
    /// It works.
    pub fn up(&self) {
        self.holder.set(None);
    }

    /// It does not; why, in a few words without personal data.
    pub fn down(&self, reason: &str) {
        self.holder.set(Some(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::Board;

    #[test]
    fn the_process_is_ready_when_every_latch_is_set_and_every_flag_is_up() {
        let board = Board::new();
        assert!(board.is_ready());
        let recovered = board.latch("recovery");
        let redis = board.flag("redis");
        assert_eq!(
            board.reasons(),
            ["recovery: not ready yet", "redis: not checked yet"]
        );
        recovered.set();
        redis.up();
        assert!(board.is_ready());
        redis.down("connection refused");
        assert_eq!(board.reasons(), ["redis: connection refused"]);
        redis.up();
        assert!(board.is_ready());
    }

    #[test]
    fn a_dropped_latch_stays_missing() {
        let board = Board::new();
        drop(board.latch("recovery"));
        assert!(!board.is_ready());
    }

    #[test]
    fn what_is_lost_stays_lost_and_what_said_so_itself_is_told_once() {
        let board = Board::new();
        let flag = board.flag("record");
        flag.down("the disk refused a write");
        board.lost("record", "its task ended");
        board.lost("publisher", "the disk is full");
        assert_eq!(
            board.reasons(),
            ["publisher: the disk is full", "record: the disk refused a write"]
        );
    }

    #[test]
    fn two_holders_of_one_name_are_two() {
        let board = Board::new();
        let (first, second) = (board.latch("link"), board.latch("link"));
        first.set();
        assert!(!board.is_ready());
        second.set();
        assert!(board.is_ready());
    }

    #[tokio::test]
    async fn a_draining_process_is_not_ready_and_changes_are_told() {
        let board = Board::new();
        let mut changes = board.changes();
        board.drain();
        changes.next().await;
        assert_eq!(board.reasons(), ["draining"]);
    }
}
