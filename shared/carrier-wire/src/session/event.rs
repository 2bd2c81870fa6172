//! What happens to a session, and what it tells.

use bytes::BytesMut;

use super::{Dialect, NotSent, Oddity, Uncertain};

/// What happens to a session.
#[derive(Debug)]
pub enum Event<'a, D: Dialect> {
    /// The connection stands, whoever opened it.
    Connected {
        /// The wall clock, in milliseconds since 1970.
        unix_ms: u64,
    },
    /// Octets arrived; whole PDUs are taken off the front, the rest stays.
    Received(&'a mut BytesMut),
    /// Acceptor: the application has decided about [`Up::LoginRequested`]. What arrived in the meantime was left in
    /// the buffer: give [`Event::Received`] with it once more.
    LoginAnswered(D::Verdict),
    /// Send a request. What became of it comes as [`Up::Outcome`] with the same token: always, and once, unless an
    /// answer follows a time-out.
    Request {
        /// Chosen by the application to know the outcome by.
        token: u64,
        /// The number to send it with, from [`super::Session::reserve_sequence`]; `None` for the next one.
        sequence: Option<D::Sequence>,
        /// The request.
        pdu: &'a D::Pdu,
        /// What to do when no answer comes.
        repeat: Repeat,
    },
    /// The application answers a [`Up::Request`].
    Answer {
        /// As in [`Up::Request`].
        sequence: D::Sequence,
        /// The answer.
        pdu: &'a D::Pdu,
    },
    /// The deadline has come.
    Tick,
    /// End the session: no further request is sent, open answers are awaited for a while, then the wish to end goes
    /// out.
    End,
    /// The connection is gone.
    Disconnected,
}

/// What to do about a request that is not answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// Its outcome is uncertain. Right for messages, which no carrier promises not to deliver twice.
    #[default]
    Never,
    /// The same octets are sent again, with the same sequence, up to [`super::SessionLimits::attempts`] in all. For
    /// requests that may come twice. The octets are kept until the answer.
    OnSilence,
}

/// What a session tells its application.
#[derive(Debug)]
pub enum Up<D: Dialect> {
    /// The login is through.
    Opened(D::Opened),
    /// Acceptor: somebody wants in; answer by [`Event::LoginAnswered`].
    LoginRequested(D::Login),
    /// What became of a request.
    Outcome {
        /// The application's token.
        token: u64,
        /// The number that it had; `None` when it was not sent.
        sequence: Option<D::Sequence>,
        /// What became of it.
        outcome: Outcome<D::Pdu, D::Unwritable>,
        /// True when it was given as uncertain before: this corrects that.
        late: bool,
    },
    /// A request of the peer, to be answered by [`Event::Answer`].
    Request {
        /// To answer by.
        sequence: D::Sequence,
        /// The request.
        pdu: D::Pdu,
    },
    /// Something that has no answer.
    OneWay(D::Pdu),
    /// An answer of the application that could not be written; the peer waits, and may be answered once more.
    AnswerNotSent {
        /// As in [`Up::Request`].
        sequence: D::Sequence,
        /// What does not fit.
        why: D::Unwritable,
    },
    /// Something odd was tolerated.
    Oddity(Oddity<D::Sequence, D::Malformed>),
}

// Not derived: that would ask of the dialect itself that it can be compared.
impl<D: Dialect> PartialEq for Up<D> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Opened(left), Self::Opened(right)) => left == right,
            (Self::LoginRequested(left), Self::LoginRequested(right)) => left == right,
            (
                Self::Outcome {
                    token,
                    sequence,
                    outcome,
                    late,
                },
                Self::Outcome {
                    token: other_token,
                    sequence: other_sequence,
                    outcome: other_outcome,
                    late: other_late,
                },
            ) => (token, sequence, outcome, late) == (other_token, other_sequence, other_outcome, other_late),
            (
                Self::Request { sequence, pdu },
                Self::Request {
                    sequence: other_sequence,
                    pdu: other_pdu,
                },
            ) => (sequence, pdu) == (other_sequence, other_pdu),
            (Self::OneWay(left), Self::OneWay(right)) => left == right,
            (
                Self::AnswerNotSent { sequence, why },
                Self::AnswerNotSent {
                    sequence: other_sequence,
                    why: other_why,
                },
            ) => (sequence, why) == (other_sequence, other_why),
            (Self::Oddity(left), Self::Oddity(right)) => left == right,
            _ => false,
        }
    }
}

/// What became of a request; `P` is the PDU that answers, `E` what can be wrong with one that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<P, E> {
    /// The peer answered with this, be it yes or no.
    Answered(P),
    /// The peer may have it.
    Uncertain(Uncertain),
    /// The peer has certainly not got it.
    NotSent(NotSent<E>),
}
