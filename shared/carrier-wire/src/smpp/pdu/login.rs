//! Logins.

use std::fmt;

use crate::login::Secret;
use crate::smpp::command::Command;
use crate::smpp::status::Status;
use crate::smpp::text::{CText, CTextError};
use crate::smpp::tlv::{Tag, Tlvs};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindMode {
    /// The ESME receives messages and receipts.
    Receiver,
    /// The ESME sends messages.
    Transmitter,
    /// Both.
    Transceiver,
}

impl BindMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Receiver, Self::Transmitter, Self::Transceiver];

    /// The command that logs in with it.
    pub const fn command(self) -> Command {
        match self {
            Self::Receiver => Command::BindReceiver,
            Self::Transmitter => Command::BindTransmitter,
            Self::Transceiver => Command::BindTransceiver,
        }
    }

    /// The command that answers.
    pub const fn response(self) -> Command {
        match self {
            Self::Receiver => Command::BindReceiverResp,
            Self::Transmitter => Command::BindTransmitterResp,
            Self::Transceiver => Command::BindTransceiverResp,
        }
    }

    /// True when the ESME may send messages.
    pub const fn sends(self) -> bool {
        matches!(self, Self::Transmitter | Self::Transceiver)
    }

    /// True when the ESME is given messages and receipts.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receiver | Self::Transceiver)
    }
}

/// The password of a login, in clear text on the wire: use TLS. Its `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Password(pub CText<9>);

impl Password {
    /// The secret as a password.
    ///
    /// # Errors
    ///
    /// [`CTextError`] above eight octets, the document's limit, or with a NUL.
    pub fn new(secret: &Secret) -> Result<Self, CTextError> {
        CText::new(secret.octets()).map(Self)
    }

    /// Compares without telling by its duration where the first difference is.
    pub fn is(&self, expected: &[u8]) -> bool {
        let given = self.0.as_bytes();
        let difference = given
            .iter()
            .zip(expected)
            .fold(0u8, |difference, (left, right)| difference | (left ^ right));
        given.len() == expected.len() && difference == 0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<password>")
    }
}

/// `bind_receiver`, `bind_transmitter`, `bind_transceiver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// Which of the three.
    pub mode: BindMode,
    /// The account.
    pub system_id: CText<16>,
    /// Its password.
    pub password: Password,
    /// Kind of system, by the SMSC's own list; mostly empty.
    pub system_type: CText<13>,
    /// 0x34 for 3.4; up to 0x33 means an older version. 0x00 is met in the document's own sample.
    pub interface_version: u8,
    /// Type of the ESME's own numbers.
    pub addr_ton: u8,
    /// Numbering plan of the ESME's own numbers.
    pub addr_npi: u8,
    /// The ESME's own numbers, as a regular expression; mostly empty.
    pub address_range: CText<41>,
}

/// `bind_receiver_resp`, `bind_transmitter_resp`, `bind_transceiver_resp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindResp {
    /// Which of the three.
    pub mode: BindMode,
    /// Whether the login is through.
    pub status: Status,
    /// The SMSC's name; `None` when it sent no body, as with an error.
    pub system_id: Option<CText<16>>,
    /// `SC_interface_version`, if it speaks 3.4.
    pub tlvs: Tlvs,
}

impl BindResp {
    /// An answer of a status alone.
    pub const fn without_body(mode: BindMode, status: Status) -> Self {
        Self {
            mode,
            status,
            system_id: None,
            tlvs: Tlvs::new(),
        }
    }

    /// The version that the SMSC speaks; `None` when it is older than 3.4 and so sends no parameters.
    pub fn interface_version(&self) -> Option<u8> {
        self.tlvs.u8(Tag::SC_INTERFACE_VERSION)
    }
}

/// `outbind`: the SMSC asks the ESME at the other end to log in as a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbind {
    /// The SMSC's name.
    pub system_id: CText<16>,
    /// The SMSC's password.
    pub password: Password,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_above_the_documents_limit_are_no_passwords() {
        assert!(Password::new(&Secret::new("secret08")).is_ok_and(|password| password.is(b"secret08")));
        assert_eq!(
            Password::new(&Secret::new("secret008")),
            Err(CTextError::TooLong { len: 9, max: 9 })
        );
    }

    #[test]
    fn passwords_are_compared_whole_and_not_shown() {
        let password = Password(CText::new("secret08").unwrap());
        assert!(password.is(b"secret08"));
        assert!(!password.is(b"secret0") && !password.is(b"secret089") && !password.is(b"secret09"));
        assert!(Password::default().is(b"") && !Password::default().is(b"a"));
        assert_eq!(format!("{password:?}"), "<password>");
    }

    #[test]
    fn each_mode_has_its_commands() {
        for mode in BindMode::ALL {
            assert_eq!(mode.command().id() | 0x8000_0000, mode.response().id());
        }
        assert!(BindMode::Transceiver.sends() && BindMode::Transceiver.receives());
        assert!(!BindMode::Receiver.sends() && !BindMode::Transmitter.receives());
    }
}
