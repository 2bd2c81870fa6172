//! One connection that many tasks share and that comes back by itself.
//!
//! The client library's own manager keeps a connection whose commands time out, and never recovers from a connect that
//! failed for another reason than IO. This one gives up a connection at the first sign of either, and while the server
//! is away it fails at once in place of queueing work that nobody waits for any more.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::sync::Mutex;

use crate::client::Connector;

/// After a failed connect the next attempt waits at least so long; commands in between fail with the same error.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// A cheap handle of a multiplexed connection. Commands of all clones travel in one pipeline, which is what makes one
/// `fsync` serve many of them. Never block on it (`XREADGROUP BLOCK`, `WAIT`): everybody behind would wait too.
#[derive(Clone)]
pub struct SharedConnection {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    response_timeout: Duration,
    database: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts the connections, so that a late failure of an old one does not close its successor.
    epoch: u64,
    connection: Option<MultiplexedConnection>,
    failed: Option<(Instant, RedisError)>,
}

impl SharedConnection {
    pub(crate) fn new(connector: Connector, response_timeout: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                database: connector.database(),
                connector,
                response_timeout,
                state: Mutex::default(),
            }),
        }
    }

    /// The connection, made now if there is none. Concurrent callers wait for the one attempt, which is bounded by the
    /// connect timeout.
    async fn current(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        let mut state = self.inner.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((state.epoch, connection.clone()));
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < RECONNECT_PAUSE
        {
            return Err(error.clone());
        }
        match self.inner.connector.open(self.inner.response_timeout).await {
            Ok(connection) => {
                state.epoch += 1;
                state.failed = None;
                state.connection = Some(connection.clone());
                if state.epoch > 1 {
                    metrics::counter!("hongyan_queue_reconnects_total").increment(1);
                    tracing::info!("connected to Redis again");
                }
                Ok((state.epoch, connection))
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn settle<T>(&self, epoch: u64, result: RedisResult<T>) -> RedisResult<T> {
        if let Err(error) = &result
            && breaks_connection(error)
        {
            let mut state = self.inner.state.lock().await;
            if state.epoch == epoch {
                state.connection = None;
            }
        }
        result
    }
}

/// A connection is given up when it is cut, when its answers make no sense, and when an answer is overdue: the peer may
/// be gone without a word, and TCP alone needs a quarter of an hour to notice.
fn breaks_connection(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed
    )
}

impl ConnectionLike for SharedConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (epoch, mut connection) = self.current().await?;
            let result = connection.send_packed_command(command).await;
            self.settle(epoch, result).await
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (epoch, mut connection) = self.current().await?;
            let result = connection.send_packed_commands(pipeline, offset, count).await;
            self.settle(epoch, result).await
        })
    }

    fn get_db(&self) -> i64 {
        self.inner.database
    }
}

impl fmt::Debug for SharedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConnection").finish_non_exhaustive()
    }
}
