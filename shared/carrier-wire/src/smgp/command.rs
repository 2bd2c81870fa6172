//! Request ids.

/// The bit that makes a request id that of a response.
pub(crate) const RESPONSE_BIT: u32 = 0x8000_0000;

/// The request id of a PDU that this crate reads. Others stay numbers, see [`super::Pdu::Unknown`]; [`name_of`]
/// names those that the document knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// Login.
    Login = 0x1,
    /// Answer to the login.
    LoginResp = 0x8000_0001,
    /// A message towards a phone.
    Submit = 0x2,
    /// Its acceptance or refusal.
    SubmitResp = 0x8000_0002,
    /// A message from a phone, or a status report.
    Deliver = 0x3,
    /// Its acceptance or refusal.
    DeliverResp = 0x8000_0003,
    /// Keep-alive.
    ActiveTest = 0x4,
    /// Its answer.
    ActiveTestResp = 0x8000_0004,
    /// End of the session.
    Exit = 0x6,
    /// Answer to the end.
    ExitResp = 0x8000_0006,
    /// Question for counts.
    Query = 0x7,
    /// The counts.
    QueryResp = 0x8000_0007,
}

/// What gateways say among each other and to their database: named in logs, not read.
const BETWEEN_GATEWAYS: [(u32, &str); 12] = [
    (0x5, "Forward"),
    (0x8, "Query_TE_Route"),
    (0x9, "Query_SP_Route"),
    (0xA, "Payment_Request"),
    (0xB, "Payment_Affirm"),
    (0xC, "Query_UserState"),
    (0xD, "Get_All_TE_Route"),
    (0xE, "Get_All_SP_Route"),
    (0xF, "Update_TE_Route"),
    (0x10, "Update_SP_Route"),
    (0x11, "Push_Update_TE_Route"),
    (0x12, "Push_Update_SP_Route"),
];

impl Command {
    /// Every command that this crate reads.
    pub const ALL: [Self; 12] = [
        Self::Login,
        Self::LoginResp,
        Self::Submit,
        Self::SubmitResp,
        Self::Deliver,
        Self::DeliverResp,
        Self::ActiveTest,
        Self::ActiveTestResp,
        Self::Exit,
        Self::ExitResp,
        Self::Query,
        Self::QueryResp,
    ];

    /// The command with this id.
    pub const fn of_id(id: u32) -> Option<Self> {
        Some(match id {
            0x1 => Self::Login,
            0x8000_0001 => Self::LoginResp,
            0x2 => Self::Submit,
            0x8000_0002 => Self::SubmitResp,
            0x3 => Self::Deliver,
            0x8000_0003 => Self::DeliverResp,
            0x4 => Self::ActiveTest,
            0x8000_0004 => Self::ActiveTestResp,
            0x6 => Self::Exit,
            0x8000_0006 => Self::ExitResp,
            0x7 => Self::Query,
            0x8000_0007 => Self::QueryResp,
            _ => return None,
        })
    }

    /// The id on the wire.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// The name in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "Login",
            Self::LoginResp => "Login_Resp",
            Self::Submit => "Submit",
            Self::SubmitResp => "Submit_Resp",
            Self::Deliver => "Deliver",
            Self::DeliverResp => "Deliver_Resp",
            Self::ActiveTest => "Active_Test",
            Self::ActiveTestResp => "Active_Test_Resp",
            Self::Exit => "Exit",
            Self::ExitResp => "Exit_Resp",
            Self::Query => "Query",
            Self::QueryResp => "Query_Resp",
        }
    }

    /// True for the answer to a request.
    pub const fn is_response(self) -> bool {
        self.id() & RESPONSE_BIT != 0
    }
}

/// The document's name of any request id, read here or not; a response that is not read has its request's name.
/// `None` for one that the document does not know.
pub fn name_of(id: u32) -> Option<&'static str> {
    Command::of_id(id).map(Command::name).or_else(|| {
        BETWEEN_GATEWAYS
            .iter()
            .find(|(known, _)| *known == id & !RESPONSE_BIT)
            .map(|(_, name)| *name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_id() {
        for command in Command::ALL {
            assert_eq!(Command::of_id(command.id()), Some(command));
            assert_eq!(name_of(command.id()), Some(command.name()));
            assert_eq!(command.is_response(), command.name().ends_with("_Resp"));
        }
    }

    #[test]
    fn requests_between_gateways_have_names_only() {
        for id in [0x5, 0x8, 0x9, 0xA, 0xB, 0xC, 0xD, 0xE, 0xF, 0x10, 0x11, 0x12] {
            assert_eq!(Command::of_id(id), None);
            assert!(name_of(id).is_some(), "{id:#x}");
            assert_eq!(name_of(id | RESPONSE_BIT), name_of(id));
        }
        assert_eq!(name_of(0x13), None);
        assert_eq!(name_of(0), None);
    }
}
