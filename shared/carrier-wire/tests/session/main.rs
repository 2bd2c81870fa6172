//! The session machine over a protocol made for it: what no single real protocol shows.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod refusals;
mod silence;
mod toy;
