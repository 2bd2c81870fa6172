//! Counts as the control shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that is counted, since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Messages that came, one a recipient, refused ones included.
    pub submits: u64,
    /// Those answered with 0.
    pub accepted: u64,
    /// By result code.
    pub by_result: BTreeMap<u32, u64>,
    /// Different numbers.
    pub numbers: u64,
    /// Accepted messages that came before: same number, source, part and text, among those remembered.
    pub duplicates: u64,
    /// Octets of content.
    pub octets: u64,
    /// The most messages within any second, whether or not it begins with one of the clock.
    pub peak_per_second: u64,
    /// Logins.
    pub logins: LoginCount,
    /// Status reports.
    pub receipts: DeliverCount,
    /// Uplinks, by part.
    pub uplinks: DeliverCount,
    /// Receipts and uplinks that wait for their time or for a connection.
    pub waiting_delivers: u64,
    /// PDUs that made no sense.
    pub oddities: u64,
    /// Messages remembered.
    pub remembered: u64,
    /// Connections by number.
    pub connections: BTreeMap<u64, ConnectionCount>,
}

/// Counts of logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginCount {
    /// Let in.
    pub accepted: u64,
    /// Refused, for whatever reason.
    pub refused: u64,
    /// Logged in now.
    pub now: u64,
    /// The most at the same time.
    pub most_at_once: u64,
}

/// Counts of `DELIVER`s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverCount {
    /// Made.
    pub queued: u64,
    /// Sent, repetitions included.
    pub sent: u64,
    /// Taken by the client (result 0).
    pub taken: u64,
    /// Not taken (another result).
    pub refused: u64,
    /// Sent and not answered: timed out, or the connection ended.
    pub unanswered: u64,
    /// Given up after several attempts, or for want of room.
    pub given_up: u64,
}

/// Counts of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCount {
    /// The other end's address.
    pub peer: String,
    /// The account, once logged in.
    pub sp_id: Option<String>,
    /// "2.0" or "3.0", once logged in.
    pub version: Option<String>,
    /// PDUs that came.
    pub pdus: u64,
    /// Messages that came.
    pub submits: u64,
    /// Those answered with 0.
    pub accepted: u64,
    /// Why it ended, once it has.
    pub closed: Option<String>,
}

/// Counts of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberCount {
    /// Messages that came.
    pub submits: u64,
    /// Those answered with 0.
    pub accepted: u64,
}
