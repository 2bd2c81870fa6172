//! The record in a process of its own that is killed, for real and without warning: at every place between two steps, and
//! at random; and what a start says to directories that were damaged, rolled back or taken away.
//!
//! `HONGYAN_KILLS` says how often the process is killed at random (25), `HONGYAN_SEED` what the dice say.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod child;
mod damage;
mod files;
mod kills;
mod refusing;
mod restart;
mod world;

/// The other process: this test, run again by the tests here. By itself it does nothing.
#[test]
fn child() {
    child::run_if_asked();
}
