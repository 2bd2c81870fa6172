//! The carriers' protocols, and how their codes are written.

use std::{fmt, str::FromStr};

use super::{printable, unpadded};

/// A carrier's protocol, whose result codes are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// China Mobile Peer to Peer, 2.0 and 3.0: both have the same result codes.
    Cmpp,
    /// Short Message Gateway Interface Protocol 1.2, China Unicom's.
    Sgip,
    /// Short Message Gateway Protocol 3.0 and 1.3, China Telecom's.
    Smgp,
    /// Short Message Peer to Peer 3.4.
    Smpp,
}

/// A name that is none of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be cmpp, sgip, smgp or smpp")]
pub struct UnknownProtocol;

impl Protocol {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Cmpp, Self::Sgip, Self::Smgp, Self::Smpp];

    /// As raw codes begin, e.g. `CMPP`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cmpp => "CMPP",
            Self::Sgip => "SGIP",
            Self::Smgp => "SMGP",
            Self::Smpp => "SMPP",
        }
    }

    /// How a result code is kept and shown: `CMPP:13`, `SGIP:23`, `SMGP:75`; SMPP's in hexadecimal, as its document
    /// has them: `SMPP:0x0B`.
    pub fn result_code(self, code: u32) -> String {
        match self {
            Self::Smpp => format!("SMPP:0x{code:02X}"),
            Self::Cmpp | Self::Sgip | Self::Smgp => format!("{}:{code}", self.as_str()),
        }
    }

    /// How a receipt's words are kept and shown: CMPP's status word alone (`DELIVRD`, `MA:0001`), the others' behind
    /// their protocol's name and before their error code, where there is one that is not zero: `SMGP:EXPIRED/007`,
    /// `SGIP:UNDELIV/27`. Padding goes; at most 32 visible characters stay.
    ///
    /// SGIP has no status word; its State 0 is written `DELIVRD`, 1 `ACCEPTD`, 2 `UNDELIV`.
    pub fn receipt_code(self, stat: &str, error: &str) -> String {
        let mut code = match self {
            Self::Cmpp => String::new(),
            Self::Sgip | Self::Smgp | Self::Smpp => format!("{}:", self.as_str()),
        };
        code.push_str(unpadded(stat));
        let error = unpadded(error);
        if error.bytes().any(|digit| digit != b'0') {
            code.push('/');
            code.push_str(error);
        }
        printable(&code)
    }

    /// The protocol and the words of what [`Self::receipt_code`] wrote. What names none of the protocols is CMPP's.
    pub fn of_receipt_code(raw_code: &str) -> (Self, &str) {
        let raw_code = unpadded(raw_code);
        raw_code
            .split_once(':')
            .and_then(|(name, rest)| Some((name.parse().ok()?, rest)))
            .unwrap_or((Self::Cmpp, raw_code))
    }

    /// The protocol and the number of what [`Self::result_code`] wrote.
    pub fn of_result_code(raw_code: &str) -> Option<(Self, u32)> {
        let (name, code) = raw_code.split_once(':')?;
        Some((name.parse().ok()?, number(code)?))
    }
}

/// A code's number: decimal, or hexadecimal behind `0x`.
pub(super) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok()
        }
        None if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    /// In capitals, as raw codes have it, or in small letters, as files do.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_small = name.bytes().all(|letter| letter.is_ascii_lowercase());
        Self::ALL
            .into_iter()
            .find(|protocol| {
                protocol.as_str() == name || is_small && protocol.as_str().eq_ignore_ascii_case(name)
            })
            .ok_or(UnknownProtocol)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Protocol::{self, Cmpp, Sgip, Smgp, Smpp};

    #[test]
    fn result_codes_read_back() {
        for (protocol, code, written) in [
            (Cmpp, 13, "CMPP:13"),
            (Sgip, 23, "SGIP:23"),
            (Smgp, 0, "SMGP:0"),
            (Smpp, 0x0b, "SMPP:0x0B"),
            (Smpp, 0x58, "SMPP:0x58"),
            (Smpp, 0x411, "SMPP:0x411"),
        ] {
            assert_eq!(protocol.result_code(code), written);
            assert_eq!(Protocol::of_result_code(written), Some((protocol, code)));
        }
        for other in [
            "", "13", "CMPP", "CMPP:", "CMPP:x", "XMPP:1", "CMPP:+1", "SMPP:0x", "Cmpp:1",
        ] {
            assert_eq!(Protocol::of_result_code(other), None, "{other}");
        }
    }

    #[test]
    fn receipts_keep_what_the_carrier_said() {
        for (protocol, stat, error, written, words) in [
            (Cmpp, "DELIVRD", "", "DELIVRD", "DELIVRD"),
            (Cmpp, "MA:0001", "", "MA:0001", "MA:0001"),
            (Cmpp, "AF:4\0\0\0", "", "AF:4", "AF:4"),
            (Sgip, "UNDELIV", "27", "SGIP:UNDELIV/27", "UNDELIV/27"),
            (Sgip, "DELIVRD", "0", "SGIP:DELIVRD", "DELIVRD"),
            (Smgp, "DELIVRD", "000", "SMGP:DELIVRD", "DELIVRD"),
            (Smgp, "EXPIRED", "007", "SMGP:EXPIRED/007", "EXPIRED/007"),
            (Smpp, "UNDELIV", "069", "SMPP:UNDELIV/069", "UNDELIV/069"),
        ] {
            assert_eq!(protocol.receipt_code(stat, error), written);
            assert_eq!(Protocol::of_receipt_code(written), (protocol, words));
        }
    }

    #[test]
    fn names_read_back_in_capitals_and_small_letters() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.as_str().parse(), Ok(protocol));
            assert_eq!(protocol.as_str().to_ascii_lowercase().parse(), Ok(protocol));
        }
        assert!("Cmpp".parse::<Protocol>().is_err() && "".parse::<Protocol>().is_err());
    }

    proptest! {
        #[test]
        fn any_result_code_reads_back(code: u32) {
            for protocol in Protocol::ALL {
                prop_assert_eq!(Protocol::of_result_code(&protocol.result_code(code)), Some((protocol, code)));
            }
        }

        #[test]
        fn any_receipt_is_printable_and_short(stat in "\\PC{0,40}", error in "\\PC{0,8}") {
            for protocol in Protocol::ALL {
                let code = protocol.receipt_code(&stat, &error);
                prop_assert!(code.len() <= 32 && code.bytes().all(|octet| (0x20..0x7f).contains(&octet)));
            }
        }
    }
}
