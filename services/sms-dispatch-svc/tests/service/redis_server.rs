//! A Redis of the test's own: a free port of the loopback, a directory of its own, stopped when dropped.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use hongyan_queue::{Batch, Redis, RedisSettings};
use tempfile::TempDir;

pub(crate) struct RedisServer {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Self {
            dir: TempDir::new().unwrap(),
            port,
            process: None,
        };
        server.launch();
        server
    }

    pub(crate) fn settings(&self) -> RedisSettings {
        RedisSettings {
            response_timeout: Duration::from_secs(5),
            ..RedisSettings::at(format!("redis://127.0.0.1:{}", self.port))
        }
    }

    /// Connects as the service does; waits until the server is up.
    pub(crate) async fn connect(&self) -> Redis {
        Redis::connect(&self.settings()).await.unwrap()
    }

    /// As a power cut: what it acknowledged is on disk.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// With what is on disk.
    pub(crate) fn launch(&mut self) {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]);
        command.args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--maxmemory-policy",
            "noeviction",
        ]);
        command.arg("--dir").arg(self.dir.path());
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("redis-server must be installed"));
    }

    /// Everything that was ever written, as it stands on disk.
    pub(crate) fn disk(&self) -> Vec<u8> {
        fn collect(dir: &Path, octets: &mut Vec<u8>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, octets);
                } else {
                    octets.extend(fs::read(path).unwrap());
                }
            }
        }
        let mut octets = Vec::new();
        collect(self.dir.path(), &mut octets);
        octets
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One command's answer.
pub(crate) async fn ask<T: redis::FromRedisValue>(redis: &Redis, command: &str, arguments: &[&str]) -> T {
    let mut batch = Batch::new();
    batch.command(command, arguments);
    batch
        .run_as::<T>(&mut redis.shared())
        .await
        .unwrap()
        .remove(0)
        .unwrap()
}

/// Every key with its content, in order.
pub(crate) async fn dump(redis: &Redis) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = ask(redis, "KEYS", &["*"]).await;
    keys.sort();
    let mut all = Vec::new();
    for key in keys {
        let content = ask(redis, "DUMP", &[&key]).await;
        all.push((key, content));
    }
    all
}
