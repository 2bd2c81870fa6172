//! A place for traces: takes spans by OTLP over gRPC, keeps a bounded number of them in memory, and shows a trace as a
//! tree, for a terminal or as JSON.
//!
//! `GET /traces` lists the newest traces, `GET /traces/<trace id>` draws one (`?format=json` for programs), and
//! `GET /spans` gives every span kept, one JSON object a line.

mod http;
mod receiver;
mod span;
mod store;
mod tree;

use std::{future::Future, sync::Arc};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use span::{Span, SpanId, SpanStatus, TraceId};
pub use store::{SpanStore, TraceSummary};
pub use tree::draw;

/// Spans kept unless told otherwise; the oldest traces go first, whole.
pub const DEFAULT_MAX_SPANS: usize = 200_000;

/// Serves OTLP on `otlp` and the queries on `http` until `shutdown` is cancelled.
pub async fn serve(
    store: Arc<SpanStore>,
    otlp: TcpListener,
    http: TcpListener,
    shutdown: CancellationToken,
) -> Result<()> {
    let grpc = receiver::serve(store.clone(), otlp, stopped(&shutdown));
    let web = http::serve(store, http, stopped(&shutdown));
    tokio::try_join!(grpc, web).context("the trace sink stopped")?;
    Ok(())
}

fn stopped(shutdown: &CancellationToken) -> impl Future<Output = ()> + Send + 'static {
    shutdown.clone().cancelled_owned()
}
