//! The service as its callers, the links and the operators see it: over mutual TLS, with a Redis of its own.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod accepting;
mod draft;
mod house;
mod kept;
mod limits;
mod links_down;
mod redis_server;
mod rerouting;
mod settling;
mod streaming;
mod sweeping;
mod watching;
