//! A Redis server of the test's own: on a free port of the loopback, in a directory of its own, stopped when dropped.
#![allow(dead_code, reason = "each test file uses its part of these helpers")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]
#![allow(unreachable_pub, reason = "a test file includes this as a private module")]

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use hongyan_queue::{Redis, RedisSettings};
use tempfile::TempDir;

/// What makes a server durable, as the services demand.
pub const DURABLE: &[&str] = &[
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--maxmemory-policy",
    "noeviction",
];

/// One private server.
pub struct PrivateRedis {
    directory: TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl PrivateRedis {
    /// Starts a durable server.
    pub fn start() -> Self {
        Self::start_with(DURABLE)
    }

    /// Starts a server with these options.
    pub fn start_with(options: &[&str]) -> Self {
        let mut redis = Self {
            directory: TempDir::new().unwrap(),
            port: free_port(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            process: None,
        };
        redis.launch();
        redis
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Settings with short limits, so that a test of an outage is quick.
    pub fn settings(&self) -> RedisSettings {
        RedisSettings {
            start_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(2),
            ..RedisSettings::at(self.url())
        }
    }

    /// Connects as a service does.
    pub async fn connect(&self) -> Redis {
        Redis::connect(&self.settings()).await.unwrap()
    }

    /// Kills it without warning, as a power cut does; what it acknowledged is on disk.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again on the same port with what is on disk.
    pub fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// Takes the place of a server that is down, at its address and with its own data: as when a replica is promoted.
    pub fn take_place_of(&mut self, mut other: Self) {
        other.kill();
        self.kill();
        self.port = other.port;
        // It is nobody's replica any more.
        if let Some(at) = self.options.iter().position(|option| option == "--replicaof") {
            self.options.drain(at..at + 3);
        }
        self.launch();
    }

    /// Deletes what is on disk; only while the server is down.
    pub fn lose_data(&mut self) {
        assert!(self.process.is_none(), "kill the server first");
        for entry in std::fs::read_dir(self.directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
    }

    fn launch(&mut self) {
        let process = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .args(["--logfile", "redis.log", "--daemonize", "no"])
            .arg("--dir")
            .arg(self.directory.path())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server must be installed");
        self.process = Some(process);
        self.await_up();
    }

    fn await_up(&self) {
        let give_up = Instant::now() + Duration::from_secs(20);
        let mut last = String::from("no attempt");
        while Instant::now() < give_up {
            let answer = redis::Client::open(self.url())
                .and_then(|client| client.get_connection_with_timeout(Duration::from_secs(1)))
                .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            match answer {
                Ok(_) => return,
                Err(error) => last = error.to_string(),
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!(
            "redis-server did not come up: {last}\n{}",
            log_of(self.directory.path())
        );
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log_of(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("redis.log")).unwrap_or_default()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until the condition holds; at most twenty seconds.
pub async fn eventually<F, Fut>(what: &str, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let give_up = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < give_up, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
