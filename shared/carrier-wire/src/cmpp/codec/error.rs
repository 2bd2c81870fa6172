//! What can be wrong with a PDU.

use crate::field::FieldError;

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

/// A PDU that cannot be written in the session's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A text is longer than the version's field.
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
    /// A number is above what the version's field holds, or a field that the version lacks is not zero.
    #[error("{pdu}: {field} cannot hold {value}")]
    OutOfRange {
        /// The PDU's name.
        pdu: &'static str,
        /// The field's name in the document.
        field: &'static str,
        /// The number given.
        value: u32,
    },
}
