//! The method table as one tower layer.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};

use crate::{live_table::LiveMethodTable, peer::Peer};

/// Refuses with PERMISSION_DENIED, reason METHOD_NOT_ALLOWED, what the table does not allow. A request without a
/// [`Peer`] did not come through [`crate::incoming`] and is refused with UNAUTHENTICATED.
#[derive(Clone)]
pub struct MethodTableLayer {
    table: LiveMethodTable,
}

impl MethodTableLayer {
    /// A layer over a live table.
    pub fn new(table: LiveMethodTable) -> Self {
        Self { table }
    }
}

impl<S> Layer<S> for MethodTableLayer {
    type Service = MethodTableService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MethodTableService {
            table: self.table.clone(),
            inner,
        }
    }
}

/// A service behind the table.
#[derive(Clone)]
pub struct MethodTableService<S> {
    table: LiveMethodTable,
    inner: S,
}

impl<S, B> Service<Request<B>> for MethodTableService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match refusal(
            &self.table,
            request.uri().path(),
            request.extensions().get::<Peer>(),
        ) {
            None => Box::pin(self.inner.call(request)),
            Some(status) => Box::pin(async move { Ok(status.into_http()) }),
        }
    }
}

fn refusal(table: &LiveMethodTable, method: &str, peer: Option<&Peer>) -> Option<Status> {
    let Some(peer) = peer else {
        let details = ErrorDetails::with_error_info("NO_PEER_IDENTITY", "hongyan", []);
        return Some(Status::with_error_details(
            Code::Unauthenticated,
            "the peer has no identity",
            details,
        ));
    };
    if table.allows(method, &peer.id) {
        return None;
    }
    // A caller could make up any number of methods: only those of the table become labels.
    let label = if table.knows(method) {
        method.to_owned()
    } else {
        "unknown".to_owned()
    };
    metrics::counter!("hongyan_rpc_denied_total", "method" => label).increment(1);
    tracing::warn!(caller = %peer.id, known = table.knows(method), "a call was refused by the method table");
    let details = ErrorDetails::with_error_info("METHOD_NOT_ALLOWED", "hongyan", []);
    let message = format!("{} may not call this method", peer.id);
    Some(Status::with_error_details(
        Code::PermissionDenied,
        message,
        details,
    ))
}
