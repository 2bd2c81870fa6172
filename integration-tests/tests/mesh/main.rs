//! The mesh as its users meet it: real programs, real Redis, real TLS, CMPP over TCP. One module for each promise.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod accepting;
mod auditing;
mod carriers;
mod catalog_reload;
mod counting;
mod erasing;
mod foreign;
mod idempotency;
mod identities;
mod keys;
mod kills;
mod leaks;
mod lifecycle;
mod operators;
mod outages;
mod pace;
mod protocols;
mod published;
mod receipts;
mod refusals;
mod routing;
mod serving;
mod standing;
mod support;
mod tracing;
mod unrecorded;
mod uplinks;
mod verifying;
mod workspace_rules;
