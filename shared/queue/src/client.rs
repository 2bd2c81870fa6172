//! The service's access to Redis.

use std::{fmt, sync::Arc, time::Duration};

use hongyan_config::SecretFile;
use hongyan_domain::Partitions;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, RedisError, RedisResult,
    aio::MultiplexedConnection,
};
use tokio::time::Instant;

use crate::{
    backoff::Backoff,
    connection::SharedConnection,
    durability::{Durability, inspect},
    error::QueueError,
    settings::RedisSettings,
};

/// Access to one Redis; cheap to clone.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    shared: SharedConnection,
    pool: deadpool_redis::Pool,
    partitions: Partitions,
    replicas_to_wait: u32,
    response_timeout: Duration,
    durability: Durability,
}

/// Opens connections with the password as it stands in its file now.
#[derive(Clone)]
pub(crate) struct Connector {
    info: ConnectionInfo,
    password_file: Option<SecretFile>,
    connect_timeout: Duration,
}

impl Connector {
    fn new(settings: &RedisSettings) -> Result<Self, QueueError> {
        let info = settings
            .url
            .as_str()
            .into_connection_info()
            .map_err(|error| QueueError::Settings {
                key: "redis.url",
                reason: error.detail().unwrap_or("is not a Redis URL").to_owned(),
            })?;
        Ok(Self {
            info,
            password_file: settings.password_file.clone(),
            connect_timeout: settings.connect_timeout,
        })
    }

    pub(crate) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    fn info(&self) -> RedisResult<ConnectionInfo> {
        let Some(file) = &self.password_file else {
            return Ok(self.info.clone());
        };
        let password = file.read().map_err(|error| {
            RedisError::from((
                redis::ErrorKind::AuthenticationFailed,
                "the password file cannot be read",
                error.to_string(),
            ))
        })?;
        let redis = self.info.redis_settings().clone().set_password(password);
        Ok(self.info.clone().set_redis_settings(redis))
    }

    fn config(&self, response_timeout: Duration) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(response_timeout))
    }

    pub(crate) async fn open(&self, response_timeout: Duration) -> RedisResult<MultiplexedConnection> {
        let client = Client::open(self.info()?)?;
        client
            .get_multiplexed_async_connection_with_config(&self.config(response_timeout))
            .await
    }
}

impl Redis {
    /// Connects and checks that the server keeps what it acknowledges. A server that is not up yet is awaited for
    /// `redis.start_timeout_ms`.
    pub async fn connect(settings: &RedisSettings) -> Result<Self, QueueError> {
        let connector = Connector::new(settings)?;
        let shared = SharedConnection::new(connector.clone(), settings.response_timeout);
        let pool = pool(&connector, settings)?;
        let durability = await_durability(&shared, settings).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                connector,
                shared,
                pool,
                partitions: settings.partitions,
                replicas_to_wait: settings.replicas_to_wait,
                response_timeout: settings.response_timeout,
                durability,
            }),
        })
    }

    /// The connection for the hot path; see [`SharedConnection`].
    pub fn shared(&self) -> SharedConnection {
        self.inner.shared.clone()
    }

    /// A connection from the pool, for rarer commands whose size or duration should not hold up the shared one.
    pub async fn pooled(&self) -> Result<deadpool_redis::Connection, QueueError> {
        self.inner.pool.get().await.map_err(|error| match error {
            deadpool_redis::PoolError::Backend(error) => QueueError::from_redis("connect", &error),
            other => QueueError::Unavailable {
                retry_is_safe: true,
                detail: other.to_string(),
            },
        })
    }

    /// A connection of its own for commands that block up to `block_ms`; its response timeout is above that.
    pub async fn dedicated(&self, block_ms: u64) -> Result<MultiplexedConnection, QueueError> {
        let timeout = Duration::from_millis(block_ms) + self.inner.response_timeout;
        self.inner
            .connector
            .open(timeout)
            .await
            .map_err(|error| QueueError::from_redis("connect", &error))
    }

    /// How the recipients' numbers are divided.
    pub fn partitions(&self) -> Partitions {
        self.inner.partitions
    }

    /// What the server was found to keep, at the start.
    pub fn durability(&self) -> &Durability {
        &self.inner.durability
    }

    /// Waits until `redis.replicas_to_wait` replicas have all that was written before on *any* connection; at once where
    /// that is 0. At most two seconds; then [`QueueError::Unavailable`], the write itself stands.
    pub async fn confirm_replicated(&self) -> Result<(), QueueError> {
        const WAIT_MS: u64 = 2_000;
        let wanted = self.inner.replicas_to_wait;
        if wanted == 0 {
            return Ok(());
        }
        // WAIT covers the writes of its own connection: a write here is behind everything that came before it.
        let mut connection = self.pooled().await?;
        let (_, reached): (i64, u32) = redis::pipe()
            .cmd("INCR")
            .arg("{replicated}:mark")
            .cmd("WAIT")
            .arg(wanted)
            .arg(WAIT_MS)
            .query_async(&mut connection)
            .await
            .map_err(|error| QueueError::from_redis("WAIT", &error))?;
        if reached < wanted {
            return Err(QueueError::Unavailable {
                retry_is_safe: false,
                detail: format!("{reached} of {wanted} replicas have the write"),
            });
        }
        Ok(())
    }

    /// For readiness: one round trip on the shared connection, with an error while the server is loading.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let mut connection = self.shared();
        redis::cmd("PING")
            .query_async::<String>(&mut connection)
            .await
            .map(|_| ())
            .map_err(|error| QueueError::from_redis("PING", &error))
    }
}

fn pool(connector: &Connector, settings: &RedisSettings) -> Result<deadpool_redis::Pool, QueueError> {
    let refuse = |reason: String| QueueError::Settings {
        key: "redis.url",
        reason,
    };
    let info = connector.info().map_err(|error| refuse(error.to_string()))?;
    let manager = deadpool_redis::Manager::new_with_config(info, connector.config(settings.response_timeout))
        .map_err(|error| refuse(error.to_string()))?;
    deadpool_redis::Pool::builder(manager)
        .max_size(settings.pool_size)
        .wait_timeout(Some(settings.response_timeout))
        .create_timeout(Some(settings.connect_timeout))
        .recycle_timeout(Some(settings.response_timeout))
        .runtime(deadpool_redis::Runtime::Tokio1)
        .build()
        .map_err(|error| refuse(error.to_string()))
}

async fn await_durability(
    shared: &SharedConnection,
    settings: &RedisSettings,
) -> Result<Durability, QueueError> {
    let give_up = Instant::now() + settings.start_timeout;
    let mut backoff = Backoff::for_redis();
    loop {
        match inspect(&mut shared.clone()).await {
            Ok(durability) => {
                let verdict = durability.judge();
                match (verdict, settings.accept_loss) {
                    (Err(refused), false) => return Err(refused),
                    (Err(refused), true) => {
                        tracing::warn!(reason = %refused, "this Redis may lose acknowledged work, as the settings allow");
                    }
                    (Ok(()), _) => {}
                }
                return Ok(durability);
            }
            Err(error) if error.is_unavailable() && Instant::now() < give_up => {
                let wait = backoff.next_wait();
                tracing::warn!(%error, "Redis is not up yet");
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(error),
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("partitions", &self.inner.partitions)
            .field("durability", &self.inner.durability)
            .finish_non_exhaustive()
    }
}
