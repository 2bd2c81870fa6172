//! The control over HTTP.
//!
//! | Request | Answer |
//! |---|---|
//! | `GET /healthz` | `ok` |
//! | `GET /stats` | all counts |
//! | `GET /seconds` | `[[unix second, messages], …]` |
//! | `GET /numbers/13800138000` | counts of a number |
//! | `GET /messages?number=…&after=…&limit=…` | messages taken, oldest first |
//! | `GET /texts?number=…` | whole texts, put together |
//! | `GET /faults`, `POST /faults {…}` | the faults; replaces all of them (`{}` ends them) |
//! | `POST /faults/rules {…}` | adds a rule |
//! | `POST /uplink {from, to, text, …}` | sends an uplink |
//! | `POST /user-report {number, to, condition}` | sends a report about a phone (SGIP) |
//! | `POST /listener {address, login, account?}` | where to deliver to, `login` being `name:password` (SGIP) |
//! | `POST /drop {connection?}`, `POST /terminate {connection?}` | ends connections |
//! | `POST /raw {connection?, hex}` | sends octets that need be no PDU |
//! | `POST /reset` | forgets everything but the connections |

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::config::DeliverTo;
use super::faults::{Faults, Rule};
use super::handle::{Controls, MessageFilter};
use super::hub::Command;
use super::ledger::{MessageView, NumberCount, Stats};
use super::uplink::{PhoneReport, Uplink};

type Refused = (StatusCode, Json<Value>);

fn refused(error: &anyhow::Error) -> Refused {
    (
        StatusCode::BAD_REQUEST,
        Json(json!({ "error": format!("{error:#}") })),
    )
}

pub(super) async fn serve(controls: Controls, listener: TcpListener, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/stats", get(stats))
        .route("/seconds", get(seconds))
        .route("/numbers/{number}", get(number))
        .route("/messages", get(messages))
        .route("/texts", get(texts))
        .route("/faults", get(faults).post(set_faults))
        .route("/faults/rules", post(add_rule))
        .route("/uplink", post(uplink))
        .route("/user-report", post(user_report))
        .route("/listener", post(set_listener))
        .route("/drop", post(drop_connections))
        .route("/terminate", post(terminate))
        .route("/raw", post(raw))
        .route("/reset", post(reset))
        .with_state(controls);
    // An error here is a listener that broke; without it the control is gone and the gateway goes on.
    let _ = axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await;
}

async fn stats(State(controls): State<Controls>) -> Json<Stats> {
    Json(controls.stats())
}

async fn seconds(State(controls): State<Controls>) -> Json<Vec<(u64, u64)>> {
    Json(controls.seconds())
}

async fn number(State(controls): State<Controls>, Path(number): Path<String>) -> Json<NumberCount> {
    Json(controls.number(&number))
}

async fn messages(
    State(controls): State<Controls>,
    Query(filter): Query<MessageFilter>,
) -> Json<Vec<MessageView>> {
    Json(controls.messages(&filter))
}

#[derive(Deserialize)]
struct OfNumber {
    number: Option<String>,
}

async fn texts(State(controls): State<Controls>, Query(of): Query<OfNumber>) -> Json<Vec<String>> {
    Json(controls.texts(of.number.as_deref()))
}

async fn faults(State(controls): State<Controls>) -> Json<Faults> {
    Json(controls.faults())
}

async fn set_faults(
    State(controls): State<Controls>,
    Json(faults): Json<Faults>,
) -> Result<Json<Faults>, Refused> {
    controls.set_faults(faults).map_err(|error| refused(&error))?;
    Ok(Json(controls.faults()))
}

async fn add_rule(State(controls): State<Controls>, Json(rule): Json<Rule>) -> Result<Json<Faults>, Refused> {
    controls.add_rule(rule).map_err(|error| refused(&error))?;
    Ok(Json(controls.faults()))
}

async fn uplink(
    State(controls): State<Controls>,
    Json(uplink): Json<Uplink>,
) -> Result<Json<Value>, Refused> {
    let parts = controls.uplink(&uplink).map_err(|error| refused(&error))?;
    Ok(Json(json!({ "parts": parts })))
}

async fn user_report(
    State(controls): State<Controls>,
    Json(report): Json<PhoneReport>,
) -> Result<Json<Value>, Refused> {
    controls.user_report(&report).map_err(|error| refused(&error))?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listener {
    address: String,
    login: String,
    account: Option<String>,
}

async fn set_listener(
    State(controls): State<Controls>,
    Json(listener): Json<Listener>,
) -> Result<Json<Value>, Refused> {
    DeliverTo::parse(&listener.address, &listener.login)
        .and_then(|to| controls.deliver_to(listener.account.as_deref(), to))
        .map_err(|error| refused(&error))?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    connection: Option<u64>,
}

async fn drop_connections(State(controls): State<Controls>, Json(which): Json<Which>) -> Json<Value> {
    Json(json!({ "connections": controls.command(which.connection, &Command::Drop) }))
}

async fn terminate(State(controls): State<Controls>, Json(which): Json<Which>) -> Json<Value> {
    Json(json!({ "connections": controls.command(which.connection, &Command::Terminate) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOctets {
    connection: Option<u64>,
    hex: String,
}

async fn raw(State(controls): State<Controls>, Json(raw): Json<RawOctets>) -> Result<Json<Value>, Refused> {
    let octets = hex::decode(&raw.hex).map_err(|error| refused(&anyhow::anyhow!("hex: {error}")))?;
    Ok(Json(
        json!({ "connections": controls.command(raw.connection, &Command::Raw(octets)) }),
    ))
}

async fn reset(State(controls): State<Controls>) -> Json<Value> {
    controls.reset();
    Json(json!({}))
}
