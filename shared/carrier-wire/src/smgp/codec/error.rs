//! What can be wrong with a PDU.

use crate::field::FieldError;

/// A PDU that cannot be read. Request id and sequence are given whenever the header was whole, so that a peer can
/// be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{pdu} (request {command:#010x}): {fault}")]
pub struct DecodeError {
    /// The PDU's name, "header" when not even that was whole.
    pub pdu: &'static str,
    /// The request id, zero when the header was not whole.
    pub command: u32,
    /// The sequence number, zero when the header was not whole.
    pub sequence: u32,
    /// Where it is wrong and how.
    pub fault: FieldError,
}

/// A PDU that cannot be written in the session's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A value is longer than its field.
    #[error("{pdu}: {field} has {len} octets, the field {max}")]
    TooLong {
        /// The PDU's name.
        pdu: &'static str,
        /// The field's name in the document.
        field: &'static str,
        /// Octets given.
        len: usize,
        /// Octets of the field.
        max: usize,
    },
    /// A field that the version lacks says something.
    #[error("{pdu}: this version has no {field}, and it is not empty or zero")]
    NotInVersion {
        /// The PDU's name.
        pdu: &'static str,
        /// The field's name in the document.
        field: &'static str,
    },
}
