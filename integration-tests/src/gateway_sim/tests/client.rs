//! A client of the simplest kind: a session over a socket, whatever the protocol.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hongyan_carrier_wire::session::{
    Actions, CloseReason, Dialect, Event, Outcome, Repeat, Session, SessionLimits, Uncertain, Up,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::speakers::Speaker;

/// Bounds every wait of these tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client<D: Dialect> {
    session: Session<D>,
    actions: Actions<Up<D>>,
    stream: TcpStream,
    input: BytesMut,
    started: Instant,
    /// What was told and not looked at.
    pub(super) told: Vec<Up<D>>,
    /// Takes receipts and uplinks with this result; leaves them unanswered without one.
    pub(super) deliver_result: Option<u32>,
    /// Octets that came, all of them.
    pub(super) heard: Vec<u8>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    Accepted { id: String },
    Refused { result: u32 },
    Uncertain(Uncertain),
    Kept,
}

impl<D: Speaker> Client<D> {
    /// Connects and sends the login.
    pub(super) async fn connect(at: SocketAddr, dialect: D) -> Self {
        Self::over(TcpStream::connect(at).await.unwrap(), dialect).await
    }

    /// Begins on a connection, whoever opened it.
    pub(super) async fn over(stream: TcpStream, dialect: D) -> Self {
        stream.set_nodelay(true).unwrap();
        let mut client = Self {
            session: Session::new(dialect, SessionLimits::default()).unwrap(),
            actions: Actions::default(),
            stream,
            input: BytesMut::new(),
            started: Instant::now(),
            told: Vec::new(),
            deliver_result: Some(0),
            heard: Vec::new(),
        };
        client.on(Event::Connected {
            unix_ms: 1_767_858_948_000,
        });
        client.flush().await;
        client
    }

    /// Connects and waits until it is in.
    pub(super) async fn log_in(at: SocketAddr, dialect: D) -> Self {
        let mut client = Self::connect(at, dialect).await;
        client.turn_until(|client| client.session.is_open()).await;
        client.told.clear();
        client
    }

    pub(super) fn on(&mut self, event: Event<'_, D>) {
        let now_ms = self.started.elapsed().as_millis() as u64;
        self.session.on(event, now_ms, &mut self.actions);
        let told = std::mem::take(&mut self.actions.up);
        for up in told {
            if let Up::LoginRequested(login) = &up {
                let verdict = D::verdict(login);
                self.on(Event::LoginAnswered(verdict));
                let mut input = std::mem::take(&mut self.input);
                self.on(Event::Received(&mut input));
                self.input = input;
            }
            self.told.push(up);
        }
    }

    pub(super) fn submit(&mut self, token: u64, pdu: &D::Pdu) {
        self.on(Event::Request {
            token,
            sequence: None,
            pdu,
            repeat: Repeat::Never,
        });
    }

    pub(super) async fn flush(&mut self) {
        // The gateway may have dropped the connection: the next read tells.
        let _ = self.stream.write_all(&self.actions.send).await;
        self.actions.send.clear();
        if self.closed().is_some() {
            let _ = self.stream.shutdown().await;
        }
    }

    /// Sends octets that the session knows nothing of.
    pub(super) async fn send_raw(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }
    pub(super) const fn dialect(&self) -> &D {
        self.session.dialect()
    }

    pub(super) const fn closed(&self) -> Option<CloseReason> {
        self.actions.close
    }

    /// Reads once and answers receipts and uplinks.
    pub(super) async fn turn(&mut self) {
        self.flush().await;
        let from = self.told.len();
        let mut read = BytesMut::new();
        match tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut read))
            .await
            .expect("nothing came")
        {
            Ok(0) | Err(_) => self.on(Event::Disconnected),
            Ok(_) => {
                self.heard.extend_from_slice(&read);
                self.input.unsplit(read);
                let mut input = std::mem::take(&mut self.input);
                self.on(Event::Received(&mut input));
                self.input = input;
            }
        }
        if let Some(result) = self.deliver_result {
            let answers: Vec<_> = self.told[from..]
                .iter()
                .filter_map(|up| match up {
                    Up::Request { sequence, pdu } => Some((*sequence, D::take(pdu, result))),
                    _ => None,
                })
                .collect();
            for (sequence, pdu) in answers {
                self.on(Event::Answer { sequence, pdu: &pdu });
            }
        }
        self.flush().await;
    }

    /// Reads until something is so; the gateway's silence and the end of the connection end the test.
    pub(super) async fn turn_until(&mut self, so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !so(self) {
            assert!(Instant::now() < deadline, "not so in time; told {:?}", self.told);
            assert_eq!(self.closed(), None, "told {:?}", self.told);
            self.turn().await;
        }
    }

    /// Reads until the connection ends.
    pub(super) async fn turn_until_closed(&mut self) -> CloseReason {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(reason) = self.closed() {
                return reason;
            }
            assert!(Instant::now() < deadline, "not closed in time");
            self.turn().await;
        }
    }

    pub(super) fn outcomes(&self) -> Vec<(u64, Sent)> {
        self.told
            .iter()
            .filter_map(|up| match up {
                Up::Outcome {
                    token,
                    sequence,
                    outcome,
                    ..
                } => Some((*token, sent::<D>(*sequence, outcome))),
                _ => None,
            })
            .collect()
    }

    /// What the gateway delivered.
    pub(super) fn delivers(&self) -> Vec<&D::Pdu> {
        self.told
            .iter()
            .filter_map(|up| match up {
                Up::Request { pdu, .. } => Some(pdu),
                _ => None,
            })
            .collect()
    }

    /// Sends one message and waits for what becomes of it.
    pub(super) async fn send(&mut self, number: &str, text: &str) -> Sent {
        self.told.clear();
        self.submit(0, &D::message(number, text));
        self.outcome().await
    }

    /// Waits for what becomes of the message that was sent.
    pub(super) async fn outcome(&mut self) -> Sent {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((_, outcome)) = self.outcomes().first() {
                return outcome.clone();
            }
            assert!(Instant::now() < deadline, "no outcome in time");
            self.turn().await;
        }
    }
}

fn sent<D: Speaker>(sequence: Option<D::Sequence>, outcome: &Outcome<D::Pdu, D::Unwritable>) -> Sent {
    match outcome {
        Outcome::Answered(answer) => match D::answered(answer) {
            (0, id) => Sent::Accepted {
                id: id.unwrap_or_else(|| sequence.map(D::show).unwrap_or_default()),
            },
            (result, _) => Sent::Refused { result },
        },
        Outcome::Uncertain(why) => Sent::Uncertain(*why),
        Outcome::NotSent(_) => Sent::Kept,
    }
}
