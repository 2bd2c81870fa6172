//! The gRPC floor: a server of the same shape as dispatch, with the same messages and mutual TLS, that does nothing.

use std::{pin::Pin, time::Duration};

use hongyan_identity::{Credentials, incoming};
use hongyan_proto::dispatch::v1::{
    AckReceiptsRequest, AckReceiptsResponse, GetMessageRequest, GetMessageResponse, GetQueuesRequest,
    GetQueuesResponse, SendMessageRequest, SendMessageResponse, SendMessagesRequest, SendMessagesResponse,
    SendResult, SetOptOutRequest, SetOptOutResponse, WatchReceiptsRequest, WatchReceiptsResponse,
    dispatch_service_server::{DispatchService, DispatchServiceServer},
    send_result,
};
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// Echoes each request's id.
struct Echo;

fn answer(item: SendMessageRequest) -> SendMessageResponse {
    SendMessageResponse {
        request_id: item.request_id,
        segments: 1,
        ..Default::default()
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("the floor only echoes"))
}

#[tonic::async_trait]
impl DispatchService for Echo {
    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        Ok(Response::new(answer(request.into_inner())))
    }

    type SendMessagesStream = Answers<SendMessagesResponse>;

    async fn send_messages(
        &self,
        request: Request<Streaming<SendMessagesRequest>>,
    ) -> Result<Response<Self::SendMessagesStream>, Status> {
        let answers = request.into_inner().map(|batch| {
            let results = batch?.items.into_iter().map(|item| SendResult {
                request_id: item.request_id.clone(),
                result: Some(send_result::Result::Accepted(answer(item))),
            });
            Ok(SendMessagesResponse {
                results: results.collect(),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_message(
        &self,
        _: Request<GetMessageRequest>,
    ) -> Result<Response<GetMessageResponse>, Status> {
        not_here()
    }

    type WatchReceiptsStream = Answers<WatchReceiptsResponse>;

    async fn watch_receipts(
        &self,
        _: Request<WatchReceiptsRequest>,
    ) -> Result<Response<Self::WatchReceiptsStream>, Status> {
        not_here()
    }

    async fn ack_receipts(
        &self,
        _: Request<AckReceiptsRequest>,
    ) -> Result<Response<AckReceiptsResponse>, Status> {
        not_here()
    }

    async fn set_opt_out(&self, _: Request<SetOptOutRequest>) -> Result<Response<SetOptOutResponse>, Status> {
        not_here()
    }

    async fn get_queues(&self, _: Request<GetQueuesRequest>) -> Result<Response<GetQueuesResponse>, Status> {
        not_here()
    }
}

/// Serves until the token is cancelled.
pub async fn serve(
    listener: TcpListener,
    credentials: Credentials,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let connections = incoming(listener, credentials, stop.clone());
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .add_service(DispatchServiceServer::new(Echo))
        .serve_with_incoming_shutdown(connections, stop.cancelled_owned())
        .await?;
    Ok(())
}
