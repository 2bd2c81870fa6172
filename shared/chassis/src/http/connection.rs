//! One connection, from its first octet to its end.

use std::{
    convert::Infallible,
    error::Error as _,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{HttpLimits, limits::MIN_HEAD_OCTETS, taken::MustBeTaken};

/// What connections of a port have in common.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) name: &'static str,
    pub(super) routes: Router,
    pub(super) limits: HttpLimits,
    pub(super) end: CancellationToken,
}

impl Port {
    /// Serves a connection until its end.
    pub(super) async fn serve(self, stream: TcpStream) {
        // Without it the end of an answer may wait for the peer's acknowledgement of its beginning.
        let _ = stream.set_nodelay(true);
        let stream = MustBeTaken::new(stream, self.limits.patience);
        let (pending, asked) = (stream.pending(), AtomicBool::new(false));
        let old = Instant::now() + self.limits.lifetime;
        let service = service_fn(|request| {
            asked.store(true, Ordering::Relaxed);
            let port = self.clone();
            async move { Ok::<_, Infallible>(port.answer(request, old).await) }
        });
        let head_octets = self.limits.head_octets.max(MIN_HEAD_OCTETS);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.patience)
            .max_header_size(head_octets)
            .max_buf_size(head_octets)
            .serve_connection(TokioIo::new(stream), service);
        let whole = async {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                outcome = connection.as_mut() => return outcome,
                () = self.end.cancelled() => {}
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        };
        let cut = match timeout(self.limits.longest(), whole).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => why_cut(
                &error,
                pending.load(Ordering::Relaxed),
                asked.load(Ordering::Relaxed),
            ),
            Err(_) => Some("lifetime"),
        };
        if let Some(why) = cut {
            tell_cut(self.name, why, 1);
        }
    }

    async fn answer(self, request: Request<Incoming>, old: Instant) -> Response {
        let mut response = self.route(request).await;
        if Instant::now() >= old {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let status = class(response.status());
        metrics::counter!("hongyan_http_requests_total", "port" => self.name, "status" => status)
            .increment(1);
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let allow = [(header::ALLOW, "GET,HEAD")];
            return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
        }
        let work = self.routes.clone().oneshot(request.map(Body::new));
        match timeout(self.limits.work, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::warn!(port = self.name, limit = ?self.limits.work, "an answer took too long to make");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }
}

/// So many connections were ended here because of what the peer did or did not.
pub(super) fn tell_cut(port: &'static str, why: &'static str, count: u64) {
    metrics::counter!("hongyan_http_cut_total", "port" => port, "why" => why).increment(count);
}

/// Why a connection was cut; `None` where the peer ended it, or had its answers and asked for no more.
fn why_cut(error: &hyper::Error, pending: bool, asked: bool) -> Option<&'static str> {
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    let is_late = error.is_timeout() || source.is_some_and(|source| source.kind() == io::ErrorKind::TimedOut);
    if is_late && pending {
        Some("unread")
    } else if is_late && !asked {
        Some("no_request")
    } else if error.is_parse() {
        Some("malformed")
    } else {
        None
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
