//! What the connections of one account share.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::config::{Account, DeliverTo};
use super::hub::{Hub, lock};
use super::outbox::Outbox;
use super::rate::LastSecond;

/// Segments of one account that are remembered to slow it down.
const MAX_RATE: usize = 1_000_000;

#[derive(Debug)]
pub(super) struct AccountState {
    /// Its place among the gateway's accounts.
    pub(super) index: usize,
    pub(super) account: Account,
    pub(super) outbox: Mutex<Outbox>,
    /// Where to deliver, when the gateway opens the connections.
    pub(super) deliver_to: Mutex<Option<DeliverTo>>,
    pub(super) rate: Mutex<LastSecond>,
    logins: Mutex<usize>,
    /// Tells the account's connections that something came into the outbox from elsewhere.
    news: watch::Sender<u64>,
}

impl AccountState {
    pub(super) fn new(index: usize, account: Account, max_waiting: usize) -> Self {
        Self {
            index,
            outbox: Mutex::new(Outbox::new(max_waiting)),
            deliver_to: Mutex::new(account.deliver_to.clone()),
            rate: Mutex::new(LastSecond::new(MAX_RATE)),
            logins: Mutex::new(0),
            news: watch::Sender::new(0),
            account,
        }
    }

    /// Something came into the outbox, or went back to it.
    pub(super) fn tell(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

/// A login that counts towards the account's limit while it lives.
#[derive(Debug)]
pub(super) struct LoginSlot {
    hub: Arc<Hub>,
    pub(super) account: Arc<AccountState>,
    /// True where it was taken out of the account's limit.
    limited: bool,
    /// True once the login went through and is counted.
    counted: bool,
}

impl LoginSlot {
    /// Takes one of the account's logins, if one is left.
    pub(super) fn reserve(hub: &Arc<Hub>, account: Arc<AccountState>) -> Option<Self> {
        {
            let mut logins = lock(&account.logins);
            if *logins >= account.account.max_logins {
                return None;
            }
            *logins += 1;
        }
        let mut slot = Self::unlimited(hub, account);
        slot.limited = true;
        Some(slot)
    }

    /// A login of the gateway's own at the client, which no limit is for.
    pub(super) fn unlimited(hub: &Arc<Hub>, account: Arc<AccountState>) -> Self {
        Self {
            hub: Arc::clone(hub),
            account,
            limited: false,
            counted: false,
        }
    }

    /// The login went through.
    pub(super) fn count(&mut self) {
        if self.limited {
            lock(&self.hub.ledger).accounts.logged_in(self.account.index);
            self.counted = true;
        }
    }
}

impl Drop for LoginSlot {
    fn drop(&mut self) {
        if self.limited {
            let mut logins = lock(&self.account.logins);
            *logins = logins.saturating_sub(1);
        }
        if self.counted {
            lock(&self.hub.ledger).accounts.logged_out(self.account.index);
        }
        // What this connection leaves behind is for the others.
        self.account.tell();
    }
}
