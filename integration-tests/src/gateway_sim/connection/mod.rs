//! One connection, from its beginning to its end.

mod answers;
mod delivering;
mod login;
mod reading;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use hongyan_carrier_wire::session::{Actions, Dialect, Event, Oddity, Session, Up};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::account::LoginSlot;
use super::faults::{CloseAt, ConnectionEffects};
use super::hub::{Command, Hub, lock};
use super::outbox::Outgoing;
use super::protocol::{Opened, Protocol, SequenceOf};
use answers::PendingAnswer;
use reading::Reading;

/// Octets read at a time, at most.
const READ_LEN: usize = 64 * 1024;
/// How long a client may leave its socket unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a connection that plays dead looks whether it still has to, in milliseconds.
const DEAD_LOOK_MS: u64 = 100;

/// What comes and goes by.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What is known of a connection before anything is said on it.
#[derive(Debug)]
pub(super) struct Begin<P: Protocol> {
    pub(super) hub: Arc<Hub>,
    pub(super) protocol: Arc<P>,
    /// The other end's address.
    pub(super) peer: String,
    pub(super) effects: ConnectionEffects,
    /// The account at whose listener the gateway logs in; `None` where the client logs in.
    pub(super) calls: Option<LoginSlot>,
}

pub(super) struct Connection<P: Protocol> {
    id: u64,
    hub: Arc<Hub>,
    protocol: Arc<P>,
    effects: ConnectionEffects,
    session: Session<P::Dialect>,
    actions: Actions<Up<P::Dialect>>,
    /// Octets that came; while keep-alives are ignored, those that went through the filter.
    input: BytesMut,
    login: Option<LoginSlot>,
    opened: Option<Opened>,
    news: Option<watch::Receiver<u64>>,
    /// Sent and not answered, by token.
    in_flight: HashMap<u64, Outgoing>,
    next_token: u64,
    /// Answers whose time has not come.
    delayed: BinaryHeap<Reverse<(u64, u64)>>,
    delayed_answers: HashMap<u64, PendingAnswer<P>>,
    pdus: u64,
    /// Why to close once what is to be sent is sent.
    closing: Option<String>,
}

/// Serves a connection until either side ends it. Gives whether the login went through.
pub(super) async fn serve<P: Protocol>(
    begin: Begin<P>,
    stream: impl Stream,
    shutdown: CancellationToken,
) -> bool {
    let hub = Arc::clone(&begin.hub);
    let (id, commands) = hub.register(begin.peer.clone(), begin.calls.is_some());
    if begin.effects.close == Some(CloseAt::Accept) {
        hub.unregister(id, "closed as soon as it was accepted".to_owned());
        return false;
    }
    let limits = begin.protocol.limits(hub.config.session);
    let (why, opened) = match Session::new(begin.protocol.dialect(), limits) {
        Ok(session) => {
            let connection = Connection::new(id, begin, session);
            connection.run(stream, commands, shutdown).await
        }
        Err(error) => (error.to_string(), false),
    };
    hub.unregister(id, why);
    opened
}

impl<P: Protocol> Connection<P> {
    fn new(id: u64, begin: Begin<P>, session: Session<P::Dialect>) -> Self {
        Self {
            id,
            hub: begin.hub,
            protocol: begin.protocol,
            effects: begin.effects,
            session,
            actions: Actions::default(),
            input: BytesMut::with_capacity(READ_LEN),
            login: begin.calls,
            opened: None,
            news: None,
            in_flight: HashMap::new(),
            next_token: 0,
            delayed: BinaryHeap::new(),
            delayed_answers: HashMap::new(),
            pdus: 0,
            closing: None,
        }
    }

    async fn run(
        mut self,
        mut stream: impl Stream,
        mut commands: mpsc::Receiver<Command>,
        shutdown: CancellationToken,
    ) -> (String, bool) {
        let mut received = BytesMut::with_capacity(READ_LEN);
        let mut reading = Reading::default();
        let unix_ms = u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000);
        self.on(Event::Connected {
            unix_ms: unix_ms.unwrap_or_default(),
        });
        loop {
            let dead = self.plays_dead();
            if dead {
                self.actions.send.clear();
            } else {
                self.settle();
                if let Err(why) = self.write(&mut stream).await {
                    self.closing = Some(why);
                }
            }
            if self.closing.is_some() {
                break;
            }
            let now_ms = self.hub.now_ms();
            let room = reading.room(self.read_limit(), now_ms, READ_LEN);
            received.reserve(READ_LEN);
            let wake = if dead {
                Some(now_ms.saturating_add(DEAD_LOOK_MS))
            } else {
                [self.wake_at_ms(), reading.wake_at_ms(room)]
                    .into_iter()
                    .flatten()
                    .min()
            };
            let wake = wake.map(|at_ms| tokio::time::Instant::from_std(self.hub.instant(at_ms)));
            let mut into = (&mut received).limit(room);
            tokio::select! {
                read = stream.read_buf(&mut into), if room > 0 => match read {
                    Ok(0) => self.closing = Some("the client closed".to_owned()),
                    // Looked at again: it may have been told while it waited.
                    Ok(octets) if self.plays_dead() => {
                        received.clear();
                        lock(&self.hub.ledger).connection(self.id, |connection| {
                            connection.ignored_octets += octets as u64;
                        });
                    }
                    Ok(octets) => {
                        reading.took(octets);
                        self.receive(&mut received);
                    }
                    Err(error) => self.closing = Some(format!("read: {}", error.kind())),
                },
                command = commands.recv() => self.command(command),
                () = sleep_until(wake) => if !self.plays_dead() { self.on(Event::Tick) },
                () = changed(self.news.as_mut()) => {}
                () = shutdown.cancelled() => self.closing = Some("the gateway stops".to_owned()),
            }
        }
        self.over()
    }

    /// What is left is for other connections.
    fn over(mut self) -> (String, bool) {
        self.on(Event::Disconnected);
        self.settle();
        if let Some(slot) = self.login.take() {
            // Early receipts and the like that never left.
            for (_, outgoing) in self.in_flight.drain() {
                self.hub.put_back(&slot.account, outgoing, false);
            }
        }
        (self.closing.unwrap_or_default(), self.opened.is_some())
    }

    fn on(&mut self, event: Event<'_, P::Dialect>) {
        self.session.on(event, self.hub.now_ms(), &mut self.actions);
    }

    fn plays_dead(&self) -> bool {
        self.effects.half_open == Some(true) || lock(&self.hub.faults).current().half_open
    }

    fn command(&mut self, command: Option<Command>) {
        match command {
            None | Some(Command::Drop) => self.closing = Some("dropped on demand".to_owned()),
            Some(Command::Terminate) => self.on(Event::End),
            Some(Command::Raw(octets)) => self.actions.send.put_slice(&octets),
        }
    }

    /// Does everything that is due: what the session told, answers whose time has come, what waits in the outbox.
    fn settle(&mut self) {
        self.hear();
        self.answer_delayed();
        self.deliver_due();
        self.hear();
        if let Some(reason) = self.actions.close
            && self.closing.is_none()
        {
            self.closing = Some(reason.to_string());
        }
    }

    fn hear(&mut self) {
        loop {
            let mut told = std::mem::take(&mut self.actions.up);
            for up in told.drain(..) {
                self.told(up);
            }
            if self.actions.up.is_empty() {
                // Its room is used again.
                self.actions.up = told;
                return;
            }
        }
    }

    fn told(&mut self, up: Up<P::Dialect>) {
        // What the client sent behind the PDU at which the connection drops was never read.
        let dropped = self.closing.is_some();
        match up {
            Up::LoginRequested(login) if !dropped => self.decide_login(&login),
            Up::Opened(opened) if !dropped => self.logged_in(&opened),
            Up::Request { sequence, pdu } if !dropped => {
                self.request(sequence, pdu);
                self.count_pdu();
            }
            Up::Outcome { token, outcome, .. } => {
                if let Some(outgoing) = self.in_flight.remove(&token) {
                    self.delivered(outgoing, &outcome);
                }
                self.count_pdu();
            }
            Up::Oddity(oddity) => self.odd(|| describe::<P>(&oddity)),
            Up::AnswerNotSent { why, .. } => self.odd(|| format!("no answer could be written: {why}")),
            Up::LoginRequested(_) | Up::Opened(_) | Up::Request { .. } | Up::OneWay(_) => {}
        }
    }

    fn odd(&self, what: impl FnOnce() -> String) {
        lock(&self.hub.ledger).oddities += 1;
        self.hub.event(self.id, what);
    }

    fn count_pdu(&mut self) {
        self.pdus += 1;
        let pdus = self.pdus;
        lock(&self.hub.ledger).connection(self.id, |connection| connection.pdus = pdus);
        let limit = lock(&self.hub.faults).current().drop_after_pdus;
        if limit.is_some_and(|limit| pdus >= limit) && self.closing.is_none() {
            self.closing = Some("dropped after so many PDUs".to_owned());
        }
    }

    const fn take_token(&mut self) -> u64 {
        self.next_token = self.next_token.wrapping_add(1);
        self.next_token
    }

    /// When something is due next.
    fn wake_at_ms(&self) -> Option<u64> {
        let outbox = match &self.login {
            Some(slot) if self.can_deliver() => lock(&slot.account.outbox).next_due_ms(),
            _ => None,
        };
        let delayed = self.delayed.peek().map(|Reverse((at_ms, _))| *at_ms);
        [self.actions.deadline_ms, outbox, delayed]
            .into_iter()
            .flatten()
            .min()
    }

    async fn write(&mut self, stream: &mut impl Stream) -> Result<(), String> {
        if self.actions.send.is_empty() {
            return Ok(());
        }
        let write = async {
            stream.write_all(&self.actions.send).await?;
            // An encrypted stream keeps back what does not fill a record.
            stream.flush().await
        };
        let written = tokio::time::timeout(WRITE_TIMEOUT, write).await;
        self.actions.send.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("write: {}", error.kind())),
            Err(_) => Err("the client does not read".to_owned()),
        }
    }
}

/// What was odd, for somebody who looks for the mistake in a client.
fn describe<P: Protocol>(oddity: &OddityOf<P>) -> String {
    match oddity {
        Oddity::UnknownCommand { command } => format!("unknown command {command:#010x}"),
        Oddity::Unexpected { command } => format!("command {command:#010x} is not expected here"),
        Oddity::UnmatchedResponse { command, sequence } => {
            format!("answer {command:#010x} with sequence {sequence:?} belongs to nothing")
        }
        Oddity::Undecodable(why) => format!("cannot be read: {why}"),
        Oddity::RepeatedRequest { command, sequence } => {
            format!("command {command:#010x} with sequence {sequence:?} came again before its answer")
        }
        Oddity::Overrun { command } => {
            format!("command {command:#010x} came with too many others unanswered")
        }
    }
}

type OddityOf<P> = Oddity<SequenceOf<P>, <<P as Protocol>::Dialect as Dialect>::Malformed>;

/// What an answer is for, as the session wants it.
type Number<P> = SequenceOf<P>;

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn changed(news: Option<&mut watch::Receiver<u64>>) {
    let ended = match news {
        Some(news) => news.changed().await.is_err(),
        None => true,
    };
    if ended {
        std::future::pending::<()>().await;
    }
}
