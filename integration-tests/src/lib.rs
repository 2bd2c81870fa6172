//! The harness (private Redis, test CA, process runner, simulators, trace sink) and the mesh as its users see it.

pub mod bench;
pub mod demo;
pub mod gateway_sim;
pub mod handler_sim;
pub mod harness;
pub mod identity_sim;
pub mod program;
pub mod trace_sink;
