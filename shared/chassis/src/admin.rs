//! The admin port: health, readiness and metrics, in plaintext, for the kubelet and Prometheus.

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::{http::HttpLimits, readiness::Board};

/// Those who ask are few; a kubelet that probes must find a place beside whoever forgets its connections.
pub(crate) const LIMITS: HttpLimits = HttpLimits {
    connections: 128,
    connections_per_address: 64,
    patience: Duration::from_secs(30),
    work: Duration::from_secs(10),
    lifetime: Duration::from_hours(1),
    head_octets: 8_192,
    end: Duration::from_secs(2),
};

/// Renders the metrics.
pub(crate) type Render = std::sync::Arc<dyn Fn() -> String + Send + Sync>;

pub(crate) fn routes(board: Board, render: Render) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz).with_state(board))
        .route("/metrics", get(|| async move { render() }))
}

/// 200, or 503 with one reason a line.
async fn readyz(State(board): State<Board>) -> (StatusCode, String) {
    let reasons = board.reasons();
    if reasons.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}
