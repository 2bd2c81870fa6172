//! Where questions are answered.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State as Held,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{judge::Question, state::State};

pub(super) async fn serve(listener: TcpListener, state: Arc<State>, shutdown: CancellationToken) {
    let router = Router::new().route("/v1/verify", post(verify)).with_state(state);
    // Questions that hang would hold a graceful end for ever.
    tokio::select! {
        _ = axum::serve(listener, router).into_future() => {}
        () = shutdown.cancelled() => {}
    }
}

async fn verify(Held(state): Held<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    if !state.authorized(key) {
        return (StatusCode::UNAUTHORIZED, "X-Api-Key is missing or wrong\n").into_response();
    }
    let Ok(question) = serde_json::from_slice::<Question>(&body) else {
        // What the parser says could quote the person's data.
        return (
            StatusCode::BAD_REQUEST,
            "a question is {\"phone\": …, \"name\": …, \"id_number\": …}\n",
        )
            .into_response();
    };
    let (mut answer, faults) = state.ask(&question, headers.contains_key("traceparent"));
    tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
    if faults.hang {
        return pending().await;
    }
    if let Some(status) = faults.http_status {
        return StatusCode::from_u16(status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response();
    }
    if faults.malformed {
        return r#"{"code": "0", "char"#.into_response();
    }
    if let Some(code) = faults.code {
        answer.code = code;
        answer.charged = false;
    }
    state.answered(&answer.code, answer.charged);
    if faults.wrong_charge {
        answer.charged = !answer.charged;
    }
    Json(answer).into_response()
}
