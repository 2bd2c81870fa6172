//! Keeps the record that nobody can rewrite, and answers questions about it.
//!
//! # What this service promises
//!
//! * **On record means on disk.** `Append` answers, and a stream entry is settled, after the event and all before it were
//!   written and synced. There is no best effort.
//! * **Once.** An event is known by its producer, epoch and number. Whoever submits it again is told its first place; a
//!   number under which another event stands is refused, never swallowed.
//! * **In order, without holes.** Indices count up from 0, the time of arrival never goes back. A number that a producer gave
//!   and that never came is told as a gap after a minute.
//! * **What was on record stays.** A start reads locks, tiles and journal and sees that they fit: one that was rolled back, cut
//!   or lost is named with both sides' numbers, damage with its file, offset and index, and nothing starts and nothing is
//!   changed. Only the unfinished write of a crash is cut from the journal's very end, and told. What is read later is held
//!   against its hash before it is answered.
//! * **Nobody need believe us.** About a second later every leaf is under a signed checkpoint of a transparency log, in files
//!   that others can copy, check and serve; and a start refuses files that are older than what was signed.
//! * **A person can be forgotten.** Personal data stands in the record under a key for each person and half-year. Erasing
//!   destroys the keys: no proof changes, and nobody can open the data any more.
//! * **Nobody looks unseen.** A question goes on record before it is answered.
//!
//! # What it refuses
//!
//! A wrong event, field by field; a producer's name that is not the caller's own; everything, and its own health first, as
//! soon as the disk refuses a write: the process ends then, because after a failed write nobody knows what is on disk.
//! Questions, while the index is behind: an answer that leaves out what is on record would be a false one.
//!
//! # The rooms
//!
//! [`log`] is the journal: segments, whose leaves are all published sooner or later; then they go ([`upkeep`]), and a snapshot
//! beside them remembers what producers sent. [`recovery`] opens everything. [`record`] decides places and owns the one thread
//! that writes. [`publish`] follows it and makes transparency logs of it that outsiders can check. [`index`] finds leaves and counts messages; it follows the published
//! logs and can be deleted. [`stream`] is the way in from Redis, [`rpc`] the way in and out by gRPC; [`keys`] seals what is
//! personal before it goes in. When a half-year is over its logs are closed and the next ones opened (`record::turn`, `turner`);
//! when their time is over their entries go (`retention`). The write path knows nothing of index and publisher: the publisher reads the record's files,
//! and everybody else the published logs.

mod event;
mod hold;
pub mod index;
mod key_tasks;
pub mod keys;
mod known;
pub mod log;
mod own;
#[cfg(feature = "failpoints")]
pub mod point;
#[cfg(not(feature = "failpoints"))]
mod point;
pub mod publish;
mod question;
pub mod record;
pub mod recovery;
mod retention;
mod returned_keys;
pub mod rpc;
mod service;
mod settings;
pub mod stream;
#[cfg(test)]
mod testing;
mod turner;
pub mod upkeep;
mod writing_thread;

pub use retention::Retention;
pub use service::build;
pub use settings::Settings;
