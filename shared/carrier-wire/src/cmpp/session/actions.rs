//! What follows from an event.

use bytes::BytesMut;

use super::super::Version;
use super::super::codec::{DecodeError, EncodeError};
use crate::frame::FrameError;

/// Collects what follows from events; `U` is what the session's side tells its application.
///
/// The caller keeps one of these, feeds as many events as it has, then writes `send`, handles `up`, and closes
/// when `close` says so (after writing `send`). It clears `send` and `up` itself; `deadline_ms` is always the
/// current one.
#[derive(Debug)]
pub struct Actions<U> {
    /// Octets to send, in order.
    pub send: BytesMut,
    /// What the application must hear, in order.
    pub up: Vec<U>,
    /// Set once: write `send`, then close the connection.
    pub close: Option<CloseReason>,
    /// When to give the session a `Tick` at the latest; `None` when nothing is due.
    pub deadline_ms: Option<u64>,
}

impl<U> Default for Actions<U> {
    fn default() -> Self {
        Self {
            send: BytesMut::new(),
            up: Vec::new(),
            close: None,
            deadline_ms: None,
        }
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The login was refused with this status (not 4, see the next).
    #[error("the login was refused with status {status}")]
    LoginRefused {
        /// 1 structure, 2 source address, 3 authentication, others other.
        status: u32,
    },
    /// The gateway does not speak our version.
    #[error("the gateway refused the version")]
    VersionRefused {
        /// Connect again with this one; `None` when there is no lower one.
        retry_with: Option<Version>,
    },
    /// The gateway accepted but did not prove that it knows the secret.
    #[error("the gateway's authenticator is wrong")]
    WrongAuthenticator,
    /// No login, or no answer to it, in time.
    #[error("the login was not answered in time")]
    LoginTimeout,
    /// The peer answered none of several `ACTIVE_TEST`s.
    #[error("the peer does not answer keep-alives")]
    PeerSilent,
    /// The peer sent `TERMINATE`.
    #[error("the peer ended the session")]
    PeerTerminated,
    /// We sent `TERMINATE` and the peer agreed.
    #[error("ended in order")]
    Terminated,
    /// We sent `TERMINATE` and the peer did not agree in time.
    #[error("ended without the peer's answer")]
    TerminateTimeout,
    /// The stream cannot be followed any further.
    #[error("framing is lost: {0}")]
    Framing(FrameError),
    /// Too many PDUs that make no sense.
    #[error("the peer sends too much that makes no sense")]
    TooManyOddities,
    /// The connection is gone.
    #[error("the connection is lost")]
    ConnectionLost,
}

/// Something that a session tolerates, and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// A command that CMPP knows and this crate does not read, or nobody knows.
    UnknownCommand {
        /// The command id.
        command: u32,
    },
    /// A PDU that this side, or this state, does not expect.
    Unexpected {
        /// The command id.
        command: u32,
    },
    /// An answer to nothing that was asked, or to what was answered already.
    UnmatchedResponse {
        /// The command id.
        command: u32,
        /// The sequence number.
        sequence: u32,
    },
    /// A well framed PDU that cannot be read.
    Undecodable(DecodeError),
    /// The peer repeats a request that the application has not answered yet.
    RepeatedRequest {
        /// The command id.
        command: u32,
        /// The sequence number.
        sequence: u32,
    },
    /// The peer sends more requests than may be unanswered; this one was answered with result 8.
    Overrun {
        /// The command id.
        command: u32,
    },
}

/// Why nobody knows whether the peer has a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Uncertain {
    /// It was sent and not answered in time.
    TimedOut,
    /// It was sent and the session ended before the answer.
    ConnectionLost,
}

/// Why a request was not sent; the peer has certainly not got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The session is not logged in yet, ending, or over.
    #[error("the session is not open")]
    NotOpen,
    /// As many requests as the window holds are without an answer.
    #[error("the window is full")]
    WindowFull,
    /// The request does not fit the session's version.
    #[error("{0}")]
    Encode(#[from] EncodeError),
}
