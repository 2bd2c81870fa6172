//! Durable work over Redis Streams.
//!
//! # What this crate promises
//!
//! * **Work is taken on lease.** A [`Group`] hands an entry to one consumer at a time. Whoever works longer than the
//!   lease renews it ([`Group::renew`]); whoever dies is succeeded by [`Group::reclaim`]. Delivery is at least once.
//! * **Settling never loses.** Entries are acknowledged, never deleted; the [`Janitor`] frees the memory of what *every*
//!   group has settled, and nothing else.
//! * **State changes are scripts.** A [`Script`] is one atomic step; [`Batch`] sends many in one write, which is also the
//!   group commit: with `appendfsync always` one sync covers all that arrived together.
//! * **Durability is checked.** [`Redis::connect`] refuses a server that may forget (see [`Durability`]).
//! * **An outage is an error, not a wait.** Every command fails within the response timeout, with
//!   [`QueueError::Unavailable`]; the connection comes back by itself once the server does. A server that is still
//!   loading its data counts as unavailable.
//!
//! # Streams
//!
//! Every key begins with a hash tag `{p0}`, the partition of the recipient's number, so that one message's keys live in
//! one slot. The names that services share are in [`keys`]. An entry has the field `b`, the body, and may have `tp`, the
//! W3C `traceparent` of the message.

mod backoff;
mod batch;
mod client;
mod connection;
mod consumer;
mod cursor;
mod depth;
mod durability;
mod entry;
mod error;
pub mod feed;
mod group;
mod janitor;
pub mod keys;
pub mod lua;
mod numbering;
mod script;
mod settings;
mod stream_id;
mod value;

pub use backoff::Backoff;
pub use batch::Batch;
pub use client::Redis;
pub use connection::SharedConnection;
pub use consumer::Consumer;
pub use cursor::{Cursor, CursorError};
pub use depth::{Depth, depth};
pub use durability::Durability;
pub use entry::Entry;
pub use error::QueueError;
pub use feed::FeedReader;
pub use group::Group;
pub use janitor::Janitor;
pub use numbering::{Numbering, numbering};
pub use script::{Call, Script};
pub use settings::RedisSettings;
pub use stream_id::StreamId;
