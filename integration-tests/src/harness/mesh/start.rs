//! Starts a mesh: files first, then the world, then the services.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex,
};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use hongyan_tlog::key::{Algorithm, Signer};

use super::{
    Mesh, World,
    catalog::CatalogFiles,
    clients::Addresses,
    layout::Layout,
    options::MeshOptions,
    service::{Ready, ServiceProcess},
    settings::Settings,
    spoken::Spoken,
    world,
};
use crate::harness::{
    ca::{TRUST_DOMAIN, TestCa, Validity, spiffe, write_whole},
    disk::Disk,
    ports,
    process::{Launch, find_program},
    redis::RedisServer,
};

/// Whom the record belongs to.
const ORGANISATION: &str = TRUST_DOMAIN;

const METHOD_TABLE: &str = include_str!("method-table.yaml");

pub(super) async fn start(options: MeshOptions) -> Result<Mesh> {
    hongyan_identity::install_crypto_provider();
    let layout = Layout::new(options.home.path())?;
    let ca = TestCa::new("hongyan test authority")?;
    write_whole(&layout.method_table(), METHOD_TABLE)?;
    write_whole(&layout.keyring(), &keyring())?;
    write_whole(&layout.record_kek(), &keyring())?;
    write_whole(&layout.signing_key(), &signing_key()?)?;

    let mut starter = Starter {
        layout,
        ca,
        extra: options.settings,
        leave_out: options.leave_out,
        args: options.args,
        disks: options.disks,
        spoken: BTreeMap::new(),
        otlp: None,
        redis_url: String::new(),
        programs: Vec::new(),
    };
    for (link, spoken) in options.spoken {
        starter.spoken.insert(link, (spoken, free_address()?));
    }
    let redis = RedisServer::start(&starter.layout.redis()).await?;
    starter.redis_url = redis.url();
    let (world, carrier_ports, handler_port) = world::start(&mut starter)?;
    starter.otlp = options.traced.then_some(world.otlp);

    let mut catalog = CatalogFiles::example(carrier_ports, handler_port)?;
    for (link, (spoken, listener)) in &starter.spoken {
        catalog.speak(link, *spoken, *listener)?;
    }
    if let Some(change) = options.catalog {
        change(&mut catalog)?;
    }
    catalog.write(&starter.layout.catalog(), &starter.layout.secrets())?;
    let addresses = starter.services(&world, options.link_replicas)?;

    let mut mesh = Mesh {
        layout: starter.layout,
        ca: starter.ca,
        addresses,
        world,
        catalog,
        programs: starter.programs,
        redis,
        issued: Mutex::default(),
        home: options.home,
    };
    for program in mesh.programs() {
        program.wait_ready().await?;
    }
    Ok(mesh)
}

/// What is known while programs are being started.
pub(super) struct Starter {
    pub(super) layout: Layout,
    pub(super) ca: TestCa,
    extra: BTreeMap<String, Settings>,
    leave_out: BTreeSet<String>,
    args: BTreeMap<String, Vec<String>>,
    disks: BTreeSet<String>,
    /// What links speak, and where they listen, by link.
    spoken: BTreeMap<String, (Spoken, SocketAddr)>,
    otlp: Option<SocketAddr>,
    redis_url: String,
    programs: Vec<ServiceProcess>,
}

/// What a service needs besides the usual.
#[derive(Clone, Copy)]
struct Needs {
    redis: bool,
    catalog: bool,
    keyring: bool,
}

const ALL: Needs = Needs {
    redis: true,
    catalog: true,
    keyring: true,
};

impl Starter {
    /// Starts a program of the world outside, which writes its log there.
    pub(super) fn outside(
        &mut self,
        name: &str,
        program: &str,
        args: Vec<String>,
        ready: Ready,
        addresses: Vec<(String, String)>,
    ) -> Result<()> {
        let log = self.layout.world().join(format!("{name}.log"));
        self.launch(name, program, args, log, ready, addresses)
    }

    /// What a link speaks and where it listens, where the options say so.
    pub(super) fn spoken(&self, link: &str) -> Option<(Spoken, SocketAddr)> {
        self.spoken.get(link).copied()
    }

    /// Arguments that the options add to a program's.
    pub(super) fn extra_args(&self, name: &str) -> Vec<String> {
        self.args.get(name).cloned().unwrap_or_default()
    }

    fn services(&mut self, world: &World, link_replicas: usize) -> Result<Addresses> {
        let none = Settings::new();
        let logs = free_address()?.to_string();
        let audit = {
            let mut own = Settings::new();
            own.set_path("record.dir", &self.layout.audit_data())
                .set("record.organisation", ORGANISATION)
                .set_path("record.signing_key_file", &self.layout.signing_key())
                .set_path("keys.kek_file", &self.layout.record_kek())
                .set("tiles.listen", &logs);
            let needs = Needs {
                catalog: false,
                ..ALL
            };
            self.service("audit-svc", "audit-svc", "svc/audit", needs, &own)?
        };
        let dispatch = self.service("sms-dispatch-svc", "sms-dispatch-svc", "svc/dispatch", ALL, &none)?;
        let verify = {
            let mut own = world::verify_settings(world);
            own.set("audit.address", &audit)
                .set("audit.spiffe_id", spiffe("svc/audit"));
            self.service("verify-svc", "verify-svc", "svc/verify", ALL, &own)?
        };
        let mut links = Vec::new();
        for replica in 0..link_replicas {
            let name = match replica {
                0 => "carrier-link-svc".to_owned(),
                more => format!("carrier-link-svc-{more}"),
            };
            links.push(self.service(&name, "carrier-link-svc", "svc/carrier-link", ALL, &none)?);
        }
        let uplink_router = {
            let mut own = Settings::new();
            own.set("dispatch.address", &dispatch)
                .set("dispatch.spiffe_id", spiffe("svc/dispatch"));
            self.service(
                "uplink-router-svc",
                "uplink-router-svc",
                "svc/uplink-router",
                ALL,
                &own,
            )?
        };
        Ok(Addresses {
            audit,
            logs,
            dispatch,
            verify,
            uplink_router,
            links,
        })
    }

    /// Starts one service; gives its gRPC address.
    fn service(
        &mut self,
        name: &str,
        program: &str,
        path: &str,
        needs: Needs,
        own: &Settings,
    ) -> Result<String> {
        let identity = self.ca.write(&self.layout.tls(), path, Validity::Usual)?;
        let (grpc, admin) = (free_address()?, free_address()?);
        let mut settings = Settings::of_service(&self.layout, &identity, grpc, admin, self.otlp);
        if needs.redis {
            settings.set("redis.url", &self.redis_url);
        }
        if needs.catalog {
            settings.set_path("catalog.dir", &self.layout.catalog());
        }
        if needs.keyring {
            settings.set_path("keyring.file", &self.layout.keyring());
        }
        settings.merge(own);
        for of in [program, name] {
            if let Some(extra) = self.extra.get(of) {
                settings.merge(extra);
            }
        }
        let file = self.layout.settings(name);
        settings.write(&file)?;
        self.launch(
            name,
            program,
            vec!["--config".to_owned(), file.display().to_string()],
            self.layout.log(name),
            Ready::Http(format!("http://{admin}/readyz")),
            vec![
                ("grpc".to_owned(), grpc.to_string()),
                ("admin".to_owned(), admin.to_string()),
            ],
        )?;
        Ok(grpc.to_string())
    }

    fn launch(
        &mut self,
        name: &str,
        program: &str,
        args: Vec<String>,
        log: std::path::PathBuf,
        ready: Ready,
        addresses: Vec<(String, String)>,
    ) -> Result<()> {
        if self.leave_out.contains(name) {
            return Ok(());
        }
        let mut launch = Launch {
            name: name.to_owned(),
            program: find_program(program)?,
            args,
            env: Vec::new(),
            log,
        };
        if self.disks.contains(name) {
            launch = Disk::new(self.layout.full_disk(name)).under(launch);
        }
        let process =
            ServiceProcess::start(launch, ready, addresses).with_context(|| format!("starting {name}"))?;
        self.programs.push(process);
        Ok(())
    }
}

/// A key that signs checkpoints, made anew for each mesh.
fn signing_key() -> Result<String> {
    let name = format!("audit.{ORGANISATION}");
    let text = Signer::private_text(&name, Algorithm::Ed25519, &rand::random())?;
    Ok(text.to_string())
}

/// A keyring with one key, made anew for each mesh.
fn keyring() -> String {
    let key = || base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>());
    serde_json::json!({"active": "k1", "keys": {"k1": key()}, "tag_key": key()}).to_string()
}

/// An address on loopback that is free now.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?)))
}
