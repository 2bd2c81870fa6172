//! What can be wrong with a PDU.

use crate::field::FieldError;
use crate::smpp::command::RESPONSE_BIT;
use crate::smpp::status::Status;

/// The field's name where a list of optional parameters is cut.
pub(super) const TLVS: &str = "optional parameters";

/// A PDU that cannot be read. Command and sequence are given whenever the header was whole, so that a peer can
/// be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{pdu} (command {command:#010x}): {fault}")]
pub struct DecodeError {
    /// The PDU's name, "header" when not even that was whole.
    pub pdu: &'static str,
    /// The command id, zero when the header was not whole.
    pub command: u32,
    /// The sequence number, zero when the header was not whole.
    pub sequence: u32,
    /// Where it is wrong and how.
    pub fault: FieldError,
}

impl DecodeError {
    /// True when it was the answer to a request.
    pub const fn is_response(&self) -> bool {
        self.command & RESPONSE_BIT != 0
    }

    /// The status that tells the peer what is wrong, for the answer to an unreadable request.
    pub fn status(&self) -> Status {
        let field = match self.fault {
            FieldError::Truncated { field, .. } | FieldError::OutOfBounds { field, .. } => field,
            FieldError::Trailing { .. } => return Status::RINVCMDLEN,
        };
        match field {
            TLVS => Status::RINVOPTPARSTREAM,
            "sm_length" | "short_message" => Status::RINVMSGLEN,
            "service_type" => Status::RINVSERTYP,
            "source_addr" => Status::RINVSRCADR,
            "destination_addr" => Status::RINVDSTADR,
            "number_of_dests" => Status::RINVNUMDESTS,
            "dest_flag" => Status::RINVDESTFLAG,
            "dl_name" => Status::RINVDLNAME,
            "schedule_delivery_time" => Status::RINVSCHED,
            "validity_period" => Status::RINVEXPIRY,
            "message_id" => Status::RINVMSGID,
            "system_id" => Status::RINVSYSID,
            "password" => Status::RINVPASWD,
            "system_type" => Status::RINVSYSTYP,
            _ => Status::RINVCMDLEN,
        }
    }
}

/// A PDU that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A content is longer than its length field can say.
    #[error("{pdu}: {field} has {len} octets, the field holds {max}")]
    TooLong {
        /// The PDU's name.
        pdu: &'static str,
        /// The field's name in the document.
        field: &'static str,
        /// Octets given.
        len: usize,
        /// Most octets.
        max: usize,
    },
    /// A list that must not be empty is.
    #[error("{pdu}: {field} is empty")]
    Empty {
        /// The PDU's name.
        pdu: &'static str,
        /// The field's name in the document.
        field: &'static str,
    },
}
