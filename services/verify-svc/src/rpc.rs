//! The gRPC face: reads, asks, answers.

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use hongyan_chassis::Problem;
use hongyan_identity::Peer;
use hongyan_proto::verify::v1::{
    VerifyIdentitiesRequest, VerifyIdentitiesResponse, VerifyIdentityRequest, VerifyIdentityResponse,
    VerifyResult, verify_result, verify_service_server::VerifyService,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    batch,
    verifier::{Caller, Verifier},
};

/// How many results wait for a slow reader before no further item is begun.
const MOST_UNREAD: usize = 256;

/// The service.
pub(crate) struct VerifyRpc {
    verifier: Verifier,
    shutdown: CancellationToken,
    in_flight: usize,
    patience: Duration,
}

impl VerifyRpc {
    /// `in_flight` items of one stream are verified at once; each waits up to `patience` for room under the tenant's rate.
    pub(crate) fn new(
        verifier: Verifier,
        shutdown: CancellationToken,
        in_flight: usize,
        patience: Duration,
    ) -> Self {
        Self {
            verifier,
            shutdown,
            in_flight,
            patience,
        }
    }

    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Problem> {
        let peer = request
            .extensions()
            .get::<Peer>()
            .ok_or_else(|| Problem::denied("NO_PEER", "the connection has no proven peer"))?;
        self.verifier.caller(peer.id.as_str())
    }
}

#[tonic::async_trait]
impl VerifyService for VerifyRpc {
    async fn verify_identity(
        &self,
        request: Request<VerifyIdentityRequest>,
    ) -> Result<Response<VerifyIdentityResponse>, Status> {
        let caller = self.caller(&request)?;
        let answer = self
            .verifier
            .verify(&caller, request.get_ref(), Duration::ZERO)
            .await?;
        Ok(Response::new(answer))
    }

    type VerifyIdentitiesStream =
        Pin<Box<dyn Stream<Item = Result<VerifyIdentitiesResponse, Status>> + Send>>;

    async fn verify_identities(
        &self,
        request: Request<Streaming<VerifyIdentitiesRequest>>,
    ) -> Result<Response<Self::VerifyIdentitiesStream>, Status> {
        let caller = self.caller(&request)?;
        let (sender, receiver) = mpsc::channel(MOST_UNREAD);
        let (verifier, patience) = (self.verifier.clone(), self.patience);
        let verify = move |item: VerifyIdentityRequest| {
            let (verifier, caller) = (verifier.clone(), caller.clone());
            async move {
                let result = match verifier.verify(&caller, &item, patience).await {
                    Ok(answer) => verify_result::Result::Answer(answer),
                    Err(problem) => verify_result::Result::Problem(problem.to_proto()),
                };
                VerifyResult {
                    request_id: item.request_id,
                    result: Some(result),
                }
            }
        };
        let work = batch::work(
            request.into_inner(),
            verify,
            sender,
            self.in_flight,
            self.shutdown.clone(),
        );
        tokio::spawn(tracing::Instrument::in_current_span(work));
        let answers = stream::unfold(receiver, batch::next_answer);
        Ok(Response::new(answers.boxed()))
    }
}
