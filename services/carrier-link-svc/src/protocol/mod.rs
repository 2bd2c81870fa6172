//! What the links speak, behind one face.
//!
//! A [`Conversation`] is one connection's protocol as the line and the connection see it: segments go in, outcomes and
//! deliveries come out, and nothing of it names a protocol. [`talk::Talk`] makes one of any [`Protocol`], which is the glue
//! between the wire's PDUs and the neutral words here: pure, a module for each.
//!
//! To add a protocol: write its [`Protocol`] in a module of its own, and its constructor in [`open`].

mod cmpp;
mod sgip;
mod smgp;
mod smpp;
mod talk;
mod times;

use std::{path::Path, time::Duration};

use bytes::BytesMut;
use hongyan_carrier_wire::{
    concat::Part,
    session::{CloseReason, Dialect, SessionLimits, SettingsError, Uncertain},
    smpp::message_id::MessageIds,
};
use hongyan_catalog::Link;
use hongyan_config::{SecretFile, SecretFileError};
use hongyan_domain::status;

use crate::{inbound::Inbound, link::LinkShared, outbound::Outbound};

pub use sgip::accept as accept_sgip;
pub use talk::Talk;

/// One connection's protocol.
///
/// Every call takes the time of the connection's own clock, in milliseconds. What follows from it stands in
/// [`Self::octets`], [`Self::news`], [`Self::close_reason`] and [`Self::deadline_ms`] afterwards.
pub trait Conversation: Send {
    /// The connection stands, whoever opened it. `unix_ms` is the wall clock.
    fn connected(&mut self, unix_ms: u64, now_ms: u64);

    /// Octets arrived; whole PDUs are taken off the front.
    fn received(&mut self, buffer: &mut BytesMut, now_ms: u64);

    /// The deadline has come.
    fn tick(&mut self, now_ms: u64);

    /// No more is sent: open answers are awaited for a while, then the session is ended in order.
    fn end(&mut self, now_ms: u64);

    /// The connection is gone.
    fn disconnected(&mut self, now_ms: u64);

    /// In a protocol whose message id is the number of the request: the id of a segment to come, which must be stored
    /// before the segment leaves. `None` in the others, whose carriers give the id with their answer.
    fn reserve(&mut self, now_ms: u64) -> Option<String>;

    /// Sends a segment. What becomes of it is told as [`News::Outcome`] with its token: always, and once, unless an answer
    /// follows a time-out.
    fn submit(&mut self, segment: &Segment<'_>, now_ms: u64);

    /// Answers [`News::Delivered`].
    fn answer(&mut self, key: u64, verdict: Verdict, now_ms: u64);

    /// Between the login and the begin of the end.
    fn is_open(&self) -> bool;

    /// How many segments can be sent now; 0 unless the session is open, and on a connection that only receives.
    fn free_slots(&self) -> usize;

    /// How many are without an answer.
    fn in_flight(&self) -> usize;

    /// How many segments have left again by themselves since this was last asked: they use up pace as well.
    fn repeated(&mut self) -> u64;

    /// Which way messages go.
    fn direction(&self) -> Direction;

    /// Whose codes are spoken.
    fn codes(&self) -> status::Protocol;

    /// What is to be sent, in order; the caller clears what it has written.
    fn octets(&mut self) -> &mut BytesMut;

    /// The next thing to know, in order.
    fn news(&mut self) -> Option<News>;

    /// Whether there is something to know.
    fn has_news(&self) -> bool;

    /// Set once: the connection is to be closed when the octets are written.
    fn close_reason(&self) -> Option<CloseReason>;

    /// When to call [`Self::tick`] at the latest; `None` when nothing is due.
    fn deadline_ms(&self) -> Option<u64>;
}

/// Which way messages go on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Segments out, receipts and uplinks in.
    Both,
    /// Segments alone.
    Send,
    /// Receipts and uplinks alone.
    Receive,
}

impl Direction {
    /// The name in metrics and answers: UPPER_SNAKE.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "BOTH",
            Self::Send => "SEND",
            Self::Receive => "RECEIVE",
        }
    }
}

/// One segment on its way to the wire.
pub struct Segment<'a> {
    /// Chosen by the line to know the outcome by.
    pub token: u64,
    /// The message.
    pub outbound: &'a Outbound,
    /// The segment's octets.
    pub part: &'a Part,
    /// From 1.
    pub number: u8,
    /// How many segments the message has.
    pub total: u8,
    /// The id from [`Conversation::reserve`].
    pub reserved: Option<&'a str>,
    /// When no answer comes, the same octets may leave again.
    pub may_repeat: bool,
}

/// What a conversation tells.
#[derive(Debug)]
pub enum News {
    /// The login is through.
    Opened(Opened),
    /// What became of a segment.
    Outcome {
        /// As given.
        token: u64,
        /// The number of its PDU, or the part of it that counts; `None` when it was not sent.
        sequence: Option<u32>,
        /// What became of it.
        outcome: Outcome,
        /// It was told as uncertain before: this corrects that.
        is_late: bool,
    },
    /// The carrier delivered something, and waits for the answer to it.
    Delivered(Delivered),
    /// Something odd was tolerated: what, without any content.
    Oddity(String),
}

/// A login that is through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// As agreed, e.g. `CMPP 2.0`.
    pub version: String,
    /// The peer has proved that it knows the secret, in protocols that can.
    pub is_proved: bool,
}

/// Something that the carrier delivered.
#[derive(Debug)]
pub struct Delivered {
    /// To answer by.
    pub key: u64,
    /// The number of its PDU, or the part of it that counts.
    pub sequence: u32,
    /// The carrier's id of the delivery: the same when it is delivered again. `None` where it has none.
    pub id: Option<String>,
    /// What it says.
    pub inbound: Inbound,
}

/// What became of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The carrier took it.
    Taken {
        /// The carrier's id, an opaque text of at most 96 visible ASCII characters without `:` and `|`.
        carrier_message_id: String,
    },
    /// The carrier took it, and gave it no id that a receipt could name.
    TakenUnnamed,
    /// The carrier refused it.
    Refused {
        /// Protocol and code, e.g. `SGIP:23`.
        raw_code: String,
        /// What the table of codes says about it.
        why: Refused,
    },
    /// Nobody can know whether the carrier has it.
    Uncertain(Uncertain),
    /// It has certainly not left.
    NotSent(NotSent),
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Slow down, and send it again.
    Throttled,
    /// The number is not this carrier's.
    NoRoute,
    /// The carrier has had a request under this number already: where it was repeated, that is the first of it.
    Repeated,
    /// For good.
    Final,
}

/// Why a segment did not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// The session is not open, or its window is full.
    NoRoom,
    /// It does not fit the protocol; the field and why, without what stands there.
    Unwritable(String),
}

/// How a delivery is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is durable.
    Taken,
    /// Not now: the carrier is to send it again, later.
    SlowDown,
    /// It cannot be read, and a repetition would not help.
    Structure,
    /// It could not be stored; the carrier is to send it again.
    Other,
}

/// What a submit was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The carrier took it under this id.
    Taken(String),
    /// The carrier took it, and gave it no id.
    TakenUnnamed,
    /// The protocol's code, not 0.
    Refused(u32),
    /// The answer says neither.
    Unclear,
}

/// A delivery as a protocol reads it.
#[derive(Debug)]
pub struct Read<A> {
    /// What the answer needs of it.
    pub asked: A,
    /// As in [`Delivered::id`].
    pub id: Option<String>,
    /// What it says.
    pub inbound: Inbound,
}

/// The glue between one protocol's PDUs and the neutral words of this module, for one side of one connection. Pure.
pub trait Protocol: Send {
    /// The protocol on the wire.
    type Dialect: Dialect<
            Sequence: Send,
            Pdu: Send,
            Malformed: Send,
            Unwritable: Send,
            Opened: Send,
            Login: Send,
            Verdict: Send,
        > + Send;
    /// What the answer to a delivery needs of it.
    type Asked: Send;

    /// Whose codes are spoken.
    const CODES: status::Protocol;
    /// The sequence of a submit is its message id, and is given out before the submit is stored.
    const RESERVES: bool = false;
    /// The code that says "I have had this sequence already", where there is one.
    const REPEATED: Option<u32> = None;

    /// A login that is through.
    fn opened(&self, opened: <Self::Dialect as Dialect>::Opened) -> Opened;

    /// Acceptor: whether to let somebody in. An initiator's login is uninhabited: `match login {}`.
    fn verdict(&mut self, login: <Self::Dialect as Dialect>::Login) -> <Self::Dialect as Dialect>::Verdict;

    /// The PDU of a segment; `Err` says which field does not fit and why, without what stands there.
    fn submit(&self, segment: &Segment<'_>) -> Result<<Self::Dialect as Dialect>::Pdu, String>;

    /// What a submit with this sequence was answered with.
    fn submitted(
        &self,
        sequence: <Self::Dialect as Dialect>::Sequence,
        answer: <Self::Dialect as Dialect>::Pdu,
    ) -> Submitted;

    /// What a request of the peer says. What is no delivery at all (SGIP's USERRPT) is [`Inbound::Ignored`], and is
    /// answered as taken.
    fn delivered(
        &self,
        sequence: <Self::Dialect as Dialect>::Sequence,
        request: <Self::Dialect as Dialect>::Pdu,
    ) -> Read<Self::Asked>;

    /// The answer to a delivery.
    fn answer(&self, asked: &Self::Asked, verdict: Verdict) -> <Self::Dialect as Dialect>::Pdu;

    /// A sequence as one number, for traces and the record.
    fn number(sequence: <Self::Dialect as Dialect>::Sequence) -> u32;

    /// The message id that a submit with this sequence has, in a protocol with [`Self::RESERVES`].
    fn id_of(sequence: <Self::Dialect as Dialect>::Sequence) -> Option<String> {
        let _ = sequence;
        None
    }

    /// The sequence of such an id; `None` for what is none.
    fn sequence_of(id: &str) -> Option<<Self::Dialect as Dialect>::Sequence> {
        let _ = id;
        None
    }

    /// Which way messages go on this connection.
    fn direction(&self) -> Direction {
        Direction::Both
    }
}

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// The secret cannot be read.
    #[error("{0}")]
    Secret(#[from] SecretFileError),
    /// The link's declaration makes no session.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// A name or number of the link's declaration does not fit the protocol.
    #[error("{field}: {why}")]
    Field {
        /// Of `links.yaml`.
        field: &'static str,
        /// Without what stands there.
        why: String,
    },
}

/// What the conversations of one link find out about its carrier and share.
#[derive(Debug, Default)]
pub struct Learned {
    /// How an SMPP centre writes message ids.
    message_ids: MessageIds,
}

impl Learned {
    /// Nothing yet.
    pub fn of(link: &Link) -> Self {
        let message_ids = match &link.protocol {
            hongyan_catalog::Protocol::Smpp(settings) => smpp::message_ids(settings),
            _ => MessageIds::default(),
        };
        Self { message_ids }
    }
}

/// A conversation for one outgoing connection of a link. `version` is the version octet to ask for where the gateway has
/// refused a higher one; `slot` is the connection's number, from 0.
pub fn open(link: &LinkShared, slot: u16, version: Option<u8>) -> Result<Box<dyn Conversation>, CannotOpen> {
    use hongyan_catalog::Protocol as Spoken;
    match &link.link.protocol {
        Spoken::Cmpp(settings) => cmpp::open(link, *settings, version),
        Spoken::Sgip(settings) => sgip::open(link, settings, slot),
        Spoken::Smgp(settings) => smgp::open(link, settings, version),
        Spoken::Smpp(settings) => smpp::open(link, settings, slot),
    }
}

/// A secret or password, as it stands in its file now.
fn secret(file: &Path) -> Result<String, CannotOpen> {
    Ok(SecretFile::new(file).read()?)
}

/// A field of the declaration that the protocol cannot hold.
fn field(field: &'static str, why: impl std::error::Error) -> CannotOpen {
    CannotOpen::Field {
        field,
        why: why.to_string(),
    }
}

/// The bounds of a session of this link, in every protocol.
fn limits(link: &LinkShared) -> SessionLimits {
    let declared = &link.link;
    SessionLimits {
        window: usize::from(declared.window),
        idle_ms: millis(declared.keep_alive.idle),
        keep_alive_timeout_ms: millis(declared.keep_alive.timeout),
        keep_alive_attempts: u32::from(declared.keep_alive.attempts),
        response_timeout_ms: millis(declared.response_timeout),
        attempts: u32::from(declared.submit_attempts),
        drain_timeout_ms: millis(link.tuning.drain),
        ..SessionLimits::default()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
