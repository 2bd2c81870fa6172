//! Sessions, sans IO: what to send and what to tell for each thing that happens, given the time.
//!
//! [`client::ClientSession`] is the SP's end, [`server::ServerSession`] the gateway's. Both are fed events and
//! write what follows from them into an [`Actions`] that the caller keeps: octets to send (appended, so that the
//! answers to a whole read leave in one write), things to tell the application, a reason to close, and when to
//! come back with `Tick` at the latest.
//!
//! ```text
//!   socket ──Received──▶ ┌─────────┐ ──actions.send──▶ socket
//!   clock  ──Tick──────▶ │ session │ ──actions.up────▶ application
//!   app    ──Submit────▶ └─────────┘ ──actions.close─▶ drop the socket after what is to be sent
//! ```
//!
//! Time is any clock that only goes forward, in milliseconds.

mod actions;
pub mod client;
mod keep_alive;
mod link;
pub mod server;
mod settings;
mod window;

pub use actions::{Actions, CloseReason, NotSent, Oddity, Uncertain};
pub use settings::{SessionLimits, SettingsError};
