//! The PDUs of SMGP. Field names follow the document.

use super::tlv::Tlvs;
use super::{Command, MsgId};
use crate::field::{Content, FixedStr, Numbers, TerminalId};

/// Octets of a phone number's field.
pub const TERMINAL_LEN: usize = 21;

/// The most recipients that a `Submit` may have.
pub const MAX_RECIPIENTS: usize = 100;

/// The recipients of a `Submit`: 1 to 100.
pub type Recipients = Numbers<TERMINAL_LEN, MAX_RECIPIENTS>;

/// A PDU with the sequence number of its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Numbers the requests of one side; a response copies it.
    pub sequence: u32,
    /// The rest.
    pub pdu: Pdu,
}

/// Any PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "Submit and Deliver are the ones that come by the million; a box would cost each an allocation"
)]
pub enum Pdu {
    /// Login of the SP.
    Login(Login),
    /// Answer of the gateway.
    LoginResp(LoginResp),
    /// A message towards phones.
    Submit(Submit),
    /// Acceptance or refusal of a `Submit`.
    SubmitResp(SubmitResp),
    /// A message from a phone, or a status report.
    Deliver(Deliver),
    /// Acceptance or refusal of a `Deliver`.
    DeliverResp(DeliverResp),
    /// Keep-alive, by either side.
    ActiveTest,
    /// Its answer.
    ActiveTestResp,
    /// Wish to end the session, by either side.
    Exit,
    /// Agreement to end.
    ExitResp,
    /// Question for a day's counts.
    Query(Query),
    /// The counts.
    QueryResp(QueryResp),
    /// Well framed, of a request id that is not read here (what gateways say among each other, vendors' own); see
    /// [`super::command::name_of`].
    Unknown {
        /// The request id.
        command: u32,
        /// What follows the header.
        body: Content,
    },
}

impl Pdu {
    /// The request id on the wire.
    pub const fn command_id(&self) -> u32 {
        match self {
            Self::Login(_) => Command::Login.id(),
            Self::LoginResp(_) => Command::LoginResp.id(),
            Self::Submit(_) => Command::Submit.id(),
            Self::SubmitResp(_) => Command::SubmitResp.id(),
            Self::Deliver(_) => Command::Deliver.id(),
            Self::DeliverResp(_) => Command::DeliverResp.id(),
            Self::ActiveTest => Command::ActiveTest.id(),
            Self::ActiveTestResp => Command::ActiveTestResp.id(),
            Self::Exit => Command::Exit.id(),
            Self::ExitResp => Command::ExitResp.id(),
            Self::Query(_) => Command::Query.id(),
            Self::QueryResp(_) => Command::QueryResp.id(),
            Self::Unknown { command, .. } => *command,
        }
    }
}

/// What an SP's connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginMode {
    /// The SP submits.
    Send,
    /// The gateway delivers.
    Receive,
    /// Both.
    Both,
}

impl LoginMode {
    /// The octet on the wire.
    pub const fn octet(self) -> u8 {
        match self {
            Self::Send => 0,
            Self::Receive => 1,
            Self::Both => 2,
        }
    }

    /// The mode that an octet stands for.
    pub const fn of_octet(octet: u8) -> Option<Self> {
        match octet {
            0 => Some(Self::Send),
            1 => Some(Self::Receive),
            2 => Some(Self::Both),
            _ => None,
        }
    }

    /// True when the SP may send `Submit`.
    pub const fn submits(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }

    /// True when the gateway may send `Deliver`.
    pub const fn delivers(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }
}

/// `Login` of an SP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Login {
    /// The account.
    pub client_id: FixedStr<8>,
    /// See [`super::auth::authenticator_client`].
    pub authenticator_client: [u8; 16],
    /// What the connection is for, see [`LoginMode`].
    pub login_mode: u8,
    /// The number MMDDHHMMSS; hashed as ten digits.
    pub timestamp: u32,
    /// Highest version of the SP: high nibble major, low nibble minor.
    pub client_version: u8,
}

/// `Login_Resp`, the answer to a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoginResp {
    /// 0 success, 2 too many connections, 20 address, 21 authentication, 22 version too high, others other.
    pub status: u32,
    /// See [`super::auth::authenticator_server`].
    pub authenticator_server: [u8; 16],
    /// Highest version of the gateway.
    pub server_version: u8,
}

/// `Submit`, a message towards one or more phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submit {
    /// 0 from a phone, 6 towards a phone, 7 between phones.
    pub msg_type: u8,
    /// 0 no status report, 1 status report.
    pub need_report: u8,
    /// 0 to 3.
    pub priority: u8,
    /// Service code.
    pub service_id: FixedStr<10>,
    /// How it is charged.
    pub fee_type: FixedStr<2>,
    /// Price in fen, as text.
    pub fee_code: FixedStr<6>,
    /// Monthly price in fen, as text. Not in 1.3, where it must be empty or zero.
    pub fixed_fee: FixedStr<6>,
    /// Coding of the content: 0 ASCII, 3 SIM write, 4 binary, 8 UCS-2, 15 GB18030, others as they come.
    pub msg_format: u8,
    /// Until when to try, "YYMMDDhhmmsstnnp".
    pub valid_time: FixedStr<17>,
    /// When to send, "YYMMDDhhmmsstnnp".
    pub at_time: FixedStr<17>,
    /// The number shown: access number and extension.
    pub src_term_id: FixedStr<21>,
    /// The number charged. Personal data.
    pub charge_term_id: TerminalId,
    /// To whom.
    pub recipients: Recipients,
    /// The content, user data header included; at most 140 octets towards a phone.
    pub content: Content,
    /// Reserved.
    pub reserve: FixedStr<8>,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

/// `Submit_Resp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubmitResp {
    /// The gateway's id of the message.
    pub msg_id: MsgId,
    /// 0 accepted, 1 busy, others refused.
    pub status: u32,
}

/// `Deliver`, an uplink or a status report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deliver {
    /// Id of this PDU, not of the message that a report is about.
    pub msg_id: MsgId,
    /// 0 an uplink, 1 a status report.
    pub is_report: u8,
    /// Coding of the content, as in [`Submit::msg_format`].
    pub msg_format: u8,
    /// When the gateway took it, YYYYMMDDHHMMSS.
    pub recv_time: FixedStr<14>,
    /// Who wrote, perhaps with "86". Personal data.
    pub src_term_id: TerminalId,
    /// The SP's number that was written to.
    pub dest_term_id: FixedStr<21>,
    /// The content: the text with its user data header, or the report's body.
    pub content: Content,
    /// Reserved.
    pub reserve: FixedStr<8>,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl Deliver {
    /// True when this is a status report, whose content [`super::report::Report::decode`] reads.
    pub const fn is_report(&self) -> bool {
        self.is_report != 0
    }
}

/// `Deliver_Resp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliverResp {
    /// Copied from the `Deliver`.
    pub msg_id: MsgId,
    /// 0 taken, others refused.
    pub status: u32,
}

/// `Query`, a question for counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Query {
    /// The day, YYYYMMDD.
    pub time: FixedStr<8>,
    /// 0 all, 1 by service.
    pub query_type: u8,
    /// The service code with type 1.
    pub query_code: FixedStr<10>,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// `Query_Resp`, the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryResp {
    /// The day, YYYYMMDD.
    pub time: FixedStr<8>,
    /// 0 all, 1 by service.
    pub query_type: u8,
    /// The service code with type 1.
    pub query_code: FixedStr<10>,
    /// Messages taken from the SP (MT_TLMsg).
    pub mt_messages: u32,
    /// Recipients taken from the SP (MT_TLUsr).
    pub mt_users: u32,
    /// Sent (MT_Scs).
    pub mt_sent: u32,
    /// Waiting (MT_WT).
    pub mt_waiting: u32,
    /// Failed (MT_FL).
    pub mt_failed: u32,
    /// Handed to the SP (MO_Scs).
    pub mo_sent: u32,
    /// Waiting for the SP (MO_WT).
    pub mo_waiting: u32,
    /// Failed towards the SP (MO_FL).
    pub mo_failed: u32,
    /// Reserved; gateways answer with and without it.
    pub reserve: Option<FixedStr<8>>,
}

/// True when a `TP_udhi` says that the content begins with a user data header. The document knows 0 and 1;
/// gateways also copy the whole GSM octet, in which the bit is 0x40.
pub const fn has_udh(tp_udhi: u8) -> bool {
    tp_udhi & 0x41 != 0
}
