//! Questions and wishes about messages that were submitted, and alerts.

use crate::field::Content;
use crate::smpp::status::Status;
use crate::smpp::tlv::Tlvs;

use super::{Address, MessageId, ServiceType, Time};

/// `query_sm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuerySm {
    /// The message.
    pub message_id: MessageId,
    /// The source it was submitted with.
    pub source: Address,
}

/// What a message has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryState {
    /// The message.
    pub message_id: MessageId,
    /// When it came to its final state; empty before.
    pub final_date: Time,
    /// As [`super::super::receipt::MessageState`].
    pub message_state: u8,
    /// The network's own code; 0 for none.
    pub error_code: u8,
}

/// `query_sm_resp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuerySmResp {
    /// Whether there is an answer.
    pub status: Status,
    /// The answer; `None` when there was no body, as with an error.
    pub state: Option<QueryState>,
}

/// `cancel_sm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CancelSm {
    /// The service, to take back all messages of it; mostly empty.
    pub service_type: ServiceType,
    /// The message; empty for all of this source and recipient.
    pub message_id: MessageId,
    /// The source it was submitted with.
    pub source: Address,
    /// The recipient; may be empty with a message_id.
    pub destination: Address,
}

/// `replace_sm`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplaceSm {
    /// The message.
    pub message_id: MessageId,
    /// The source it was submitted with.
    pub source: Address,
    /// New time of delivery; empty to leave it.
    pub schedule_delivery_time: Time,
    /// New end of validity; empty to leave it.
    pub validity_period: Time,
    /// New wish for receipts.
    pub registered_delivery: u8,
    /// A text that the SMSC has; 0 for none.
    pub sm_default_msg_id: u8,
    /// The new text. Personal data.
    pub short_message: Content,
}

/// `alert_notification`: a phone that could not be reached can be again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertNotification {
    /// The phone.
    pub source: Address<65>,
    /// The ESME that asked.
    pub esme: Address<65>,
    /// Optional parameters: `ms_availability_status`.
    pub tlvs: Tlvs,
}
