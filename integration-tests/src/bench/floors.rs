//! The floors, each in processes of its own as the mesh is, and stopped again.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use hongyan_identity::{Credentials, IdentitySettings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    floor_grpc, floor_redis,
    load::{Numbers, Target},
};
use crate::harness::{
    ca::{Identity, TRUST_DOMAIN, TestCa, Validity, spiffe},
    process::{Launch, Process},
    redis::RedisServer,
};

const ECHO_PATH: &str = "svc/echo";
const PORT_FILE_LIMIT: Duration = Duration::from_secs(10);

/// What the bare parts do on this machine.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Floors {
    /// A bare echo with mutual TLS: unary calls a second, 64 in flight over 4 connections.
    pub echo_unary: f64,
    /// The same in streams, batches of 64.
    pub echo_streamed: f64,
    /// `XADD` with fsync, 64 callers on one connection: entries a second.
    pub redis_single: f64,
    /// Add, read, acknowledge, trim in batches of 16, four workers: entries a second.
    pub redis_cycle: f64,
}

impl Floors {
    /// Measures all of them, `length` each.
    pub async fn measure(dir: &Path, in_flight: usize, batch: usize, length: Duration) -> Result<Self> {
        let mut redis = RedisServer::start(&dir.join("redis")).await?;
        let redis_single = floor_redis::enqueue(&redis.url(), in_flight, length).await?;
        let redis_cycle = floor_redis::cycle(&redis.url(), 4, 16, length).await?;
        redis.process().terminate(Duration::from_secs(20)).await?;

        let echo = Echo::start(dir).await?;
        let target = echo.target().await?;
        let echo_unary = target.unary_closed(in_flight, length).await?.per_second;
        let echo_streamed = target.stream_closed(4, batch, length).await?.per_second;
        drop(echo);
        Ok(Self {
            echo_unary,
            echo_streamed,
            redis_single,
            redis_cycle,
        })
    }
}

/// The echo server in a process of its own; stopped when dropped.
struct Echo {
    address: SocketAddr,
    caller: Identity,
    _process: Process,
}

impl Echo {
    async fn start(dir: &Path) -> Result<Self> {
        let ca = TestCa::new("hongyan bench authority")?;
        let server = ca.write(dir, ECHO_PATH, Validity::Usual)?;
        let caller = ca.write(dir, "caller/bench", Validity::Usual)?;
        let port_file = dir.join("echo.port");
        let files = [
            &server.cert_file,
            &server.key_file,
            &server.roots_file,
            &port_file,
        ];
        let launch = Launch {
            name: "echo".to_owned(),
            program: std::env::current_exe().context("this program's own path")?,
            args: std::iter::once("echo".to_owned())
                .chain(files.map(|file| file.display().to_string()))
                .collect(),
            env: Vec::new(),
            log: dir.join("echo.log"),
        };
        let process = Process::start(&launch)?;
        let address = wait_for_address(&port_file).await?;
        Ok(Self {
            address,
            caller,
            _process: process,
        })
    }

    async fn target(&self) -> Result<Target> {
        let credentials = credentials(&self.caller).await?;
        let expected = spiffe(ECHO_PATH).parse()?;
        Target::connect(
            &self.address.to_string(),
            &credentials,
            &expected,
            4,
            Arc::new(Numbers::new()),
        )
        .await
    }
}

async fn wait_for_address(file: &Path) -> Result<SocketAddr> {
    let written = async {
        loop {
            if let Ok(text) = tokio::fs::read_to_string(file).await
                && let Ok(address) = text.trim().parse()
            {
                return address;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PORT_FILE_LIMIT, written)
        .await
        .context("the echo server did not start")
}

/// An identity's files, read once.
pub async fn credentials(identity: &Identity) -> Result<Credentials> {
    let settings = IdentitySettings {
        cert_file: identity.cert_file.clone(),
        key_file: identity.key_file.clone(),
        roots_file: identity.roots_file.clone(),
        trust_domain: TRUST_DOMAIN.to_owned(),
        method_table_file: None,
        reload_interval: Duration::from_hours(1),
    };
    Ok(Credentials::load(&settings).await?)
}

/// The echo server's own process: serves until it is ended, and writes its address into `port_file`.
pub async fn run_echo(
    cert_file: PathBuf,
    key_file: PathBuf,
    roots_file: PathBuf,
    port_file: PathBuf,
) -> Result<()> {
    let identity = Identity {
        spiffe: spiffe(ECHO_PATH),
        cert_file,
        key_file,
        roots_file,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    tokio::fs::write(&port_file, listener.local_addr()?.to_string()).await?;
    floor_grpc::serve(listener, credentials(&identity).await?, CancellationToken::new()).await
}
