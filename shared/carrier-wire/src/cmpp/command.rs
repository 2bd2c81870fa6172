//! Command ids.

/// The bit that makes a command a response.
pub(crate) const RESPONSE_BIT: u32 = 0x8000_0000;

/// The command of a PDU that this crate reads. Others stay numbers, see [`super::Pdu::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// Login.
    Connect = 0x1,
    /// Answer to the login.
    ConnectResp = 0x8000_0001,
    /// End of the session.
    Terminate = 0x2,
    /// Answer to the end.
    TerminateResp = 0x8000_0002,
    /// A message towards a phone.
    Submit = 0x4,
    /// Its acceptance or refusal.
    SubmitResp = 0x8000_0004,
    /// A message from a phone, or a status report.
    Deliver = 0x5,
    /// Its acceptance or refusal.
    DeliverResp = 0x8000_0005,
    /// Question for counts.
    Query = 0x6,
    /// The counts.
    QueryResp = 0x8000_0006,
    /// Wish to take a message back.
    Cancel = 0x7,
    /// Whether it was taken back.
    CancelResp = 0x8000_0007,
    /// Keep-alive.
    ActiveTest = 0x8,
    /// Its answer.
    ActiveTestResp = 0x8000_0008,
}

impl Command {
    /// Every command that this crate reads.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::ConnectResp,
        Self::Terminate,
        Self::TerminateResp,
        Self::Submit,
        Self::SubmitResp,
        Self::Deliver,
        Self::DeliverResp,
        Self::Query,
        Self::QueryResp,
        Self::Cancel,
        Self::CancelResp,
        Self::ActiveTest,
        Self::ActiveTestResp,
    ];

    /// The command with this id.
    pub fn of_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.id() == id)
    }

    /// The id on the wire.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// The name in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::ConnectResp => "CONNECT_RESP",
            Self::Terminate => "TERMINATE",
            Self::TerminateResp => "TERMINATE_RESP",
            Self::Submit => "SUBMIT",
            Self::SubmitResp => "SUBMIT_RESP",
            Self::Deliver => "DELIVER",
            Self::DeliverResp => "DELIVER_RESP",
            Self::Query => "QUERY",
            Self::QueryResp => "QUERY_RESP",
            Self::Cancel => "CANCEL",
            Self::CancelResp => "CANCEL_RESP",
            Self::ActiveTest => "ACTIVE_TEST",
            Self::ActiveTestResp => "ACTIVE_TEST_RESP",
        }
    }

    /// True for the answer to a request.
    pub const fn is_response(self) -> bool {
        self.id() & RESPONSE_BIT != 0
    }
}
