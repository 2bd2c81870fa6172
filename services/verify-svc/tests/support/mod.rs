//! A verifier with its neighbours: a private Redis, an upstream over HTTP, a record in memory.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]
#![allow(unreachable_pub, reason = "a test file includes this as a private module")]

#[path = "../../../../shared/queue/tests/support/mod.rs"]
pub mod redis_server;

use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use hongyan_catalog::LiveCatalog;
use hongyan_chassis::LiveKeyring;
use hongyan_config::{SecretFile, Source, SourceSpec};
use hongyan_proto::{
    audit::v1::{
        AppendRequest, AppendResponse, AppendedEvent, AuditEvent, EraseSubjectRequest, EraseSubjectResponse,
        ExportRequest, ExportResponse, GetCheckpointRequest, GetCheckpointResponse, GetConsistencyRequest,
        GetConsistencyResponse, GetEntryRequest, GetEntryResponse, GetHeadRequest, GetHeadResponse,
        GetProofRequest, GetProofResponse, GetStatisticsRequest, GetStatisticsResponse, QueryRequest,
        QueryResponse, RevealEntryRequest, RevealEntryResponse, WatchRequest, WatchResponse,
        audit_service_client::AuditServiceClient,
        audit_service_server::{AuditService, AuditServiceServer},
    },
    verify::v1::VerifyIdentityRequest,
};
use hongyan_queue::Redis;
use hongyan_verify_svc::{
    record::{self, Append},
    store::Store,
    upstream::{Asker, UpstreamsSettings},
    verifier::{Caller, Parts, Verifier},
};
use redis_server::PrivateRedis;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status};

pub const CALLER: &str = "spiffe://hongyan.test/caller/a";
const KEYRING: &str = r#"{
    "active": "k1",
    "keys": {"k1": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="},
    "tag_key": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
}"#;

/// What the upstream does with the next questions.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Status and body.
    Say(u16, String),
    /// Waits until [`Upstream::go_on`], then says this.
    Wait(String),
    Hang,
}

/// An upstream that keeps what it was asked.
#[derive(Clone)]
pub struct Upstream {
    plan: Arc<Mutex<Plan>>,
    asked: Arc<Mutex<Vec<(HeaderMap, serde_json::Value)>>>,
    gate: Arc<Notify>,
    pub address: SocketAddr,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            plan: Arc::new(Mutex::new(Plan::Say(200, r#"{"code":"0"}"#.into()))),
            asked: Arc::default(),
            gate: Arc::default(),
            address: listener.local_addr().unwrap(),
        };
        let router = Router::new()
            .route("/v1/verify", post(answer))
            .with_state(upstream.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        upstream
    }

    pub fn plan(&self, plan: Plan) {
        *self.plan.lock().unwrap() = plan;
    }

    pub fn say(&self, body: &str) {
        self.plan(Plan::Say(200, body.into()));
    }

    pub fn go_on(&self) {
        self.gate.notify_one();
    }

    pub fn asked(&self) -> Vec<(HeaderMap, serde_json::Value)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(
    State(upstream): State<Upstream>,
    headers: HeaderMap,
    body: String,
) -> axum::response::Response {
    upstream
        .asked
        .lock()
        .unwrap()
        .push((headers, serde_json::from_str(&body).unwrap()));
    let plan = upstream.plan.lock().unwrap().clone();
    match plan {
        Plan::Say(status, body) => (axum::http::StatusCode::from_u16(status).unwrap(), body).into_response(),
        Plan::Wait(body) => {
            upstream.gate.notified().await;
            body.into_response()
        }
        Plan::Hang => std::future::pending().await,
    }
}

/// The record, in memory.
#[derive(Clone, Default)]
pub struct Record {
    events: Arc<Mutex<Vec<AuditEvent>>>,
    down: Arc<Mutex<bool>>,
}

impl Record {
    pub fn events(&self) -> Vec<AuditEvent> {
        self.events.lock().unwrap().clone()
    }

    pub fn set_down(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }
}

#[tonic::async_trait]
impl AuditService for Record {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        if *self.down.lock().unwrap() {
            return Err(Status::unavailable("down"));
        }
        let mut events = self.events.lock().unwrap();
        let request = request.into_inner();
        assert_eq!(request.first_seq, events.len() as u64 + 1, "without gap");
        assert!(request.producer.starts_with("verify-"));
        let appended = request.events.iter().map(|_| AppendedEvent::default()).collect();
        events.extend(request.events);
        Ok(Response::new(AppendResponse { appended }))
    }

    async fn query(&self, _: Request<QueryRequest>) -> Result<Response<QueryResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_head(&self, _: Request<GetHeadRequest>) -> Result<Response<GetHeadResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_proof(&self, _: Request<GetProofRequest>) -> Result<Response<GetProofResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_consistency(
        &self,
        _: Request<GetConsistencyRequest>,
    ) -> Result<Response<GetConsistencyResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_entry(&self, _: Request<GetEntryRequest>) -> Result<Response<GetEntryResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn reveal_entry(
        &self,
        _: Request<RevealEntryRequest>,
    ) -> Result<Response<RevealEntryResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    type ExportStream = futures_util::stream::Empty<Result<ExportResponse, Status>>;

    async fn export(&self, _: Request<ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        Err(Status::unimplemented("not here"))
    }

    type WatchStream = futures_util::stream::Empty<Result<WatchResponse, Status>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn erase_subject(
        &self,
        _: Request<EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_statistics(
        &self,
        _: Request<GetStatisticsRequest>,
    ) -> Result<Response<GetStatisticsResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

/// Everything together.
pub struct World {
    pub redis_server: PrivateRedis,
    pub redis: Redis,
    pub upstream: Upstream,
    pub record: Record,
    pub keyring: LiveKeyring,
    pub verifier: Verifier,
    catalog: LiveCatalog,
    dir: TempDir,
}

/// Further settings of the one upstream, `codes` included already.
pub async fn world(upstream_settings: &str) -> World {
    hongyan_identity::install_crypto_provider();
    let redis_server = PrivateRedis::start();
    let redis = redis_server.connect().await;
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("keys.json"), KEYRING).unwrap();
    fs::write(path("api-key"), "the-key\n").unwrap();
    let tenants = format!(
        "tenants:\n  - {{id: a, callers: ['{CALLER}'], signatures: [甲], limits: {{verify_per_second: 1000}}}}\n"
    );
    fs::write(path("tenants.yaml"), tenants).unwrap();
    fs::write(path("links.yaml"), "links: []\n").unwrap();
    fs::write(path("routes.yaml"), "routes: []\n").unwrap();
    let catalog = LiveCatalog::start(dir.path(), Duration::from_secs(1)).unwrap();
    let keyring = LiveKeyring::load(SecretFile::new(path("keys.json")))
        .await
        .unwrap();

    let upstream = Upstream::start().await;
    let asker = asker(&dir, upstream.address, upstream_settings);

    let record = Record::default();
    let verifier = verifier(asker, &redis, &keyring, catalog.clone(), &record);
    World {
        redis_server,
        redis,
        upstream,
        record,
        keyring,
        verifier,
        catalog,
        dir,
    }
}

fn asker(dir: &TempDir, address: SocketAddr, upstream_settings: &str) -> Asker {
    let path = |name: &str| dir.path().join(name);
    let settings = format!(
        "upstreams: [alpha]\nupstream:\n  alpha:\n    url: http://{address}/v1/verify\n    api_key_file: {}\n    \
         codes: ['0=MATCH charged', '2=MISMATCH:name charged', '5=NOT_FOUND free', '9=INDETERMINATE:BUSY free']\n\
         {upstream_settings}",
        path("api-key").display(),
    );
    fs::write(path("settings.yaml"), settings).unwrap();
    let mut source = Source::load(SourceSpec {
        file: Some(path("settings.yaml")),
        env_prefix: "HONGYAN",
        env: Vec::new(),
    });
    let settings = UpstreamsSettings::read(&mut source);
    source.finish().unwrap();
    Asker::new(settings).unwrap()
}

fn verifier(
    asker: Asker,
    redis: &Redis,
    keyring: &LiveKeyring,
    catalog: LiveCatalog,
    record: &Record,
) -> Verifier {
    let client = AuditServiceClient::new(AuditServiceServer::new(record.clone()));
    let append: Append = Arc::new(move |request| {
        let mut client = client.clone();
        Box::pin(async move { Ok(client.append(request).await?.into_inner()) })
    });
    let timeout = Duration::from_millis(500);
    let (recorder, writer) = record::recorder(append, Arc::from("verify-svc-test"), 1, timeout);
    tokio::spawn(writer.run(CancellationToken::new()));
    let parts = Parts {
        asker,
        store: Store::new(redis.clone(), keyring.clone()),
        recorder,
        catalog,
        keyring: keyring.clone(),
        at_work: TaskTracker::new(),
    };
    Verifier::new(parts, timeout)
}

impl World {
    /// Another replica, whose upstream is elsewhere.
    pub fn replica_with_upstream(&self, address: SocketAddr) -> Verifier {
        let asker = asker(&self.dir, address, "");
        verifier(
            asker,
            &self.redis,
            &self.keyring,
            self.catalog.clone(),
            &self.record,
        )
    }

    pub fn caller(&self) -> Caller {
        self.verifier.caller(CALLER).unwrap()
    }
}

pub fn request(request_id: &str) -> VerifyIdentityRequest {
    VerifyIdentityRequest {
        request_id: request_id.into(),
        phone: "+86 138-0013-8000".into(),
        name: "张三".into(),
        id_number: "11010519491231002x".into(),
        consent_id: "consent-7".into(),
        purpose: "投保实名核验".into(),
    }
}
