//! The control port: HTTP with JSON.
//!
//! * `GET /healthz`: 200 when it runs.
//! * `GET /stats`: what was asked ([`super::Stats`]).
//! * `GET /faults`, `POST /faults`: the faults in force ([`super::Faults`]), new ones in their place.
//! * `POST /reset`: forgets questions and faults.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Faults, Stats, desk::Desk};

pub(super) async fn serve(desk: Arc<Desk>, listener: TcpListener, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/stats", get(stats))
        .route("/faults", get(faults).post(set_faults))
        .route("/reset", post(reset))
        .with_state(desk);
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the control port stopped serving");
    }
}

async fn stats(State(desk): State<Arc<Desk>>) -> Json<Stats> {
    Json(desk.stats())
}

async fn faults(State(desk): State<Arc<Desk>>) -> Json<Faults> {
    Json(desk.faults())
}

async fn set_faults(
    State(desk): State<Arc<Desk>>,
    Json(faults): Json<Faults>,
) -> Result<Json<Faults>, (StatusCode, String)> {
    faults
        .check()
        .map_err(|why| (StatusCode::BAD_REQUEST, why + "\n"))?;
    desk.set_faults(faults.clone());
    Ok(Json(faults))
}

async fn reset(State(desk): State<Arc<Desk>>) -> StatusCode {
    desk.reset();
    StatusCode::NO_CONTENT
}
