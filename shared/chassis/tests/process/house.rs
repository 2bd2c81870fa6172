//! A trust domain of its own in a temporary directory, and a process in it.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, sync::OnceLock, time::Duration};

use hongyan_chassis::{
    BuildError, Channel, ChassisSettings, Context, Dialer, Exit, Service, ServiceInfo, serve,
};
use hongyan_identity::{Credentials, IdentitySettings, SpiffeId};
use hongyan_proto::uplink::v1::uplink_service_client::UplinkServiceClient;
use hongyan_telemetry::{Telemetry, TelemetrySettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) const SERVER: &str = "spiffe://hongyan.test/svc/uplink-router";
pub(crate) const CALLER: &str = "spiffe://hongyan.test/caller/desk";
pub(crate) const STRANGER: &str = "spiffe://hongyan.test/caller/stranger";

pub(crate) const INFO: ServiceInfo = ServiceInfo {
    name: "test-svc",
    version: "0.0.0",
    descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
};

/// The desk may call everything; nobody else may call anything.
pub(crate) fn table(caller: &str) -> String {
    [
        "/hongyan.uplink.v1.UplinkService/AckUplinks",
        "/hongyan.uplink.v1.UplinkService/WatchUplinks",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ]
    .map(|method| format!("{method}: [\"{caller}\"]\n"))
    .concat()
}

/// Waiting for a condition ends the test after this.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .unwrap_or_else(|_| panic!("waited too long for: {what}"))
}

pub(crate) struct House {
    pub(crate) dir: TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl House {
    pub(crate) fn new() -> Self {
        hongyan_identity::install_crypto_provider();
        telemetry();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("roots.pem"), ca.pem()).unwrap();
        fs::write(dir.path().join("methods.yaml"), table(CALLER)).unwrap();
        Self { dir, ca }
    }

    pub(crate) fn identity(&self, id: &str) -> IdentitySettings {
        let dir = self.dir.path().join(id.replace('/', "_"));
        fs::create_dir_all(&dir).unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        IdentitySettings {
            cert_file: dir.join("cert.pem"),
            key_file: dir.join("key.pem"),
            roots_file: self.dir.path().join("roots.pem"),
            trust_domain: "hongyan.test".to_owned(),
            method_table_file: Some(self.dir.path().join("methods.yaml")),
            reload_interval: Duration::from_millis(20),
        }
    }

    pub(crate) fn settings(&self) -> ChassisSettings {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        ChassisSettings {
            grpc_listen: loopback,
            admin_listen: loopback,
            max_concurrent_requests: 64,
            max_open_streams: 64,
            max_streams_per_connection: 128,
            default_deadline: Duration::from_secs(20),
            max_deadline: Duration::from_secs(20),
            drain_notice: Duration::ZERO,
            drain_timeout: Duration::from_secs(20),
            ports_file: Some(self.dir.path().join("ports.json")),
            identity: self.identity(SERVER),
            telemetry: TelemetrySettings::default(),
        }
    }

    /// Starts a process and waits until it serves.
    pub(crate) async fn start<B, F>(&self, settings: ChassisSettings, build: B) -> Running
    where
        B: FnOnce(Context) -> F + Send + 'static,
        F: Future<Output = Result<Service, BuildError>> + Send + 'static,
    {
        let ports_file = settings.ports_file.clone().unwrap();
        // An earlier process of the same test may have left its own.
        let _ = fs::remove_file(&ports_file);
        let stop = CancellationToken::new();
        let render = Arc::new(|| "metrics go here\n".to_owned());
        let exit = tokio::spawn(serve(
            INFO,
            settings,
            (),
            |(), context| build(context),
            render,
            stop.clone(),
        ));
        let (grpc, admin) = soon("the ports file", ports(ports_file)).await;
        Running {
            grpc,
            admin,
            stop,
            exit,
        }
    }

    pub(crate) async fn dialer(&self, id: &str) -> Dialer {
        let credentials = Credentials::load(&self.identity(id)).await.unwrap();
        Dialer::new(credentials, INFO.descriptor_set, Duration::from_secs(20)).unwrap()
    }

    pub(crate) async fn channel(&self, id: &str, server: &Running) -> Channel {
        let expected: SpiffeId = SERVER.parse().unwrap();
        self.dialer(id).await.channel(&server.grpc, &expected, 2).unwrap()
    }

    pub(crate) async fn client(&self, id: &str, server: &Running) -> UplinkServiceClient<Channel> {
        UplinkServiceClient::new(self.channel(id, server).await)
    }
}

pub(crate) struct Running {
    pub(crate) grpc: String,
    pub(crate) admin: String,
    pub(crate) stop: CancellationToken,
    pub(crate) exit: JoinHandle<Exit>,
}

impl Running {
    pub(crate) async fn end(self) -> Exit {
        self.stop.cancel();
        soon("the end", self.exit).await.unwrap()
    }

    /// The status code and body of one admin page.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        page(&self.admin, path).await
    }
}

pub(crate) async fn page(admin: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn ports(file: PathBuf) -> (String, String) {
    let text = loop {
        match fs::read_to_string(&file) {
            Ok(text) => break text,
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    };
    let mut addresses = text
        .split('"')
        .filter(|part| part.contains(':') && part.len() > 1);
    (
        addresses.next().unwrap().to_owned(),
        addresses.next().unwrap().to_owned(),
    )
}

/// The process's telemetry, as `main` would install it; no log lines.
pub(crate) fn telemetry() -> &'static Telemetry {
    static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();
    TELEMETRY.get_or_init(|| {
        let settings = TelemetrySettings {
            log_filter: "off".to_owned(),
            ..TelemetrySettings::default()
        };
        hongyan_telemetry::init("test-svc", "test-1", &settings).unwrap()
    })
}
