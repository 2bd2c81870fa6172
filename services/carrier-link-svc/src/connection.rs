//! One connection to a carrier, from TCP to its end.

use std::{io, time::Duration};

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::{
    Version,
    auth::{Secret, Timestamp},
    session::{
        Actions, CloseReason, SessionLimits, SettingsError,
        client::{ClientSession, ClientSettings, Event, IsmgCheck, Up},
    },
};
use hongyan_carrier_wire::field::FixedStr;
use hongyan_config::SecretFile;
use rand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{board::Phase, clock, line::Line, link::LinkShared, signal::Listener};

/// A carrier that takes none of our octets for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BUFFER: usize = 16 * 1024;
/// Looked at again at the latest after this time, whatever happens.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug)]
pub struct Ended {
    /// It was logged in at some time.
    pub was_ready: bool,
    /// Why.
    pub why: Why,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// No TCP connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// No TCP connection in time.
    #[error("cannot connect in time")]
    ConnectTimeout,
    /// The secret cannot be read.
    #[error("{0}")]
    Secret(hongyan_config::SecretFileError),
    /// The link's declaration makes no session.
    #[error("{0}")]
    Settings(SettingsError),
    /// `account` does not fit.
    #[error("account is too long")]
    SpId,
    /// The session ended.
    #[error("{0}")]
    Session(CloseReason),
    /// The carrier takes no more octets.
    #[error("the carrier takes no more octets")]
    Stuck,
    /// Submits time out, and nothing else is heard either.
    #[error("the carrier leaves submits without answer and says nothing else")]
    Deaf,
    /// The slot is another process's, or could not be renewed.
    #[error("the slot was lost")]
    SlotLost,
    /// This process ends, or the link was changed.
    #[error("told to end")]
    ToldToEnd,
}

/// Connects, logs in, and works until the connection ends. It is closed when this returns; what it leaves is in the line.
pub async fn run(
    link: &LinkShared,
    traffic: &mut Line,
    slot: u16,
    version: Version,
    lost: &CancellationToken,
    shutdown: &CancellationToken,
) -> Ended {
    let failed = |why| Ended {
        was_ready: false,
        why,
    };
    link.board.enter(slot, Phase::Connecting);
    let session = match session(link, version) {
        Ok(session) => session,
        Err(why) => return failed(why),
    };
    let address = (link.link.host.as_str(), link.link.port);
    let stream = tokio::select! {
        () = lost.cancelled() => return failed(Why::SlotLost),
        () = shutdown.cancelled() => return failed(Why::ToldToEnd),
        connected = timeout(link.tuning.connect_timeout, TcpStream::connect(address)) => match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return failed(Why::Connect(error)),
            Err(_) => return failed(Why::ConnectTimeout),
        },
    };
    // Without it a small PDU waits for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        return failed(Why::Connect(error));
    }
    link.board.enter(slot, Phase::LoggingIn);
    let mut connection = Connection {
        link,
        traffic,
        slot,
        session,
        actions: Actions::default(),
        stream,
        buffer: BytesMut::with_capacity(READ_BUFFER),
        began: Instant::now(),
        news: link.desk.news.listen(),
        was_ready: false,
    };
    let why = connection.work(lost, shutdown).await;
    connection.give_up();
    Ended {
        was_ready: connection.was_ready,
        why,
    }
}

fn session(link: &LinkShared, version: Version) -> Result<ClientSession, Why> {
    let secret = SecretFile::new(&link.link.secret_file)
        .read()
        .map_err(Why::Secret)?;
    let settings = ClientSettings {
        source_addr: FixedStr::new(&link.link.account).map_err(|_| Why::SpId)?,
        secret: Secret::new(secret),
        version,
        ismg_check: if link.tuning.require_gateway_proof {
            IsmgCheck::Required
        } else {
            IsmgCheck::TolerateMissing
        },
        limits: SessionLimits {
            window: usize::from(link.link.window),
            idle_ms: millis(link.link.keep_alive.idle),
            response_timeout_ms: millis(link.link.response_timeout),
            active_test_timeout_ms: millis(link.link.keep_alive.timeout),
            active_test_attempts: u32::from(link.link.keep_alive.attempts),
            drain_timeout_ms: millis(link.tuning.drain),
            ..SessionLimits::default()
        },
        // Some gateways remember the numbers of an earlier connection.
        first_sequence: rand::rng().random(),
    };
    ClientSession::new(settings).map_err(Why::Settings)
}

struct Connection<'a> {
    link: &'a LinkShared,
    traffic: &'a mut Line,
    slot: u16,
    session: ClientSession,
    actions: Actions<Up>,
    stream: TcpStream,
    buffer: BytesMut,
    began: Instant,
    news: Listener,
    was_ready: bool,
}

/// What a wait ended with.
enum Woken {
    Read(io::Result<usize>),
    Recorded(Option<(u64, crate::recorder::Recorded)>),
    News,
    Time,
    SlotLost,
    Shutdown,
}

impl Connection<'_> {
    async fn work(&mut self, lost: &CancellationToken, shutdown: &CancellationToken) -> Why {
        let timestamp = Timestamp::of_unix_ms(clock::unix_ms());
        self.on(Event::Connected { timestamp });
        let mut told_to_end = false;
        loop {
            self.tell_line();
            let now_ms = self.now_ms();
            self.traffic.fill(&mut self.session, &mut self.actions, now_ms);
            if let Some(why) = self.flush().await {
                return why;
            }
            if let Some(reason) = self.actions.close {
                return Why::Session(reason);
            }
            if self.traffic.is_deaf() {
                return Why::Deaf;
            }
            if !self.actions.up.is_empty() {
                continue;
            }
            match self.wait(lost, shutdown, told_to_end).await {
                Woken::Read(Ok(0) | Err(_)) => self.on(Event::Disconnected),
                Woken::Read(Ok(_)) => {
                    let now_ms = self.now_ms();
                    self.session
                        .on(Event::Received(&mut self.buffer), now_ms, &mut self.actions);
                }
                Woken::Recorded(answer) => self.recorded(answer),
                Woken::News => {}
                Woken::Time => self.on(Event::Tick),
                Woken::SlotLost => return Why::SlotLost,
                Woken::Shutdown => {
                    told_to_end = true;
                    if self.was_ready {
                        self.link.board.enter(self.slot, Phase::Draining);
                    }
                    self.traffic.stop_sending();
                    self.on(Event::Terminate);
                }
            }
            // Whatever else has been stored meanwhile is answered in the same write.
            while let Some(answer) = self.traffic.answer_now() {
                self.recorded(Some(answer));
            }
        }
    }

    async fn wait(
        &mut self,
        lost: &CancellationToken,
        shutdown: &CancellationToken,
        told_to_end: bool,
    ) -> Woken {
        let now_ms = self.now_ms();
        let of_session = self
            .actions
            .deadline_ms
            .map(|deadline| Duration::from_millis(deadline.saturating_sub(now_ms)));
        let of_line = self.traffic.wake_in(now_ms, self.session.free_slots());
        let wait = [of_session, of_line, Some(IDLE_LOOK)].into_iter().flatten().min();
        let until = Instant::now() + wait.unwrap_or(IDLE_LOOK);
        if self.buffer.capacity() - self.buffer.len() < READ_BUFFER / 4 {
            self.buffer.reserve(READ_BUFFER);
        }
        tokio::select! {
            () = lost.cancelled() => Woken::SlotLost,
            () = shutdown.cancelled(), if !told_to_end => Woken::Shutdown,
            read = self.stream.read_buf(&mut self.buffer) => Woken::Read(read),
            answer = self.traffic.answer() => Woken::Recorded(answer),
            () = self.news.heard() => Woken::News,
            () = sleep_until(until) => Woken::Time,
        }
    }

    fn recorded(&mut self, answer: Option<(u64, crate::recorder::Recorded)>) {
        let now_ms = self.now_ms();
        match answer {
            Some(answer) => self
                .traffic
                .recorded(answer, Some((&mut self.session, &mut self.actions, now_ms))),
            // Nothing can be stored any more: the process ends.
            None => self.on(Event::Disconnected),
        }
    }

    /// Hands the line what the session has to say.
    fn tell_line(&mut self) {
        let now_ms = self.now_ms();
        for up in std::mem::take(&mut self.actions.up) {
            match up {
                Up::LoggedIn {
                    version,
                    gateway_proved,
                    ..
                } => {
                    self.was_ready = true;
                    let name = version_name(version);
                    tracing::info!(
                        link = self.link.name(),
                        slot = self.slot,
                        version = name,
                        gateway_proved,
                        "logged in"
                    );
                    self.link.board.logged_in(self.slot, name);
                    self.link.desk.news.ring();
                }
                Up::SubmitOutcome {
                    token,
                    sequence,
                    outcome,
                    late,
                } => self
                    .traffic
                    .submit_outcome(token, sequence, outcome, late, now_ms),
                Up::Deliver { sequence, deliver } => {
                    self.traffic
                        .deliver(sequence, &deliver, &mut self.session, &mut self.actions, now_ms);
                }
                Up::Oddity(oddity) => {
                    metrics::counter!("hongyan_link_oddities_total", "link" => self.link.name().to_owned())
                        .increment(1);
                    tracing::debug!(
                        link = self.link.name(),
                        slot = self.slot,
                        ?oddity,
                        "the carrier sent something odd"
                    );
                }
            }
        }
    }

    /// Sends what there is in one write.
    async fn flush(&mut self) -> Option<Why> {
        if self.actions.send.is_empty() {
            return None;
        }
        let written = timeout(WRITE_TIMEOUT, self.stream.write_all(&self.actions.send)).await;
        self.actions.send.clear();
        match written {
            Ok(Ok(())) => None,
            Ok(Err(_)) => {
                // What the peer said last may explain it, and is read first; then its end is seen.
                self.on(Event::Disconnected);
                None
            }
            Err(_) => Some(Why::Stuck),
        }
    }

    /// The connection is over: everything that is open is told to the line as uncertain.
    fn give_up(&mut self) {
        // Answers that have arrived already are answers still.
        if self.stream.try_read_buf(&mut self.buffer).is_ok() {
            let now_ms = self.now_ms();
            self.session
                .on(Event::Received(&mut self.buffer), now_ms, &mut self.actions);
        }
        self.on(Event::Disconnected);
        self.tell_line();
    }

    fn on(&mut self, event: Event<'_>) {
        let now_ms = self.now_ms();
        self.session.on(event, now_ms, &mut self.actions);
    }

    fn now_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::V2 => "CMPP 2.0",
        Version::V3 => "CMPP 3.0",
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
