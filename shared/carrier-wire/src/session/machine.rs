//! The state machine.

mod closing;
mod inbound;
mod opening;
mod outbound;

use super::dialect::Dialect;
use super::keep_alive::KeepAlive;
use super::peer::{Inbound, Patience};
use super::window::Window;
use super::{Actions, CloseReason, Event, SessionLimits, SettingsError, Up};

/// One connection's session, from the connection to its end. Not reused: a new connection gets a new one.
#[derive(Debug)]
pub struct Session<D: Dialect> {
    dialect: D,
    limits: SessionLimits,
    state: State<D::Sequence>,
    /// True when this side logs in.
    initiates: bool,
    /// False in a protocol without keep-alive.
    asks: bool,
    keep_alive: KeepAlive,
    /// When a request or an answer to one last went out.
    spoke_ms: u64,
    /// Our requests without an answer.
    window: Window<D::Sequence>,
    inbound: Inbound<D::Sequence>,
    patience: Patience,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State<S> {
    /// No connection yet.
    New,
    /// Initiator: the login is on its way.
    LoggingIn { sequence: S, deadline_ms: u64 },
    /// Acceptor: waits for a login.
    AwaitingLogin { deadline_ms: u64 },
    /// Acceptor: the application looks the account up.
    Deciding { sequence: S, deadline_ms: u64 },
    /// Logged in.
    Open,
    /// Ending: waits for open answers.
    Draining { deadline_ms: u64 },
    /// The wish to end is on its way; `reason` is what it ends with when the peer agrees.
    Ending { deadline_ms: u64, reason: CloseReason },
    /// Over.
    Closed,
}

impl<D: Dialect> Session<D> {
    /// A session that waits for [`Event::Connected`].
    ///
    /// # Errors
    ///
    /// [`SettingsError`] when a limit makes no sense.
    pub fn new(dialect: D, limits: SessionLimits) -> Result<Self, SettingsError> {
        limits.check()?;
        Ok(Self {
            asks: dialect.keep_alive().is_some(),
            dialect,
            limits,
            state: State::New,
            initiates: false,
            keep_alive: KeepAlive::new(0),
            spoke_ms: 0,
            window: Window::new(limits.window, limits.response_timeout_ms),
            inbound: Inbound::new(limits.max_unanswered_inbound),
            patience: Patience::new(limits.max_oddities_per_minute),
        })
    }

    /// The protocol and what was agreed about it.
    pub const fn dialect(&self) -> &D {
        &self.dialect
    }

    /// How many requests can be sent now; 0 unless the session is open.
    pub fn free_slots(&self) -> usize {
        if self.is_open() { self.window.free() } else { 0 }
    }

    /// How many requests are without an answer.
    pub fn in_flight(&self) -> usize {
        self.window.in_flight()
    }

    /// How many requests were sent again because no answer came, since the begin: for whoever counts what leaves.
    pub const fn sent_again(&self) -> u64 {
        self.window.sent_again()
    }

    /// True between the login and the begin of the end.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// A sequence for one request to come, for protocols in which it is the message's id and must be stored before
    /// the request leaves. Numbers that are not used are lost, which no protocol minds.
    pub fn reserve_sequence(&mut self, now_ms: u64) -> D::Sequence {
        self.dialect.next_sequence(now_ms)
    }

    /// Takes an event and adds what follows from it to `actions`.
    pub fn on(&mut self, event: Event<'_, D>, now_ms: u64, actions: &mut Actions<Up<D>>) {
        match event {
            Event::Connected { unix_ms } => self.connected(unix_ms, now_ms, actions),
            Event::Received(buffer) => self.receive(buffer, now_ms, actions),
            Event::LoginAnswered(verdict) => self.login_decided(verdict, now_ms, actions),
            Event::Request {
                token,
                sequence,
                pdu,
                repeat,
            } => self.request(token, sequence, pdu, repeat, now_ms, actions),
            Event::Answer { sequence, pdu } => self.answer(sequence, pdu, now_ms, actions),
            Event::Tick => self.tick(now_ms, actions),
            Event::End => self.end(now_ms, actions),
            Event::Disconnected => self.disconnected(actions),
        }
        actions.deadline_ms = self.deadline_ms();
    }

    fn deadline_ms(&self) -> Option<u64> {
        let of_state = match self.state {
            State::New | State::Closed => return None,
            State::LoggingIn { deadline_ms, .. }
            | State::AwaitingLogin { deadline_ms }
            | State::Deciding { deadline_ms, .. } => return Some(deadline_ms),
            State::Open => None,
            State::Draining { deadline_ms } | State::Ending { deadline_ms, .. } => Some(deadline_ms),
        };
        [of_state, self.silence_deadline_ms(), self.window.deadline_ms()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Writes a PDU of the session's own making. These hold nothing that a version could refuse; a dialect that
    /// does refuse one leaves the peer without it, which the deadlines then find out.
    fn write(&self, sequence: D::Sequence, pdu: &D::Pdu, actions: &mut Actions<Up<D>>) {
        let _ = self.dialect.encode(sequence, pdu, &mut actions.send);
    }

    /// True when neither side waits for an answer.
    fn is_quiet(&self) -> bool {
        self.window.is_empty() && self.inbound.is_empty()
    }
}
