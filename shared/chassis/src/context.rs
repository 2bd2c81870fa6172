//! What a service gets from the chassis while it is built, and keeps.

use std::{future::Future, sync::Arc};

use hongyan_identity::Credentials;
use tokio_util::sync::CancellationToken;

use crate::{
    client::Dialer,
    readiness::{Board, HealthFlag, ReadinessLatch},
    tasks::{TaskEnd, Tasks},
};

/// The process around a service. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// Cancelled when the process begins to drain: every stream ends, every loop takes no more work and finishes what it
    /// has.
    pub shutdown: CancellationToken,
    /// Cancelled when the last call has been answered. For helpers that calls in flight still need during the drain, such as
    /// a writer behind a channel; such a helper watches this token instead of `shutdown`.
    pub calls_ended: CancellationToken,
    /// Unique to this process: `<service>-<uuid>`.
    pub instance: Arc<str>,
    /// Who this process is.
    pub credentials: Credentials,
    pub(crate) tasks: Tasks,
    pub(crate) board: Board,
    pub(crate) dialer: Dialer,
}

impl Context {
    /// Starts a task that belongs to the process. The drain waits for it; when it ends before the shutdown, or panics, the
    /// process drains and exits with 70.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future + Send + 'static,
        F::Output: TaskEnd + Send,
    {
        self.tasks.spawn(name, future);
    }

    /// Keeps the process unready until the latch is set.
    pub fn readiness(&self, name: &str) -> ReadinessLatch {
        self.board.latch(name)
    }

    /// Makes the process unready while the flag is down; it begins down.
    pub fn health_flag(&self, name: &str) -> HealthFlag {
        self.board.flag(name)
    }

    /// Opens channels to other services.
    pub fn dialer(&self) -> Dialer {
        self.dialer.clone()
    }
}
