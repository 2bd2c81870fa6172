//! The mesh as its users meet it: real programs, real Redis, real TLS, CMPP over TCP. One module for each promise.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod workspace_rules;
