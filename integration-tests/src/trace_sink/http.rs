//! The side that people and tests ask.

use std::{future::Future, sync::Arc};

use anyhow::Result;
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::{
    span::TraceId,
    store::SpanStore,
    tree::{self, milliseconds},
};

const LISTED_TRACES: usize = 100;

#[derive(Debug, Default, Deserialize)]
struct Format {
    format: Option<String>,
}

impl Format {
    fn is_json(&self) -> bool {
        self.format.as_deref() == Some("json")
    }
}

async fn list(State(store): State<Arc<SpanStore>>, Query(format): Query<Format>) -> Response {
    let newest = store.newest(LISTED_TRACES);
    if format.is_json() {
        return Json(newest).into_response();
    }
    let lines: Vec<String> = newest
        .iter()
        .map(|trace| {
            format!(
                "{}  {:>4} spans  {:>10}  {}  ({})\n",
                trace.trace_id,
                trace.spans,
                milliseconds(trace.duration_ns),
                trace.first,
                trace.services.join(", "),
            )
        })
        .collect();
    lines.concat().into_response()
}

async fn one(
    State(store): State<Arc<SpanStore>>,
    Path(id): Path<String>,
    Query(format): Query<Format>,
) -> Response {
    let Some(id) = TraceId::parse(&id) else {
        return (StatusCode::BAD_REQUEST, "a trace id has 32 hexadecimal digits\n").into_response();
    };
    if store.trace(id).is_empty() {
        return (StatusCode::NOT_FOUND, "no span of this trace is kept\n").into_response();
    }
    let spans = store.with_linked(id);
    if format.is_json() {
        return Json(spans).into_response();
    }
    tree::draw(id, &spans).into_response()
}

async fn spans(State(store): State<Arc<SpanStore>>) -> Response {
    let lines: Result<Vec<String>, _> = store
        .all()
        .iter()
        .map(|span| serde_json::to_string(span).map(|line| line + "\n"))
        .collect();
    match lines {
        Ok(lines) => ([(header::CONTENT_TYPE, "application/x-ndjson")], lines.concat()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

pub(super) async fn serve(
    store: Arc<SpanStore>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/traces", get(list))
        .route("/traces/{id}", get(one))
        .route("/spans", get(spans))
        .with_state(store);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await?;
    Ok(())
}
