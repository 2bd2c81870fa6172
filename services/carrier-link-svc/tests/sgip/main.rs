//! SGIP over real sockets: segments out on our connections, receipts and uplinks in on the gateway's.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod connections;
mod messages;
mod receiving;
#[path = "../support/mod.rs"]
mod support;
mod table;
