//! A store that speaks enough of S3 to be taken for one, and can fail.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path as FilePath,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use hongyan_config::SecretFile;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{Bucket, TilesPlace};

pub(super) const BUCKET: &str = "record";
const ACCESS_KEY: &str = "AKTEST";
/// As few as it takes to have several pages.
const PAGE: usize = 3;

#[derive(Default)]
struct Inside {
    objects: BTreeMap<String, Bytes>,
    /// Refuses so many of the requests that come, all of them where it is the most there is.
    failing: u64,
    /// Methods, in their order.
    requests: Vec<(Method, String)>,
}

/// The store, until it is dropped.
pub(super) struct TestBucket {
    inside: Arc<Mutex<Inside>>,
    endpoint: String,
    task: JoinHandle<()>,
}

impl Drop for TestBucket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestBucket {
    pub(super) async fn start() -> Self {
        let inside = Arc::new(Mutex::new(Inside::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new()
            .route("/{bucket}", any(bucket))
            .route("/{bucket}/{*key}", any(object))
            .with_state(Arc::clone(&inside));
        Self {
            inside,
            endpoint,
            task: tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() }),
        }
    }

    /// What is to be set for it; the secrets stand in files of this directory.
    pub(super) fn place(&self, dir: &FilePath) -> TilesPlace {
        hongyan_identity::install_crypto_provider();
        let secret = |name: &str, content: &str| {
            let path = dir.join(name);
            std::fs::write(&path, content).unwrap();
            SecretFile::new(path)
        };
        TilesPlace::Bucket(Bucket {
            name: BUCKET.to_owned(),
            prefix: "of/us".to_owned(),
            endpoint: Some(self.endpoint.clone()),
            region: "us-east-1".to_owned(),
            access_key: secret("access", ACCESS_KEY),
            secret_key: secret("secret", "a secret\n"),
        })
    }

    pub(super) fn fail(&self, requests: u64) {
        self.inside().failing = requests;
    }

    pub(super) fn objects(&self) -> BTreeMap<String, Bytes> {
        self.inside().objects.clone()
    }

    pub(super) fn put(&self, key: &str, octets: Bytes) {
        self.inside().objects.insert(key.to_owned(), octets);
    }

    pub(super) fn requests(&self) -> usize {
        self.inside().requests.len()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }
}

/// What every request must have; `None` where it is right.
fn refused(
    inside: &mut Inside,
    method: &Method,
    key: &str,
    bucket: &str,
    headers: &HeaderMap,
) -> Option<Response> {
    inside.requests.push((method.clone(), key.to_owned()));
    if inside.failing > 0 {
        inside.failing = inside
            .failing
            .saturating_sub(u64::from(inside.failing != u64::MAX));
        return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let signed = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let expected = format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/");
    let is_signed =
        signed.is_some_and(|signed| signed.starts_with(&expected) && signed.contains("Signature="));
    if bucket != BUCKET {
        return Some(StatusCode::NOT_FOUND.into_response());
    }
    (!is_signed).then(|| StatusCode::FORBIDDEN.into_response())
}

const FOUND: [(header::HeaderName, &str); 2] = [
    (header::ETAG, "\"tag\""),
    (header::LAST_MODIFIED, "Sun, 22 Nov 2026 00:00:00 GMT"),
];

async fn object(
    State(inside): State<Arc<Mutex<Inside>>>,
    Path((bucket, key)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut inside = inside.lock().unwrap();
    if let Some(refused) = refused(&mut inside, &method, &key, &bucket, &headers) {
        return refused;
    }
    match method {
        Method::PUT => {
            let only_new = headers
                .get(header::IF_NONE_MATCH)
                .is_some_and(|value| value == "*");
            if only_new && inside.objects.contains_key(&key) {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            inside.objects.insert(key, body);
            (FOUND, "").into_response()
        }
        Method::GET | Method::HEAD => match inside.objects.get(&key) {
            Some(octets) => (FOUND, octets.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Method::DELETE => {
            inside.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// ListObjectsV2.
async fn bucket(
    State(inside): State<Arc<Mutex<Inside>>>,
    Path(bucket): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let mut inside = inside.lock().unwrap();
    if let Some(refused) = refused(&mut inside, &method, "", &bucket, &headers) {
        return refused;
    }
    if method != Method::GET || query.get("list-type").is_none_or(|kind| kind != "2") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let prefix = query.get("prefix").cloned().unwrap_or_default();
    let behind = query.get("continuation-token").cloned().unwrap_or_default();
    let mut found = inside
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(&prefix) && **key > behind);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>");
    let mut last = String::new();
    for (key, octets) in found.by_ref().take(PAGE) {
        last.clone_from(key);
        let _ = write!(
            xml,
            "<Contents><Key>{key}</Key><LastModified>2026-11-22T00:00:00.000Z</LastModified>\
             <ETag>\"tag\"</ETag><Size>{}</Size></Contents>",
            octets.len()
        );
    }
    if found.next().is_some() {
        let _ = write!(
            xml,
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>"
        );
    }
    xml.push_str("</ListBucketResult>");
    ([(header::CONTENT_TYPE, "application/xml")], xml).into_response()
}
