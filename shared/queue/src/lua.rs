//! Fragments for services' own scripts. Put them before the service's part in [`crate::Script::new`].
//!
//! Every fragment defines one local function and touches only the keys that it is given, so that a script still names
//! all its keys. None reads the server's clock: time is an argument.

/// `audit(stream_key, seq_key, now_ms, body, traceparent)` puts one event (an encoded `AuditEvent`) on the audit stream,
/// numbered without gap: fields `e` epoch, `n` seq, `b` body and, where `traceparent` is not empty, `tp`. The epoch
/// begins with the sequence and is larger if ever the numbering is lost.
pub const AUDIT: &str = include_str!("lua/audit.lua");

/// `feed_add(key, body)` appends to a feed and returns the entry's id.
pub const FEED: &str = include_str!("lua/feed.lua");

pub(crate) const DEAD_LETTER: &str = include_str!("lua/dead_letter.lua");
pub(crate) const RECLAIM: &str = include_str!("lua/reclaim.lua");
pub(crate) const RENEW: &str = include_str!("lua/renew.lua");
pub(crate) const RELEASE: &str = include_str!("lua/release.lua");
pub(crate) const TRIM: &str = include_str!("lua/trim.lua");
pub(crate) const DEPTH: &str = include_str!("lua/depth.lua");
pub(crate) const NUMBERING: &str = include_str!("lua/numbering.lua");
pub(crate) const FEED_ACK: &str = include_str!("lua/feed_ack.lua");
