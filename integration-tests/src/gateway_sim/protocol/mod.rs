//! The protocols: what of a PDU is what, in neutral words.

mod cmpp;
mod sgip;
mod smgp;
mod smpp;

pub(super) use cmpp::Cmpp;
pub(super) use sgip::{Sgip, SgipCaller};
pub(super) use smgp::Smgp;
pub(super) use smpp::Smpp;

use std::fmt;

use hongyan_carrier_wire::session::{Dialect, SessionLimits};
use time::OffsetDateTime;

use super::account::AccountState;
use super::config::Account;
use super::hub::Hub;
use super::message::{MessageId, Submitted};
use super::outbox::Outgoing;

/// One protocol on one kind of connection, as the gateway's side speaks it.
///
/// Pure but for the hub that it may ask: it reads and makes PDUs, and the connection does the rest.
pub(super) trait Protocol: fmt::Debug + Send + Sync + 'static {
    /// The side that the gateway plays.
    type Dialect: Dialect<
            Sequence: Send + Sync,
            Pdu: Send,
            Malformed: Send,
            Unwritable: Send,
            Opened: Send,
            Login: Send,
        > + Send;
    /// What the answer to a submit takes over from it.
    type Key: Copy + fmt::Debug + Send;

    /// A side that has not begun.
    fn dialect(&self) -> Self::Dialect;

    /// Its limits.
    fn limits(&self, configured: SessionLimits) -> SessionLimits {
        configured
    }

    /// Command ids of the questions whether this side is alive.
    fn keep_alives(&self) -> &'static [u32];

    /// The account that a login names.
    fn account_name(&self, login: &LoginOf<Self>) -> String;

    /// Let it in if it knows the account's secret. `None` where nobody logs in to this side.
    fn admit(&self, account: &Account) -> Option<VerdictOf<Self>>;

    /// Do not let it in. `None` as before.
    fn turn_away(&self, status: u32) -> Option<VerdictOf<Self>>;

    /// What a login settled.
    fn opened(&self, opened: &OpenedOf<Self>) -> Opened;

    /// What a request of the client asks for.
    fn asked(&self, request: Request<'_, Self>) -> Asked<Self>;

    /// The answer to a submit.
    fn answer(&self, key: Self::Key, id: MessageId, result: u32) -> PduOf<Self>;

    /// What delivers something, and the number to send it with where it has one of its own. `None` when the protocol
    /// has no such thing.
    fn deliver(
        &self,
        dialect: &Self::Dialect,
        outgoing: &Outgoing,
        now: OffsetDateTime,
    ) -> Option<(Option<SequenceOf<Self>>, PduOf<Self>)>;

    /// The result in the client's answer to that; 0 is taken.
    fn taken(&self, answer: &PduOf<Self>) -> u32;
}

/// A PDU of the protocol.
pub(super) type PduOf<P> = <<P as Protocol>::Dialect as Dialect>::Pdu;
/// What numbers its requests.
pub(super) type SequenceOf<P> = <<P as Protocol>::Dialect as Dialect>::Sequence;
/// What a client logs in with.
pub(super) type LoginOf<P> = <<P as Protocol>::Dialect as Dialect>::Login;
/// What is said about it.
pub(super) type VerdictOf<P> = <<P as Protocol>::Dialect as Dialect>::Verdict;
/// What the login settled.
pub(super) type OpenedOf<P> = <<P as Protocol>::Dialect as Dialect>::Opened;

/// What a login settled, in neutral words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    /// The version, and the kind of bind where there are several.
    pub(super) version: String,
    /// Whether the client may submit.
    pub(super) submits: bool,
    /// Whether the gateway may deliver.
    pub(super) delivers: bool,
}

/// A request of the client, with whom and what may be asked about it.
#[derive(Debug)]
pub(super) struct Request<'a, P: Protocol + ?Sized> {
    pub(super) hub: &'a Hub,
    pub(super) account: &'a AccountState,
    pub(super) sequence: SequenceOf<P>,
    pub(super) pdu: PduOf<P>,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Asked<P: Protocol + ?Sized> {
    /// To take a message.
    Submit {
        key: P::Key,
        /// Where the client gives it.
        id: Option<MessageId>,
        submitted: Box<Submitted>,
    },
    /// Something that is answered at once.
    Answer(PduOf<P>),
}
