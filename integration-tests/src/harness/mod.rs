//! What the tests, the demo and the bench share: a private Redis, a test CA, a runner for the real programs, the whole
//! mesh made of them, and the two judges of what a mesh left behind ([`leak`], [`history`]).
//!
//! Everything listens on loopback only and writes into one directory. What the harness started it stops, also when the
//! process that started it is killed (see [`process`]).

pub mod ca;
pub mod disk;
pub mod history;
pub mod judge;
pub mod leak;
pub mod mesh;
pub mod ports;
pub mod process;
pub mod redis;
pub mod running;
pub mod traffic;
pub mod wait;
mod watchdog;
