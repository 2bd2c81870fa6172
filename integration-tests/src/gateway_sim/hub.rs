//! What the connections of one gateway share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::account::AccountState;
use super::carrier::Carrier;
use super::config::{Config, ConnectionEvent};
use super::faults::{FaultSet, Faults, Rule};
use super::ledger::{Accounts, ConnectionCount, DeliverCount, Ledger};
use super::message::MessageId;
use super::outbox::{Kind, MAX_ATTEMPTS, Outgoing};

/// How long after a refusal something is delivered again, in milliseconds.
const RETRY_MS: u64 = 500;

/// Commands to one connection that may wait.
pub(super) const MAX_COMMANDS: usize = 64;

/// Locks even after a panic in another test's thread: counts stay readable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What control tells a connection.
#[derive(Debug, Clone)]
pub(super) enum Command {
    /// Close without a word.
    Drop,
    /// End in order.
    Terminate,
    /// Send these octets, whatever they are.
    Raw(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Hub {
    pub(super) config: Config,
    pub(super) carrier: Arc<dyn Carrier>,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) faults: Mutex<FaultSet>,
    pub(super) accounts: Vec<Arc<AccountState>>,
    connections: Mutex<BTreeMap<u64, mpsc::Sender<Command>>>,
    started: Instant,
    next_connection: AtomicU64,
    next_message: AtomicU64,
}

impl Hub {
    pub(super) fn new(config: Config, carrier: Arc<dyn Carrier>) -> Self {
        let accounts: Vec<_> = config
            .accounts
            .iter()
            .enumerate()
            .map(|(index, account)| Arc::new(AccountState::new(index, account.clone(), config.max_waiting)))
            .collect();
        let counts = config
            .accounts
            .iter()
            .map(|account| (account.name.clone(), account.max_logins));
        Self {
            ledger: Mutex::new(Ledger::new(
                config.keep_messages,
                config.keep_texts,
                Accounts::new(counts),
            )),
            faults: Mutex::new(FaultSet::new(config.receipt.clone())),
            accounts,
            carrier,
            connections: Mutex::new(BTreeMap::new()),
            started: Instant::now(),
            next_connection: AtomicU64::new(1),
            next_message: AtomicU64::new(0),
            config,
        }
    }

    /// The running clock in microseconds.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The running clock in milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }

    /// The moment of a reading of the running clock in milliseconds.
    pub(super) fn instant(&self, at_ms: u64) -> Instant {
        self.started + Duration::from_millis(at_ms)
    }

    pub(super) fn register(&self, peer: String, outgoing: bool) -> (u64, mpsc::Receiver<Command>) {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(MAX_COMMANDS);
        lock(&self.connections).insert(id, sender);
        self.event(id, || {
            if outgoing {
                format!("opened to {peer}")
            } else {
                format!("accepted from {peer}")
            }
        });
        let connection = ConnectionCount {
            peer,
            outgoing,
            ..ConnectionCount::default()
        };
        lock(&self.ledger).connected(id, connection);
        (id, receiver)
    }

    /// Tells whoever listens what happened to a connection.
    pub(super) fn event(&self, connection: u64, what: impl FnOnce() -> String) {
        if let Some(events) = &self.config.events {
            let what = what();
            // Nobody is waited for.
            let _ = events.try_send(ConnectionEvent { connection, what });
        }
    }

    pub(super) fn unregister(&self, id: u64, why: String) {
        self.event(id, || format!("over: {why}"));
        lock(&self.connections).remove(&id);
        lock(&self.ledger).connection(id, |connection| connection.closed = Some(why));
    }

    /// Gives a command to one connection, or to all; says how many got it.
    pub(super) fn command(&self, only: Option<u64>, command: &Command) -> usize {
        lock(&self.connections)
            .iter()
            .filter(|(id, _)| only.is_none_or(|only| only == **id))
            .filter(|(_, sender)| sender.try_send(command.clone()).is_ok())
            .count()
    }

    pub(super) fn account(&self, name: &str) -> Option<Arc<AccountState>> {
        self.accounts
            .iter()
            .find(|state| state.account.name == name)
            .cloned()
    }

    /// Replaces all faults, if this protocol can have them.
    pub(super) fn set_faults(&self, faults: Faults) -> Result<()> {
        self.carrier.check(&faults)?;
        lock(&self.faults).replace(faults)
    }

    /// Adds a rule, if this protocol can follow it.
    pub(super) fn add_rule(&self, rule: Rule) -> Result<()> {
        self.carrier.check(&Faults {
            rules: vec![rule.clone()],
            ..Faults::default()
        })?;
        lock(&self.faults).add(rule)
    }

    /// The first of `count` fresh ids in a row.
    pub(super) fn message_ids(&self, count: u64, now: OffsetDateTime) -> MessageId {
        let number = self.next_message.fetch_add(count, Ordering::Relaxed);
        let binary = lock(&self.faults).current().binary_ids;
        self.carrier.fresh_id(now, number, binary)
    }

    /// Puts something into the outbox, or counts it as given up.
    pub(super) fn queue(&self, account: &AccountState, at_ms: u64, outgoing: Outgoing) {
        let kind = outgoing.kind();
        if !lock(&account.outbox).push(at_ms, outgoing) {
            self.count(kind, |count| count.given_up += 1);
        }
    }

    /// Puts something back that the client did not take; `failed` counts as an attempt.
    pub(super) fn put_back(&self, account: &AccountState, mut outgoing: Outgoing, failed: bool) {
        outgoing.attempts = outgoing.attempts.saturating_add(u8::from(failed));
        if outgoing.attempts >= MAX_ATTEMPTS {
            self.count(outgoing.kind(), |count| count.given_up += 1);
            return;
        }
        let wait_ms = if failed { RETRY_MS } else { 0 };
        self.queue(account, self.now_ms().saturating_add(wait_ms), outgoing);
    }

    pub(super) fn count(&self, kind: Kind, change: impl FnOnce(&mut DeliverCount)) {
        change(lock(&self.ledger).delivers(kind));
    }

    pub(super) fn waiting(&self) -> usize {
        self.accounts.iter().map(|state| lock(&state.outbox).len()).sum()
    }
}
