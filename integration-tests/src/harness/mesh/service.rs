//! One program of the mesh: its addresses, its process, and how to tell that it is ready.

use std::{path::PathBuf, process::ExitStatus, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};

use crate::harness::{
    process::{Launch, Process, tail},
    wait,
};

/// How long a start may take, other programs competing for the processors.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// How long a drain may take, above the services' own hard end.
const DRAIN_LIMIT: Duration = Duration::from_secs(40);

/// How to tell that a program is ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// This address answers 200.
    Http(String),
    /// Somebody listens on this port of loopback.
    Tcp(u16),
}

/// A program of the mesh.
#[derive(Debug)]
pub struct ServiceProcess {
    launch: Launch,
    ready: Ready,
    process: Process,
    /// `grpc` and `admin`, or what else it listens on.
    pub addresses: Vec<(String, String)>,
}

impl ServiceProcess {
    /// Starts it, and does not wait.
    pub fn start(launch: Launch, ready: Ready, addresses: Vec<(String, String)>) -> Result<Self> {
        let process = Process::start(&launch)?;
        Ok(Self {
            launch,
            ready,
            process,
            addresses,
        })
    }

    /// Its name, as in the log's.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Its log.
    pub fn log(&self) -> &PathBuf {
        &self.launch.log
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Waits until it is ready; tells the end of its log where it is not.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let client = reqwest::Client::new();
        let ready = self.ready.clone();
        let name = self.launch.name.clone();
        let process = &mut self.process;
        let waited = wait::until(&format!("{name} is ready"), READY_LIMIT, || {
            let ended = process.ended().is_some();
            let (client, ready) = (client.clone(), ready.clone());
            async move {
                // The end of the process is an answer too: it is told below.
                (ended || is_ready(&client, &ready).await).then_some(())
            }
        })
        .await;
        self.process.must_run()?;
        waited.with_context(|| format!("the end of its log:\n{}", tail(&self.launch.log, 20)))
    }

    /// It outlives this process from now on.
    pub fn detach(&mut self) -> Result<()> {
        self.process.detach()
    }

    /// SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// SIGTERM, and waits for the drain.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        self.process.terminate(DRAIN_LIMIT).await
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: nix::sys::signal::Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Starts it again with the same settings, after it ended; does not wait until it is ready.
    pub fn restart(&mut self) -> Result<()> {
        ensure!(self.process.ended().is_some(), "{} still runs", self.name());
        self.process = Process::start(&self.launch)?;
        Ok(())
    }

    /// Waits until the program ends by itself.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let name = self.launch.name.clone();
        let process = &mut self.process;
        wait::until(&format!("{name} ends"), limit, || {
            let ended = process.ended();
            async move { ended }
        })
        .await
    }

    /// One of its addresses.
    pub fn address(&self, of: &str) -> Result<&str> {
        match self.addresses.iter().find(|(name, _)| name == of) {
            Some((_, address)) => Ok(address),
            None => bail!("{} has no address called {of}", self.launch.name),
        }
    }

    /// What it tells Prometheus.
    pub async fn metrics(&self) -> Result<String> {
        let admin = self.address("admin")?;
        Ok(reqwest::get(format!("http://{admin}/metrics"))
            .await?
            .error_for_status()?
            .text()
            .await?)
    }
}

async fn is_ready(client: &reqwest::Client, ready: &Ready) -> bool {
    match ready {
        Ready::Http(url) => {
            let answer = client.get(url).timeout(Duration::from_secs(2)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        }
        Ready::Tcp(port) => tokio::net::TcpStream::connect(("127.0.0.1", *port)).await.is_ok(),
    }
}
