//! The logs as files over HTTP, for everybody who follows them: C2SP tlog-tiles below `/<log>/`, e.g.
//! `/sms-event/2026h2/0/checkpoint`. Reads only; what is not a file of a published log is not found.

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hongyan_tlog::{Tile, tile::Kind};

use super::{Publication, TileStore};
use crate::record::LogId;

/// Tiles never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A checkpoint does, every second.
const NOT_AT_ALL: &str = "no-cache";

/// What is served.
#[derive(Debug, Clone)]
pub struct Served {
    /// Which logs there are.
    pub publication: Publication,
    /// Their files.
    pub store: TileStore,
}

/// The routes.
pub fn routes(served: Served) -> Router {
    Router::new()
        .route("/keys", get(keys))
        .route("/{class}/{period}/{partition}/{*file}", get(file))
        .with_state(served)
}

/// The keys that verify the checkpoints, one a line. Whoever takes a key from here trusts this server for it.
async fn keys(State(served): State<Served>) -> String {
    let mut keys = String::new();
    for published in served.publication.state().logs.values() {
        keys.push_str(&published.verifier.to_string());
        keys.push('\n');
    }
    keys
}

async fn file(
    State(served): State<Served>,
    Path((class, period, partition, file)): Path<(String, String, String, String)>,
) -> Response {
    let Ok(log) = format!("{class}/{period}/{partition}").parse::<LogId>() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if file == "checkpoint" {
        return match served.publication.of(log) {
            Some(published) => (
                [
                    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                    (header::CACHE_CONTROL, NOT_AT_ALL),
                ],
                published.note.to_string(),
            )
                .into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let Ok(tile) = file.parse::<Tile>() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if tile.kind() == Kind::Entries && served.store.is_expired(log) {
        // Only the entries go: hashes stay, and with them every proof.
        return StatusCode::GONE.into_response();
    }
    match served.store.tile(log, tile).await {
        Ok(Some(octets)) => (
            [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (header::CACHE_CONTROL, FOR_EVER),
            ],
            octets,
        )
            .into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "a file of a log cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
