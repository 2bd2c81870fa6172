//! Turns a service into a process.
//!
//! A service gives its name, how its settings are read, and how it is built; [`main`] does the rest: command line and settings (every
//! mistake at once, exit 64), logs, traces and metrics, identity over mutual TLS, the method table, deadlines, limits, health, the
//! admin port, signals and the drain. So a service's `main.rs` reads in a minute:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use hongyan_chassis::{BuildError, Context, Service, ServiceInfo};
//! use hongyan_config::Source;
//!
//! struct Settings {
//!     greeting: String,
//! }
//!
//! impl Settings {
//!     fn read(source: &mut Source) -> Self {
//!         Self { greeting: source.or("greeting", "hello".to_owned()) }
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     let info = ServiceInfo {
//!         name: "greeting-svc",
//!         version: env!("CARGO_PKG_VERSION"),
//!         descriptor_set: hongyan_proto::FILE_DESCRIPTOR_SET,
//!     };
//!     hongyan_chassis::main(info, Settings::read, build)
//! }
//!
//! async fn build(settings: Settings, ctx: Context) -> Result<Service, BuildError> {
//!     let redis = ctx.health_flag("redis"); // not ready while it is down
//!     let shutdown = ctx.shutdown.clone();
//!     ctx.spawn("greeter", async move {
//!         tracing::info!(settings.greeting);
//!         redis.up();
//!         shutdown.cancelled().await; // a task that ends earlier ends the process: exit 70
//!     });
//!     Ok(Service::default()) // .with(GreetingServer::new(rpc).max_decoding_message_size(MAX_MESSAGE_OCTETS))
//! }
//! ```
//!
//! # What stands before a handler, outside in
//!
//! Accept (TLS, handshake bound) → trace and metrics → panic catch → method table → deadline → limits → service. So a handler finds the
//! caller in `request.extensions().get::<hongyan_identity::Peer>()`, runs inside the server's span, and may be dropped at any
//! await when the deadline passes or the caller goes away: a state change is one atomic step, or runs in a task of its own.
//!
//! # How a process ends
//!
//! On SIGTERM or SIGINT: not ready (HTTP and gRPC) → `drain.notice_ms` → no more connections, [`Context::shutdown`] → calls at work
//! end; streams that have not ended by half of `drain.timeout_ms` are ended with UNAVAILABLE, reason `DRAINING` →
//! [`Context::calls_ended`] → tasks end → telemetry is flushed → exit 0. After `drain.timeout_ms` the end is hard: exit 75.

mod admin;
mod client;
mod context;
mod grpc_timeout;
mod health;
mod http;
mod keyring;
mod layers;
mod methods;
mod ports;
mod problem;
mod process;
mod process_rpc;
mod readiness;
mod serve;
mod service;
mod settings;
mod tasks;

pub use client::{Channel, DialError, Dialer};
pub use context::Context;
pub use http::{HttpLimits, serve_http};
pub use keyring::{LiveKeyring, LiveKeyringError};
pub use problem::{ERROR_DOMAIN, FieldProblem, Problem, code_name};
pub use process::{ENV_PREFIX, main};
pub use readiness::{HealthFlag, ReadinessLatch};
pub use serve::{Exit, serve};
pub use service::{BuildError, MAX_MESSAGE_OCTETS, Service, ServiceInfo};
pub use settings::ChassisSettings;
pub use tasks::TaskEnd;
