//! Sessions, sans IO: what to send and what to tell for each thing that happens, given the time.
//!
//! [`Session`] is one machine for every protocol and for both ends of the wire; what differs between them is its
//! [`Dialect`]. It is fed events and writes what follows from them into an [`Actions`] that the caller keeps:
//! octets to send (appended, so that the answers to a whole read leave in one write), things to tell the
//! application, a reason to close, and when to come back with [`Event::Tick`] at the latest.
//!
//! ```text
//!   socket ──Received──▶ ┌─────────┐ ──actions.send──▶ socket
//!   clock  ──Tick──────▶ │ session │ ──actions.up────▶ application
//!   app    ──Request───▶ └─────────┘ ──actions.close─▶ drop the socket after what is to be sent
//! ```
//!
//! Time is any clock that only goes forward, in milliseconds.
//!
//! What a session promises, whatever the peer sends:
//!
//! * Every request has one outcome, and at most one correction of it.
//! * No more requests than the window are without an answer; keep-alives do not count.
//! * A request of the peer goes up once while it is open, and no more go up than the limit.
//! * What makes no sense is told, answered where the protocol has an answer, and tolerated up to a bound.
//! * It ends: every wait has a deadline.

mod actions;
mod dialect;
mod event;
mod keep_alive;
mod limits;
mod machine;
mod numbering;
mod peer;
mod window;

pub use actions::{Actions, CloseReason, NotSent, Oddity, Uncertain};
pub use dialect::{Dialect, Kind, Opening, Refusal};
pub use event::{Event, Outcome, Repeat, Up};
pub use limits::{SessionLimits, SettingsError};
pub use machine::Session;
pub(crate) use numbering::Counter;
