//! The admin port: health, readiness and metrics, in plaintext, for the kubelet and Prometheus.

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::readiness::Board;

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
