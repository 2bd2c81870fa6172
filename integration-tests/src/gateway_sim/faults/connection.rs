//! What is done with connections.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::rule::check_fraction;

/// What to do with some connections, from their acceptance on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionRule {
    /// Only this share of them, 0 to 1, by chance.
    pub fraction: Option<f64>,
    /// Only the next so many of them.
    pub next: Option<u64>,
    /// What is done.
    pub then: ConnectionEffects,
}

/// What is done with a connection; what is left out stays as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionEffects {
    /// Closes it without a word.
    pub close: Option<CloseAt>,
    /// Refuses the login with this status.
    pub refuse_with: Option<u32>,
    /// The answer to the login proves nothing: its authenticator is wrong (CMPP, SMGP).
    pub wrong_authenticator: Option<bool>,
    /// Stays open while nothing that comes is heard and nothing is said.
    pub half_open: Option<bool>,
    /// Reads no faster than so many octets a second.
    pub read_octets_per_second: Option<u32>,
}

/// When a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseAt {
    /// As soon as it is accepted.
    Accept,
    /// When the login came, instead of its answer.
    Login,
    /// Right behind the answer to the login.
    Opened,
}

impl ConnectionRule {
    pub(super) fn check(&self) -> Result<()> {
        check_fraction(self.fraction)
    }
}

impl ConnectionEffects {
    pub(super) fn apply(&mut self, other: &Self) {
        self.close = other.close.or(self.close);
        self.refuse_with = other.refuse_with.or(self.refuse_with);
        self.wrong_authenticator = other.wrong_authenticator.or(self.wrong_authenticator);
        self.half_open = other.half_open.or(self.half_open);
        self.read_octets_per_second = other.read_octets_per_second.or(self.read_octets_per_second);
    }
}
