//! The gRPC side.

use std::{future::pending, sync::Arc, time::Duration};

use hongyan_identity::Peer;
use hongyan_proto::uplink::v1::{
    HandleUplinkRequest, HandleUplinkResponse, uplink_handler_service_server::UplinkHandlerService,
};
use tonic::{Request, Response, Status};

use super::desk::{Asked, Desk, NoAnswer};

/// A question that hangs is dropped with its call; this is the end for one that nobody drops.
const LONGEST_HANG: Duration = Duration::from_mins(10);

pub(super) struct HandlerRpc {
    desk: Arc<Desk>,
}

impl HandlerRpc {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }
}

#[tonic::async_trait]
impl UplinkHandlerService for HandlerRpc {
    async fn handle_uplink(
        &self,
        request: Request<HandleUplinkRequest>,
    ) -> Result<Response<HandleUplinkResponse>, Status> {
        let peer = request.extensions().get::<Peer>();
        if !peer.is_some_and(|peer| peer.id.is_service("uplink-router")) {
            return Err(Status::permission_denied("only the uplink router may ask"));
        }
        let question = request.into_inner();
        let mut fields: Vec<String> = question.fields.keys().cloned().collect();
        fields.sort();
        let faults = self.desk.ask(Asked {
            uplink_id: question.uplink_id,
            tenant: question.tenant,
            command: question.command,
            fields,
        });
        if faults.hang {
            let _ = tokio::time::timeout(LONGEST_HANG, pending::<()>()).await;
            return Err(Status::unavailable("hung by a fault"));
        }
        tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
        if let Some(code) = faults.code() {
            return Err(Status::new(code, "failed by a fault"));
        }
        match self.desk.answer(&question.fields) {
            Ok(parameters) => Ok(Response::new(HandleUplinkResponse {
                parameters,
                template: String::new(),
            })),
            Err(NoAnswer::UnknownCard) => Err(Status::not_found("no such card")),
            Err(NoAnswer::WrongPassword) => Err(Status::permission_denied("not the card's password")),
        }
    }
}
