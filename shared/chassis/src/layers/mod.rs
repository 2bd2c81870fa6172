//! What stands between the connection and the service, outside in: trace and metrics ([`Observe`]), panics ([`Panics`]),
//! the method table (of `hongyan-identity`), the deadline ([`Deadline`]), the limits ([`Limits`]).
//!
//! All are services of `http::Request<Body>` that never fail: what goes wrong is an answer with a gRPC status.

mod deadline;
mod limits;
mod observe;
mod observed_body;
mod panics;

use std::convert::Infallible;

use hongyan_identity::{LiveMethodTable, MethodTableLayer};
use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, service::Routes};
use tower::{Layer as _, Service};

use self::{
    deadline::Deadline,
    limits::{Ends, Limits},
    observe::Observe,
    panics::Panics,
};
pub(crate) use self::{
    deadline::remaining,
    observed_body::{Completion, ObservedBody, code_in},
};
use crate::{methods::Methods, settings::ChassisSettings};

/// A future that answers, boxed: the layers' futures hold spans, timers and permits.
pub(crate) type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// What a layer stands before.
pub(crate) trait Inner:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<S> Inner for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// When open streams end, if they do not end by themselves.
#[derive(Debug, Clone)]
pub(crate) struct StreamEnds {
    /// The chassis' own streams (health, reflection): as soon as the process takes no more calls.
    pub(crate) own: CancellationToken,
    /// Everybody's.
    pub(crate) all: CancellationToken,
}

/// The service behind all its layers.
pub(crate) fn around(
    routes: Routes,
    methods: &std::sync::Arc<Methods>,
    settings: &ChassisSettings,
    table: LiveMethodTable,
    ends: StreamEnds,
) -> impl Inner + use<> {
    let limits = Limits::new(
        routes,
        methods.clone(),
        settings.max_concurrent_requests,
        settings.max_open_streams,
        Ends::new(ends),
    );
    let deadline = Deadline::new(
        limits,
        methods.clone(),
        settings.default_deadline,
        settings.max_deadline,
    );
    let table = MethodTableLayer::new(table).layer(deadline);
    Observe::new(Panics::new(table, methods.clone()), methods.clone())
}
