//! The PDUs of CMPP. Field names follow the document; widths are those of the wider version, and what a
//! narrower one cannot hold is refused on encoding.

pub use super::recipients::Recipients;
use super::{Command, MsgId, Version};
use crate::field::{Content, FixedStr, TerminalId};

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
    reason = "messages are the many, and a box would be an allocation for each"
)]
pub enum Pdu {
    /// Login of the SP.
    Connect(Connect),
    /// Answer of the gateway.
    ConnectResp(ConnectResp),
    /// Wish to end the session, by either side.
    Terminate,
    /// Agreement to end.
    TerminateResp,
    /// A message towards phones.
    Submit(Submit),
    /// Acceptance or refusal of a `SUBMIT`.
    SubmitResp(SubmitResp),
    /// A message from a phone, or a status report.
    Deliver(Deliver),
    /// Acceptance or refusal of a `DELIVER`.
    DeliverResp(DeliverResp),
    /// Question for a day's counts.
    Query(Query),
    /// The counts.
    QueryResp(QueryResp),
    /// Wish to take a message back.
    Cancel(Cancel),
    /// Whether it was taken back.
    CancelResp(CancelResp),
    /// Keep-alive, by either side.
    ActiveTest,
    /// Its answer.
    ActiveTestResp(ActiveTestResp),
    /// Well framed, of a command that is not read here (`FWD`, routes, vendors' own).
    Unknown {
        /// The command id.
        command: u32,
        /// What follows the header.
        body: Content,
    },
}

impl Pdu {
    /// The command id on the wire.
    pub const fn command_id(&self) -> u32 {
        match self {
            Self::Connect(_) => Command::Connect.id(),
            Self::ConnectResp(_) => Command::ConnectResp.id(),
            Self::Terminate => Command::Terminate.id(),
            Self::TerminateResp => Command::TerminateResp.id(),
            Self::Submit(_) => Command::Submit.id(),
            Self::SubmitResp(_) => Command::SubmitResp.id(),
            Self::Deliver(_) => Command::Deliver.id(),
            Self::DeliverResp(_) => Command::DeliverResp.id(),
            Self::Query(_) => Command::Query.id(),
            Self::QueryResp(_) => Command::QueryResp.id(),
            Self::Cancel(_) => Command::Cancel.id(),
            Self::CancelResp(_) => Command::CancelResp.id(),
            Self::ActiveTest => Command::ActiveTest.id(),
            Self::ActiveTestResp(_) => Command::ActiveTestResp.id(),
            Self::Unknown { command, .. } => *command,
        }
    }
}

/// `CONNECT`, the login of an SP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connect {
    /// The SP's code (SP_Id).
    pub source_addr: FixedStr<6>,
    /// See [`super::auth::authenticator_source`].
    pub authenticator_source: [u8; 16],
    /// Highest version of the SP: high nibble major, low nibble minor.
    pub version: u8,
    /// The number MMDDHHMMSS; hashed as ten digits.
    pub timestamp: u32,
}

/// `CONNECT_RESP`, the answer to a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectResp {
    /// The layout of this PDU itself, told by its length (30 or 33 octets): a gateway that refuses may answer
    /// in its own version.
    pub layout: Version,
    /// 0 success, 1 structure, 2 illegal source address, 3 authentication, 4 version too high, others other.
    pub status: u32,
    /// See [`super::auth::authenticator_ismg`]; zeros when the login was refused.
    pub authenticator_ismg: [u8; 16],
    /// Highest version of the gateway.
    pub version: u8,
}

/// `SUBMIT`, a message towards one or more phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submit {
    /// Zero: the gateway gives it in the response.
    pub msg_id: MsgId,
    /// Parts of the message, from 1.
    pub pk_total: u8,
    /// Number of this part, from 1.
    pub pk_number: u8,
    /// 0 no status report, 1 status report, 2 (2.x only) charging record.
    pub registered_delivery: u8,
    /// Priority.
    pub msg_level: u8,
    /// Service code.
    pub service_id: FixedStr<10>,
    /// Who pays: 0 the destination, 1 the source, 2 the SP, 3 see `fee_terminal_id`.
    pub fee_user_type: u8,
    /// The number charged. Personal data.
    pub fee_terminal_id: TerminalId,
    /// 3.0 only: 0 a real number, 1 a pseudo code. Zero in 2.x.
    pub fee_terminal_type: u8,
    /// GSM TP-PID.
    pub tp_pid: u8,
    /// Whether the content begins with a user data header, see [`has_udh`].
    pub tp_udhi: u8,
    /// Coding of the content: 0 ASCII, 3 SIM write, 4 binary, 8 UCS-2, 15 GBK, others as they come.
    pub msg_fmt: u8,
    /// The SP's code again.
    pub msg_src: FixedStr<6>,
    /// "01" free, "02" by message, "03" by month.
    pub fee_type: FixedStr<2>,
    /// Price in fen, as text.
    pub fee_code: FixedStr<6>,
    /// Until when to try, "YYMMDDhhmmsstnnp".
    pub valid_time: FixedStr<17>,
    /// When to send, "YYMMDDhhmmsstnnp".
    pub at_time: FixedStr<17>,
    /// The number shown: access number and extension.
    pub src_id: FixedStr<21>,
    /// To whom.
    pub recipients: Recipients,
    /// 3.0 only, one for all recipients: 0 real numbers, 1 pseudo codes. Zero in 2.x.
    pub dest_terminal_type: u8,
    /// The content, user data header included.
    pub content: Content,
    /// 3.0: LinkID of the uplink that is answered. 2.x: Reserve, of which only the first 8 octets exist.
    pub link_id: FixedStr<20>,
}

/// `SUBMIT_RESP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubmitResp {
    /// The gateway's id of the message; the second recipient has the next one implicitly, and so on.
    pub msg_id: MsgId,
    /// 0 accepted, 8 slow down, others refused. One octet in 2.x.
    pub result: u32,
}

/// `DELIVER`, an uplink or a status report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deliver {
    /// Id of this PDU, not of the message that a report is about.
    pub msg_id: MsgId,
    /// The SP's number that was written to.
    pub dest_id: FixedStr<21>,
    /// Service code.
    pub service_id: FixedStr<10>,
    /// GSM TP-PID.
    pub tp_pid: u8,
    /// Whether the content begins with a user data header, see [`has_udh`].
    pub tp_udhi: u8,
    /// Coding of the content, as in [`Submit::msg_fmt`].
    pub msg_fmt: u8,
    /// Who wrote, perhaps with "86". Personal data.
    pub src_terminal_id: TerminalId,
    /// 3.0 only: 0 a real number, 1 a pseudo code. Zero in 2.x.
    pub src_terminal_type: u8,
    /// 0 an uplink, 1 a status report.
    pub registered_delivery: u8,
    /// The content: the text with its user data header, or the report's body.
    pub content: Content,
    /// 3.0: LinkID, to be copied into an answer. 2.x: Reserve, of which only the first 8 octets exist.
    pub link_id: FixedStr<20>,
}

impl Deliver {
    /// True when this is a status report, whose content [`super::report::Report::decode`] reads.
    pub const fn is_report(&self) -> bool {
        self.registered_delivery != 0
    }
}

/// `DELIVER_RESP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliverResp {
    /// Copied from the `DELIVER`.
    pub msg_id: MsgId,
    /// 0 taken, others refused. One octet in 2.x.
    pub result: u32,
}

/// `QUERY`, a question for counts.
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

/// `QUERY_RESP`, the counts.
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
    /// Recipients taken from the SP (MT_Tlusr).
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
}

/// `CANCEL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cancel {
    /// The message to take back.
    pub msg_id: MsgId,
}

/// `CANCEL_RESP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CancelResp {
    /// 0 taken back, 1 not. One octet in 2.x.
    pub success_id: u32,
}

/// `ACTIVE_TEST_RESP`: one reserved octet by the document; some peers leave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveTestResp {
    /// The octet, if it was there.
    pub reserved: Option<u8>,
}

impl Default for ActiveTestResp {
    /// As the document has it.
    fn default() -> Self {
        Self { reserved: Some(0) }
    }
}

/// True when a `TP_udhi` says that the content begins with a user data header. The document knows 0 and 1;
/// gateways also copy the whole GSM octet, in which the bit is 0x40.
pub const fn has_udh(tp_udhi: u8) -> bool {
    tp_udhi & 0x41 != 0
}
