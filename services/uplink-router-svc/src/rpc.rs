//! The gRPC face: asks for the caller's tenant, opens feeds, passes entries on.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use hongyan_chassis::{LiveKeyring, Problem};
use hongyan_domain::{Subscription, TenantId};
use hongyan_identity::Peer;
use hongyan_proto::uplink::v1::{
    AckUplinksRequest, AckUplinksResponse, Uplink, WatchUplinksRequest, WatchUplinksResponse,
    uplink_service_server::UplinkService,
};
use hongyan_queue::{Backoff, FeedReader, QueueError, Redis, feed};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{end::FEED_SEALED_AS, router::Router, store::FEED};

/// Uplinks in one answer.
const BATCH: usize = 64;
/// Answers ahead of a slow reader.
const AHEAD: usize = 2;
/// How long one look at the feed waits.
const BLOCK_MS: u64 = 5_000;
/// A watcher whose feed cannot be read for so many attempts is told, so that it may try another replica.
const MOST_FAILURES: u32 = 5;
const COME_BACK_AFTER: Duration = Duration::from_secs(1);

/// The service's methods.
pub struct UplinkRpc {
    router: Arc<Router>,
    redis: Redis,
    shutdown: CancellationToken,
    most_watchers: usize,
    watchers: Arc<Mutex<HashMap<TenantId, usize>>>,
}

impl UplinkRpc {
    /// `most_watchers` streams of one tenant are served at once.
    pub fn new(router: Arc<Router>, redis: Redis, shutdown: CancellationToken, most_watchers: usize) -> Self {
        Self {
            router,
            redis,
            shutdown,
            most_watchers,
            watchers: Arc::default(),
        }
    }

    fn tenant<T>(&self, request: &Request<T>) -> Result<TenantId, Problem> {
        let peer = request.extensions().get::<Peer>();
        let (catalog, _) = self.router.world.current();
        peer.and_then(|peer| catalog.tenant_of_caller(peer.id.as_str()))
            .map(|tenant| tenant.id.clone())
            .ok_or_else(|| Problem::denied("NO_TENANT", "the caller speaks for no tenant"))
    }

    fn watcher(&self, tenant: &TenantId) -> Result<Watcher, Problem> {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        let open = watchers.entry(tenant.clone()).or_default();
        if *open >= self.most_watchers {
            let message = format!("the tenant has {open} open streams here already");
            return Err(Problem::exhausted("TOO_MANY_WATCHERS", message, COME_BACK_AFTER));
        }
        *open += 1;
        Ok(Watcher {
            watchers: Arc::clone(&self.watchers),
            tenant: tenant.clone(),
        })
    }
}

/// One open stream; gives its place back when dropped.
struct Watcher {
    watchers: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = watchers.get_mut(&self.tenant) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                watchers.remove(&self.tenant);
            }
        }
    }
}

#[tonic::async_trait]
impl UplinkService for UplinkRpc {
    type WatchUplinksStream = Pin<Box<dyn Stream<Item = Result<WatchUplinksResponse, Status>> + Send>>;

    async fn watch_uplinks(
        &self,
        request: Request<WatchUplinksRequest>,
    ) -> Result<Response<Self::WatchUplinksStream>, Status> {
        let tenant = self.tenant(&request)?;
        let asked = request.into_inner();
        let subscription = subscription(&asked.subscription)?;
        let watcher = self.watcher(&tenant)?;
        let reader = FeedReader::open(&self.redis, FEED, &tenant, &subscription, &asked.cursor)
            .await
            .map_err(|error| problem(&error))?;
        let (answers, stream) = mpsc::channel(AHEAD);
        let feed = Feed {
            reader,
            keyring: self.router.keyring.clone(),
            answers,
            _watcher: watcher,
        };
        tokio::spawn(self.shutdown.clone().run_until_cancelled_owned(feed.run()));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn ack_uplinks(
        &self,
        request: Request<AckUplinksRequest>,
    ) -> Result<Response<AckUplinksResponse>, Status> {
        let tenant = self.tenant(&request)?;
        let asked = request.into_inner();
        let subscription = subscription(&asked.subscription)?;
        feed::ack(&self.redis, FEED, &tenant, &subscription, &asked.cursor)
            .await
            .map_err(|error| problem(&error))?;
        Ok(Response::new(AckUplinksResponse {}))
    }
}

fn subscription(name: &str) -> Result<Subscription, Problem> {
    Subscription::parse(name).map_err(|error| Problem::invalid().field("subscription", error.why))
}

fn problem(error: &QueueError) -> Problem {
    match error {
        QueueError::Cursor(wrong) => Problem::invalid().field("cursor", wrong.to_string()),
        QueueError::TooManySubscriptions(_) => {
            Problem::precondition("TOO_MANY_SUBSCRIPTIONS", error.to_string())
        }
        QueueError::Unavailable { .. } => Problem::unavailable(
            "STORE_UNAVAILABLE",
            "the feed cannot be read now",
            COME_BACK_AFTER,
        ),
        other => Problem::internal(other),
    }
}

/// One watcher's way through the feed. It ends with the stream, with the shutdown, or when the feed cannot be read.
struct Feed {
    reader: FeedReader,
    keyring: LiveKeyring,
    answers: mpsc::Sender<Result<WatchUplinksResponse, Status>>,
    _watcher: Watcher,
}

impl Feed {
    async fn run(mut self) {
        let mut backoff = Backoff::for_redis();
        loop {
            let read = tokio::select! {
                () = self.answers.closed() => return,
                read = self.reader.next(BATCH, BLOCK_MS) => read,
            };
            match read {
                Ok((bodies, _)) if bodies.is_empty() => backoff.reset(),
                Ok((bodies, cursor)) => {
                    backoff.reset();
                    let answer = WatchUplinksResponse {
                        uplinks: bodies.iter().filter_map(|body| self.open(body)).collect(),
                        cursor: cursor.to_string(),
                    };
                    if self.answers.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    if !error.is_unavailable() || backoff.attempts() >= MOST_FAILURES {
                        let _ = self.answers.send(Err(problem(&error).into())).await;
                        return;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// An entry that cannot be opened is left out with an alarm: the rest of the feed must not wait for it.
    fn open(&self, body: &Bytes) -> Option<Uplink> {
        let opened = self.keyring.current().open(FEED_SEALED_AS, body);
        let uplink = opened
            .map_err(|error| error.to_string())
            .and_then(|opened| Uplink::decode(opened.as_slice()).map_err(|error| error.to_string()));
        match uplink {
            Ok(uplink) => Some(uplink),
            Err(error) => {
                crate::router::alarm("feed_entry_unreadable");
                tracing::error!(error, "an entry of a feed cannot be opened and was left out");
                None
            }
        }
    }
}
