//! The gateway's end of a session.

mod session;
#[cfg(test)]
mod tests;

pub use session::ServerSession;

use bytes::BytesMut;

use super::super::auth::Secret;
use super::super::pdu::{Cancel, Connect, Deliver, Query, QueryResp, Submit};
use super::super::{MsgId, Version};
use super::{NotSent, Oddity, SessionLimits, Uncertain};
use crate::field::FixedStr;

/// How the session behaves.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Highest version that is spoken.
    pub max_version: Version,
    /// What to do about a client that asks for more.
    pub on_higher_version: HigherVersion,
    /// Bounds and timeouts.
    pub limits: SessionLimits,
}

/// What a server does about a client that asks for a higher version than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HigherVersion {
    /// Accept, and answer in its own version: the client falls back.
    AnswerOwn,
    /// Refuse with status 4: the client connects again.
    Refuse,
}

/// What happens to a server's session. It begins with the connection; the login must come in time.
#[derive(Debug)]
pub enum Event<'a> {
    /// A connection was accepted.
    Accepted,
    /// Octets arrived; whole PDUs are taken off the front, the rest stays.
    Received(&'a mut BytesMut),
    /// The application has looked the account of [`Up::LoginRequested`] up. What arrived in the meantime was left
    /// in the buffer: give [`Event::Received`] with it once more.
    LoginAnswered(LoginAnswer<'a>),
    /// The application has decided about a [`Up::Submit`].
    SubmitAnswered {
        /// As in [`Up::Submit`].
        sequence: u32,
        /// The id given to the message; zero when refused.
        msg_id: MsgId,
        /// 0 accepted, others refused; cut to 255 where the version has one octet.
        result: u32,
    },
    /// Send an uplink or a status report. What became of it comes as [`Up::DeliverOutcome`] with the same token.
    Deliver {
        /// Chosen by the application.
        token: u64,
        /// The PDU.
        deliver: &'a Deliver,
    },
    /// The application answers a [`Up::Query`].
    QueryAnswered {
        /// As in [`Up::Query`].
        sequence: u32,
        /// The counts.
        resp: QueryResp,
    },
    /// The application answers a [`Up::Cancel`].
    CancelAnswered {
        /// As in [`Up::Cancel`].
        sequence: u32,
        /// True when the message was taken back.
        cancelled: bool,
    },
    /// The deadline has come.
    Tick,
    /// End the session.
    Terminate,
    /// The connection is gone.
    Disconnected,
}

/// What the application says about a login.
#[derive(Debug, Clone, Copy)]
pub enum LoginAnswer<'a> {
    /// The account exists: let it in if it proves to know this secret.
    Check(&'a Secret),
    /// Do not let it in, whatever it knows.
    Refuse {
        /// 2 unknown account, 5 and above other reasons.
        status: u32,
    },
}

/// What a server's session tells its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Up {
    /// Somebody wants in; answer by [`Event::LoginAnswered`].
    LoginRequested(Connect),
    /// Somebody is in.
    LoggedIn {
        /// Who.
        source_addr: FixedStr<6>,
        /// The layout both sides now use.
        version: Version,
    },
    /// A message, to be answered by [`Event::SubmitAnswered`].
    Submit {
        /// To answer by.
        sequence: u32,
        /// The PDU.
        submit: Box<Submit>,
    },
    /// What became of a `DELIVER`.
    DeliverOutcome {
        /// The application's token.
        token: u64,
        /// What became of it.
        outcome: DeliverOutcome,
    },
    /// A question for counts, to be answered by [`Event::QueryAnswered`].
    Query {
        /// To answer by.
        sequence: u32,
        /// The PDU.
        query: Query,
    },
    /// A wish to take a message back, to be answered by [`Event::CancelAnswered`].
    Cancel {
        /// To answer by.
        sequence: u32,
        /// The PDU.
        cancel: Cancel,
    },
    /// Something odd was tolerated.
    Oddity(Oddity),
}

/// What became of a `DELIVER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverOutcome {
    /// The client answered.
    Answered {
        /// 0 taken, others refused.
        result: u32,
    },
    /// The client may have it.
    Uncertain(Uncertain),
    /// The client has certainly not got it.
    NotSent(NotSent),
}
