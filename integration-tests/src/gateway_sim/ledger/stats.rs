//! Counts as the control shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that is counted, since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// What it speaks.
    pub protocol: String,
    /// Messages that came, one a recipient, refused ones included.
    pub submits: u64,
    /// Those answered with 0.
    pub accepted: u64,
    /// By result code.
    pub by_result: BTreeMap<u32, u64>,
    /// Messages that a rule made vanish; they are counted nowhere else.
    pub lost: u64,
    /// Different numbers.
    pub numbers: u64,
    /// Accepted messages that came before: same number, source, part and text, among those remembered.
    pub duplicates: u64,
    /// Octets of content.
    pub octets: u64,
    /// The most messages within any second, whether or not it begins with one of the clock.
    pub peak_per_second: u64,
    /// Logins of all accounts.
    pub logins: LoginCount,
    /// Logins and traffic by account.
    pub accounts: BTreeMap<String, AccountCount>,
    /// Status reports.
    pub receipts: DeliverCount,
    /// Uplinks, by part.
    pub uplinks: DeliverCount,
    /// Reports about phones (SGIP's `USERRPT`).
    pub user_reports: DeliverCount,
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

/// Counts of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCount {
    /// Logins that it may have at the same time.
    pub login_limit: u64,
    /// Logged in now.
    pub now: u64,
    /// The most at the same time; never above the limit.
    pub most_at_once: u64,
    /// Logins let in.
    pub accepted: u64,
    /// Logins refused, for whatever reason.
    pub refused: u64,
    /// Those of them that came above the limit.
    pub refused_over_limit: u64,
    /// Segments that came, one a recipient, refused ones included.
    pub segments: u64,
    /// Those answered with 0.
    pub accepted_segments: u64,
    /// From the first segment to the last, in microseconds.
    pub span_us: u64,
    /// The most segments within any second, whether or not it begins with one of the clock. Each second is the time
    /// after the moment a second before a segment up to that segment, on a clock that only goes forward.
    pub peak_per_second: u64,
    /// How many of these seconds had so many segments.
    pub per_second_histogram: BTreeMap<u64, u64>,
}

/// Counts of what is delivered.
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
    /// True where the gateway opened it (SGIP).
    pub outgoing: bool,
    /// The account, once logged in.
    pub account: Option<String>,
    /// The version, once logged in: "2.0" or "3.0" and the like; with SMPP also the kind of bind.
    pub version: Option<String>,
    /// PDUs that came.
    pub pdus: u64,
    /// Messages that came.
    pub submits: u64,
    /// Those answered with 0.
    pub accepted: u64,
    /// Octets that came while it played dead.
    pub ignored_octets: u64,
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
