//! A link that speaks SMPP: from the queue to the wire and back, against a message centre, with and without TLS.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "../support/mod.rs"]
mod support;

mod centre;
mod receiving;
mod sending;
mod tls;
mod tls_front;
