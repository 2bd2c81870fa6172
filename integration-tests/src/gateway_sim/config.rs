//! How a simulator is set up.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, ensure};
use hongyan_carrier_wire::cmpp::Version;
use hongyan_carrier_wire::cmpp::auth::Secret;
use hongyan_carrier_wire::cmpp::session::SessionLimits;
use hongyan_carrier_wire::cmpp::session::server::HigherVersion;
use hongyan_carrier_wire::field::FixedStr;

use super::ReceiptPlan;

/// Everything that is settled before the start. What may change while it runs is in [`super::Faults`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Where carrier links connect. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the control answers. Loopback: it shows numbers and has no login.
    pub control: SocketAddr,
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// Highest version spoken.
    pub max_version: Version,
    /// What to do about a client that asks for more.
    pub on_higher_version: HigherVersion,
    /// Bounds and timeouts of a session.
    pub session: SessionLimits,
    /// The receipt of a message that no rule speaks about.
    pub receipt: ReceiptPlan,
    /// Messages remembered, one a recipient; the oldest are forgotten first.
    pub keep_messages: usize,
    /// Of how many of them the content is kept as well, for `/texts`.
    pub keep_texts: usize,
    /// Receipts and uplinks of one account that may wait; further ones are dropped and counted.
    pub max_waiting: usize,
    /// The gateway's code in message ids (22 bits).
    pub gateway_code: u32,
}

impl Default for Config {
    /// Free ports on loopback, account 900001 with secret "888888" and 16 logins, receipts `DELIVRD` after 100 ms.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            accounts: vec![Account {
                sp_id: FixedStr::from_wire(*b"900001"),
                secret: Secret::new("888888"),
                max_logins: 16,
            }],
            max_version: Version::V3,
            on_higher_version: HigherVersion::AnswerOwn,
            session: SessionLimits {
                max_unanswered_inbound: 4_096,
                ..SessionLimits::default()
            },
            receipt: ReceiptPlan::default(),
            keep_messages: 1_000_000,
            keep_texts: 100_000,
            max_waiting: 1_000_000,
            gateway_code: 100_001,
        }
    }
}

/// Who may log in.
#[derive(Debug, Clone)]
pub struct Account {
    /// The SP's code, at most six characters.
    pub sp_id: FixedStr<6>,
    /// The shared secret.
    pub secret: Secret,
    /// Logins at the same time; further ones are refused with status 5.
    pub max_logins: usize,
}

impl Account {
    /// Reads `sp_id:secret` or `sp_id:secret:max_logins` (16 unless given). The secret may hold no colon.
    pub fn parse(text: &str) -> Result<Self> {
        let mut pieces = text.trim().split(':');
        let (Some(sp_id), Some(secret)) = (pieces.next(), pieces.next()) else {
            anyhow::bail!("an account is written sp_id:secret or sp_id:secret:max_logins");
        };
        let max_logins = match pieces.next() {
            None => 16,
            Some(number) => number
                .parse()
                .context("max_logins of the account is not a number")?,
        };
        ensure!(
            pieces.next().is_none(),
            "an account has at most three pieces between colons"
        );
        ensure!(
            !sp_id.is_empty() && !secret.is_empty(),
            "an account needs an sp_id and a secret"
        );
        Ok(Self {
            sp_id: FixedStr::new(sp_id).context("the sp_id of the account is too long")?,
            secret: Secret::new(secret),
            max_logins,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_with_and_without_a_number_of_logins() {
        let account = Account::parse("900001:888888").unwrap();
        assert_eq!((account.sp_id.as_str(), account.max_logins), (Some("900001"), 16));
        assert_eq!(Account::parse("900001:888888:2").unwrap().max_logins, 2);
        for wrong in [
            "",
            "900001",
            ":x",
            "900001:",
            "9000012:x",
            "900001:x:many",
            "900001:x:1:2",
        ] {
            assert!(Account::parse(wrong).is_err(), "{wrong}");
        }
    }
}
