//! PDUs as values.
//!
//! Texts stand inline and contents, parameters and lists are slices of the frame, so that reading or writing a
//! message allocates nothing.

mod address;
mod login;
mod manage;
mod message;
mod multi;

pub use address::Address;
pub use login::{Bind, BindMode, BindResp, Outbind, Password};
pub use manage::{AlertNotification, CancelSm, QuerySm, QuerySmResp, QueryState, ReplaceSm};
pub use message::{DataSm, ESM_TYPE_MASK, ESM_UDHI, Message, MessageBody, MessageResp, has_udh};
pub use multi::{Destination, Destinations, SubmitMulti, SubmitMultiResp, Unsuccessful, UnsuccessfulList};

use crate::field::Content;

use super::command::Command;
use super::status::Status;
use super::text::CText;

/// Of a `service_type`.
pub type ServiceType = CText<6>;
/// Of a `message_id`.
pub type MessageId = CText<65>;
/// Of a time, absolute (`YYMMDDhhmmsstnnp`) or relative (the same, ending in `R`), or empty.
pub type Time = CText<17>;

/// Any PDU, without its sequence number. The status of a request is 0 by the document and is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pdu {
    /// A login, in one of three modes.
    Bind(Bind),
    /// The answer to a login.
    BindResp(BindResp),
    /// The SMSC's wish that the ESME logs in.
    Outbind(Outbind),
    /// The wish to end the session.
    Unbind,
    /// The agreement to end.
    UnbindResp(Status),
    /// A message towards a phone.
    SubmitSm(Message),
    /// Its acceptance or refusal.
    SubmitSmResp(MessageResp),
    /// A message towards several phones or lists.
    SubmitMulti(SubmitMulti),
    /// Its acceptance or refusal.
    SubmitMultiResp(SubmitMultiResp),
    /// A message from a phone, or a receipt.
    DeliverSm(Message),
    /// Its acceptance or refusal.
    DeliverSmResp(MessageResp),
    /// A message in either direction, the text in a parameter.
    DataSm(DataSm),
    /// Its acceptance or refusal.
    DataSmResp(MessageResp),
    /// Question for the state of a message.
    QuerySm(QuerySm),
    /// The state.
    QuerySmResp(QuerySmResp),
    /// Wish to take a message back.
    CancelSm(CancelSm),
    /// Whether it was taken back.
    CancelSmResp(Status),
    /// Wish to change a message that waits.
    ReplaceSm(ReplaceSm),
    /// Whether it was changed.
    ReplaceSmResp(Status),
    /// Keep-alive.
    EnquireLink,
    /// Its answer.
    EnquireLinkResp(Status),
    /// Tells that a phone can be reached.
    AlertNotification(AlertNotification),
    /// Answer to what could not be read, or is not known.
    GenericNack(Status),
    /// A command that version 3.4 does not have.
    Unknown {
        /// The command id.
        command: u32,
        /// The status.
        status: Status,
        /// Everything after the header.
        body: Content,
    },
}

impl Pdu {
    /// The command id on the wire.
    pub const fn command_id(&self) -> u32 {
        match self {
            Self::Bind(bind) => bind.mode.command().id(),
            Self::BindResp(resp) => resp.mode.response().id(),
            Self::Outbind(_) => Command::Outbind.id(),
            Self::Unbind => Command::Unbind.id(),
            Self::UnbindResp(_) => Command::UnbindResp.id(),
            Self::SubmitSm(_) => Command::SubmitSm.id(),
            Self::SubmitSmResp(_) => Command::SubmitSmResp.id(),
            Self::SubmitMulti(_) => Command::SubmitMulti.id(),
            Self::SubmitMultiResp(_) => Command::SubmitMultiResp.id(),
            Self::DeliverSm(_) => Command::DeliverSm.id(),
            Self::DeliverSmResp(_) => Command::DeliverSmResp.id(),
            Self::DataSm(_) => Command::DataSm.id(),
            Self::DataSmResp(_) => Command::DataSmResp.id(),
            Self::QuerySm(_) => Command::QuerySm.id(),
            Self::QuerySmResp(_) => Command::QuerySmResp.id(),
            Self::CancelSm(_) => Command::CancelSm.id(),
            Self::CancelSmResp(_) => Command::CancelSmResp.id(),
            Self::ReplaceSm(_) => Command::ReplaceSm.id(),
            Self::ReplaceSmResp(_) => Command::ReplaceSmResp.id(),
            Self::EnquireLink => Command::EnquireLink.id(),
            Self::EnquireLinkResp(_) => Command::EnquireLinkResp.id(),
            Self::AlertNotification(_) => Command::AlertNotification.id(),
            Self::GenericNack(_) => Command::GenericNack.id(),
            Self::Unknown { command, .. } => *command,
        }
    }

    /// The status: 0 for a request.
    pub const fn status(&self) -> Status {
        match self {
            Self::BindResp(resp) => resp.status,
            Self::SubmitSmResp(resp) | Self::DeliverSmResp(resp) | Self::DataSmResp(resp) => resp.status,
            Self::SubmitMultiResp(resp) => resp.status,
            Self::QuerySmResp(resp) => resp.status,
            Self::UnbindResp(status)
            | Self::CancelSmResp(status)
            | Self::ReplaceSmResp(status)
            | Self::EnquireLinkResp(status)
            | Self::GenericNack(status)
            | Self::Unknown { status, .. } => *status,
            Self::Bind(_)
            | Self::Outbind(_)
            | Self::Unbind
            | Self::SubmitSm(_)
            | Self::SubmitMulti(_)
            | Self::DeliverSm(_)
            | Self::DataSm(_)
            | Self::QuerySm(_)
            | Self::CancelSm(_)
            | Self::ReplaceSm(_)
            | Self::EnquireLink
            | Self::AlertNotification(_) => Status::ROK,
        }
    }

    /// The answer to a request that says nothing but a status: no body where the document allows that. `None` when
    /// the PDU has no answer of its own; a [`Self::GenericNack`] is then all there is.
    pub const fn answer(&self, status: Status) -> Option<Self> {
        answer_to(self.command_id(), status)
    }
}

/// The answer to a request of this command that says nothing but a status. `None` when the command has none.
pub const fn answer_to(command: u32, status: Status) -> Option<Pdu> {
    let Some(command) = Command::of_id(command) else {
        return None;
    };
    Some(match command {
        Command::BindReceiver => Pdu::BindResp(BindResp::without_body(BindMode::Receiver, status)),
        Command::BindTransmitter => Pdu::BindResp(BindResp::without_body(BindMode::Transmitter, status)),
        Command::BindTransceiver => Pdu::BindResp(BindResp::without_body(BindMode::Transceiver, status)),
        Command::Unbind => Pdu::UnbindResp(status),
        Command::SubmitSm => Pdu::SubmitSmResp(MessageResp::without_body(status)),
        Command::SubmitMulti => Pdu::SubmitMultiResp(SubmitMultiResp::without_body(status)),
        // The document gives this one a message_id that is unused and empty.
        Command::DeliverSm => Pdu::DeliverSmResp(MessageResp::with_id(status, MessageId::EMPTY)),
        Command::DataSm => Pdu::DataSmResp(MessageResp::without_body(status)),
        Command::QuerySm => Pdu::QuerySmResp(QuerySmResp { status, state: None }),
        Command::CancelSm => Pdu::CancelSmResp(status),
        Command::ReplaceSm => Pdu::ReplaceSmResp(status),
        Command::EnquireLink => Pdu::EnquireLinkResp(status),
        _ => return None,
    })
}
