//! What the gateway took.

mod accounts;
mod messages;
mod stats;
mod texts;

pub use messages::{MessageView, PartView, content_hash};
pub use stats::{AccountCount, ConnectionCount, DeliverCount, LoginCount, NumberCount, Stats};

pub(super) use accounts::Accounts;
pub(super) use messages::{Messages, Taken};
pub(super) use texts::texts;

use std::collections::{BTreeMap, HashMap, VecDeque};

use hongyan_carrier_wire::field::TerminalId;

use super::message::Details;
use super::outbox::Kind;
use super::rate::LastSecond;

/// Seconds whose counts are kept.
const MAX_SECONDS: usize = 86_400;
/// Connections whose counts are kept, the oldest are forgotten first.
const MAX_CONNECTIONS: usize = 10_000;
/// Numbers whose counts are kept; those beyond count in the totals only.
const MAX_NUMBERS: usize = 5_000_000;
/// Times kept to find the busiest second.
const MAX_RATE: usize = 1_000_000;

/// Counts and messages. Pure: times are arguments.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) messages: Messages,
    pub(super) accounts: Accounts,
    pub(super) oddities: u64,
    /// Messages that a rule made vanish.
    pub(super) lost: u64,
    receipts: DeliverCount,
    uplinks: DeliverCount,
    user_reports: DeliverCount,
    submits: u64,
    accepted: u64,
    by_result: BTreeMap<u32, u64>,
    octets: u64,
    last_second: LastSecond,
    peak_per_second: u64,
    per_second: VecDeque<(u64, u64)>,
    per_number: HashMap<TerminalId, NumberCount>,
    connections: BTreeMap<u64, ConnectionCount>,
}

impl Ledger {
    pub(super) fn new(keep_messages: usize, keep_texts: usize, accounts: Accounts) -> Self {
        Self {
            messages: Messages::new(keep_messages, keep_texts),
            accounts,
            oddities: 0,
            lost: 0,
            receipts: DeliverCount::default(),
            uplinks: DeliverCount::default(),
            user_reports: DeliverCount::default(),
            submits: 0,
            accepted: 0,
            by_result: BTreeMap::new(),
            octets: 0,
            last_second: LastSecond::new(MAX_RATE),
            peak_per_second: 0,
            per_second: VecDeque::new(),
            per_number: HashMap::new(),
            connections: BTreeMap::new(),
        }
    }

    /// Notes a message to one recipient; `now_us` is the running clock, in microseconds.
    pub(super) fn take(&mut self, taken: Taken, content: &[u8], details: Details, now_us: u64) {
        let accepted = taken.result == 0;
        self.submits += 1;
        self.accepted += u64::from(accepted);
        *self.by_result.entry(taken.result).or_default() += 1;
        self.octets += content.len() as u64;
        self.peak_per_second = self.peak_per_second.max(self.last_second.note(now_us) as u64);
        self.accounts.segment(taken.account, accepted, now_us);
        self.note_second(taken.received_at_unix_ms / 1_000);
        if self.per_number.len() < MAX_NUMBERS || self.per_number.contains_key(&taken.number) {
            let count = self.per_number.entry(taken.number).or_default();
            count.submits += 1;
            count.accepted += u64::from(accepted);
        }
        if let Some(connection) = self.connections.get_mut(&taken.connection) {
            connection.submits += 1;
            connection.accepted += u64::from(accepted);
        }
        self.messages.push(taken, content, details);
    }

    fn note_second(&mut self, second: u64) {
        match self.per_second.back_mut() {
            // A clock that was set back counts to the second already begun.
            Some((last, count)) if *last >= second => *count += 1,
            _ => self.per_second.push_back((second, 1)),
        }
        if self.per_second.len() > MAX_SECONDS {
            self.per_second.pop_front();
        }
    }

    pub(super) const fn delivers(&mut self, kind: Kind) -> &mut DeliverCount {
        match kind {
            Kind::Receipt => &mut self.receipts,
            Kind::Uplink => &mut self.uplinks,
            Kind::UserReport => &mut self.user_reports,
        }
    }

    pub(super) fn connected(&mut self, id: u64, connection: ConnectionCount) {
        self.connections.insert(id, connection);
        if self.connections.len() > MAX_CONNECTIONS {
            self.connections.pop_first();
        }
    }

    pub(super) fn connection(&mut self, id: u64, change: impl FnOnce(&mut ConnectionCount)) {
        if let Some(connection) = self.connections.get_mut(&id) {
            change(connection);
        }
    }

    pub(super) fn number(&self, number: &TerminalId) -> NumberCount {
        self.per_number.get(number).copied().unwrap_or_default()
    }

    pub(super) fn seconds(&self) -> Vec<(u64, u64)> {
        self.per_second.iter().copied().collect()
    }

    pub(super) fn stats(&self, protocol: &str, waiting_delivers: usize) -> Stats {
        Stats {
            protocol: protocol.to_owned(),
            submits: self.submits,
            accepted: self.accepted,
            by_result: self.by_result.clone(),
            lost: self.lost,
            numbers: self.per_number.len() as u64,
            duplicates: self.messages.duplicates(),
            octets: self.octets,
            peak_per_second: self.peak_per_second,
            logins: self.accounts.logins(),
            accounts: self.accounts.counts(),
            receipts: self.receipts,
            uplinks: self.uplinks,
            user_reports: self.user_reports,
            waiting_delivers: waiting_delivers as u64,
            oddities: self.oddities,
            remembered: self.messages.len() as u64,
            connections: self.connections.clone(),
        }
    }

    /// Forgets messages and counts, and keeps what is true of the connections that stand.
    pub(super) fn reset(&mut self) {
        let mut fresh = Self::new(
            self.messages.keep(),
            self.messages.keep_texts(),
            self.accounts.afresh(),
        );
        fresh.connections = std::mem::take(&mut self.connections);
        fresh
            .connections
            .retain(|_, connection| connection.closed.is_none());
        for connection in fresh.connections.values_mut() {
            (connection.pdus, connection.submits, connection.accepted) = (0, 0, 0);
        }
        *self = fresh;
    }
}
