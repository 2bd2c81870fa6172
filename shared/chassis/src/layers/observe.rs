//! The span and the metrics of a call.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use hongyan_identity::Peer;
use hongyan_telemetry::{context, names};
use http::{Request, Response};
use metrics::Gauge;
use tonic::{Code, body::Body};
use tower_service::Service;
use tracing::{Instrument as _, Span, field::Empty};

use super::{Answer, Completion, Inner, ObservedBody, code_in};
use crate::{methods::Methods, problem::code_name};

/// Outermost: continues the caller's trace, and tells how the call ended, whichever layer ended it.
#[derive(Clone)]
pub(crate) struct Observe<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S> Observe<S> {
    pub(crate) fn new(inner: S, methods: Arc<Methods>) -> Self {
        Self { inner, methods }
    }
}

impl<S: Inner> Service<Request<Body>> for Observe<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let method = self.methods.label(request.uri().path());
        let span = server_span(&method, request.extensions().get::<Peer>());
        // Before anything enters the span: afterwards it has its parent already.
        context::continue_from(&span, context::from_metadata(request.headers()).as_ref());
        let mut call = Call::begin(method, span.clone());
        let answer = span
            .in_scope(|| self.inner.call(request))
            .instrument(span.clone());
        Box::pin(async move {
            let response = answer.await?;
            if let Some(code) = code_in(response.headers()) {
                call.ended(code);
                return Ok(response);
            }
            Ok(response.map(|body| Body::new(ObservedBody::new(body, span, call))))
        })
    }
}

fn server_span(method: &str, peer: Option<&Peer>) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = names::kind::SERVER,
        otel.status_code = Empty,
        { names::RPC_SYSTEM_NAME } = names::SYSTEM_GRPC,
        { names::RPC_METHOD } = method,
        { names::RPC_RESPONSE_STATUS_CODE } = Empty,
        { names::ERROR_TYPE } = Empty,
        { names::PEER } = Empty,
    );
    if let Some(peer) = peer {
        span.record(names::PEER, peer.id.as_str());
    }
    span
}

/// One call at work. Dropped before its end (the caller went away, its future was dropped), it was cancelled.
struct Call {
    method: Arc<str>,
    span: Span,
    begun: Instant,
    in_flight: Gauge,
    told: bool,
}

impl Call {
    fn begin(method: Arc<str>, span: Span) -> Self {
        let in_flight = metrics::gauge!("hongyan_rpc_server_in_flight", "method" => method.clone());
        in_flight.increment(1.0);
        Self {
            method,
            span,
            begun: Instant::now(),
            in_flight,
            told: false,
        }
    }
}

impl Completion for Call {
    fn ended(&mut self, code: Code) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        self.in_flight.decrement(1.0);
        let code_text = code_name(code);
        self.span.record(names::RPC_RESPONSE_STATUS_CODE, code_text);
        if is_our_fault(code) {
            self.span.record(names::ERROR_TYPE, code_text);
            self.span.record("otel.status_code", "ERROR");
        }
        let method = self.method.clone();
        metrics::histogram!(
            "hongyan_rpc_server_duration_seconds",
            "method" => method,
            "code" => code_text
        )
        .record(self.begun.elapsed().as_secs_f64());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ended(Code::Cancelled);
    }
}

/// The conventions call a server's span failed only where the server is to blame.
fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
