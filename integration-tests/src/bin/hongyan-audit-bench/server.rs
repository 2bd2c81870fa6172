//! The service that is measured: a process of its own, with mutual TLS, a disk and a Redis.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use hongyan_envelope::Keyring;
use hongyan_integration_tests::{
    bench::usage::Usage,
    harness::mesh::{Client, Home, Mesh, MeshOptions},
};
use hongyan_proto::audit::v1::{GetHeadRequest, GetHeadResponse, audit_service_client::AuditServiceClient};
use tonic::transport::Channel;

use super::{events::Events, producer::Producer};

const AUDIT: &str = "audit-svc";
/// Who may append, and whose the producers are.
const PRODUCERS: &str = "svc/verify";
const OPERATOR: &str = "operator/bench";
/// One connection tops out at about 50,000 calls a second.
const CONNECTIONS: usize = 4;

/// The service and who talks to it.
pub(crate) struct Server {
    mesh: Mesh,
    appending: Client,
    operator: Client,
    pub(crate) events: Arc<Events>,
    /// The first number of events that were not made yet.
    next_producer: usize,
}

/// How far the record is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stages {
    /// Leaves on disk.
    pub(crate) accepted: u64,
    /// Leaves under a published checkpoint.
    pub(crate) published: u64,
    /// Leaves that the index has taken in.
    pub(crate) indexed: u64,
}

impl Server {
    /// Starts it with its files below `dir`.
    pub(crate) async fn start(dir: &Path) -> Result<Self> {
        let home = tempfile::Builder::new()
            .prefix("hongyan-audit-bench-")
            .tempdir_in(dir)
            .with_context(|| format!("making a directory in {}", dir.display()))?;
        let mut options = MeshOptions::only(AUDIT)?;
        options.home = Home::Temporary(home);
        options.set(AUDIT, "log.filter", "warn,hongyan_audit_svc=info");
        options.set(AUDIT, "telemetry.sample_ratio", "0.01");
        let mesh = Mesh::start(options).await?;
        let appending = mesh.client(PRODUCERS).await?;
        let operator = mesh.client(OPERATOR).await?;
        let keyring = Keyring::parse(&std::fs::read_to_string(mesh.layout.keyring())?)?;
        let events = Arc::new(Events::new(unix_ms(), rand::random(), &keyring)?);
        Ok(Self {
            mesh,
            appending,
            operator,
            events,
            next_producer: 0,
        })
    }

    /// Producers that never were before.
    pub(crate) fn producers(&mut self, count: usize) -> Result<Vec<Arc<Producer>>> {
        let channels = (0..CONNECTIONS.min(count))
            .map(|_| {
                self.appending
                    .channel(hongyan_integration_tests::harness::mesh::Service::Audit)
            })
            .collect::<Result<Vec<_>>>()?;
        let first = self.next_producer;
        self.next_producer += count;
        let epoch = unix_ms();
        let producers = channels
            .iter()
            .cycle()
            .zip(first..first + count)
            .map(|(channel, n)| {
                let (events, name) = (Arc::clone(&self.events), format!("verify-bench-{n}"));
                Arc::new(Producer::new(channel.clone(), events, name, epoch))
            });
        Ok(producers.collect())
    }

    /// An operator's client, with a connection of its own.
    pub(crate) fn operator(&self) -> Result<AuditServiceClient<Channel>> {
        self.operator.audit()
    }

    /// What the service used so far.
    pub(crate) fn usage(&mut self) -> Result<Usage> {
        Usage::of(self.mesh.program(AUDIT)?.id())
    }

    /// Where the record is.
    pub(crate) fn data(&self) -> PathBuf {
        self.mesh.layout.audit_data()
    }

    /// How long it takes from the start of the program until it is ready, after it was killed or told to end.
    pub(crate) async fn restart(&mut self, killed: bool) -> Result<Duration> {
        if killed {
            self.mesh.kill(AUDIT)?;
        } else {
            self.mesh.terminate(AUDIT).await?;
        }
        let start = Instant::now();
        self.mesh.restart(AUDIT).await?;
        Ok(start.elapsed())
    }

    /// Everything went well so far, or the end of the service's log.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        self.mesh.must_run()
    }

    /// Ends it; its files go.
    pub(crate) async fn stop(self) -> Result<()> {
        self.mesh.stop().await?;
        Ok(())
    }
}

/// Asks how far the record is.
pub(crate) async fn stages(client: &mut AuditServiceClient<Channel>) -> Result<Stages> {
    Ok(Stages::of(
        &client.get_head(GetHeadRequest {}).await?.into_inner(),
    ))
}

impl Stages {
    fn of(head: &GetHeadResponse) -> Self {
        Self {
            accepted: head.size,
            published: head.logs.iter().map(|log| log.published).sum(),
            indexed: head.indexed,
        }
    }

    /// Leaves that everything was done for.
    pub(crate) fn done(self) -> u64 {
        self.published.min(self.indexed)
    }
}

fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(1, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
