//! Takes traces by OTLP over gRPC and shows them as trees.

use std::{net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::{Context as _, Result};
use clap::Parser;
use hongyan_integration_tests::program::{Ending, exit_code};
use hongyan_integration_tests::trace_sink::{DEFAULT_MAX_SPANS, SpanStore, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Takes traces by OTLP over gRPC and shows them as trees: `curl http://127.0.0.1:4318/traces`.
#[derive(Debug, Parser)]
struct Options {
    /// Where exporters send spans.
    #[arg(long, default_value = "127.0.0.1:4317")]
    otlp: SocketAddr,
    /// Where to ask: `/traces`, `/traces/<id>`, `/traces/<id>?format=json`, `/spans`.
    #[arg(long, default_value = "127.0.0.1:4318")]
    http: SocketAddr,
    /// Spans kept; the oldest traces go first.
    #[arg(long, default_value_t = DEFAULT_MAX_SPANS)]
    max_spans: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code("hongyan-trace-sink", run(Options::parse()).await)
}

async fn run(options: Options) -> Result<()> {
    let otlp = TcpListener::bind(options.otlp)
        .await
        .with_context(|| format!("cannot listen on {}", options.otlp))?;
    let http = TcpListener::bind(options.http)
        .await
        .with_context(|| format!("cannot listen on {}", options.http))?;
    eprintln!(
        "OTLP on {}, questions on http://{}/traces",
        otlp.local_addr()?,
        http.local_addr()?
    );
    let shutdown = CancellationToken::new();
    let mut ending = Ending::listen()?;
    let serving = serve(
        Arc::new(SpanStore::new(options.max_spans)),
        otlp,
        http,
        shutdown.clone(),
    );
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = ending.told() => {}
    }
    shutdown.cancel();
    // An exporter may keep its connection open for ever: half a second for what is in flight.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), serving).await;
    Ok(())
}
