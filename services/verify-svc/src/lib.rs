//! `verify-svc`: decides whether a phone number, a name and an id number belong together, and proves that it asked
//! lawfully.
//!
//! # What it promises
//!
//! * Nothing wrong costs money: each field is checked before any upstream is asked ([`question`], [`person`]).
//! * Never a match by default: what no table calls a match is INDETERMINATE ([`upstream::codes`]).
//! * The same request id gets the same answer for 24 hours, from any replica, and is asked once: a hundred at once are one
//!   question ([`store`]). A crash while asking is known; the answer is then INDETERMINATE and its charge unknown.
//! * An answer leaves only when its audit event is durable ([`record`]). Where the record cannot be written the caller
//!   hears UNAVAILABLE, reason `RECORD_UNAVAILABLE`, and gets the answer later under the same id, without a second charge.
//! * A caller that goes away stops nothing that costs money ([`verifier`]).
//! * Phone, name and id number are in no log, span, metric, key or error. At rest they are sealed, and found by a keyed tag
//!   of the number alone.
//!
//! # What it refuses
//!
//! Reasons: `INVALID_REQUEST` (with every wrong field), `NO_TENANT`, `REQUEST_ID_REUSED`, `VERIFY_RATE_LIMITED` (with the
//! time to wait), `UPSTREAMS_UNREACHABLE` and `UPSTREAMS_BUSY` (nobody was asked; the id can be used again), `RECORD_UNAVAILABLE`,
//! `STATE_UNAVAILABLE`, `STATE_LOST`, `IN_PROGRESS`, `DRAINING`.
//!
//! # Its keys
//!
//! See [`store`]; all under the hash tag `{v}`, read and written by nobody else.

pub mod answer;
mod batch;
pub mod person;
pub mod question;
pub mod record;
mod rpc;
mod service;
pub mod settings;
pub mod store;
#[cfg(test)]
mod testing;
pub mod upstream;
pub mod verifier;

pub use service::build;
pub use settings::Settings;
