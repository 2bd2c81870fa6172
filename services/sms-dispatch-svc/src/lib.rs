//! Accepts messages once, decides their way, keeps their state; owner of the send queues.

pub mod acceptor;
pub mod audit;
pub mod caller;
pub mod clock;
pub mod convert;
pub mod fingerprint;
pub mod keys;
pub mod lifecycle;
pub mod metric;
pub mod queues;
pub mod record;
pub mod refusal;
pub mod request;
pub mod route;
pub mod rpc;
mod service;
pub mod settings;
pub mod settling;
pub mod store;
pub mod story;
pub mod sweeper;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod view;
pub mod worker;

pub use service::build;
