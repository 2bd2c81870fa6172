//! A router among made-up neighbours.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{Dialer, LiveKeyring};
use hongyan_config::SecretFile;
use hongyan_domain::{Partition, Partitions, TenantId};
use hongyan_identity::{Credentials, IdentitySettings, SpiffeId, incoming, install_crypto_provider};
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::InboundUplink,
    dispatch::v1::dispatch_service_server::DispatchServiceServer,
    uplink::v1::{
        Uplink, uplink_handler_service_server::UplinkHandlerServiceServer,
        uplink_service_client::UplinkServiceClient, uplink_service_server::UplinkServiceServer,
    },
};
use hongyan_queue::{Consumer, Redis, feed, keys};
use hongyan_uplink_router_svc::{
    dispatch::Dispatch,
    end::FEED_SEALED_AS,
    handlers::Handlers,
    received::SEALED_AS,
    router::Router,
    rpc::UplinkRpc,
    rules::{self, World},
    settings::RouterSettings,
    store::{FEED, GROUP, Store},
    worker::Worker,
};
use prost::Message as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use uuid::Uuid;

use crate::{
    fakes::{FakeDispatch, FakeHandler},
    support::{PrivateRedis, eventually},
};

pub const DOMAIN: &str = "hongyan.test";
pub const PHONE: &str = "+8613800138000";
pub const ACCESS: &str = "10690123";

const KEYS: &str = r#"{
    "active": "k1",
    "keys": {"k1": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="},
    "tag_key": "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
}"#;
const LINKS: &str = "\
links:
  - {name: l, carrier: china_mobile, protocol: cmpp, host: h, port: 7890, sp_id: '901234', secret_file: s, \
service_id: X, pace_segments_per_second: 10}
";

/// Short, so that work which was left is taken up soon.
pub const LEASE: Duration = Duration::from_millis(400);

pub struct Fixture {
    pub redis_server: PrivateRedis,
    pub redis: Redis,
    pub dispatch: FakeDispatch,
    pub handler: FakeHandler,
    pub router: Arc<Router>,
    pub shutdown: CancellationToken,
    /// Where the router's own gRPC is.
    pub grpc: SocketAddr,
    ca: Ca,
    _dirs: Vec<TempDir>,
}

type Ca = CertifiedIssuer<'static, KeyPair>;

impl Fixture {
    pub async fn start() -> Self {
        Self::start_with(RouterSettings {
            lease: LEASE,
            ..RouterSettings::default()
        })
        .await
    }

    pub async fn start_with(settings: RouterSettings) -> Self {
        install_crypto_provider();
        let redis_server = PrivateRedis::start();
        let redis = redis_server.connect().await;
        let (ca, mut dirs, shutdown) = (ca(), Vec::new(), CancellationToken::new());
        let (dispatch, handler) = (FakeDispatch::default(), FakeHandler::default());

        let (dir, credentials) = member(&ca, "svc/dispatch").await;
        dirs.push(dir);
        let service = Server::builder().add_service(DispatchServiceServer::new(dispatch.clone()));
        let dispatch_at = serve(service, credentials, &shutdown).await;
        let (dir, credentials) = member(&ca, "handler/cards").await;
        dirs.push(dir);
        let service = Server::builder().add_service(UplinkHandlerServiceServer::new(handler.clone()));
        let handler_at = serve(service, credentials, &shutdown).await;

        let (dir, credentials) = member(&ca, "svc/uplink-router").await;
        let dialer = Dialer::new(
            credentials.clone(),
            hongyan_proto::FILE_DESCRIPTOR_SET,
            Duration::from_secs(5),
        )
        .unwrap();
        fs::write(dir.path().join("keys.json"), KEYS).unwrap();
        let keyring = LiveKeyring::load(SecretFile::new(dir.path().join("keys.json")))
            .await
            .unwrap();
        write_catalog(dir.path(), handler_at);
        let catalog =
            LiveCatalog::start_with_check(dir.path(), Duration::from_millis(20), rules::check).unwrap();
        dirs.push(dir);
        let dispatch_id: SpiffeId = format!("spiffe://{DOMAIN}/svc/dispatch").parse().unwrap();
        let channel = dialer.channel(&dispatch_at.to_string(), &dispatch_id, 1).unwrap();
        let router = Arc::new(Router {
            world: World::new(catalog),
            keyring,
            store: Store::new(redis.clone()),
            dispatch: Dispatch::new(channel),
            handlers: Handlers::new(dialer),
            settings,
            actor: format!("spiffe://{DOMAIN}/svc/uplink-router"),
        });
        let rpc = UplinkRpc::new(Arc::clone(&router), redis.clone(), shutdown.clone(), 2);
        let service = Server::builder().add_service(UplinkServiceServer::new(rpc));
        let grpc = serve(service, credentials, &shutdown).await;
        Self {
            redis_server,
            redis,
            dispatch,
            handler,
            router,
            shutdown,
            grpc,
            ca,
            _dirs: dirs,
        }
    }

    /// Starts a worker of its own consumer name.
    pub async fn worker(&self) -> JoinHandle<()> {
        let consumer = Consumer::unique("test");
        let worker = Worker::join(Arc::clone(&self.router), &self.redis, &consumer)
            .await
            .unwrap();
        tokio::spawn(worker.run(|_| {}, self.shutdown.clone()))
    }

    /// An uplink as a link would write it; gives its id.
    pub async fn uplink(&self, text: &str) -> String {
        self.uplink_from(PHONE, ACCESS, text).await
    }

    pub async fn uplink_from(&self, phone: &str, access_number: &str, text: &str) -> String {
        let uplink_id = Uuid::now_v7().to_string();
        let uplink = InboundUplink {
            uplink_id: uplink_id.clone(),
            link: "l".to_owned(),
            phone: phone.to_owned(),
            access_number: access_number.to_owned(),
            text: text.to_owned(),
            received_at_unix_ms: 1_795_000_000_000,
            partial: false,
        };
        let sealed = self
            .router
            .keyring
            .current()
            .seal(SEALED_AS, &uplink.encode_to_vec())
            .unwrap();
        self.entry(&[("b", &sealed)]).await;
        uplink_id
    }

    pub async fn entry(&self, fields: &[(&str, &[u8])]) {
        let mut command = redis::cmd("XADD");
        command.arg(keys::uplinks(partition())).arg("*");
        for (name, value) in fields {
            command.arg(*name).arg(*value);
        }
        let _: String = command.query_async(&mut self.redis.shared()).await.unwrap();
    }

    /// Waits until every uplink is settled or put aside.
    pub async fn settled(&self) {
        eventually("all uplinks are settled", async || {
            let stream = keys::uplinks(partition());
            let depth = hongyan_queue::depth(&mut self.redis.shared(), &stream, GROUP, 0)
                .await
                .unwrap();
            depth.waiting == 0 && depth.taken == 0
        })
        .await;
    }

    /// The tenant's feed, opened.
    pub async fn feed(&self) -> Vec<Uplink> {
        let keyring = self.router.keyring.current();
        let open =
            |body: Bytes| Uplink::decode(keyring.open(FEED_SEALED_AS, &body).unwrap().as_slice()).unwrap();
        self.bodies(&feed::key(partition(), FEED, &tenant()))
            .await
            .into_iter()
            .map(open)
            .collect()
    }

    /// The record.
    pub async fn audit(&self) -> Vec<AuditEvent> {
        let bodies = self.bodies(&keys::audit(partition())).await;
        bodies
            .into_iter()
            .map(|body| AuditEvent::decode(body).unwrap())
            .collect()
    }

    /// The reasons of dead letters.
    pub async fn dead(&self) -> Vec<String> {
        self.fields(&keys::dead(&keys::uplinks(partition())), "reason")
            .await
            .into_iter()
            .map(|reason| String::from_utf8(reason.to_vec()).unwrap())
            .collect()
    }

    async fn bodies(&self, stream: &str) -> Vec<Bytes> {
        self.fields(stream, "b").await
    }

    async fn fields(&self, stream: &str, field: &str) -> Vec<Bytes> {
        let entries: Vec<(String, Vec<(String, Bytes)>)> = redis::cmd("XRANGE")
            .arg(stream)
            .arg("-")
            .arg("+")
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        let find =
            |(_, fields): (String, Vec<(String, Bytes)>)| fields.into_iter().find(|(name, _)| name == field);
        entries
            .into_iter()
            .filter_map(find)
            .map(|(_, value)| value)
            .collect()
    }

    /// Every octet that the server has put on disk: its append-only files.
    pub async fn everything_written(&self) -> Vec<u8> {
        let dir: (String, String) = redis::cmd("CONFIG")
            .arg("GET")
            .arg("dir")
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        let files = fs::read_dir(Path::new(&dir.1).join("appendonlydir")).unwrap();
        files
            .flat_map(|file| fs::read(file.unwrap().path()).unwrap())
            .collect()
    }

    /// A client of the router under some caller's identity.
    pub async fn client(&self, path: &str) -> UplinkServiceClient<hongyan_chassis::Channel> {
        let (_dir, credentials) = member(&self.ca, path).await;
        let dialer = Dialer::new(
            credentials,
            hongyan_proto::FILE_DESCRIPTOR_SET,
            Duration::from_secs(5),
        )
        .unwrap();
        let expected: SpiffeId = format!("spiffe://{DOMAIN}/svc/uplink-router").parse().unwrap();
        UplinkServiceClient::new(dialer.channel(&self.grpc.to_string(), &expected, 1).unwrap())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn partition() -> Partition {
    Partitions::default().iter().next().unwrap()
}

pub fn tenant() -> TenantId {
    TenantId::parse("hrss").unwrap()
}

fn write_catalog(dir: &Path, handler_at: SocketAddr) {
    let tenants = format!(
        "\
tenants:
  - id: hrss
    callers: [spiffe://{DOMAIN}/caller/hrss]
    signatures: [测试]
    access_numbers: [{{number: '10690', extension_digits: 3}}]
    templates:
      balance: {{text: '余额{{balance}}元。'}}
      month: {{text: '{{month}}共{{balance}}元。'}}
      help: {{text: '回复SBYE#卡号。'}}
      apology: {{text: '请稍后再试。'}}
      stopped: {{text: '已退订。'}}
    handlers:
      cards: {{address: '{handler_at}', spiffe_id: spiffe://{DOMAIN}/handler/cards, deadline_ms: 300}}
      slow: {{address: '{handler_at}', spiffe_id: spiffe://{DOMAIN}/handler/cards, deadline_ms: 10000}}
      impostor: {{address: '{handler_at}', spiffe_id: spiffe://{DOMAIN}/handler/other, deadline_ms: 300}}
    keywords:
      rules:
        - {{name: balance, pattern: 'SBYE#{{card}}', handler: cards, template: balance}}
        - {{name: bill, pattern: 'SBZD#{{card}}#{{month}}', handler: cards, template: month}}
        - {{name: login, pattern: '{{card}}*{{password}}', handler: cards, template: balance}}
        - {{name: slow, pattern: 'SLOW#{{card}}', handler: slow, template: balance}}
        - {{name: wrong, pattern: 'WRONG#{{card}}', handler: impostor, template: balance}}
      help_template: help
      apology_template: apology
      opt_out: {{template: stopped}}
  - id: other
    callers: [spiffe://{DOMAIN}/caller/other]
    signatures: [别人]
    access_numbers: [{{number: '10691', extension_digits: 3}}]
"
    );
    fs::write(dir.join("tenants.yaml"), tenants).unwrap();
    fs::write(dir.join("links.yaml"), LINKS).unwrap();
    fs::write(
        dir.join("routes.yaml"),
        "routes: [{carrier: china_mobile, links: [l]}]\n",
    )
    .unwrap();
}

fn ca() -> Ca {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

async fn member(ca: &Ca, path: &str) -> (TempDir, Credentials) {
    let dir = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::default();
    let id = format!("spiffe://{DOMAIN}/{path}");
    params.subject_alt_names = vec![SanType::URI(id.as_str().try_into().unwrap())];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    fs::write(dir.path().join("cert.pem"), certificate.pem()).unwrap();
    fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(dir.path().join("roots.pem"), ca.pem()).unwrap();
    let settings = IdentitySettings {
        cert_file: dir.path().join("cert.pem"),
        key_file: dir.path().join("key.pem"),
        roots_file: dir.path().join("roots.pem"),
        trust_domain: DOMAIN.to_owned(),
        method_table_file: None,
        reload_interval: Duration::from_mins(1),
    };
    (dir, Credentials::load(&settings).await.unwrap())
}

async fn serve(
    service: tonic::transport::server::Router,
    credentials: Credentials,
    shutdown: &CancellationToken,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(service.serve_with_incoming(incoming(listener, credentials, shutdown.clone())));
    address
}
