//! The PDUs of SGIP. Field names follow the document.

use super::trace::{Hops, Trace};
use super::{Command, LoginType, Password, Sequence};
use crate::field::{Content, FixedStr, Numbers, TerminalId};

/// A PDU with the sequence of its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Numbers the requests of one side; a response copies it.
    pub sequence: Sequence,
    /// The rest.
    pub pdu: Pdu,
}

/// Any PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "messages are the many: a box for each would be an allocation for each"
)]
pub enum Pdu {
    /// Login of the side that opened the connection.
    Bind(Bind),
    /// Answer to the login.
    BindResp(Resp),
    /// Wish to end the session.
    Unbind,
    /// Agreement to end.
    UnbindResp,
    /// A message towards phones.
    Submit(Submit),
    /// Acceptance or refusal of a `SUBMIT`.
    SubmitResp(Resp),
    /// A message from a phone.
    Deliver(Deliver),
    /// Acceptance or refusal of a `DELIVER`.
    DeliverResp(Resp),
    /// What became of a message.
    Report(Report),
    /// Acceptance or refusal of a `REPORT`.
    ReportResp(Resp),
    /// A change of a user's state.
    UserRpt(UserRpt),
    /// Acceptance or refusal of a `USERRPT`.
    UserRptResp(Resp),
    /// Question for the way of a message.
    Trace(Trace),
    /// The way.
    TraceResp(Hops),
    /// Well framed, of a command that is not read here; [`super::command_name`] may know its name.
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
            Self::Bind(_) => Command::Bind.id(),
            Self::BindResp(_) => Command::BindResp.id(),
            Self::Unbind => Command::Unbind.id(),
            Self::UnbindResp => Command::UnbindResp.id(),
            Self::Submit(_) => Command::Submit.id(),
            Self::SubmitResp(_) => Command::SubmitResp.id(),
            Self::Deliver(_) => Command::Deliver.id(),
            Self::DeliverResp(_) => Command::DeliverResp.id(),
            Self::Report(_) => Command::Report.id(),
            Self::ReportResp(_) => Command::ReportResp.id(),
            Self::UserRpt(_) => Command::UserRpt.id(),
            Self::UserRptResp(_) => Command::UserRptResp.id(),
            Self::Trace(_) => Command::Trace.id(),
            Self::TraceResp(_) => Command::TraceResp.id(),
            Self::Unknown { command, .. } => *command,
        }
    }
}

/// `BIND`, a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// Between whom the connection is.
    pub login_type: LoginType,
    /// Who logs in.
    pub login_name: FixedStr<16>,
    /// In clear.
    pub login_password: Password,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// The answer to anything but `UNBIND` and `TRACE`: a result, see [`super::results`].
///
/// The document has eight reserved octets behind it. Some peers leave them out, and some leave out the whole body
/// when they refuse; such an answer says nothing about what became of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resp {
    /// As the document has it.
    Full {
        /// 0 done, others refused.
        result: u8,
        /// Reserved.
        reserve: FixedStr<8>,
    },
    /// Without the reserved octets.
    Short {
        /// 0 done, others refused.
        result: u8,
    },
    /// Without a body.
    Bare,
}

impl Resp {
    /// As the document has it.
    pub fn new(result: u8) -> Self {
        Self::Full {
            result,
            reserve: FixedStr::default(),
        }
    }

    /// The result; `None` when the peer told none.
    pub const fn result(&self) -> Option<u8> {
        match self {
            Self::Full { result, .. } | Self::Short { result } => Some(*result),
            Self::Bare => None,
        }
    }
}

/// The recipients of a `SUBMIT`, 21 octets each.
pub type Users = Numbers<21, 100>;

/// `SUBMIT`, a message towards one or more phones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submit {
    /// The number shown: access number and extension.
    pub sp_number: FixedStr<21>,
    /// The number charged, with "86": empty when the recipient pays, [`CHARGE_SP`] when the SP pays. Personal data.
    pub charge_number: TerminalId,
    /// To whom, with "86".
    pub users: Users,
    /// The enterprise code.
    pub corp_id: FixedStr<5>,
    /// Service code.
    pub service_type: FixedStr<10>,
    /// Kind of charge.
    pub fee_type: u8,
    /// Price in fen, as text.
    pub fee_value: FixedStr<6>,
    /// Granted to the user, in fen, as text.
    pub given_value: FixedStr<6>,
    /// 0 receivable, 1 collected.
    pub agent_flag: u8,
    /// Why it is sent: 0 first answer to an uplink, 1 later answer, [`NOT_CAUSED_BY_UPLINK`], 3 from the system.
    pub morelateto_mt_flag: u8,
    /// 0 lowest to 9 highest.
    pub priority: u8,
    /// Until when to try, "yymmddhhmmsstnnp" ending in "032+"; empty for the gateway's own time.
    pub expire_time: FixedStr<16>,
    /// When to send, as `expire_time`; empty for at once.
    pub schedule_time: FixedStr<16>,
    /// When a report is wanted: 0 only of a failure, [`REPORT_ALWAYS`], [`REPORT_NEVER`], 3 a charging record that is
    /// not delivered. 0 does not mean none.
    pub report_flag: u8,
    /// GSM TP-PID.
    pub tp_pid: u8,
    /// Whether the content begins with a user data header.
    pub tp_udhi: u8,
    /// Coding of the content: 0 ASCII, 3 SIM write, 4 binary, 8 UCS-2, 15 GBK, others as they come.
    pub message_coding: u8,
    /// 0 a short message.
    pub message_type: u8,
    /// The content, user data header included.
    pub content: Content,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// `ChargeNumber` that lets the SP pay: twenty-one times the digit zero, which fills the field.
pub const CHARGE_SP: [u8; 21] = [b'0'; 21];
/// `MorelatetoMTFlag` of a message that answers no uplink.
pub const NOT_CAUSED_BY_UPLINK: u8 = 2;
/// `ReportFlag`: report whatever becomes of it.
pub const REPORT_ALWAYS: u8 = 1;
/// `ReportFlag`: report nothing.
pub const REPORT_NEVER: u8 = 2;

/// `DELIVER`, a message from a phone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deliver {
    /// Who wrote, perhaps with "86". Personal data.
    pub user_number: TerminalId,
    /// The SP's number that was written to.
    pub sp_number: FixedStr<21>,
    /// GSM TP-PID.
    pub tp_pid: u8,
    /// Whether the content begins with a user data header.
    pub tp_udhi: u8,
    /// Coding of the content, as in [`Submit::message_coding`].
    pub message_coding: u8,
    /// The content, user data header included.
    pub content: Content,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// `REPORT`, what became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// The sequence of the `SUBMIT`; not that of this PDU.
    pub submit_sequence: Sequence,
    /// 0 about a `SUBMIT`, 1 about an earlier `DELIVER`.
    pub report_type: u8,
    /// Which of the recipients. Personal data.
    pub user_number: TerminalId,
    /// See [`Report::state`].
    pub state: u8,
    /// Why it failed, see [`super::results`].
    pub error_code: u8,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The phone has the message.
    Delivered,
    /// It is on its way; another report follows.
    Waiting,
    /// It will not arrive.
    Failed {
        /// Why, see [`super::results`].
        error_code: u8,
    },
    /// A state that the document does not have.
    Other {
        /// The octet.
        state: u8,
    },
}

impl Report {
    /// `report_type` of a report about a `SUBMIT`.
    pub const ABOUT_SUBMIT: u8 = 0;

    /// What it says.
    pub const fn state(&self) -> State {
        match self.state {
            0 => State::Delivered,
            1 => State::Waiting,
            2 => State::Failed {
                error_code: self.error_code,
            },
            state => State::Other { state },
        }
    }
}

/// `USERRPT`, a change of a user's state (for one that he leaves the service).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserRpt {
    /// The SP's number.
    pub sp_number: FixedStr<21>,
    /// The user. Personal data.
    pub user_number: TerminalId,
    /// 0 cancelled, 1 out of service, 2 overdue, 3 in order.
    pub user_condition: u8,
    /// Reserved.
    pub reserve: FixedStr<8>,
}

/// True when a `TP_udhi` says that the content begins with a user data header. The document knows 0 and 1; gateways
/// also copy the whole GSM octet, in which the bit is 0x40.
pub const fn has_udh(tp_udhi: u8) -> bool {
    tp_udhi & 0x41 != 0
}
