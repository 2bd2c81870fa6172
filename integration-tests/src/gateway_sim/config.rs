//! How a simulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::SessionLimits;

use tokio::sync::mpsc;

use super::ReceiptPlan;

/// Everything that is settled before the start. What may change while it runs is in [`super::Faults`].
#[derive(Debug, Clone)]
pub struct Config {
    /// What it speaks.
    pub protocol: ProtocolChoice,
    /// Where carrier links connect. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the control answers. Loopback: it shows numbers and has no login.
    pub control: SocketAddr,
    /// Who may log in.
    pub accounts: Vec<Account>,
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
    /// Where connections tell what happens to them; what nobody takes in time is not told.
    pub events: Option<mpsc::Sender<ConnectionEvent>>,
    /// The gateway's code in the ids that it gives (CMPP 22 bits, SMGP six digits), its node id with SGIP.
    pub gateway_code: u32,
}

/// What happened to a connection: no number and no text is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEvent {
    /// Which one.
    pub connection: u64,
    /// What happened, in words.
    pub what: String,
}

/// A protocol, with what is settled about it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtocolChoice {
    /// China Mobile's CMPP.
    Cmpp {
        /// Highest version spoken: 2.0 or 3.0.
        three: bool,
        /// Refuses a client that asks for a higher version (status 4) instead of answering in its own.
        refuse_higher: bool,
    },
    /// China Unicom's SGIP 1.2.
    Sgip,
    /// China Telecom's SMGP, 3.0 and 1.3.
    Smgp {
        /// Highest version spoken: 1.3 or 3.0.
        three: bool,
    },
    /// SMPP 3.4.
    Smpp {
        /// Receipts name the message in ten decimal digits, answers in hexadecimal ones.
        decimal_receipts: bool,
        /// Certificate and key, where connections are to be encrypted.
        tls: Option<TlsFiles>,
    },
}

/// PEM files of a server that speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, those of its authorities behind it.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// Authorities of the clients' certificates; without it clients show none.
    pub client_roots_file: Option<PathBuf>,
}

impl Default for Config {
    /// CMPP 3.0 on free ports of loopback, account 900001 with secret "888888" and 16 logins, receipts `DELIVRD` after
    /// 100 ms.
    fn default() -> Self {
        Self {
            protocol: ProtocolChoice::Cmpp {
                three: true,
                refuse_higher: false,
            },
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            control: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            accounts: vec![Account::new("900001", "888888")],
            session: SessionLimits {
                max_unanswered_inbound: 4_096,
                ..SessionLimits::default()
            },
            receipt: ReceiptPlan::default(),
            keep_messages: 1_000_000,
            keep_texts: 100_000,
            max_waiting: 1_000_000,
            events: None,
            gateway_code: 100_001,
        }
    }
}

/// Who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What the client logs in with: SP_Id, ClientID, login name, system_id.
    pub name: String,
    /// The shared secret.
    pub secret: Secret,
    /// Logins at the same time; further ones are refused.
    pub max_logins: usize,
    /// Where the gateway delivers what is for it, in a protocol in which the gateway opens connections of its own
    /// (SGIP). Without it what is for the account waits.
    pub deliver_to: Option<DeliverTo>,
}

/// A client's listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverTo {
    /// Host and port.
    pub address: String,
    /// The name that the gateway logs in with.
    pub name: String,
    /// And its password.
    pub secret: Secret,
}

/// Logins of an account unless another number is given.
const MAX_LOGINS: usize = 16;
/// The longest name of any protocol.
const MAX_NAME: usize = 16;

impl Account {
    /// An account with 16 logins.
    pub fn new(name: &str, secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            secret: Secret::new(secret),
            max_logins: MAX_LOGINS,
            deliver_to: None,
        }
    }

    /// Reads `name:secret` or `name:secret:max_logins` (16 unless given). The secret may hold no colon.
    pub fn parse(text: &str) -> Result<Self> {
        let mut pieces = text.trim().split(':');
        let (Some(name), Some(secret)) = (pieces.next(), pieces.next()) else {
            anyhow::bail!("an account is written name:secret or name:secret:max_logins");
        };
        let max_logins = match pieces.next() {
            None => MAX_LOGINS,
            Some(number) => number
                .parse()
                .context("max_logins of the account is not a number")?,
        };
        ensure!(
            pieces.next().is_none(),
            "an account has at most three pieces between colons"
        );
        ensure!(
            !name.is_empty() && !secret.is_empty(),
            "an account needs a name and a secret"
        );
        ensure!(
            name.len() <= MAX_NAME,
            "the name of the account has more than {MAX_NAME} octets"
        );
        Ok(Self {
            max_logins,
            ..Self::new(name, secret)
        })
    }
}

impl DeliverTo {
    /// A listener, and `name:password` to log in to it with.
    pub fn parse(address: &str, login: &str) -> Result<Self> {
        let (name, password) = login
            .split_once(':')
            .context("the login at the listener is written name:password")?;
        ensure!(
            address
                .rsplit_once(':')
                .is_some_and(|(host, port)| { !host.is_empty() && port.parse::<u16>().is_ok() }),
            "the listener is written host:port"
        );
        Ok(Self {
            address: address.to_owned(),
            name: name.to_owned(),
            secret: Secret::new(password),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_with_and_without_a_number_of_logins() {
        let account = Account::parse("900001:888888").unwrap();
        assert_eq!((account.name.as_str(), account.max_logins), ("900001", 16));
        assert_eq!(Account::parse("900001:888888:2").unwrap().max_logins, 2);
        for wrong in [
            "",
            "900001",
            ":x",
            "900001:",
            "a-name-of-17-octs:x",
            "900001:x:many",
            "900001:x:1:2",
        ] {
            assert!(Account::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_listener_has_an_address_and_a_login() {
        let listener = DeliverTo::parse("127.0.0.1:8801", "smg:secret").unwrap();
        assert_eq!(
            (listener.name.as_str(), listener.address.as_str()),
            ("smg", "127.0.0.1:8801")
        );
        for (address, login) in [
            ("127.0.0.1", "a:b"),
            (":8801", "a:b"),
            ("h:x", "a:b"),
            ("h:1", "a"),
        ] {
            assert!(DeliverTo::parse(address, login).is_err(), "{address} {login}");
        }
    }
}
