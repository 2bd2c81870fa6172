//! Which Redis, and how much loss it may allow.

use std::{fmt, time::Duration};

use hongyan_config::{SecretFile, Source};
use hongyan_domain::Partitions;

/// The settings under `redis.`.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis.url`, e.g. `redis://127.0.0.1:6379` or `rediss://user@host:6379/0`. Holds no password.
    pub url: String,
    /// `redis.password_file`: the password; read at each new connection, so that it can be changed without restart.
    pub password_file: Option<SecretFile>,
    /// `redis.pool_size` (8): connections for rarer, short commands.
    pub pool_size: usize,
    /// `redis.accept_loss` (false): take a server that may forget what it acknowledged.
    pub accept_loss: bool,
    /// `redis.replicas_to_wait` (0): how many replicas must have a write before it counts as durable.
    pub replicas_to_wait: u32,
    /// `redis.partitions` (1): into how many hash tags the numbers are divided. The same in every service, and not to be
    /// changed while messages are on their way.
    pub partitions: Partitions,
    /// `redis.connect_timeout_ms` (1,000).
    pub connect_timeout: Duration,
    /// `redis.response_timeout_ms` (5,000): a command without answer for so long has failed.
    pub response_timeout: Duration,
    /// `redis.start_timeout_ms` (15,000): how long a starting service waits for the server to come up.
    pub start_timeout: Duration,
}

impl RedisSettings {
    /// Reads the settings; mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let url: String = source.required("redis.url", "redis://127.0.0.1:6379".to_owned());
        if let Err(reason) = check_url(&url) {
            source.note("redis.url", &reason);
        }
        let count = source.within("redis.partitions", 1, 1, 4096);
        let partitions = u16::try_from(count)
            .ok()
            .and_then(|count| Partitions::new(count).ok());
        if partitions.is_none() {
            source.note("redis.partitions", "must be 1 to 4096");
        }
        Self {
            url,
            password_file: source.secret_file("redis.password_file"),
            pool_size: source.within("redis.pool_size", 8, 1, 1024) as usize,
            accept_loss: source.or("redis.accept_loss", false),
            replicas_to_wait: source.within("redis.replicas_to_wait", 0, 0, 16) as u32,
            partitions: partitions.unwrap_or_default(),
            connect_timeout: source.duration_ms("redis.connect_timeout_ms", 1_000),
            response_timeout: source.duration_ms("redis.response_timeout_ms", 5_000),
            start_timeout: source.duration_ms("redis.start_timeout_ms", 15_000),
        }
    }

    /// For a server at `url` with everything else at its default; for tools and tests.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password_file: None,
            pool_size: 8,
            accept_loss: false,
            replicas_to_wait: 0,
            partitions: Partitions::default(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(15),
        }
    }
}

impl fmt::Debug for RedisSettings {
    /// The URL may hold a user's name, so that it is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("pool_size", &self.pool_size)
            .field("accept_loss", &self.accept_loss)
            .field("replicas_to_wait", &self.replicas_to_wait)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// `Err` says what is wrong, without the URL itself.
fn check_url(url: &str) -> Result<(), String> {
    let client = redis::Client::open(url).map_err(|error| {
        let detail = error.detail().map(|detail| format!(" ({detail})"));
        format!(
            "must be like redis://host:6379 or rediss://host:6379{}",
            detail.unwrap_or_default()
        )
    })?;
    if client.get_connection_info().redis_settings().password().is_some() {
        return Err("must not hold a password; put it into the file of redis.password_file".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hongyan_config::{Source, SourceSpec};

    use super::RedisSettings;

    fn read(pairs: &[(&str, &str)]) -> Result<RedisSettings, String> {
        let env = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let mut source = Source::load(SourceSpec {
            file: None,
            env_prefix: "HONGYAN",
            env,
        });
        let settings = RedisSettings::read(&mut source);
        source
            .finish()
            .map(|()| settings)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn defaults_ask_for_durability() {
        let settings = read(&[("HONGYAN_REDIS_URL", "redis://localhost:6379")]).unwrap();
        assert!(!settings.accept_loss);
        assert_eq!((settings.pool_size, settings.replicas_to_wait), (8, 0));
    }

    #[test]
    fn each_wrong_setting_is_named() {
        for (key, value, needle) in [
            ("HONGYAN_REDIS_URL", "http://localhost", "redis.url"),
            ("HONGYAN_REDIS_URL", "redis://:hunter2@localhost", "redis.url"),
            ("HONGYAN_REDIS_PARTITIONS", "0", "redis.partitions"),
            ("HONGYAN_REDIS_POOL_SIZE", "0", "redis.pool_size"),
            (
                "HONGYAN_REDIS_PASSWORD_FILE",
                "/does/not/exist",
                "redis.password_file",
            ),
        ] {
            let mut pairs = vec![(key, value)];
            if key != "HONGYAN_REDIS_URL" {
                pairs.push(("HONGYAN_REDIS_URL", "redis://localhost:6379"));
            }
            let mistakes = read(&pairs).expect_err(value);
            assert!(mistakes.contains(needle), "{mistakes}");
            assert!(!mistakes.contains("hunter2"), "{mistakes}");
        }
    }
}
