//! Lua scripts: one atomic step each.

use redis::{Cmd, FromRedisValue, RedisError, ServerErrorKind, ToRedisArgs, Value, aio::ConnectionLike};

use crate::error::QueueError;

/// A script by name, put together from fragments (see [`crate::lua`]) and its own part.
///
/// Scripts are called by their digest. A server that does not know it (restarted, failed over) gets the text, and the
/// call is repeated: a call that ended with `NOSCRIPT` had no effect.
#[derive(Debug)]
pub struct Script {
    name: &'static str,
    inner: redis::Script,
    text: String,
}

impl Script {
    /// Joins the parts. The name appears in errors and metrics.
    pub fn new(name: &'static str, parts: &[&str]) -> Self {
        let text = parts.join("\n");
        Self {
            name,
            inner: redis::Script::new(&text),
            text,
        }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Starts a call; keys and arguments follow.
    pub fn prepare(&self) -> Call<'_> {
        Call {
            script: self,
            keys: Vec::new(),
            arguments: Vec::new(),
        }
    }

    pub(crate) fn load_command(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(&self.text);
        command
    }
}

/// One call of a script.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    script: &'a Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl<'a> Call<'a> {
    /// Adds a key (`KEYS` in Lua).
    #[must_use]
    pub fn key(mut self, key: impl ToRedisArgs) -> Self {
        self.keys.extend(key.to_redis_args());
        self
    }

    /// Adds an argument (`ARGV` in Lua).
    #[must_use]
    pub fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.arguments.extend(argument.to_redis_args());
        self
    }

    /// The script.
    pub fn script(&self) -> &'a Script {
        self.script
    }

    /// Runs it by itself. To run many in one write, push them to a [`crate::Batch`].
    pub async fn run<T: FromRedisValue>(
        &self,
        connection: &mut impl ConnectionLike,
    ) -> Result<T, QueueError> {
        let name = self.script.name;
        let failed = |error: RedisError| QueueError::from_redis(name, &error);
        let command = self.command();
        let value = match command.query_async::<Value>(connection).await {
            Err(error) if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.script
                    .load_command()
                    .query_async::<String>(connection)
                    .await
                    .map_err(failed)?;
                command.query_async::<Value>(connection).await.map_err(failed)?
            }
            other => other.map_err(failed)?,
        };
        redis::from_redis_value(value).map_err(|error| QueueError::answer(name, error.to_string()))
    }

    pub(crate) fn command(&self) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.script.inner.get_hash()).arg(self.keys.len());
        for key in &self.keys {
            command.arg(key.as_slice());
        }
        for argument in &self.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}
