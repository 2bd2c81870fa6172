//! Logins and traffic of each account.

use std::collections::BTreeMap;

use super::super::rate::Windows;
use super::{AccountCount, LoginCount};

/// Segments of one account that are counted within one second.
const MAX_RATE: usize = 200_000;

/// Counts of every account, by its place among the accounts of the gateway.
#[derive(Debug)]
pub(in super::super) struct Accounts {
    of: Vec<Account>,
    all: LoginCount,
}

#[derive(Debug)]
struct Account {
    name: String,
    limit: usize,
    logins: LoginCount,
    refused_over_limit: u64,
    accepted_segments: u64,
    windows: Windows,
}

impl Account {
    const fn new(name: String, limit: usize) -> Self {
        Self {
            name,
            limit,
            logins: LoginCount {
                accepted: 0,
                refused: 0,
                now: 0,
                most_at_once: 0,
            },
            refused_over_limit: 0,
            accepted_segments: 0,
            windows: Windows::new(MAX_RATE),
        }
    }
}

impl Accounts {
    /// Accounts by name and limit of logins, in their order.
    pub(in super::super) fn new(accounts: impl Iterator<Item = (String, usize)>) -> Self {
        Self {
            of: accounts.map(|(name, limit)| Account::new(name, limit)).collect(),
            all: LoginCount::default(),
        }
    }

    /// A login went through.
    pub(in super::super) fn logged_in(&mut self, account: usize) {
        self.both(account, |logins| {
            logins.accepted += 1;
            logins.now += 1;
            logins.most_at_once = logins.most_at_once.max(logins.now);
        });
    }

    /// A login that had gone through is over.
    pub(in super::super) fn logged_out(&mut self, account: usize) {
        self.both(account, |logins| logins.now = logins.now.saturating_sub(1));
    }

    /// A login was refused; `account` where there is one.
    pub(in super::super) fn refused(&mut self, account: Option<usize>, over_limit: bool) {
        match account {
            Some(account) => {
                self.both(account, |logins| logins.refused += 1);
                if over_limit && let Some(account) = self.of.get_mut(account) {
                    account.refused_over_limit += 1;
                }
            }
            None => self.all.refused += 1,
        }
    }

    fn both(&mut self, account: usize, change: impl Fn(&mut LoginCount)) {
        change(&mut self.all);
        if let Some(account) = self.of.get_mut(account) {
            change(&mut account.logins);
        }
    }

    pub(super) fn segment(&mut self, account: usize, accepted: bool, now_us: u64) {
        if let Some(account) = self.of.get_mut(account) {
            account.windows.note(now_us);
            account.accepted_segments += u64::from(accepted);
        }
    }

    pub(super) const fn logins(&self) -> LoginCount {
        self.all
    }

    pub(super) fn counts(&self) -> BTreeMap<String, AccountCount> {
        let count = |account: &Account| AccountCount {
            login_limit: account.limit as u64,
            now: account.logins.now,
            most_at_once: account.logins.most_at_once,
            accepted: account.logins.accepted,
            refused: account.logins.refused,
            refused_over_limit: account.refused_over_limit,
            segments: account.windows.segments(),
            accepted_segments: account.accepted_segments,
            span_us: account.windows.span_us(),
            peak_per_second: account.windows.peak(),
            per_second_histogram: account.windows.histogram().clone(),
        };
        self.of
            .iter()
            .map(|account| (account.name.clone(), count(account)))
            .collect()
    }

    /// The same accounts with nothing counted but the logins that stand.
    pub(super) fn afresh(&self) -> Self {
        let standing = |logins: LoginCount| LoginCount {
            now: logins.now,
            most_at_once: logins.now,
            ..LoginCount::default()
        };
        Self {
            of: self
                .of
                .iter()
                .map(|account| Account {
                    logins: standing(account.logins),
                    ..Account::new(account.name.clone(), account.limit)
                })
                .collect(),
            all: standing(self.all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_counted_by_account_and_in_all() {
        let mut accounts = Accounts::new([("a".to_owned(), 3), ("b".to_owned(), 1)].into_iter());
        accounts.logged_in(0);
        accounts.logged_in(0);
        accounts.logged_in(1);
        accounts.logged_out(0);
        accounts.refused(Some(1), true);
        accounts.refused(None, false);
        let counts = accounts.counts();
        assert_eq!((counts["a"].now, counts["a"].most_at_once), (1, 2));
        assert_eq!((counts["b"].refused, counts["b"].refused_over_limit), (1, 1));
        let all = accounts.logins();
        assert_eq!(
            (all.accepted, all.refused, all.now, all.most_at_once),
            (3, 2, 2, 3)
        );
        let afresh = accounts.afresh();
        assert_eq!((afresh.logins().now, afresh.logins().accepted), (2, 0));
        assert_eq!(afresh.counts()["a"].most_at_once, 1);
    }
}
