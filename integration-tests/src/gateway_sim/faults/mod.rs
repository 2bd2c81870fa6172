//! What the gateway does wrong, and to whom.

mod connection;
mod receipt;
mod rule;
mod set;

pub use connection::{CloseAt, ConnectionEffects, ConnectionRule};
pub use receipt::{Damage, Padding, ReceiptChange, ReceiptForm, ReceiptId, ReceiptPlan, ReceiptTime};
pub(super) use rule::national;
pub use rule::{Answer, Code, Cut, Effects, Meaning, Rule};
pub(super) use set::{Decision, FaultSet};

use serde::{Deserialize, Serialize};

/// Everything that can be changed while the gateway runs. The default is a gateway without a fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What to do with which message. All that match apply, in order; a later one overrides an earlier one.
    pub rules: Vec<Rule>,
    /// What to do with which connection, decided when it is accepted; a later one overrides an earlier one.
    pub connections: Vec<ConnectionRule>,
    /// Answers "slow down" to messages of an account above this many within any second.
    pub throttle_per_second: Option<u32>,
    /// Does not answer keep-alives (`ACTIVE_TEST`, `Active_Test`, `enquire_link`).
    #[serde(alias = "ignore_active_test")]
    pub ignore_keep_alives: bool,
    /// Refuses every login with this status.
    pub refuse_logins_with: Option<u32>,
    /// Drops each connection after it has taken this many PDUs.
    pub drop_after_pdus: Option<u64>,
    /// Every connection stays open while nothing that comes is heard and nothing is said: a peer that is gone.
    pub half_open: bool,
    /// Reads no faster than so many octets a second from each connection.
    pub read_octets_per_second: Option<u32>,
    /// Gives messages ids with octets that are no digits, NUL and blank among them (SMGP).
    pub binary_ids: bool,
}
