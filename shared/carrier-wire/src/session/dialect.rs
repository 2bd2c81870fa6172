//! What a session must know of its protocol, and of the side it plays in it.

use std::error::Error;
use std::fmt;

use bytes::{Bytes, BytesMut};

use super::CloseReason;
use crate::frame::FrameLimits;

/// The bit of a command id that makes it an answer, in all four protocols.
pub(super) const ANSWER_BIT: u32 = 0x8000_0000;

/// One protocol as one side speaks it, for the length of one connection.
///
/// The session owns the dialect and asks it; a dialect does no IO, reads no clock and never speaks first. What a
/// login settles (the version, the account) it keeps to itself, so that [`Self::decode`] and [`Self::encode`]
/// need no further argument.
///
/// Which side it is decides [`Self::begin`]: [`Opening::Say`] makes the session the initiator, which logs in;
/// [`Opening::Await`] makes it the acceptor, which is logged in to. The methods of the other side's login are
/// never called, so a dialect leaves them out.
pub trait Dialect: fmt::Debug + Sized {
    /// Numbers the requests of one side; an answer copies it.
    type Sequence: Copy + Eq + fmt::Debug;
    /// Any PDU of the protocol, without the sequence. Moved often, so without an allocation behind a box.
    type Pdu: fmt::Debug + PartialEq;
    /// A PDU that is framed and cannot be read.
    type Malformed: Error + PartialEq + Send + Sync + 'static;
    /// A PDU that cannot be written, in the version that was agreed.
    type Unwritable: Error + PartialEq + Send + Sync + 'static;
    /// What the application hears when the login is through.
    type Opened: fmt::Debug + PartialEq;
    /// Acceptor: what the peer wants to log in with. An uninhabited type on the other side.
    type Login: fmt::Debug + PartialEq;
    /// Acceptor: what the application says about it. An uninhabited type on the other side.
    type Verdict: fmt::Debug;

    /// The bounds of a PDU's length.
    fn frame_limits(&self) -> FrameLimits;

    /// The connection stands. Called once, before anything but [`Self::frame_limits`].
    ///
    /// `unix_ms` is the wall clock at this moment, for proofs that contain it; `now_ms` the session's clock, so that
    /// later times can be told from both (the sequences of SGIP contain the time of day).
    fn begin(&mut self, unix_ms: u64, now_ms: u64) -> Opening<Self::Pdu>;

    /// The number of the next request.
    fn next_sequence(&mut self, now_ms: u64) -> Self::Sequence;

    /// Reads one whole PDU. Contents are slices of `frame`, not copies.
    ///
    /// # Errors
    ///
    /// [`Self::Malformed`]; a command that is not known is no error but [`Kind::Unknown`].
    fn decode(&self, frame: &Bytes) -> Result<(Self::Sequence, Self::Pdu), Self::Malformed>;

    /// Appends one PDU to `out`, or nothing when it cannot be written.
    ///
    /// # Errors
    ///
    /// [`Self::Unwritable`] when a field does not hold what it is given.
    fn encode(
        &self,
        sequence: Self::Sequence,
        pdu: &Self::Pdu,
        out: &mut BytesMut,
    ) -> Result<(), Self::Unwritable>;

    /// What a received PDU is to this side.
    fn kind(&self, pdu: &Self::Pdu) -> Kind;

    /// The command id on the wire.
    fn command(pdu: &Self::Pdu) -> u32;

    /// Whether `answer` is of a kind that answers a request with this command id. As it is: the same command with
    /// the answer bit.
    fn answers(request_command: u32, answer: &Self::Pdu) -> bool {
        Self::command(answer) == request_command | ANSWER_BIT
    }

    /// What tells two requests of the peer apart that have the same sequence; the same of a request and of its
    /// answer. Zero where nothing does.
    fn identity(pdu: &Self::Pdu) -> u64 {
        let _ = pdu;
        0
    }

    /// Initiator: the answer to the login. Also given an [`Kind::Answer`] with the login's sequence, for protocols
    /// with a general refusal.
    ///
    /// # Errors
    ///
    /// Why there is no session.
    fn login_answered(&mut self, answer: &Self::Pdu) -> Result<Self::Opened, CloseReason> {
        let _ = answer;
        Err(CloseReason::LoginUnreadable)
    }

    /// Acceptor: a login. `None` when the PDU is none after all.
    fn login_requested(&mut self, login: Self::Pdu) -> Option<Self::Login> {
        let _ = login;
        None
    }

    /// Acceptor: what the login is answered with, and whether there is a session.
    fn answer_login(&mut self, verdict: Self::Verdict) -> (Self::Pdu, Result<Self::Opened, CloseReason>);

    /// The question whether the peer is alive. `None` in a protocol without one: there an initiator ends the session
    /// when nothing happens for the idle time, and an acceptor closes it.
    fn keep_alive(&self) -> Option<Self::Pdu> {
        None
    }

    /// The answer to such a question of the peer.
    fn keep_alive_answer(&self) -> Option<Self::Pdu> {
        None
    }

    /// The wish to end the session.
    fn end(&self) -> Self::Pdu;

    /// The agreement to such a wish.
    fn end_answer(&self) -> Self::Pdu;

    /// What the session answers by itself to a PDU that does not reach the application; `None` for silence. Never
    /// asked about an answer.
    fn refuse(&self, to: &Self::Pdu, why: Refusal) -> Option<Self::Pdu>;

    /// What the session answers to a request that cannot be read, so that the peer does not repeat it for ever.
    fn refuse_malformed(
        &self,
        malformed: &Self::Malformed,
        frame: &[u8],
    ) -> Option<(Self::Sequence, Self::Pdu)>;

    /// The sequence of an answer that cannot be read; `None` when the PDU was no answer. The request it belongs to
    /// is settled as uncertain at once instead of when its time is over.
    fn malformed_answer(malformed: &Self::Malformed) -> Option<Self::Sequence>;
}

/// How a side begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening<P> {
    /// With this login.
    Say(P),
    /// By waiting for one.
    Await,
}

/// What a received PDU is to the side that received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A login, to an acceptor.
    Login,
    /// The answer to a login, to an initiator.
    LoginAnswer,
    /// A request that the application answers.
    Request,
    /// The answer to a request.
    Answer,
    /// The question whether this side is alive.
    KeepAlive,
    /// Its answer; that anything came is what counts.
    KeepAliveAnswer,
    /// The wish to end.
    End,
    /// The agreement to end.
    EndAnswer,
    /// Goes to the application and has no answer.
    OneWay,
    /// Of the protocol, but nothing that this side receives.
    Unexpected,
    /// Of a command that is not known.
    Unknown,
}

/// Why the session itself refuses a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// More requests are unanswered than the limit: slow down and try again.
    Throttled,
    /// Not to this side, or not in this state.
    NotAllowed,
    /// The command is not known.
    Unknown,
}
