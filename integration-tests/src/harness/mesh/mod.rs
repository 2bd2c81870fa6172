//! The whole mesh: Redis, the services, and the simulated world around them.

mod catalog;
mod cli;
mod clients;
mod control;
mod gateway;
mod layout;
mod options;
pub mod people;
mod service;
mod settings;
mod spoken;
mod start;
mod world;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    process::ExitStatus,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{
    ca::{Identity, TestCa, Validity},
    disk::Disk,
    redis::RedisServer,
    running::{RunningMesh, RunningProgram},
};

pub use catalog::{CatalogFiles, ExampleLink, LINKS_OF_THE_EXAMPLE, replaced_once};
pub use cli::{Cli, CliOutput};
pub use clients::{Addresses, Client, Service};
pub use control::Control;
pub use gateway::{Gateway, Part, TakenSegment};
pub use layout::Layout;
pub use options::{CatalogChange, Home, MeshOptions};
pub use service::{Ready, ServiceProcess};
pub use settings::Settings;
pub use spoken::Spoken;

/// The mesh's own programs, in the order of their start. Replicas of a link end with `-1`, `-2` …
pub const SERVICES: [&str; 5] = [
    "audit-svc",
    "sms-dispatch-svc",
    "verify-svc",
    "carrier-link-svc",
    "uplink-router-svc",
];

/// Where the simulated world answers.
#[derive(Debug, Clone)]
pub struct World {
    /// The trace sink's side for questions.
    pub traces: SocketAddr,
    /// The trace sink's OTLP side.
    pub otlp: SocketAddr,
    /// The control side of each link's gateway, in the order of [`LINKS_OF_THE_EXAMPLE`].
    pub gateways: [SocketAddr; 3],
    /// Where the identity upstream is asked.
    pub questions: SocketAddr,
    /// The control side of the identity upstream.
    pub identity: SocketAddr,
    /// The control side of the business handler.
    pub handler: SocketAddr,
}

/// A running mesh. Dropping it stops everything, unless it was detached.
#[derive(Debug)]
pub struct Mesh {
    /// Where it keeps its files.
    pub layout: Layout,
    /// Who vouches for everybody in it.
    pub ca: TestCa,
    /// Where its services answer.
    pub addresses: Addresses,
    /// Where the world around it answers.
    pub world: World,
    /// Its catalog as last written.
    pub catalog: CatalogFiles,
    programs: Vec<ServiceProcess>,
    redis: RedisServer,
    /// Identities of callers and operators, by path.
    issued: Mutex<BTreeMap<String, Identity>>,
    /// Last, so that the files go when nobody writes them any more.
    home: Home,
}

impl Mesh {
    /// Starts everything and waits until all of it is ready.
    pub async fn start(options: MeshOptions) -> Result<Self> {
        start::start(options).await
    }

    /// Its Redis.
    pub fn redis(&mut self) -> &mut RedisServer {
        &mut self.redis
    }

    /// One of its programs, by name.
    pub fn program(&mut self, name: &str) -> Result<&mut ServiceProcess> {
        self.programs
            .iter_mut()
            .find(|program| program.name() == name)
            .with_context(|| format!("the mesh has no program {name}"))
    }

    /// All of its programs, Redis excepted, in the order of their start.
    pub fn programs(&mut self) -> &mut [ServiceProcess] {
        &mut self.programs
    }

    /// Fills the disk of one program, which the options must name, or frees it for later starts.
    pub fn disk(&mut self, name: &str, full: bool) -> Result<()> {
        let disk = Disk::new(self.layout.full_disk(name));
        if full {
            disk.fill(self.program(name)?.id())
        } else {
            disk.free()
        }
    }

    /// SIGKILL to one program.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        self.program(name)?.kill()
    }

    /// Starts one program again, and waits until it is ready.
    pub async fn restart(&mut self, name: &str) -> Result<()> {
        let program = self.program(name)?;
        program.restart()?;
        program.wait_ready().await
    }

    /// SIGTERM to one program, and waits for its drain.
    pub async fn terminate(&mut self, name: &str) -> Result<ExitStatus> {
        self.program(name)?.terminate().await
    }

    /// A certificate for any path of the trust domain (`caller/…`, `operator/…`), issued when first asked for: files that
    /// somebody reads are not written again.
    pub fn identity(&self, path: &str) -> Result<Identity> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = issued.get(path) {
            return Ok(identity.clone());
        }
        let identity = self.ca.write(&self.layout.tls(), path, Validity::Usual)?;
        issued.insert(path.to_owned(), identity.clone());
        Ok(identity)
    }

    /// Clients for any path of the trust domain.
    pub async fn client(&self, path: &str) -> Result<Client> {
        Client::new(&self.identity(path)?, &self.addresses).await
    }

    /// Writes a changed catalog; the services take it up by themselves.
    pub fn write_catalog(&mut self, files: CatalogFiles) -> Result<()> {
        files.write(&self.layout.catalog(), &self.layout.secrets())?;
        self.catalog = files;
        Ok(())
    }

    /// The operator's hand, as that identity.
    pub fn cli(&self, path: &str) -> Result<Cli> {
        Cli::new(&self.layout, &self.identity(path)?, &self.addresses)
    }

    /// What every service tells Prometheus, and every span that the trace sink keeps: what the mesh writes besides files.
    pub async fn scrape(&self) -> Result<Vec<(String, String)>> {
        let mut scraped = Vec::new();
        for program in &self.programs {
            if program.address("admin").is_ok() {
                scraped.push((
                    format!("the metrics of {}", program.name()),
                    program.metrics().await?,
                ));
            }
        }
        let spans = reqwest::get(format!("http://{}/spans", self.world.traces))
            .await?
            .error_for_status()?;
        scraped.push(("the spans".to_owned(), spans.text().await?));
        Ok(scraped)
    }

    /// From now on the mesh outlives this process, until each of [`Mesh::running`] is stopped by its id.
    pub fn detach(&mut self) -> Result<()> {
        for program in &mut self.programs {
            program.detach()?;
        }
        self.redis.process().detach()
    }

    /// The carriers' gateways, in the order of [`LINKS_OF_THE_EXAMPLE`].
    pub fn gateways(&self) -> Vec<Gateway> {
        self.world
            .gateways
            .iter()
            .map(|address| Gateway::new(*address))
            .collect()
    }

    /// The business handler's control side: `stats`, `faults`.
    pub fn handler(&self) -> Control {
        Control::new(self.world.handler)
    }

    /// The identity upstream's control side: `stats`, `faults`.
    pub fn identity_upstream(&self) -> Control {
        Control::new(self.world.identity)
    }

    /// The mesh's files stay when it goes, for somebody to look at; gives where.
    pub fn keep_files(&mut self) -> &Path {
        self.home.keep()
    }

    /// Fails where a program has ended by itself.
    pub fn must_run(&mut self) -> Result<()> {
        for program in &mut self.programs {
            anyhow::ensure!(
                program.is_running(),
                "{} has ended; see {}",
                program.name(),
                program.log().display()
            );
        }
        Ok(())
    }

    /// SIGTERM to the services, last started first, then to everything else. Gives back each service's exit status.
    pub async fn stop(mut self) -> Result<Vec<(String, ExitStatus)>> {
        let mut ended = Vec::new();
        while let Some(mut program) = self.programs.pop() {
            let status = program.terminate().await?;
            ended.push((program.name().to_owned(), status));
        }
        self.redis.process().terminate(Duration::from_secs(20)).await?;
        Ok(ended)
    }

    /// Everything that runs, for stopping it later from another process.
    pub fn running(&mut self) -> Result<RunningMesh> {
        let mut programs = vec![RunningProgram::of("redis-server", self.redis.process().id())?];
        for program in &self.programs {
            programs.push(RunningProgram::of(program.name(), program.id())?);
        }
        let world = &self.world;
        let mut places = vec![
            ("redis".to_owned(), self.redis.url()),
            ("traces".to_owned(), format!("http://{}/traces", world.traces)),
            (
                "published logs (keys)".to_owned(),
                format!("http://{}/keys", self.addresses.logs),
            ),
            ("OTLP".to_owned(), format!("http://{}", world.otlp)),
            (
                "identity upstream".to_owned(),
                format!("http://{}", world.identity),
            ),
            ("business handler".to_owned(), format!("http://{}", world.handler)),
        ];
        for (link, address) in LINKS_OF_THE_EXAMPLE.iter().zip(world.gateways) {
            places.push((format!("gateway of {}", link.name), format!("http://{address}")));
        }
        Ok(RunningMesh {
            root: self.layout.root().to_path_buf(),
            programs,
            addresses: self.addresses.clone(),
            world: places,
        })
    }
}
