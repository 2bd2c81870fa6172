//! CMPP from outside: the vectors, what must hold for every PDU, and input that was damaged.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "../common/mod.rs"]
mod common;
mod mutations;
mod oddities;
mod properties;
mod sessions;
mod support;
mod vectors;
