//! What follows from an event.

use bytes::BytesMut;

use crate::frame::FrameError;

/// Collects what follows from events; `U` is what the session tells its application, [`super::Up`].
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
    /// The login was refused.
    #[error("the login was refused with status {status}")]
    LoginRefused {
        /// The protocol's own code.
        status: u32,
    },
    /// The answer to the login cannot be read: of another protocol, or a refusal without a body.
    #[error("the answer to the login cannot be read")]
    LoginUnreadable,
    /// The peer does not speak our version.
    #[error("the peer refused the version")]
    VersionRefused {
        /// Connect again with this version octet; `None` when there is no lower version.
        retry_with: Option<u8>,
    },
    /// The peer accepted but did not prove that it knows the secret.
    #[error("the peer's authenticator is wrong")]
    WrongAuthenticator,
    /// No login, or no answer to it, in time.
    #[error("the login was not answered in time")]
    LoginTimeout,
    /// The peer took the connection and closed it without an answer to the login. Gateways turn away whom they do
    /// not let in like this; to come back at once does not help.
    #[error("the peer closed the connection instead of answering the login")]
    LoginCutOff,
    /// The peer answered none of several keep-alives.
    #[error("the peer does not answer keep-alives")]
    PeerSilent,
    /// The peer ended the session.
    #[error("the peer ended the session")]
    PeerTerminated,
    /// We wished to end and the peer agreed.
    #[error("ended in order")]
    Terminated,
    /// We wished to end and the peer did not agree in time.
    #[error("ended without the peer's answer")]
    TerminateTimeout,
    /// Nothing was to do for the idle time, in a protocol without keep-alive. No failure.
    #[error("nothing was to do")]
    Idle,
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
pub enum Oddity<S, M> {
    /// A command that nobody knows, or that the protocol has and this crate does not read.
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
        sequence: S,
    },
    /// A well framed PDU that cannot be read.
    Undecodable(M),
    /// The peer repeats a request that the application has not answered yet.
    RepeatedRequest {
        /// The command id.
        command: u32,
        /// The sequence number.
        sequence: S,
    },
    /// The peer sends more requests than may be unanswered; this one was refused with the protocol's "slow down".
    Overrun {
        /// The command id.
        command: u32,
    },
}

/// Why nobody knows whether the peer has taken a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Uncertain {
    /// It was sent and not answered in time.
    TimedOut,
    /// It was sent and the session ended before the answer.
    ConnectionLost,
    /// It was sent and its answer cannot be read.
    Unreadable,
}

/// Why a request was not sent; the peer has certainly not got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent<E> {
    /// The session is not logged in yet, ending, or over.
    #[error("the session is not open")]
    NotOpen,
    /// As many requests as the window holds are without an answer.
    #[error("the window is full")]
    WindowFull,
    /// The request does not fit the protocol, in the version that was agreed.
    #[error("{0}")]
    Encode(E),
}
