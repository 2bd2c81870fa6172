//! The record's second way in: `{p}:audit`, where other services put their events in the same step as the change that
//! they record.
//!
//! Entry: `e` epoch, `n` number (both given in the script that adds it), `b` the event, `tp` its trace. Taken as group
//! `audit`, put on record, and only then settled: a crash in between delivers it again, and its number tells that it is
//! known. What cannot go on record yet (sealed under a key of the mesh that has not come here) stays pending for up to an hour.
//! What can never go on record goes to `{p}:dead:audit`, with an alarm and an event about it.
//! Entries that somebody deleted before they were on record are missed by their numbers, with an alarm and an event too.

mod batch;
mod consumer;
mod entry;
mod lost;
mod spans;
mod unfit;

pub use consumer::{StreamError, StreamSink, connect, run, streams};
