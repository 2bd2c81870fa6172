//! Accepts messages once, decides their way, keeps their state; owner of the send queues.
//!
//! # What this service promises
//!
//! * **OK means durable.** A caller who hears OK can forget the message: state, queue entry, deadline and audit event are
//!   in Redis' log on disk (and on as many replicas as `redis.replicas_to_wait` says) before the answer leaves.
//! * **Once.** The same `request_id` within 24 hours is the same message and gets the same answer, octet for octet, however
//!   many ask at once. With another request it is refused (`REQUEST_ID_REUSED`).
//! * **Whole or not at all.** Accepting, settling and opting out are one Lua script each. A refusal changes nothing. A
//!   handler may be dropped, a process killed, a connection cut at any instruction: the message is before the change or
//!   behind it, and asking again with the same `request_id` tells which.
//! * **Every accepted message ends.** It reaches a final status by what the link reports, or by a deadline: EXPIRED a
//!   minute behind its validity where no link reported anything, UNKNOWN 48 hours after it left where no receipt came.
//! * **The end does not depend on the order.** Reports may come twice, late, or in any order ([`lifecycle`]).
//! * **No final status changes silently.** A receipt that corrects one is told as a correction, in the feed and on record.
//! * **No receipt is lost or skipped.** A watcher that comes back goes on behind what it acknowledged, for seven days.
//!
//! # What it refuses, and with which reason
//!
//! | reason | code | when |
//! |---|---|---|
//! | `INVALID_REQUEST` | INVALID_ARGUMENT | fields are wrong; all of them are named ([`request`]) |
//! | `TENANT_NOT_ALLOWED`, `NO_TENANT` | PERMISSION_DENIED | the caller does not speak for that tenant, or for any ([`caller`]) |
//! | `NO_ROUTE` | FAILED_PRECONDITION | no carrier, access number or link for the number ([`route`]) |
//! | `OPTED_OUT` | FAILED_PRECONDITION | the subscriber wants no notices and no bulk messages of this tenant |
//! | `REQUEST_ID_REUSED` | ALREADY_EXISTS | the id came before with another request |
//! | `THROTTLED` | RESOURCE_EXHAUSTED | the number has had its share; `RetryInfo` says when it may have more |
//! | `TENANT_QUEUE_FULL`, `QUEUE_FULL` | RESOURCE_EXHAUSTED | too many messages wait |
//! | `TOO_MANY_WATCHERS` | RESOURCE_EXHAUSTED | the tenant has its watchers |
//! | `STORE_UNAVAILABLE` | UNAVAILABLE | Redis does not answer; nothing is known, ask again with the same id |
//!
//! # Who moves what
//!
//! [`acceptor`] checks a request against the catalog, seals the message for its link and hands a [`store::Draft`] to
//! `accept.lua`, which writes `{p}:idem:…`, `{p}:msg:…`, `{p}:thr:…`, `{p}:waiting`, `{p}:deadlines`, one entry of
//! `{p}:out:<link>:<class>` and one of `{p}:audit`. [`worker`] reads `{p}:receipts` in the group `dispatch`, folds what the
//! links report into the record and hands a [`store::Change`] to `settle.lua`, which writes the record where its version
//! still stands, moves the deadline, tells the tenant's feed and the audit stream, and acknowledges the entries. By the same
//! script a message goes another way ([`reroute`] decides, [`rerouter`] finds out what that needs): out of a link's report,
//! or out of the queue of a link that is down ([`mover`]). [`routing`] knows how the links are and where numbers were found;
//! the truth of the latter is `{p}:ported:…`, which `accept.lua` compares with what a message was made for.
//! [`sweeper`] does the same for deadlines. Any number of replicas may run; what two of them do to one message at once, one
//! of them does again.
//!
//! # Invariants
//!
//! * A number's keys all begin with its partition; what is kept of a number in clear is its keyed tag and nothing else.
//!   The text is nowhere but sealed in the queue entry, and gone when the link has settled that; where a route has a
//!   fallback it is also kept sealed beside the record until the message has ended or gone there.
//! * The status is a function of the facts in the record; nothing else stores a status.
//! * Time is an argument of every decision; Redis' clock decides nothing.
//!
//! # What it does not promise
//!
//! With more than one partition a `request_id` is unique within the partition of the recipient's number: the same id with
//! *another* number may be a second message in place of a refusal. A repetition of the same request is always found.
//!
//! A repetition is checked like any request before its first answer is looked up: where the catalog has changed so that the
//! request is no longer right (its template is gone), it is refused, although the message was accepted.

pub mod acceptor;
pub mod audit;
pub mod caller;
pub mod clock;
pub mod convert;
pub mod fingerprint;
pub mod keys;
pub mod lifecycle;
pub mod metric;
pub mod mover;
pub mod queues;
pub mod record;
pub mod refusal;
pub mod request;
pub mod reroute;
pub mod rerouter;
pub mod route;
pub mod routing;
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
