//! A message as every protocol's gateway sees it, and what is delivered about it.

use std::fmt;

use bytes::Bytes;
use hongyan_carrier_wire::concat::{Concat, Udh};
use hongyan_carrier_wire::field::{FixedStr, TerminalId};
use hongyan_carrier_wire::text::Coding;

/// The id that a message has at the gateway, wide enough for every protocol: 8 octets of CMPP, 10 of SMGP, 12 of
/// SGIP; SMPP's is a number here and a text on the wire. How it is written is the protocol's affair.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct MessageId(pub(super) u128);

impl MessageId {
    /// The id whose octets these are, the last sixteen of them if there are more.
    pub(super) fn from_octets(octets: &[u8]) -> Self {
        Self(
            octets
                .iter()
                .fold(0u128, |id, octet| (id << 8) | u128::from(*octet)),
        )
    }

    /// Its last `N` octets, at most sixteen.
    pub(super) fn octets<const N: usize>(self) -> [u8; N] {
        let wide = self.0.to_be_bytes();
        let mut octets = [0; N];
        let from = wide.len().saturating_sub(N);
        if let Some(tail) = wide.get(from..)
            && tail.len() == N
        {
            octets.copy_from_slice(tail);
        }
        octets
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Fields that only one protocol has, by the name in its document, for whoever looks at a message.
pub(super) type Details = Vec<(&'static str, String)>;

/// What a client handed in: one text, or one part of one, to one or more phones.
#[derive(Debug, Clone)]
pub(super) struct Submitted {
    /// The number shown: access number and extension.
    pub(super) source: FixedStr<21>,
    /// As they stood on the wire.
    pub(super) recipients: Vec<TerminalId>,
    /// Header and text.
    pub(super) content: Bytes,
    /// Which part it is, and how many octets of the content are header.
    pub(super) numbering: Numbering,
    /// How to read the text.
    pub(super) coding: Coding,
    /// The coding as the protocol writes it.
    pub(super) coding_octet: u8,
    /// Which receipts are wanted.
    pub(super) report: ReportWish,
    /// The service code.
    pub(super) service: FixedStr<10>,
    /// The result by which the protocol's own rules refuse it; 0 of no rule overrides it.
    pub(super) objection: Option<u32>,
    /// The rest.
    pub(super) details: Details,
}

/// Which receipts a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ReportWish {
    /// None.
    #[default]
    Never,
    /// Only of what was not delivered.
    OnFailure,
    /// Of everything.
    Always,
}

impl ReportWish {
    /// Whether a receipt with this status is wanted.
    pub(super) fn wants(self, stat: &str) -> bool {
        match self {
            Self::Never => false,
            Self::OnFailure => stat != DELIVERED,
            Self::Always => true,
        }
    }
}

/// The status of what was delivered.
pub(super) const DELIVERED: &str = "DELIVRD";
/// The status of what was taken back.
pub(super) const DELETED: &str = "DELETED";

/// Which part a content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbering {
    /// `None` for a whole message.
    pub(super) concat: Option<Concat>,
    /// Octets of the user data header that opens the content.
    pub(super) header_len: u8,
}

impl Numbering {
    /// Reads the header of a content that is said to have one.
    pub(super) fn of(has_udh: bool, content: &[u8]) -> Self {
        let udh = if has_udh { Udh::parse(content).ok() } else { None };
        udh.map_or_else(Self::default, |udh| Self {
            concat: udh.concat,
            header_len: u8::try_from(udh.len).unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_octets() {
        let octets = [0xb3, 0x6a, 0x5b, 0xe8, 0, 0, 0, 1, 0xff, 0, 0x20, 7];
        let id = MessageId::from_octets(&octets);
        assert_eq!(id.octets::<12>(), octets);
        assert_eq!(id.octets::<4>(), [0xff, 0, 0x20, 7]);
        assert_eq!(format!("{id:?}"), "b36a5be800000001ff002007");
    }

    #[test]
    fn a_receipt_on_failure_is_not_wanted_of_what_was_delivered() {
        assert!(ReportWish::Always.wants("DELIVRD"));
        assert!(!ReportWish::OnFailure.wants("DELIVRD"));
        assert!(ReportWish::OnFailure.wants("MA:0003"));
        assert!(!ReportWish::Never.wants("MA:0003"));
    }
}
