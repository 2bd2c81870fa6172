//! Tasks that belong to the process: none may end unnoticed.

use std::{fmt::Display, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error, warn};

/// How a task may end.
pub trait TaskEnd {
    /// `None` where it ended well, otherwise why not.
    fn failure(self) -> Option<String>;
}

impl TaskEnd for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> TaskEnd for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// The tasks of a process.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    shutdown: CancellationToken,
    died: Arc<watch::Sender<Option<Death>>>,
}

/// The end of a task that should have gone on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) task: &'static str,
    pub(crate) why: Arc<str>,
}

impl Tasks {
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self {
            tracker: TaskTracker::new(),
            shutdown,
            died: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Starts a task. One that ends before the shutdown, or panics at any time, ends the process.
    pub(crate) fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future + Send + 'static,
        F::Output: TaskEnd + Send,
    {
        let shutdown = self.shutdown.clone();
        let died = self.died.clone();
        let task = async move {
            let ended = AssertUnwindSafe(future).catch_unwind().await;
            let early = !shutdown.is_cancelled();
            match ended.map(TaskEnd::failure) {
                Ok(None) if !early => debug!(task = name, "ended"),
                Ok(Some(reason)) if !early => {
                    warn!(task = name, reason, "ended with a failure while draining");
                }
                Ok(reason) => {
                    error!(task = name, reason, "a task ended before its time");
                    let why = reason.map_or_else(|| Arc::from("ended before its time"), Arc::from);
                    died.send_replace(Some(Death { task: name, why }));
                }
                // What it said is in no log: a panic may quote the data that it stumbled over.
                Err(_panic) => {
                    error!(task = name, "a task panicked");
                    let why = Arc::from("panicked");
                    died.send_replace(Some(Death { task: name, why }));
                }
            }
        };
        self.tracker.spawn(task);
    }

    /// Resolves when a task died.
    pub(crate) async fn death(&self) -> Death {
        let mut died = self.died.subscribe();
        loop {
            if let Some(death) = died.borrow_and_update().clone() {
                return death;
            }
            if died.changed().await.is_err() {
                // Unreachable while `self` holds the sender; waiting is the harmless answer.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether a task died.
    pub(crate) fn has_died(&self) -> bool {
        self.died.borrow().is_some()
    }

    /// Resolves when all have ended. No task may be started from now on that must be waited for.
    pub(crate) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::Tasks;

    #[tokio::test]
    async fn a_task_that_ends_early_is_a_death() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("patient", std::future::pending::<()>());
        tasks.spawn("hasty", async {});
        assert_eq!(tasks.death().await.task, "hasty");
        assert!(tasks.has_died());
    }

    #[tokio::test]
    async fn a_panic_and_an_error_are_deaths() {
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("clumsy", async { assert_eq!(1 + 1, 3, "a panic") });
        assert_eq!(tasks.death().await.task, "clumsy");
        let tasks = Tasks::new(CancellationToken::new());
        tasks.spawn("failing", async { Err::<(), _>("disk full") });
        let death = tasks.death().await;
        assert_eq!((death.task, &*death.why), ("failing", "disk full"));
    }

    #[tokio::test]
    async fn tasks_that_end_after_the_shutdown_end_well() {
        let shutdown = CancellationToken::new();
        let tasks = Tasks::new(shutdown.clone());
        tasks.spawn("loop", shutdown.clone().cancelled_owned());
        let token = shutdown.clone();
        tasks.spawn("loop", async move {
            token.cancelled().await;
            Err::<(), _>("the last write failed")
        });
        shutdown.cancel();
        tasks.ended().await;
        assert!(!tasks.has_died());
    }
}
