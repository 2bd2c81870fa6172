//! The gRPC side: parses, asks, answers. No rules inside.

mod send;
mod watch;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use hongyan_catalog::LiveCatalog;
use hongyan_chassis::Problem;
use hongyan_domain::{MessageId, Msisdn};
use hongyan_proto::dispatch::v1::{
    AckReceiptsRequest, AckReceiptsResponse, GetMessageRequest, GetMessageResponse, GetQueuesRequest,
    GetQueuesResponse, SendMessageRequest, SendMessageResponse, SendMessagesRequest, SendMessagesResponse,
    SetOptOutRequest, SetOptOutResponse, WatchReceiptsRequest, WatchReceiptsResponse,
    dispatch_service_server::DispatchService,
};
use hongyan_telemetry::TraceContext;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

pub use send::Streams;
pub use watch::Watchers;

use crate::{
    acceptor::Acceptor,
    audit,
    caller::Caller,
    clock::now_unix_ms,
    queues, refusal,
    routing::LiveHealth,
    store::{OptOut, Store},
    trace::Origin,
    view,
};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service's methods.
pub struct Rpc {
    acceptor: Acceptor,
    store: Store,
    catalog: LiveCatalog,
    health: LiveHealth,
    streams: Streams,
    watchers: Watchers,
    shutdown: CancellationToken,
}

impl Rpc {
    /// Streams end when `shutdown` is cancelled.
    pub fn new(
        acceptor: Acceptor,
        store: Store,
        catalog: LiveCatalog,
        health: LiveHealth,
        streams: Streams,
        watchers: Watchers,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            acceptor,
            store,
            catalog,
            health,
            streams,
            watchers,
            shutdown,
        }
    }

    async fn message(&self, request: Request<GetMessageRequest>) -> Result<GetMessageResponse, Problem> {
        let caller = Caller::of(&request)?;
        let message_id = request.into_inner().message_id;
        let id: MessageId = message_id
            .parse()
            .map_err(|error| Problem::invalid().field("message_id", format!("{error}")))?;
        let not_found = || {
            Problem::not_found(
                "MESSAGE_NOT_FOUND",
                "there is no such message, or it is no longer kept",
            )
        };
        if !self.store.partitions().contains(id.partition()) {
            return Err(not_found());
        }
        let found = self
            .store
            .load([id])
            .await
            .map_err(|error| refusal::of_store(&error))?;
        let stored = found.into_iter().next().flatten().ok_or_else(not_found)?;
        let record = stored.map_err(|error| Problem::internal(&error))?.record;
        if !caller.is_operator() {
            let catalog = self.catalog.current();
            // Another tenant's message is not there: whoever guesses an id learns nothing.
            if caller.own_tenant(&catalog)?.id.as_str() != record.tenant {
                return Err(not_found());
            }
        }
        Ok(view::message(&message_id, record, self.catalog.current().codes()))
    }

    async fn opt_out(&self, request: Request<SetOptOutRequest>) -> Result<SetOptOutResponse, Problem> {
        let caller = Caller::of(&request)?;
        if !caller.is_uplink_router() {
            return Err(Problem::denied(
                "NOT_THE_UPLINK_ROUTER",
                "opt-outs come from the uplink router alone",
            ));
        }
        let request = request.into_inner();
        let catalog = self.catalog.current();
        let tenant = caller.tenant(&request.tenant, &catalog);
        let phone = Msisdn::parse(&request.phone);
        let (tenant, phone) = match (tenant, phone) {
            (Ok(tenant), Ok(phone)) => (tenant, phone),
            (tenant, phone) => {
                let mut wrong = tenant.err().unwrap_or_else(Problem::invalid);
                if let Err(error) = phone {
                    wrong = wrong.field("phone", error.to_string());
                }
                return Err(wrong);
            }
        };
        let tag = self.acceptor.tag(&phone);
        let trace = TraceContext::current();
        let trace_id = trace.map(|trace| trace.trace_id()).unwrap_or_default();
        let subject = Bytes::copy_from_slice(tag.as_bytes());
        let now_ms = now_unix_ms();
        let opt_out = OptOut {
            partition: self.store.partition_of(&phone),
            audit_event: audit::opt_out(
                request.opted_out,
                tenant.id.as_str(),
                subject,
                trace_id,
                now_ms,
                caller.id(),
            ),
            tenant: tenant.id.clone(),
            tag: tag.short(),
            opted_out: request.opted_out,
            now_ms,
            traceparent: trace.map(|trace| trace.to_string()).unwrap_or_default(),
        };
        self.store
            .set_opt_out(&opt_out)
            .await
            .map_err(|error| refusal::of_store(&error))?;
        Ok(SetOptOutResponse {})
    }

    async fn queues(&self) -> Result<GetQueuesResponse, Problem> {
        let (catalog, health) = (self.catalog.current(), self.health.current());
        let queues = queues::measure(&self.store, &catalog)
            .await
            .map_err(|error| refusal::of_store(&error))?;
        Ok(GetQueuesResponse {
            queues: queues.iter().map(queues::Queue::to_proto).collect(),
            links: catalog.links().map(|link| health.to_proto(&link.name)).collect(),
        })
    }
}

#[tonic::async_trait]
impl DispatchService for Rpc {
    type SendMessagesStream = Answers<SendMessagesResponse>;
    type WatchReceiptsStream = Answers<WatchReceiptsResponse>;

    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        let caller = Caller::of(&request)?;
        let one = [request.into_inner()];
        let mut results = self.acceptor.accept(&one, &caller, Origin::Call).await;
        let result = results
            .pop()
            .unwrap_or_else(|| Err(refusal::of_missing_verdict()));
        Ok(Response::new(result?))
    }

    async fn send_messages(
        &self,
        request: Request<Streaming<SendMessagesRequest>>,
    ) -> Result<Response<Self::SendMessagesStream>, Status> {
        let caller = Caller::of(&request)?;
        let origin = Origin::Stream(TraceContext::current());
        let answers = self.streams.answer(
            request.into_inner(),
            self.acceptor.clone(),
            caller,
            origin,
            self.shutdown.clone(),
        );
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_message(
        &self,
        request: Request<GetMessageRequest>,
    ) -> Result<Response<GetMessageResponse>, Status> {
        Ok(Response::new(self.message(request).await?))
    }

    async fn watch_receipts(
        &self,
        request: Request<WatchReceiptsRequest>,
    ) -> Result<Response<Self::WatchReceiptsStream>, Status> {
        let caller = Caller::of(&request)?;
        let tenant = caller.own_tenant(&self.catalog.current())?.id.clone();
        let receipts = self
            .watchers
            .watch(&self.store, tenant, &request.into_inner(), self.shutdown.clone())
            .await?;
        Ok(Response::new(Box::pin(receipts)))
    }

    async fn ack_receipts(
        &self,
        request: Request<AckReceiptsRequest>,
    ) -> Result<Response<AckReceiptsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let tenant = caller.own_tenant(&self.catalog.current())?.id.clone();
        watch::acknowledge(&self.store, &tenant, &request.into_inner()).await?;
        Ok(Response::new(AckReceiptsResponse {}))
    }

    async fn set_opt_out(
        &self,
        request: Request<SetOptOutRequest>,
    ) -> Result<Response<SetOptOutResponse>, Status> {
        Ok(Response::new(self.opt_out(request).await?))
    }

    async fn get_queues(
        &self,
        _request: Request<GetQueuesRequest>,
    ) -> Result<Response<GetQueuesResponse>, Status> {
        Ok(Response::new(self.queues().await?))
    }
}
