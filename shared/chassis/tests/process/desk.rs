//! A service that does what the request's subscription says.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use hongyan_chassis::{BuildError, Context, Dialer, Service};
use hongyan_identity::Peer;
use hongyan_proto::uplink::v1::{
    AckUplinksRequest, AckUplinksResponse, WatchUplinksRequest, WatchUplinksResponse,
    uplink_service_client::UplinkServiceClient,
    uplink_service_server::{UplinkService, UplinkServiceServer},
};
use hongyan_telemetry::TraceContext;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::house::SERVER;

#[derive(Clone)]
pub(crate) struct Desk {
    /// A permit for each call that came in.
    pub(crate) came: Arc<Semaphore>,
    /// A permit for each call or stream item that may go on.
    pub(crate) go_on: Arc<Semaphore>,
    /// The `grpc-timeout` of each unary call, oldest first.
    pub(crate) timeouts: Arc<Mutex<Vec<String>>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            came: Arc::new(Semaphore::new(0)),
            go_on: Arc::new(Semaphore::new(0)),
            timeouts: Arc::default(),
        }
    }

    /// Waits until `count` calls came in since the last time.
    pub(crate) async fn arrivals(&self, count: u32) {
        let came = self.came.acquire_many(count);
        super::house::soon("calls to come in", came)
            .await
            .unwrap()
            .forget();
    }

    pub(crate) fn builder(
        &self,
    ) -> impl FnOnce(Context) -> std::future::Ready<Result<Service, BuildError>> + use<> {
        let desk = self.clone();
        move |context| {
            let rpc = Rpc {
                desk,
                shutdown: context.shutdown.clone(),
                dialer: context.dialer(),
            };
            std::future::ready(Ok(Service::default().with(UplinkServiceServer::new(rpc))))
        }
    }

    async fn wait(&self) {
        self.came.add_permits(1);
        self.go_on.acquire().await.unwrap().forget();
    }
}

struct Rpc {
    desk: Desk,
    shutdown: CancellationToken,
    dialer: Dialer,
}

type Items = Pin<Box<dyn Stream<Item = Result<WatchUplinksResponse, Status>> + Send>>;

fn item(cursor: impl Into<String>) -> WatchUplinksResponse {
    WatchUplinksResponse {
        uplinks: Vec::new(),
        cursor: cursor.into(),
    }
}

#[tonic::async_trait]
impl UplinkService for Rpc {
    type WatchUplinksStream = Items;

    async fn watch_uplinks(&self, request: Request<WatchUplinksRequest>) -> Result<Response<Items>, Status> {
        let first = tokio_stream::once(Ok(item("first")));
        let rest: Items = match request.get_ref().subscription.as_str() {
            "panicking" => {
                let desk = self.desk.clone();
                Box::pin(futures_util::stream::once(async move {
                    desk.wait().await;
                    panic!("in a stream")
                }))
            }
            "stubborn" => Box::pin(tokio_stream::pending()),
            "who" => {
                let peer = request.extensions().get::<Peer>().unwrap().id.to_string();
                Box::pin(tokio_stream::once(Ok(item(peer))))
            }
            "trace" => {
                let here = TraceContext::current().unwrap().trace_id();
                Box::pin(tokio_stream::once(Ok(item(here))))
            }
            _ => {
                let (sender, receiver) = mpsc::channel(1);
                let (desk, shutdown) = (self.desk.clone(), self.shutdown.clone());
                tokio::spawn(async move {
                    while shutdown.run_until_cancelled(desk.wait()).await.is_some() {
                        if sender.send(Ok(item("next"))).await.is_err() {
                            return;
                        }
                    }
                });
                Box::pin(ReceiverStream::new(receiver))
            }
        };
        Ok(Response::new(Box::pin(first.chain(rest))))
    }

    async fn ack_uplinks(
        &self,
        request: Request<AckUplinksRequest>,
    ) -> Result<Response<AckUplinksResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout");
        let timeout = timeout.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
        self.desk.timeouts.lock().unwrap().push(timeout);
        match request.get_ref().subscription.as_str() {
            "panicking" => panic!("in a handler"),
            // The cursor is the address of the next.
            "relaying" => {
                let next = &request.get_ref().cursor;
                let channel = self.dialer.channel(next, &SERVER.parse().unwrap(), 1).unwrap();
                UplinkServiceClient::new(channel).ack_uplinks(ack("x")).await?;
            }
            "waiting" => self.desk.wait().await,
            "endless" => {
                self.desk.came.add_permits(1);
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        Ok(Response::new(AckUplinksResponse::default()))
    }
}

pub(crate) fn ack(subscription: &str) -> AckUplinksRequest {
    AckUplinksRequest {
        subscription: subscription.to_owned(),
        ..AckUplinksRequest::default()
    }
}

pub(crate) fn watch(subscription: &str) -> WatchUplinksRequest {
    WatchUplinksRequest {
        subscription: subscription.to_owned(),
        ..WatchUplinksRequest::default()
    }
}
