//! Fragments for services' own scripts.

/// Exact sliding windows. Put it before the service's part in `hongyan_queue::Script::new`.
///
/// * `windows_spec(text)` reads the text form of [`crate::Windows`] (`"1:60000,5:3600000"`: at most 1 in 60,000 ms and 5
///   in 3,600,000 ms) for the other two;
/// * `windows_check(key, now_ms, spec)` gives 0 where one more is admitted, else the milliseconds to wait;
/// * `windows_add(key, now_ms, member, spec)` records one. The member names it (a message id): the same member is one.
///
/// To admit over several keys, check all of them first, then add to all of them.
pub const WINDOWS: &str = include_str!("lua/windows.lua");

pub(crate) const LEASE: &str = include_str!("lua/lease.lua");
