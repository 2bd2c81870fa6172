//! A private Redis: its own directory and port, loopback only, every write on disk before it is answered.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{
    ports,
    process::{Launch, Process, tail},
    wait,
};

/// How long a start may take; loading a large append-only file counts.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A `redis-server` of one's own. Stopped when dropped, unless its process was detached; its files stay with the directory.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    launch: Launch,
    process: Process,
}

impl RedisServer {
    /// Starts a server that keeps its files in `dir` (made where it is missing), and waits until it answers.
    pub async fn start(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let port = ports::free()?;
        let arguments = [
            ("port", port.to_string()),
            ("bind", "127.0.0.1".to_owned()),
            ("dir", dir.display().to_string()),
            ("daemonize", "no".to_owned()),
            ("appendonly", "yes".to_owned()),
            ("appendfsync", "always".to_owned()),
            // The file keeps every command ever given, so that a search for personal data sees them all.
            ("auto-aof-rewrite-percentage", "0".to_owned()),
            ("maxmemory-policy", "noeviction".to_owned()),
            ("save", String::new()),
        ];
        let launch = Launch {
            name: "redis-server".to_owned(),
            program: find_redis()?,
            args: arguments
                .into_iter()
                .flat_map(|(name, value)| [format!("--{name}"), value])
                .collect(),
            env: Vec::new(),
            log: dir.join("redis.log"),
        };
        let process = Process::start(&launch)?;
        let mut server = Self {
            port,
            launch,
            process,
        };
        server.wait_ready().await?;
        Ok(server)
    }

    /// `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGKILL, as a machine that loses power would end it (what was answered is on disk).
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Starts it again with the same port and files, after [`RedisServer::kill`].
    pub async fn restart(&mut self) -> Result<()> {
        if self.process.ended().is_none() {
            bail!("redis-server still runs");
        }
        self.process = Process::start(&self.launch)?;
        self.wait_ready().await
    }

    /// A new connection, for looking at what the services wrote.
    pub async fn connection(&self) -> Result<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let client = redis::Client::open(self.url())?;
        let waited = wait::until_ok("redis-server answers", START_LIMIT, || async {
            let mut connection = client.get_multiplexed_async_connection().await?;
            let pong: String = redis::cmd("PING").query_async(&mut connection).await?;
            anyhow::ensure!(pong == "PONG", "answered {pong}");
            Ok(())
        })
        .await;
        self.process.must_run()?;
        waited.with_context(|| tail(&self.launch.log, 10))
    }
}

fn find_redis() -> Result<PathBuf> {
    env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        .map(|folder| folder.join("redis-server"))
        .find(|program| program.is_file())
        .context("redis-server is not installed; `make deps` installs it, or: apt-get install redis-server")
}

#[cfg(test)]
mod tests {
    use redis::AsyncCommands as _;

    use super::RedisServer;

    #[tokio::test]
    async fn what_was_answered_survives_kill_and_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut server = RedisServer::start(dir.path()).await.unwrap();
        let mut connection = server.connection().await.unwrap();
        let _: () = connection.set("goose", "letter").await.unwrap();
        server.kill().unwrap();
        assert!(server.connection().await.is_err());
        server.restart().await.unwrap();
        let mut connection = server.connection().await.unwrap();
        let value: String = connection.get("goose").await.unwrap();
        assert_eq!(value, "letter");
        assert!(
            server.restart().await.is_err(),
            "a running server is not started twice"
        );
    }

    #[tokio::test]
    async fn the_server_is_as_durable_as_the_services_demand() {
        let dir = tempfile::tempdir().unwrap();
        let server = RedisServer::start(dir.path()).await.unwrap();
        let mut connection = server.connection().await.unwrap();
        for (name, expected) in [
            ("appendonly", "yes"),
            ("appendfsync", "always"),
            ("maxmemory-policy", "noeviction"),
            ("save", ""),
        ] {
            let (_, value): (String, String) = redis::cmd("CONFIG")
                .arg("GET")
                .arg(name)
                .query_async(&mut connection)
                .await
                .unwrap();
            assert_eq!(value, expected, "{name}");
        }
    }
}
