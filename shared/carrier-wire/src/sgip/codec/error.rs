//! What can be wrong with a PDU.

use super::super::Sequence;
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
    /// The sequence, zero when the header was not whole.
    pub sequence: Sequence,
    /// Where it is wrong and how.
    pub fault: FieldError,
}

/// A PDU that cannot be written: a text is longer than its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{pdu}: {field} has {len} octets, the field {max}")]
pub struct EncodeError {
    /// The PDU's name.
    pub pdu: &'static str,
    /// The field's name in the document.
    pub field: &'static str,
    /// Octets given.
    pub len: usize,
    /// Octets of the field.
    pub max: usize,
}
