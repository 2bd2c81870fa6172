//! One connection to a carrier, from TCP to its end.

use std::{io, time::Duration};

use bytes::BytesMut;
use hongyan_carrier_wire::session::CloseReason;
use hongyan_identity::OutsideError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    board::Phase,
    clock,
    line::Line,
    link::LinkShared,
    protocol::{self, CannotOpen, Conversation, News},
    signal::Listener,
    transport::{self, Stream},
};

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
    /// No TLS over it: the files, the carrier's certificate, or ours.
    #[error("{0}")]
    Tls(#[from] OutsideError),
    /// No connection in time.
    #[error("cannot connect in time")]
    ConnectTimeout,
    /// There is nothing to say: the link's declaration or its files are wrong.
    #[error("{0}")]
    CannotOpen(#[from] CannotOpen),
    /// The carrier does not let us in.
    #[error("the login was refused: {raw_code}; {advice}")]
    LoginRefused {
        /// Protocol and code.
        raw_code: String,
        /// One sentence for the operators.
        advice: String,
    },
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

impl Why {
    /// A word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::CannotOpen(_) => "declaration",
            Self::LoginRefused { .. } => "login_refused",
            Self::Tls(_) => "tls",
            Self::Stuck => "stuck",
            Self::Deaf => "deaf",
            Self::SlotLost => "slot_lost",
            Self::ToldToEnd => "told_to_end",
            Self::Session(reason) => match reason {
                CloseReason::LoginRefused { .. } => "login_refused",
                CloseReason::VersionRefused { .. } => "version_refused",
                CloseReason::WrongAuthenticator => "wrong_authenticator",
                CloseReason::LoginUnreadable => "login_unreadable",
                CloseReason::LoginTimeout => "login_timeout",
                CloseReason::LoginCutOff => "login_cut_off",
                CloseReason::PeerSilent => "peer_silent",
                CloseReason::PeerTerminated => "peer_terminated",
                CloseReason::Framing(_) => "framing",
                CloseReason::TooManyOddities => "too_many_oddities",
                CloseReason::ConnectionLost => "connection_lost",
                CloseReason::Terminated | CloseReason::TerminateTimeout | CloseReason::Idle => "ended",
            },
        }
    }
}

/// Connects, logs in, and works until the connection ends. It is closed when this returns; what it leaves is in the line.
///
/// `version` is the version octet to ask for where the carrier has refused a higher one.
pub async fn run(
    link: &LinkShared,
    traffic: &mut Line,
    slot: u16,
    version: Option<u8>,
    lost: &CancellationToken,
    shutdown: &CancellationToken,
) -> Ended {
    let failed = |why| Ended {
        was_ready: false,
        why,
    };
    link.board.enter(slot, Phase::Connecting);
    let talk = match protocol::open(link, slot, version) {
        Ok(talk) => talk,
        Err(why) => return failed(why.into()),
    };
    let stream = tokio::select! {
        () = lost.cancelled() => return failed(Why::SlotLost),
        () = shutdown.cancelled() => return failed(Why::ToldToEnd),
        connected = transport::connect(link) => match connected {
            Ok(stream) => stream,
            Err(why) => return failed(why),
        },
    };
    serve(link, traffic, slot, talk, stream, lost, shutdown).await
}

/// Works on a connection that stands, whoever opened it, until it ends.
pub async fn serve(
    link: &LinkShared,
    traffic: &mut Line,
    slot: u16,
    talk: Box<dyn Conversation>,
    stream: Box<dyn Stream>,
    lost: &CancellationToken,
    shutdown: &CancellationToken,
) -> Ended {
    link.board.enter(slot, Phase::LoggingIn);
    link.board.direction(slot, talk.direction());
    let mut connection = Connection {
        link,
        traffic,
        slot,
        talk,
        stream,
        buffer: BytesMut::with_capacity(READ_BUFFER),
        began: Instant::now(),
        news: link.desk.news.listen(),
        was_ready: false,
    };
    let why = connection.work(lost, shutdown).await;
    connection.give_up().await;
    Ended {
        was_ready: connection.was_ready,
        why,
    }
}

struct Connection<'a> {
    link: &'a LinkShared,
    traffic: &'a mut Line,
    slot: u16,
    talk: Box<dyn Conversation>,
    stream: Box<dyn Stream>,
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
        let now_ms = self.now_ms();
        self.talk.connected(clock::unix_ms(), now_ms);
        let mut told_to_end = false;
        loop {
            self.tell_line();
            let now_ms = self.now_ms();
            self.traffic.fill(self.talk.as_mut(), now_ms);
            if let Some(why) = self.flush().await {
                return why;
            }
            if let Some(reason) = self.talk.close_reason() {
                return self.closed(reason);
            }
            if self.traffic.is_deaf() {
                return Why::Deaf;
            }
            if self.talk.has_news() {
                continue;
            }
            match self.wait(lost, shutdown, told_to_end).await {
                Woken::Read(Ok(0) | Err(_)) => self.disconnected(),
                Woken::Read(Ok(_)) => {
                    let now_ms = self.now_ms();
                    self.talk.received(&mut self.buffer, now_ms);
                }
                Woken::Recorded(answer) => self.recorded(answer),
                Woken::News => {}
                Woken::Time => {
                    let now_ms = self.now_ms();
                    self.talk.tick(now_ms);
                }
                Woken::SlotLost => return Why::SlotLost,
                Woken::Shutdown => {
                    told_to_end = true;
                    if self.was_ready {
                        self.link.board.enter(self.slot, Phase::Draining);
                    }
                    self.traffic.stop_sending();
                    let now_ms = self.now_ms();
                    self.talk.end(now_ms);
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
            .talk
            .deadline_ms()
            .map(|deadline| Duration::from_millis(deadline.saturating_sub(now_ms)));
        let of_line = self.traffic.wake_in(now_ms, self.talk.free_slots());
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
            Some(answer) => self.traffic.recorded(answer, Some((self.talk.as_mut(), now_ms))),
            // Nothing can be stored any more: the process ends.
            None => self.talk.disconnected(now_ms),
        }
    }

    /// Hands the line what the conversation has to say.
    fn tell_line(&mut self) {
        let now_ms = self.now_ms();
        while let Some(news) = self.talk.news() {
            match news {
                News::Opened(opened) => {
                    self.was_ready = true;
                    tracing::info!(
                        link = self.link.name(),
                        slot = self.slot,
                        version = opened.version,
                        is_proved = opened.is_proved,
                        "logged in"
                    );
                    self.link.board.logged_in(self.slot, &opened.version);
                    self.link.desk.news.ring();
                }
                News::Outcome {
                    token,
                    sequence,
                    outcome,
                    is_late,
                } => {
                    self.traffic
                        .submit_outcome(token, sequence, outcome, is_late, now_ms);
                }
                News::Delivered(delivered) => {
                    self.traffic.deliver(delivered, self.talk.as_mut(), now_ms);
                }
                News::Oddity(what) => {
                    metrics::counter!("hongyan_link_oddities_total", "link" => self.link.name().to_owned())
                        .increment(1);
                    tracing::debug!(
                        link = self.link.name(),
                        slot = self.slot,
                        what,
                        "the carrier sent something odd"
                    );
                }
            }
        }
    }

    /// Sends what there is in one write.
    async fn flush(&mut self) -> Option<Why> {
        let octets = self.talk.octets();
        if octets.is_empty() {
            return None;
        }
        let written = timeout(WRITE_TIMEOUT, async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        })
        .await;
        octets.clear();
        match written {
            Ok(Ok(())) => None,
            Ok(Err(_)) => {
                // What the peer said last may explain it, and is read first; then its end is seen.
                self.disconnected();
                None
            }
            Err(_) => Some(Why::Stuck),
        }
    }

    /// The connection is over: everything that is open is told to the line as uncertain.
    async fn give_up(&mut self) {
        // Answers that have arrived already are answers still.
        let arrived = timeout(Duration::ZERO, self.stream.read_buf(&mut self.buffer)).await;
        if matches!(arrived, Ok(Ok(_))) {
            let now_ms = self.now_ms();
            self.talk.received(&mut self.buffer, now_ms);
        }
        self.disconnected();
        self.tell_line();
    }

    fn disconnected(&mut self) {
        let now_ms = self.now_ms();
        self.talk.disconnected(now_ms);
    }

    /// A refused login is told in the words of the table of codes.
    fn closed(&self, reason: CloseReason) -> Why {
        let CloseReason::LoginRefused { status } = reason else {
            return Why::Session(reason);
        };
        let refusal = self
            .link
            .codes
            .with(|codes| codes.login(self.talk.codes(), status));
        refusal.map_or(Why::Session(reason), |refusal| Why::LoginRefused {
            raw_code: refusal.raw_code,
            advice: refusal.advice.into_owned(),
        })
    }

    fn now_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
