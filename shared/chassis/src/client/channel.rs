//! The transport of generated clients.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hongyan_identity::SpiffeId;
use hongyan_telemetry::{TraceContext, context, names};
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;
use tonic::{Code, Status, body::Body, transport};
use tower::{Service, ServiceExt as _};
use tracing::{Instrument as _, Span, field::Empty};

use super::{body::AnswerBody, failure};
use crate::{
    grpc_timeout,
    layers::{Completion, ObservedBody, code_in, remaining},
    methods::{Methods, Shape},
    problem::code_name,
};

/// How long a streaming call may take to begin; how long it then lives is its own affair.
const STREAM_OPENING: Duration = Duration::from_secs(30);
/// How often a call that certainly was not sent is tried, the first time included.
const MOST_ATTEMPTS: usize = 3;

/// A channel to one service, to be given to its generated client. Cheap to clone.
///
/// * Calls go round its connections.
/// * A unary call has a deadline: the request's own (`Request::set_timeout`) or the default, and never longer than what is left of
///   the call that this process is answering. The server is told. A streaming call has its own or none.
/// * A call that was certainly not sent (no connection, or one that was closing) is sent again on the next connection, at most
///   twice. Nothing else is repeated: whether a call may be repeated, only the caller knows.
/// * Failures of the transport are UNAVAILABLE, reason `UNREACHABLE`; the own time-out is DEADLINE_EXCEEDED.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
}

pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) id: SpiffeId,
}

struct Shared {
    connections: Vec<transport::Channel>,
    next: AtomicUsize,
    peer: Peer,
    methods: Arc<Methods>,
    default_deadline: Duration,
    max_deadline: Duration,
}

impl Channel {
    pub(super) fn new(
        connections: Vec<transport::Channel>,
        peer: Peer,
        methods: Arc<Methods>,
        default_deadline: Duration,
        max_deadline: Duration,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                connections,
                next: AtomicUsize::new(0),
                peer,
                methods,
                default_deadline,
                max_deadline,
            }),
        }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    /// Always ready: a call waits for its connection under its own deadline.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let shared = self.shared.clone();
        let method = shared.methods.label(request.uri().path());
        let span = shared.client_span(&method);
        context::inject_context(request.headers_mut(), TraceContext::of(&span));
        let call = Call {
            method,
            span: span.clone(),
            begun: std::time::Instant::now(),
            told: false,
        };
        let left = remaining();
        Box::pin(async move { shared.call(request, left, call).await }.instrument(span))
    }
}

impl Shared {
    async fn call(
        &self,
        request: Request<Body>,
        left: Option<Duration>,
        mut call: Call,
    ) -> Result<Response<Body>, Status> {
        let shape = self.methods.shape(request.uri().path());
        let answered = match shape {
            Shape::Unary => self.unary(request, left).await,
            Shape::Streaming => self.streaming(request).await,
        };
        match answered {
            Err(status) => {
                call.ended(status.code());
                Err(status)
            }
            Ok(response) => {
                if let Some(code) = code_in(response.headers()) {
                    call.ended(code);
                    return Ok(response);
                }
                let span = call.span.clone();
                Ok(response.map(|body| Body::new(ObservedBody::new(body, span, call))))
            }
        }
    }

    async fn unary(
        &self,
        mut request: Request<Body>,
        left: Option<Duration>,
    ) -> Result<Response<Body>, Status> {
        let limit = grpc_timeout::read(request.headers())
            .unwrap_or(self.default_deadline)
            .min(self.max_deadline)
            .min(left.unwrap_or(Duration::MAX));
        grpc_timeout::write(request.headers_mut(), limit);
        let deadline = Instant::now() + limit;
        let (parts, body) = request.into_parts();
        // One message, in memory already: kept whole, so that it can be sent again.
        let message = body.collect().await?.to_bytes();
        let answered = tokio::time::timeout_at(deadline, self.send(parts, message, limit)).await;
        let response = answered.map_err(|_| failure::too_late(limit))??;
        Ok(response.map(|body| Body::new(AnswerBody::new(body, Some((deadline, limit))))))
    }

    async fn send(&self, parts: Parts, message: Bytes, limit: Duration) -> Result<Response<Body>, Status> {
        let mut attempt = 1;
        loop {
            let body = Full::new(message.clone()).map_err(|never: Infallible| match never {});
            let request = Request::from_parts(parts.clone(), Body::new(body));
            match self.connection().oneshot(request).await {
                Ok(response) => return Ok(response),
                Err(error) if attempt < MOST_ATTEMPTS && failure::never_sent(&error) => attempt += 1,
                Err(error) => return Err(failure::of(&error, limit)),
            }
        }
    }

    async fn streaming(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let limit = grpc_timeout::read(request.headers()).unwrap_or(STREAM_OPENING);
        let answered = tokio::time::timeout(limit, self.connection().oneshot(request)).await;
        let response = answered
            .map_err(|_| failure::too_late(limit))?
            .map_err(|error| failure::of(&error, limit))?;
        Ok(response.map(|body| Body::new(AnswerBody::new(body, None))))
    }

    fn connection(&self) -> transport::Channel {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.connections[turn % self.connections.len()].clone()
    }

    fn client_span(&self, method: &str) -> Span {
        tracing::info_span!(
            "rpc",
            otel.name = method,
            otel.kind = names::kind::CLIENT,
            otel.status_code = Empty,
            { names::RPC_SYSTEM_NAME } = names::SYSTEM_GRPC,
            { names::RPC_METHOD } = method,
            { names::RPC_RESPONSE_STATUS_CODE } = Empty,
            { names::ERROR_TYPE } = Empty,
            { names::SERVER_ADDRESS } = self.peer.host,
            { names::SERVER_PORT } = self.peer.port,
            { names::PEER } = self.peer.id.as_str(),
        )
    }
}

/// One call; dropped before its end, it was cancelled.
struct Call {
    method: Arc<str>,
    span: Span,
    begun: std::time::Instant,
    told: bool,
}

impl Completion for Call {
    fn ended(&mut self, code: Code) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let code_text = code_name(code);
        self.span.record(names::RPC_RESPONSE_STATUS_CODE, code_text);
        // The conventions call a client's span failed whatever went wrong.
        if code != Code::Ok {
            self.span.record(names::ERROR_TYPE, code_text);
            self.span.record("otel.status_code", "ERROR");
        }
        metrics::histogram!(
            "hongyan_rpc_client_duration_seconds",
            "method" => self.method.clone(),
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
