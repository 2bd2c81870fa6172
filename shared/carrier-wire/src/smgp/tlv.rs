//! Optional parameters: tag, length, value, behind the last fixed field of a `Submit` or `Deliver`, in any order.

mod list;

pub use list::{TlvIter, Tlvs};

use std::fmt;

use crate::field::FixedStr;

/// Octets before a value: tag and length.
const HEAD_LEN: usize = 4;

/// One optional parameter. Values are slices of the PDU they stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// GSM TP-PID.
    TpPid(u8),
    /// Whether the content begins with a user data header, see [`super::pdu::has_udh`].
    TpUdhi(u8),
    /// Ties an answer to the uplink that asked for it.
    LinkId(FixedStr<20>),
    /// Who pays.
    ChargeUserType(u8),
    /// Whether the number charged is a pseudo code.
    ChargeTermType(u8),
    /// The pseudo code charged. Personal data.
    ChargeTermPseudo(&'a [u8]),
    /// Whether the recipient is a pseudo code.
    DestTermType(u8),
    /// The recipient's pseudo code. Personal data.
    DestTermPseudo(&'a [u8]),
    /// Parts of the message, from 1.
    PkTotal(u8),
    /// Number of this part, from 1.
    PkNumber(u8),
    /// Why the SP sends it.
    SubmitMsgType(u8),
    /// What the SP did with an uplink.
    SpDealResult(u8),
    /// Whether the source is a pseudo code.
    SrcTermType(u8),
    /// The source's pseudo code. Personal data.
    SrcTermPseudo(&'a [u8]),
    /// Gateways that the message passed.
    NodesCount(u8),
    /// The SP that sends.
    MsgSrc(FixedStr<8>),
    /// Kind of the source.
    SrcType(u8),
    /// The service's code, 21 octets by the document and fewer from real gateways.
    MServiceId(&'a [u8]),
    /// A tag that the document does not know, or one that it knows with a length that it does not have there.
    Other {
        /// The tag.
        tag: u16,
        /// The value.
        value: &'a [u8],
    },
}

impl<'a> Tlv<'a> {
    /// Makes sense of a tag and its value.
    pub fn of(tag: u16, value: &'a [u8]) -> Self {
        let other = Self::Other { tag, value };
        let octet = |of: fn(u8) -> Self| match value {
            [octet] => of(*octet),
            _ => other,
        };
        match tag {
            0x0001 => octet(Self::TpPid),
            0x0002 => octet(Self::TpUdhi),
            0x0003 => <[u8; 20]>::try_from(value)
                .map_or(other, |link_id| Self::LinkId(FixedStr::from_wire(link_id))),
            0x0004 => octet(Self::ChargeUserType),
            0x0005 => octet(Self::ChargeTermType),
            0x0006 => Self::ChargeTermPseudo(value),
            0x0007 => octet(Self::DestTermType),
            0x0008 => Self::DestTermPseudo(value),
            0x0009 => octet(Self::PkTotal),
            0x000a => octet(Self::PkNumber),
            0x000b => octet(Self::SubmitMsgType),
            0x000c => octet(Self::SpDealResult),
            0x000d => octet(Self::SrcTermType),
            0x000e => Self::SrcTermPseudo(value),
            0x000f => octet(Self::NodesCount),
            0x0010 => {
                <[u8; 8]>::try_from(value).map_or(other, |msg_src| Self::MsgSrc(FixedStr::from_wire(msg_src)))
            }
            0x0011 => octet(Self::SrcType),
            0x0012 => Self::MServiceId(value),
            _ => other,
        }
    }

    /// The tag.
    pub const fn tag(&self) -> u16 {
        match self {
            Self::TpPid(_) => 0x0001,
            Self::TpUdhi(_) => 0x0002,
            Self::LinkId(_) => 0x0003,
            Self::ChargeUserType(_) => 0x0004,
            Self::ChargeTermType(_) => 0x0005,
            Self::ChargeTermPseudo(_) => 0x0006,
            Self::DestTermType(_) => 0x0007,
            Self::DestTermPseudo(_) => 0x0008,
            Self::PkTotal(_) => 0x0009,
            Self::PkNumber(_) => 0x000a,
            Self::SubmitMsgType(_) => 0x000b,
            Self::SpDealResult(_) => 0x000c,
            Self::SrcTermType(_) => 0x000d,
            Self::SrcTermPseudo(_) => 0x000e,
            Self::NodesCount(_) => 0x000f,
            Self::MsgSrc(_) => 0x0010,
            Self::SrcType(_) => 0x0011,
            Self::MServiceId(_) => 0x0012,
            Self::Other { tag, .. } => *tag,
        }
    }

    /// The value's octets. Personal data in some.
    pub const fn value(&self) -> &[u8] {
        match self {
            Self::TpPid(octet)
            | Self::TpUdhi(octet)
            | Self::ChargeUserType(octet)
            | Self::ChargeTermType(octet)
            | Self::DestTermType(octet)
            | Self::PkTotal(octet)
            | Self::PkNumber(octet)
            | Self::SubmitMsgType(octet)
            | Self::SpDealResult(octet)
            | Self::SrcTermType(octet)
            | Self::NodesCount(octet)
            | Self::SrcType(octet) => std::slice::from_ref(octet),
            Self::LinkId(text) => text.wire(),
            Self::MsgSrc(text) => text.wire(),
            Self::ChargeTermPseudo(value)
            | Self::DestTermPseudo(value)
            | Self::SrcTermPseudo(value)
            | Self::MServiceId(value)
            | Self::Other { value, .. } => value,
        }
    }

    /// The document's name of a tag, "TLV" for one that it does not know.
    pub const fn name_of(tag: u16) -> &'static str {
        match tag {
            0x0001 => "TP_pid",
            0x0002 => "TP_udhi",
            0x0003 => "LinkID",
            0x0004 => "ChargeUserType",
            0x0005 => "ChargeTermType",
            0x0006 => "ChargeTermPseudo",
            0x0007 => "DestTermType",
            0x0008 => "DestTermPseudo",
            0x0009 => "PkTotal",
            0x000a => "PkNumber",
            0x000b => "SubmitMsgType",
            0x000c => "SPDealResult",
            0x000d => "SrcTermType",
            0x000e => "SrcTermPseudo",
            0x000f => "NodesCount",
            0x0010 => "MsgSrc",
            0x0011 => "SrcType",
            0x0012 => "MServiceID",
            _ => "TLV",
        }
    }
}

impl fmt::Debug for Tlv<'_> {
    /// Numbers are shown, texts are not: some are pseudo codes of a phone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:#06x})", Self::name_of(self.tag()), self.tag())?;
        match self.value() {
            [octet] => write!(f, "={octet}"),
            value => write!(f, "=<{} octets>", value.len()),
        }
    }
}
