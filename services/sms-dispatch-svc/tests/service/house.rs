//! A trust domain of its own in a temporary directory, and the service in it.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, sync::OnceLock, time::Duration};

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{Channel, ChassisSettings, Dialer, Exit, LiveKeyring, Problem, ServiceInfo, serve};
use hongyan_config::SecretFile;
use hongyan_envelope::Keyring;
use hongyan_identity::{Credentials, IdentitySettings, SpiffeId};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{
        GetMessageRequest, GetMessageResponse, SendMessageRequest,
        dispatch_service_client::DispatchServiceClient, send_message_request::Content,
    },
};
use hongyan_queue::Redis;
use hongyan_sms_dispatch_svc::{
    build, rerouter::Rerouter, routing::LiveHealth, settings::Settings, store::Store,
};
use hongyan_telemetry::{Telemetry, TelemetrySettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::redis_server::RedisServer;

pub(crate) type Client = DispatchServiceClient<Channel>;

const DISPATCH: &str = "spiffe://hongyan.test/svc/dispatch";
pub(crate) const SHEBAO: &str = "spiffe://hongyan.test/caller/shebao";
pub(crate) const XINGHE: &str = "spiffe://hongyan.test/caller/xinghe";
pub(crate) const ROUTER: &str = "spiffe://hongyan.test/svc/uplink-router";
pub(crate) const OPERATOR: &str = "spiffe://hongyan.test/operator/li";

const INFO: ServiceInfo = ServiceInfo {
    name: "sms-dispatch-svc",
    version: "0.0.0",
    descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
};

const CATALOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/catalog");
const KEYRING: &str = r#"{"active":"k1","keys":{"k1":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},
    "tag_key":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}"#;

/// Waiting for a condition ends the test after this.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_mins(1), future).await;
    waited.unwrap_or_else(|_| panic!("waited too long for: {what}"))
}

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

pub(crate) fn keyring() -> Keyring {
    Keyring::parse(KEYRING).unwrap()
}

/// Over the tests' catalog and keys, every link up.
pub(crate) async fn rerouter(store: &Store) -> Rerouter {
    rerouter_over(store, CATALOG, LiveHealth::default()).await
}

pub(crate) async fn rerouter_over(store: &Store, catalog: &str, health: LiveHealth) -> Rerouter {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keyring.json");
    fs::write(&file, KEYRING).unwrap();
    Rerouter::new(
        store.clone(),
        LiveCatalog::start(catalog, Duration::from_mins(1)).unwrap(),
        LiveKeyring::load(SecretFile::new(file)).await.unwrap(),
        health,
        DISPATCH.into(),
        Duration::from_hours(24 * 120),
    )
}

pub(crate) struct House {
    dir: TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
    pub(crate) server: RedisServer,
    pub(crate) redis: Redis,
    grpc: String,
    stop: CancellationToken,
    exit: JoinHandle<Exit>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open_on(RedisServer::start(), change).await
    }

    pub(crate) async fn open_on(server: RedisServer, change: impl FnOnce(&mut Settings)) -> Self {
        hongyan_identity::install_crypto_provider();
        telemetry();
        let redis = server.connect().await;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("roots.pem"), ca.pem()).unwrap();
        fs::write(dir.path().join("keyring.json"), KEYRING).unwrap();
        let methods = [
            "SendMessage",
            "SendMessages",
            "GetMessage",
            "WatchReceipts",
            "AckReceipts",
            "SetOptOut",
            "GetQueues",
        ];
        let everybody = r#"["spiffe://hongyan.test/caller/*", "spiffe://hongyan.test/operator/*", "spiffe://hongyan.test/svc/*"]"#;
        let table =
            methods.map(|method| format!("/hongyan.dispatch.v1.DispatchService/{method}: {everybody}\n"));
        fs::write(dir.path().join("methods.yaml"), table.concat()).unwrap();

        let mut settings = Settings {
            redis: server.settings(),
            catalog_dir: CATALOG.into(),
            catalog_reload_interval: Duration::from_secs(1),
            keyring_file: Some(SecretFile::new(dir.path().join("keyring.json"))),
            keyring_reload_interval: Duration::from_secs(1),
            batches_per_stream: 4,
            batches: 8,
            max_entries: 1_000,
            max_watchers: 2,
            worker_batch: 128,
            worker_lease: Duration::from_millis(400),
            link_down_after: Duration::from_secs(30),
            learned_for: Duration::from_hours(24 * 120),
        };
        change(&mut settings);
        let chassis = chassis(&dir, identity(&dir, &ca, DISPATCH));
        let ports_file = chassis.ports_file.clone().unwrap();
        let stop = CancellationToken::new();
        let render = Arc::new(String::new);
        let mut exit = tokio::spawn(serve(INFO, chassis, settings, build, render, stop.clone()));
        let grpc = tokio::select! {
            address = soon("the ports file", grpc_address(ports_file)) => address,
            ended = &mut exit => panic!("the service did not start: {ended:?}"),
        };
        Self {
            dir,
            ca,
            server,
            redis,
            grpc,
            stop,
            exit,
        }
    }

    pub(crate) async fn client(&self, id: &str) -> Client {
        let credentials = Credentials::load(&identity(&self.dir, &self.ca, id))
            .await
            .unwrap();
        let dialer = Dialer::new(credentials, INFO.descriptor_set, Duration::from_secs(20)).unwrap();
        let expected: SpiffeId = DISPATCH.parse().unwrap();
        DispatchServiceClient::new(dialer.channel(&self.grpc, &expected, 2).unwrap())
    }

    /// Ends the service in good order.
    pub(crate) async fn close(self) {
        self.begin_drain();
        assert_eq!(soon("the end", self.exit).await.unwrap(), Exit::Drained);
    }

    pub(crate) fn begin_drain(&self) {
        self.stop.cancel();
    }
}

fn identity(dir: &TempDir, ca: &CertifiedIssuer<'static, KeyPair>, id: &str) -> IdentitySettings {
    let own = dir.path().join(id.replace('/', "_"));
    fs::create_dir_all(&own).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate().unwrap();
    fs::write(own.join("cert.pem"), params.signed_by(&key, ca).unwrap().pem()).unwrap();
    fs::write(own.join("key.pem"), key.serialize_pem()).unwrap();
    IdentitySettings {
        cert_file: own.join("cert.pem"),
        key_file: own.join("key.pem"),
        roots_file: dir.path().join("roots.pem"),
        trust_domain: "hongyan.test".to_owned(),
        method_table_file: Some(dir.path().join("methods.yaml")),
        reload_interval: Duration::from_secs(1),
    }
}

fn chassis(dir: &TempDir, identity: IdentitySettings) -> ChassisSettings {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    ChassisSettings {
        grpc_listen: loopback,
        admin_listen: loopback,
        max_concurrent_requests: 256,
        max_open_streams: 64,
        max_streams_per_connection: 256,
        default_deadline: Duration::from_secs(20),
        max_deadline: Duration::from_secs(20),
        drain_notice: Duration::ZERO,
        drain_timeout: Duration::from_secs(30),
        ports_file: Some(dir.path().join("ports.json")),
        identity,
        telemetry: TelemetrySettings::default(),
    }
}

async fn grpc_address(file: PathBuf) -> String {
    loop {
        if let Ok(text) = fs::read_to_string(&file) {
            let address = text.split('"').skip_while(|part| *part != "grpc").nth(2);
            return address.unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// As `main` would install it, without log lines.
fn telemetry() -> &'static Telemetry {
    static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();
    TELEMETRY.get_or_init(|| {
        let settings = TelemetrySettings {
            log_filter: "off".to_owned(),
            ..TelemetrySettings::default()
        };
        hongyan_telemetry::init("sms-dispatch-svc", "test", &settings).unwrap()
    })
}

/// A one-time code of six digits.
pub(crate) fn code(request_id: &str, phone: &str) -> SendMessageRequest {
    SendMessageRequest {
        request_id: request_id.to_owned(),
        phone: phone.to_owned(),
        class: MessageClass::Otp.into(),
        content: Some(Content::Text("您的验证码是271828，请勿告诉他人".to_owned())),
        ..SendMessageRequest::default()
    }
}

/// A notice.
pub(crate) fn notice(request_id: &str, phone: &str) -> SendMessageRequest {
    SendMessageRequest {
        class: MessageClass::Notice.into(),
        ..code(request_id, phone)
    }
}

pub(crate) async fn message(client: &mut Client, message_id: &str) -> GetMessageResponse {
    let request = GetMessageRequest {
        message_id: message_id.to_owned(),
    };
    client.get_message(request).await.unwrap().into_inner()
}

/// Reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    Problem::from_status(status).reason.into_owned()
}
