//! The control over HTTP.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /healthz` | `ok` |
//! | `GET /stats` | all counts |
//! | `GET /numbers/13800138000` | `{"asked": 2}` |
//! | `GET /faults`, `POST /faults {…}` | the faults; replaces all of them (`{}` ends them) |
//! | `POST /reset` | forgets counts and faults |

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State as Held},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    faults::Faults,
    state::{State, Stats},
};

pub(super) async fn serve(listener: TcpListener, state: Arc<State>, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/stats", get(stats))
        .route("/numbers/{phone}", get(number))
        .route("/faults", get(faults).post(set_faults))
        .route("/reset", post(reset))
        .with_state(state);
    tokio::select! {
        _ = axum::serve(listener, router).into_future() => {}
        () = shutdown.cancelled() => {}
    }
}

async fn stats(Held(state): Held<Arc<State>>) -> Json<Stats> {
    Json(state.stats())
}

async fn number(Held(state): Held<Arc<State>>, Path(phone): Path<String>) -> Json<Value> {
    Json(json!({ "asked": state.asked_about(&phone) }))
}

async fn faults(Held(state): Held<Arc<State>>) -> Json<Faults> {
    Json(state.faults())
}

async fn set_faults(Held(state): Held<Arc<State>>, Json(faults): Json<Faults>) -> Json<Faults> {
    state.set_faults(faults.clone());
    Json(faults)
}

async fn reset(Held(state): Held<Arc<State>>) {
    state.reset();
}
