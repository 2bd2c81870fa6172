//! What the connections of one gateway share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hongyan_carrier_wire::cmpp::msg_id::MsgIdParts;
use hongyan_carrier_wire::cmpp::pdu::{Submit, has_udh};
use hongyan_carrier_wire::cmpp::{MsgId, RESULT_THROTTLED};
use hongyan_carrier_wire::field::FixedStr;
use hongyan_carrier_wire::text::Coding;
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};

use super::config::{Account, Config};
use super::deliver::{china, report_time};
use super::faults::{Decision, FaultSet, ReceiptTime};
use super::ledger::{Ledger, Taken, content_hash};
use super::outbox::{MAX_ATTEMPTS, Outbox, Outgoing, OutgoingBody, Receipt};
use super::rate::LastSecond;

/// How long after a refusal a `DELIVER` is tried again, in milliseconds.
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
    /// End by `TERMINATE`.
    Terminate,
    /// Send these octets, whatever they are.
    Raw(Vec<u8>),
}

#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) account: Account,
    pub(super) outbox: Mutex<Outbox>,
    logins: Mutex<usize>,
    rate: Mutex<LastSecond>,
    /// Tells the account's connections that something came into the outbox from elsewhere.
    pub(super) news: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct Hub {
    pub(super) config: Config,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) faults: Mutex<FaultSet>,
    pub(super) accounts: Vec<Arc<AccountState>>,
    connections: Mutex<BTreeMap<u64, mpsc::Sender<Command>>>,
    started: Instant,
    next_connection: AtomicU64,
    next_message: AtomicU64,
}

/// What a connection does with a message.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) msg_id: MsgId,
    pub(super) decision: Decision,
    /// Receipts that go out before the answer.
    pub(super) early: Vec<Outgoing>,
}

/// A login that counts towards the account's limit while it lives.
#[derive(Debug)]
pub(super) struct LoginSlot {
    hub: Arc<Hub>,
    pub(super) account: Arc<AccountState>,
    /// True once the login went through and is counted.
    counted: bool,
}

impl Hub {
    pub(super) fn new(config: Config) -> Self {
        let accounts = config.accounts.iter().map(|account| {
            Arc::new(AccountState {
                account: account.clone(),
                outbox: Mutex::new(Outbox::new(config.max_waiting)),
                logins: Mutex::new(0),
                rate: Mutex::new(LastSecond::new(1_000_000)),
                news: watch::Sender::new(0),
            })
        });
        Self {
            accounts: accounts.collect(),
            ledger: Mutex::new(Ledger::new(config.keep_messages, config.keep_texts)),
            faults: Mutex::new(FaultSet::new(config.receipt.clone())),
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
        self.started + std::time::Duration::from_millis(at_ms)
    }

    pub(super) fn register(&self, peer: String) -> (u64, mpsc::Receiver<Command>) {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel(MAX_COMMANDS);
        lock(&self.connections).insert(id, sender);
        lock(&self.ledger).connected(id, peer);
        (id, receiver)
    }

    pub(super) fn unregister(&self, id: u64, why: String) {
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

    pub(super) fn account(&self, sp_id: FixedStr<6>) -> Option<Arc<AccountState>> {
        self.accounts
            .iter()
            .find(|state| state.account.sp_id.as_bytes() == sp_id.as_bytes())
            .cloned()
    }

    /// Takes one of the account's logins, if one is left.
    pub(super) fn reserve(self: &Arc<Self>, account: Arc<AccountState>) -> Option<LoginSlot> {
        {
            let mut logins = lock(&account.logins);
            if *logins >= account.account.max_logins {
                return None;
            }
            *logins += 1;
        }
        Some(LoginSlot {
            hub: Arc::clone(self),
            account,
            counted: false,
        })
    }

    /// Takes a message: decides what becomes of it, counts it, and makes its receipts.
    pub(super) fn take(&self, connection: u64, account: &AccountState, submit: &Submit) -> Verdict {
        let now_us = self.now_us();
        let now = OffsetDateTime::now_utc();
        let recipients = submit.recipients.count() as u64;
        let mut decision = {
            let mut faults = lock(&self.faults);
            let mut decision = faults.decide(submit.recipients.first().as_bytes(), rand::random::<f64>);
            if let Some(limit) = faults.current().throttle_per_second {
                let mut rate = lock(&account.rate);
                if rate.count(now_us) as u64 + recipients > u64::from(limit) {
                    decision.result = RESULT_THROTTLED;
                } else {
                    (0..recipients).for_each(|_| {
                        rate.note(now_us);
                    });
                }
            }
            decision
        };
        let first_id = self.message_ids(recipients, now);
        let accepted = decision.result == 0;
        self.note(connection, submit, first_id, decision.result, now, now_us);
        let mut early = Vec::new();
        let asked = submit.registered_delivery == 1 || decision.receipt.even_unasked;
        if accepted && asked && decision.receipt.time != ReceiptTime::Never {
            let due_ms = (now_us / 1_000)
                .saturating_add(decision.delay_ms)
                .saturating_add(decision.receipt.delay_ms);
            for outgoing in self.receipts(submit, first_id, &decision, now) {
                lock(&self.ledger).receipts.queued += 1;
                if decision.receipt.time == ReceiptTime::Early {
                    early.push(outgoing);
                } else {
                    self.queue(account, due_ms, outgoing);
                }
            }
        }
        if !accepted {
            decision.receipt.time = ReceiptTime::Never;
        }
        Verdict {
            msg_id: if accepted { first_id } else { MsgId(0) },
            decision,
            early,
        }
    }

    fn note(
        &self,
        connection: u64,
        submit: &Submit,
        first_id: MsgId,
        result: u32,
        now: OffsetDateTime,
        now_us: u64,
    ) {
        let content = submit.content.as_slice();
        let (concat, header_len) = Taken::numbering(has_udh(submit.tp_udhi), content);
        let hash = content_hash(content.get(usize::from(header_len)..).unwrap_or_default());
        let received_at_unix_ms = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let mut ledger = lock(&self.ledger);
        for (offset, number) in (0..).zip(submit.recipients.iter()) {
            let taken = Taken {
                msg_id: MsgId(first_id.0.wrapping_add(offset)),
                number: *number,
                source: submit.src_id,
                concat,
                coding: Coding::of_msg_fmt(submit.msg_fmt),
                header_len,
                content_hash: hash,
                received_at_unix_ms,
                connection,
                result,
            };
            ledger.take(taken, content, now_us);
        }
    }

    fn receipts(
        &self,
        submit: &Submit,
        first_id: MsgId,
        decision: &Decision,
        now: OffsetDateTime,
    ) -> Vec<Outgoing> {
        let plan = &decision.receipt;
        let stat = FixedStr::new(&plan.stat).unwrap_or_default();
        let submit_time = report_time(now);
        (0..)
            .zip(submit.recipients.iter())
            .flat_map(|(offset, number)| {
                let receipt = Receipt {
                    msg_id: MsgId(first_id.0.wrapping_add(offset)),
                    number: *number,
                    source: submit.src_id,
                    service_id: submit.service_id,
                    stat,
                    submit_time,
                    form: plan.form,
                };
                (0..plan.copies).map(move |_| receipt.clone())
            })
            .map(|receipt| Outgoing {
                body: OutgoingBody::Receipt(Box::new(receipt)),
                deliver_id: self.message_ids(1, now),
                attempts: 0,
            })
            .collect()
    }

    /// The first of `count` fresh ids in a row.
    pub(super) fn message_ids(&self, count: u64, now: OffsetDateTime) -> MsgId {
        let number = self.next_message.fetch_add(count, Ordering::Relaxed);
        let now = china(now);
        let start = MsgId::from_parts(MsgIdParts {
            month: u8::from(now.month()),
            day: now.day(),
            hour: now.hour(),
            minute: now.minute(),
            second: now.second(),
            gateway: self.config.gateway_code,
            sequence: 0,
        });
        // Beyond 65 536 it counts on into the gateway's code, so that ids stay different; below the seconds 38 bits
        // are free.
        MsgId((start.0 & !0x3f_ffff_ffff) | (start.0.wrapping_add(number) & 0x3f_ffff_ffff))
    }

    /// Puts something into the outbox, or counts it as given up.
    pub(super) fn queue(&self, account: &AccountState, at_ms: u64, outgoing: Outgoing) {
        let is_receipt = matches!(outgoing.body, OutgoingBody::Receipt(_));
        if !lock(&account.outbox).push(at_ms, outgoing) {
            self.count(is_receipt, |count| count.given_up += 1);
        }
    }

    /// Puts something back that the client did not take; `failed` counts as an attempt.
    pub(super) fn put_back(&self, account: &AccountState, mut outgoing: Outgoing, failed: bool) {
        let is_receipt = matches!(outgoing.body, OutgoingBody::Receipt(_));
        outgoing.attempts = outgoing.attempts.saturating_add(u8::from(failed));
        if outgoing.attempts >= MAX_ATTEMPTS {
            self.count(is_receipt, |count| count.given_up += 1);
            return;
        }
        let wait_ms = if failed { RETRY_MS } else { 0 };
        self.queue(account, self.now_ms().saturating_add(wait_ms), outgoing);
    }

    pub(super) fn count(&self, is_receipt: bool, change: impl FnOnce(&mut super::DeliverCount)) {
        let mut ledger = lock(&self.ledger);
        change(if is_receipt {
            &mut ledger.receipts
        } else {
            &mut ledger.uplinks
        });
    }

    pub(super) fn waiting(&self) -> usize {
        self.accounts.iter().map(|state| lock(&state.outbox).len()).sum()
    }
}

impl LoginSlot {
    /// The login went through.
    pub(super) fn count(&mut self) {
        let mut ledger = lock(&self.hub.ledger);
        let logins = &mut ledger.logins;
        logins.accepted += 1;
        logins.now += 1;
        logins.most_at_once = logins.most_at_once.max(logins.now);
        self.counted = true;
    }
}

impl Drop for LoginSlot {
    fn drop(&mut self) {
        let mut logins = lock(&self.account.logins);
        *logins = logins.saturating_sub(1);
        drop(logins);
        if self.counted {
            let mut ledger = lock(&self.hub.ledger);
            ledger.logins.now = ledger.logins.now.saturating_sub(1);
        }
        // What this connection leaves behind is for the others.
        self.account.news.send_modify(|news| *news = news.wrapping_add(1));
    }
}
