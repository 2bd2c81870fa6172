//! Command ids.

/// The bit that makes a command a response.
pub(super) const RESPONSE_BIT: u32 = 0x8000_0000;

/// The command of a PDU that this crate reads. Others stay numbers, see [`super::Pdu::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Command {
    /// Login, by the side that opened the connection.
    Bind = 0x1,
    /// Answer to the login.
    BindResp = 0x8000_0001,
    /// End of the session.
    Unbind = 0x2,
    /// Answer to the end.
    UnbindResp = 0x8000_0002,
    /// A message towards phones, SP to SMG.
    Submit = 0x3,
    /// Its acceptance or refusal.
    SubmitResp = 0x8000_0003,
    /// A message from a phone, SMG to SP.
    Deliver = 0x4,
    /// Its acceptance or refusal.
    DeliverResp = 0x8000_0004,
    /// What became of a message, SMG to SP.
    Report = 0x5,
    /// Its acceptance or refusal.
    ReportResp = 0x8000_0005,
    /// A change of a user's state, SMG to SP.
    UserRpt = 0x11,
    /// Its acceptance or refusal.
    UserRptResp = 0x8000_0011,
    /// Question for the way of a message, SP to SMG.
    Trace = 0x1000,
    /// The way.
    TraceResp = 0x8000_1000,
}

impl Command {
    /// Every command that this crate reads.
    pub const ALL: [Self; 14] = [
        Self::Bind,
        Self::BindResp,
        Self::Unbind,
        Self::UnbindResp,
        Self::Submit,
        Self::SubmitResp,
        Self::Deliver,
        Self::DeliverResp,
        Self::Report,
        Self::ReportResp,
        Self::UserRpt,
        Self::UserRptResp,
        Self::Trace,
        Self::TraceResp,
    ];

    /// The command with this id.
    pub const fn of_id(id: u32) -> Option<Self> {
        Some(match id {
            0x1 => Self::Bind,
            0x8000_0001 => Self::BindResp,
            0x2 => Self::Unbind,
            0x8000_0002 => Self::UnbindResp,
            0x3 => Self::Submit,
            0x8000_0003 => Self::SubmitResp,
            0x4 => Self::Deliver,
            0x8000_0004 => Self::DeliverResp,
            0x5 => Self::Report,
            0x8000_0005 => Self::ReportResp,
            0x11 => Self::UserRpt,
            0x8000_0011 => Self::UserRptResp,
            0x1000 => Self::Trace,
            0x8000_1000 => Self::TraceResp,
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
            Self::Bind => "BIND",
            Self::BindResp => "BIND_RESP",
            Self::Unbind => "UNBIND",
            Self::UnbindResp => "UNBIND_RESP",
            Self::Submit => "SUBMIT",
            Self::SubmitResp => "SUBMIT_RESP",
            Self::Deliver => "DELIVER",
            Self::DeliverResp => "DELIVER_RESP",
            Self::Report => "REPORT",
            Self::ReportResp => "REPORT_RESP",
            Self::UserRpt => "USERRPT",
            Self::UserRptResp => "USERRPT_RESP",
            Self::Trace => "TRACE",
            Self::TraceResp => "TRACE_RESP",
        }
    }

    /// True for the answer to a request.
    pub const fn is_response(self) -> bool {
        is_response(self.id())
    }
}

/// True for the id of an answer, whether this crate reads it or not.
pub(super) const fn is_response(command: u32) -> bool {
    command & RESPONSE_BIT != 0
}

/// The name of a command in the document, those between gateways included, which this crate does not read;
/// `None` for an id that the document does not have.
pub const fn command_name(id: u32) -> Option<&'static str> {
    if let Some(command) = Command::of_id(id) {
        return Some(command.name());
    }
    Some(match id {
        0x6 => "ADDSP",
        0x8000_0006 => "ADDSP_RESP",
        0x7 => "MODIFYSP",
        0x8000_0007 => "MODIFYSP_RESP",
        0x8 => "DELETESP",
        0x8000_0008 => "DELETESP_RESP",
        0x9 => "QUERYROUTE",
        0x8000_0009 => "QUERYROUTE_RESP",
        0xA => "ADDTELESEG",
        0x8000_000A => "ADDTELESEG_RESP",
        0xB => "MODIFYTELESEG",
        0x8000_000B => "MODIFYTELESEG_RESP",
        0xC => "DELETETELESEG",
        0x8000_000C => "DELETETELESEG_RESP",
        0xD => "ADDSMG",
        0x8000_000D => "ADDSMG_RESP",
        0xE => "MODIFYSMG",
        0x8000_000E => "MODIFYSMG_RESP",
        0xF => "DELETESMG",
        0x8000_000F => "DELETESMG_RESP",
        0x10 => "CHECKUSER",
        0x8000_0010 => "CHECKUSER_RESP",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_commands_name_each_other() {
        for command in Command::ALL {
            assert_eq!(Command::of_id(command.id()), Some(command));
            assert_eq!(command_name(command.id()), Some(command.name()));
            assert_eq!(command.is_response(), command.name().ends_with("_RESP"));
        }
    }

    #[test]
    fn commands_between_gateways_have_names_and_are_not_read() {
        for request in 0x6..=0x10 {
            for id in [request, request | RESPONSE_BIT] {
                assert_eq!(Command::of_id(id), None);
                let name = command_name(id).unwrap();
                assert_eq!(is_response(id), name.ends_with("_RESP"));
            }
        }
        assert_eq!(command_name(0x12), None);
        assert_eq!(command_name(0x8000_1001), None);
    }
}
