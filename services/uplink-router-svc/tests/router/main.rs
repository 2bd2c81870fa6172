//! Uplinks through a real Redis, and dispatch and handlers made up but spoken to over real mutual TLS.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]
#![allow(unreachable_pub, reason = "one test program; its modules share their parts")]

#[path = "../../../../shared/queue/tests/support/mod.rs"]
mod support;

mod fakes;
mod fixture;

mod faults;
mod guard;
mod routing;
mod secrets;
mod watching;
