//! Admission: how often something may happen.
//!
//! Two mechanisms, for two questions:
//!
//! * **May this number have one more?** Exact sliding windows ([`lua::WINDOWS`], [`Windows`]) as a fragment of a service's
//!   own script, so that the check and what it admits are one atomic step. All or nothing over several keys: check all,
//!   then add to all.
//! * **When may the link send its next segment?** A link-wide [`Budget`] in Redis hands out short [`Lease`]s of future
//!   time slots (GCRA), which a [`Pacer`] spends as their time comes. However many replicas share the link, no second
//!   sees more sends than the rate.
//!
//! Redis' own clock is not used: the time is an argument, so that scripts are deterministic and tests need no waiting.

mod budget;
mod gcra;
pub mod lua;
mod pacer;
#[cfg(test)]
#[path = "../../queue/tests/support/mod.rs"]
mod support;
mod windows;

pub use budget::Budget;
pub use gcra::{Lease, Rate, TOLERANCE_US};
pub use pacer::Pacer;
pub use windows::{InvalidWindows, Window, Windows};
