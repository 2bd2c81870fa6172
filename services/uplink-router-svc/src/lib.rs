//! Turns a subscriber's text into a question, and the answer into a reply.
//!
//! # What this service promises
//!
//! * **Every text gets a word.** A keyword rule's text is asked of the business's own handler and answered from a
//!   template; any other text gets the help text; a handler that fails, is late or answers what no template can say
//!   gets an apology *and* an alarm. The exceptions are two: a sender that is no mobile number cannot be answered, and
//!   two automata that talk to each other are not fed ([`loop_guard`]). Both are told to the tenant and on record.
//! * **One reply.** The reply's `request_id` is `uplink-<uplink id>`, so that dispatch sends it once however often this
//!   service tries. What it says is noted (sealed) before it is sent, so that a second attempt says the same. A process
//!   may be killed between any two steps: the entry stays pending, another consumer takes it over and goes on. The
//!   handler may then be asked again, with the same `uplink_id`.
//! * **Opt-out at once.** `TD`, `T`, `N`, `R`, `退订` and the tenant's own words take effect at dispatch *before* they
//!   are confirmed, and before any rule of the tenant sees them.
//! * **Secrets stay nowhere.** A secret field's value goes to the handler over mutual TLS and to nothing else: not to the
//!   feed, the record, a log, a span or a key. In memory it is wiped after use, as far as this process holds it.
//!
//! # What it refuses
//!
//! A catalog whose patterns it cannot read ([`rules::check`]): the one before stays in force. Entries that do not open or
//! decode go to the dead letters with an alarm. An uplink to an access number of nobody goes on record as
//! `UPLINK_UNROUTED`, with an alarm.
//!
//! # The way of an uplink, and its Redis keys
//!
//! | Step | Keys, all of the sender's partition |
//! |---|---|
//! | taken on lease as group `router` | `{p0}:uplinks` |
//! | may it be answered? one script | `{p0}:loop:<tenant>:<tag>`, `{p0}:loop:<tenant>:<tag>:replies` |
//! | handler asked; the reply noted, first one wins, one script | `{p0}:reply:<uplink id>`, a day |
//! | sent through dispatch | none of ours |
//! | settled: feed, record, acknowledgement, one script | `{p0}:feed:uplinks:<tenant>`, `{p0}:audit`, `{p0}:uplinks` |
//!
//! A step that fails because a neighbour is away is tried again with back-off for a while; then the entry is left pending
//! and reclaimed when its lease has run out. After [`settings::RouterSettings::give_up_after`] the reply is given up, as
//! `REPLY_REFUSED`, with an alarm.
//!
//! The order in which one subscriber's texts are answered is not kept: they are worked on side by side.
//!
//! # What it counts
//!
//! | Metric | Labels |
//! |---|---|
//! | `hongyan_uplinks_total` | `tenant`, `disposition` |
//! | `hongyan_uplink_alarms_total`: a human should look | `kind`: `handler_failed`, `reply_refused`, `opt_out_not_set`, `loop_suppressed`, `unrouted`, `dead_letter`, `feed_entry_unreadable` |
//! | `hongyan_uplink_handler_failures_total` | `tenant`, `handler`, `reason` |
//! | `hongyan_uplink_retries_total`: attempts that were left for later | |
//! | `hongyan_uplink_feed_trimmed_total` | |

mod compose;
pub mod decide;
pub mod dispatch;
pub mod end;
mod finish;
pub mod grammar;
pub mod handlers;
pub mod loop_guard;
pub mod optout;
pub mod received;
pub mod reply;
pub mod router;
pub mod rpc;
pub mod rules;
mod service;
pub mod settings;
pub mod store;
pub mod worker;

pub use service::build;

#[cfg(test)]
mod testing;
