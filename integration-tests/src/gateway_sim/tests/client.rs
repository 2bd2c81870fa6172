//! A carrier link of the simplest kind: the client's session over a socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::auth::{Secret, Timestamp};
use hongyan_carrier_wire::cmpp::pdu::{Deliver, Recipients, Submit};
use hongyan_carrier_wire::cmpp::session::client::{
    ClientSession, ClientSettings, Event, IsmgCheck, SubmitOutcome, Up,
};
use hongyan_carrier_wire::cmpp::session::{Actions, CloseReason, SessionLimits};
use hongyan_carrier_wire::cmpp::{Command as CmppCommand, MsgId, Pdu, Version, encode};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Bounds every wait of these tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    session: ClientSession,
    actions: Actions<Up>,
    stream: TcpStream,
    input: BytesMut,
    started: Instant,
    /// What was told and not looked at.
    pub(super) told: Vec<Up>,
    /// Takes receipts and uplinks with this result; leaves them unanswered without one.
    pub(super) deliver_result: Option<u32>,
    keep_alives_answered: usize,
}

/// Number of a keep-alive that is sent out of turn.
const KEEP_ALIVE: u32 = 0x7e57_ab1e;

pub(super) fn settings(version: Version) -> ClientSettings {
    ClientSettings {
        source_addr: FixedStr::new("900001").unwrap(),
        secret: Secret::new("888888"),
        version,
        ismg_check: IsmgCheck::Required,
        limits: SessionLimits::default(),
        first_sequence: 1,
    }
}

pub(super) fn message(number: &str, text: &str) -> Submit {
    Submit {
        pk_total: 1,
        pk_number: 1,
        registered_delivery: 1,
        src_id: FixedStr::new("10690001").unwrap(),
        recipients: Recipients::one(TerminalId::new(number).unwrap()),
        content: Content::from(text.as_bytes().to_vec()),
        ..Submit::default()
    }
}

impl Client {
    /// Connects and sends the login.
    pub(super) async fn connect(at: SocketAddr, settings: ClientSettings) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self {
            session: ClientSession::new(settings).unwrap(),
            actions: Actions::default(),
            stream,
            input: BytesMut::new(),
            started: Instant::now(),
            told: Vec::new(),
            deliver_result: Some(0),
            keep_alives_answered: 0,
        };
        client.on(Event::Connected {
            timestamp: Timestamp::from_wire(108_155_548),
        });
        client.flush().await;
        client
    }

    /// Connects and waits until it is in.
    pub(super) async fn log_in(at: SocketAddr, version: Version) -> Self {
        let mut client = Self::connect(at, settings(version)).await;
        client.turn_until(|client| client.session.is_open()).await;
        client.told.clear();
        client
    }

    fn on(&mut self, event: Event<'_>) {
        let now_ms = self.started.elapsed().as_millis() as u64;
        self.session.on(event, now_ms, &mut self.actions);
        for up in self.actions.up.drain(..) {
            self.told.push(up);
        }
    }

    pub(super) fn submit(&mut self, token: u64, submit: &Submit) {
        self.on(Event::Submit { token, submit });
    }

    pub(super) async fn flush(&mut self) {
        // The gateway may have dropped the connection: the next read tells.
        let _ = self.stream.write_all(&self.actions.send).await;
        self.actions.send.clear();
        if self.closed().is_some() {
            let _ = self.stream.shutdown().await;
        }
    }

    pub(super) fn free_slots(&self) -> usize {
        self.session.free_slots()
    }

    pub(super) const fn version(&self) -> Version {
        self.session.version()
    }

    pub(super) const fn closed(&self) -> Option<CloseReason> {
        self.actions.close
    }

    /// Reads once and answers receipts and uplinks.
    pub(super) async fn turn(&mut self) {
        self.flush().await;
        let from = self.told.len();
        match tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.input))
            .await
            .expect("nothing came")
        {
            Ok(0) | Err(_) => self.on(Event::Disconnected),
            Ok(_) => {
                let answer = [
                    CmppCommand::ActiveTestResp.id().to_be_bytes(),
                    KEEP_ALIVE.to_be_bytes(),
                ]
                .concat();
                self.keep_alives_answered += self.input.windows(8).filter(|octets| *octets == answer).count();
                let mut input = std::mem::take(&mut self.input);
                self.on(Event::Received(&mut input));
                self.input = input;
            }
        }
        if let Some(result) = self.deliver_result {
            let delivers: Vec<(u32, MsgId)> = self.told[from..]
                .iter()
                .filter_map(|up| match up {
                    Up::Deliver { sequence, deliver } => Some((*sequence, deliver.msg_id)),
                    _ => None,
                })
                .collect();
            for (sequence, msg_id) in delivers {
                self.on(Event::DeliverAnswered {
                    sequence,
                    msg_id,
                    result,
                });
            }
        }
        self.flush().await;
    }

    /// Sends a keep-alive out of turn, with a number that nothing else has.
    pub(super) fn keep_alive(&mut self) {
        // Of fixed length: nothing that encoding could refuse.
        encode(
            self.version(),
            KEEP_ALIVE,
            &Pdu::ActiveTest,
            &mut self.actions.send,
        )
        .unwrap();
    }

    /// How many keep-alives that were sent out of turn got an answer.
    pub(super) const fn keep_alives_answered(&self) -> usize {
        self.keep_alives_answered
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

    pub(super) fn outcomes(&self) -> Vec<(u64, SubmitOutcome)> {
        self.told
            .iter()
            .filter_map(|up| match up {
                Up::SubmitOutcome { token, outcome, .. } => Some((*token, *outcome)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn delivers(&self) -> Vec<&Deliver> {
        self.told
            .iter()
            .filter_map(|up| match up {
                Up::Deliver { deliver, .. } => Some(deliver.as_ref()),
                _ => None,
            })
            .collect()
    }

    /// Sends one message and waits for what becomes of it.
    pub(super) async fn send(&mut self, number: &str, text: &str) -> SubmitOutcome {
        self.told.clear();
        self.submit(0, &message(number, text));
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((_, outcome)) = self.outcomes().first() {
                return *outcome;
            }
            assert!(Instant::now() < deadline, "no outcome in time");
            self.turn().await;
        }
    }
}
