//! The SP's end of a session.

mod session;
#[cfg(test)]
mod tests;

pub use session::ClientSession;

use bytes::BytesMut;

use super::super::auth::{Secret, Timestamp};
use super::super::pdu::{Deliver, Submit};
use super::super::{MsgId, Version};
use super::{NotSent, Oddity, SessionLimits, Uncertain};
use crate::field::FixedStr;

/// Who logs in, and how the session behaves.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The SP's code.
    pub source_addr: FixedStr<6>,
    /// The secret shared with the gateway.
    pub secret: Secret,
    /// Highest version to ask for.
    pub version: Version,
    /// What to make of a gateway that does not prove that it knows the secret.
    pub ismg_check: IsmgCheck,
    /// Bounds and timeouts.
    pub limits: SessionLimits,
    /// Number of the first request. Some gateways remember numbers across connections and answer 3 to a
    /// repeated one; then begin elsewhere on each connection.
    pub first_sequence: u32,
}

/// How strictly `AuthenticatorISMG` is checked in an accepted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsmgCheck {
    /// It must be right.
    Required,
    /// It must be right, or all zero: some gateways leave it out.
    TolerateMissing,
}

/// What happens to a client's session.
#[derive(Debug)]
pub enum Event<'a> {
    /// The connection stands: log in.
    Connected {
        /// The time of the login, taken once.
        timestamp: Timestamp,
    },
    /// Octets arrived; whole PDUs are taken off the front, the rest stays.
    Received(&'a mut BytesMut),
    /// Send a message. The answer comes as [`Up::SubmitOutcome`] with the same token, always, and once unless
    /// an answer follows a time-out.
    Submit {
        /// Chosen by the application to know the answer by.
        token: u64,
        /// The message.
        submit: &'a Submit,
    },
    /// The application has settled a [`Up::Deliver`].
    DeliverAnswered {
        /// As in [`Up::Deliver`].
        sequence: u32,
        /// The `DELIVER`'s own id.
        msg_id: MsgId,
        /// 0 taken, others refused; cut to 255 where the version has one octet.
        result: u32,
    },
    /// The deadline has come.
    Tick,
    /// End the session: no further message is sent, open answers are awaited for a while, then `TERMINATE`.
    Terminate,
    /// The connection is gone.
    Disconnected,
}

/// What a client's session tells its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Up {
    /// The gateway let us in.
    LoggedIn {
        /// The layout both sides now use.
        version: Version,
        /// The version octet of the gateway.
        server_version: u8,
        /// False when the gateway left its authenticator out and that was tolerated.
        gateway_proved: bool,
    },
    /// What became of a message.
    SubmitOutcome {
        /// The application's token.
        token: u64,
        /// The number that the `SUBMIT` had; `None` when it was not sent.
        sequence: Option<u32>,
        /// What became of it.
        outcome: SubmitOutcome,
        /// True when it was given as timed out before: this corrects that.
        late: bool,
    },
    /// An uplink or a status report, to be answered by [`Event::DeliverAnswered`].
    Deliver {
        /// To answer by.
        sequence: u32,
        /// The PDU.
        deliver: Box<Deliver>,
    },
    /// Something odd was tolerated.
    Oddity(Oddity),
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The gateway has it.
    Accepted {
        /// The gateway's id, by which the status report refers to it.
        msg_id: MsgId,
    },
    /// The gateway does not want it.
    Refused {
        /// The result code, never 0.
        result: u32,
    },
    /// The gateway may have it.
    Uncertain(Uncertain),
    /// The gateway has certainly not got it.
    NotSent(NotSent),
}
