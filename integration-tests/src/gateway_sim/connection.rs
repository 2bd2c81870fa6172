//! One client's connection.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use hongyan_carrier_wire::cmpp::pdu::{Connect, QueryResp, Submit, SubmitResp};
use hongyan_carrier_wire::cmpp::session::server::{
    DeliverOutcome, Event, LoginAnswer, ServerSession, ServerSettings, Up,
};
use hongyan_carrier_wire::cmpp::session::{Actions, NotSent, Uncertain};
use hongyan_carrier_wire::cmpp::{Command as CmppCommand, FRAME_LIMITS, MsgId, Pdu, Version, encode};
use hongyan_carrier_wire::frame::next_frame;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::deliver;
use super::faults::{Answer, Cut};
use super::hub::{Command, Hub, LoginSlot, lock};
use super::outbox::{Outgoing, OutgoingBody};

/// Octets read at a time, at most.
const READ_LEN: usize = 64 * 1024;
/// How long a client may leave its socket unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Status of a login above the account's limit.
const STATUS_TOO_MANY: u32 = 5;
/// Status of an account that does not exist.
const STATUS_SOURCE_ADDRESS: u32 = 2;

pub(super) struct Connection {
    id: u64,
    hub: Arc<Hub>,
    session: ServerSession,
    actions: Actions<Up>,
    /// Octets that came; while keep-alives are ignored, those that went through the filter.
    input: BytesMut,
    login: Option<LoginSlot>,
    news: Option<watch::Receiver<u64>>,
    /// Sent and not answered, by token.
    in_flight: HashMap<u64, Outgoing>,
    next_token: u64,
    /// Answers whose time has not come.
    delayed: BinaryHeap<Reverse<(u64, u64)>>,
    delayed_answers: HashMap<u64, PendingAnswer>,
    pdus: u64,
    /// Why to close once what is to be sent is sent.
    closing: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct PendingAnswer {
    sequence: u32,
    msg_id: MsgId,
    result: u32,
    answer: Answer,
    cut: Option<Cut>,
}

/// Serves a client until either side ends it.
pub(super) async fn serve(hub: Arc<Hub>, stream: TcpStream, shutdown: CancellationToken) {
    let peer = stream
        .peer_addr()
        .map(|peer| peer.to_string())
        .unwrap_or_default();
    let (id, commands) = hub.register(peer);
    let settings = ServerSettings {
        max_version: hub.config.max_version,
        on_higher_version: hub.config.on_higher_version,
        limits: hub.config.session,
    };
    let why = match ServerSession::new(settings) {
        Ok(session) => {
            let connection = Connection {
                id,
                hub: Arc::clone(&hub),
                session,
                actions: Actions::default(),
                input: BytesMut::with_capacity(READ_LEN),
                login: None,
                news: None,
                in_flight: HashMap::new(),
                next_token: 0,
                delayed: BinaryHeap::new(),
                delayed_answers: HashMap::new(),
                pdus: 0,
                closing: None,
            };
            connection.run(stream, commands, shutdown).await
        }
        Err(error) => error.to_string(),
    };
    hub.unregister(id, why);
}

impl Connection {
    async fn run(
        mut self,
        mut stream: TcpStream,
        mut commands: mpsc::Receiver<Command>,
        shutdown: CancellationToken,
    ) -> String {
        // Without it a client's window of answers waits for its delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let mut received = BytesMut::with_capacity(READ_LEN);
        self.on(Event::Accepted);
        loop {
            self.settle();
            if let Err(why) = self.write(&mut stream).await {
                self.closing = Some(why);
            }
            if self.closing.is_some() {
                break;
            }
            received.reserve(READ_LEN);
            let wake = self
                .wake_at_ms()
                .map(|at_ms| tokio::time::Instant::from_std(self.hub.instant(at_ms)));
            tokio::select! {
                read = stream.read_buf(&mut received) => match read {
                    Ok(0) => self.closing = Some("the client closed".to_owned()),
                    Ok(_) => self.receive(&mut received),
                    Err(error) => self.closing = Some(format!("read: {}", error.kind())),
                },
                command = commands.recv() => self.command(command),
                () = sleep_until(wake) => self.on(Event::Tick),
                () = changed(self.news.as_mut()) => {}
                () = shutdown.cancelled() => self.closing = Some("the gateway stops".to_owned()),
            }
        }
        self.on(Event::Disconnected);
        self.settle();
        let account = self.login.take();
        if let Some(slot) = &account {
            // Early receipts and the like that never left.
            for (_, outgoing) in self.in_flight.drain() {
                self.hub.put_back(&slot.account, outgoing, false);
            }
        }
        drop(account);
        self.closing.unwrap_or_default()
    }

    fn on(&mut self, event: Event<'_>) {
        self.session.on(event, self.hub.now_ms(), &mut self.actions);
    }

    fn receive(&mut self, received: &mut BytesMut) {
        let ignore_active_test = lock(&self.hub.faults).current().ignore_active_test;
        if ignore_active_test {
            self.receive_without_keep_alives(received);
        } else {
            self.input.unsplit(received.split());
        }
        let mut input = std::mem::take(&mut self.input);
        self.on(Event::Received(&mut input));
        self.input = input;
    }

    /// Passes whole PDUs on, except keep-alives.
    fn receive_without_keep_alives(&mut self, received: &mut BytesMut) {
        // What was passed on before and is not whole comes first.
        let mut all = std::mem::take(&mut self.input);
        all.unsplit(received.split());
        while let Ok(Some(frame)) = next_frame(&mut all, FRAME_LIMITS) {
            let command = frame.get(4..8).unwrap_or_default();
            if command != CmppCommand::ActiveTest.id().to_be_bytes() {
                self.input.put_slice(&frame);
            }
        }
        // The rest waits in the session's buffer, behind what is whole.
        self.input.put_slice(&all);
    }

    fn command(&mut self, command: Option<Command>) {
        match command {
            None | Some(Command::Drop) => self.closing = Some("dropped on demand".to_owned()),
            Some(Command::Terminate) => self.on(Event::Terminate),
            Some(Command::Raw(octets)) => self.actions.send.put_slice(&octets),
        }
    }

    /// Does everything that is due: what the session told, answers whose time has come, what waits in the outbox.
    fn settle(&mut self) {
        loop {
            let mut told = std::mem::take(&mut self.actions.up);
            for up in told.drain(..) {
                self.told(up);
            }
            if self.actions.up.is_empty() {
                // Its room is used again.
                self.actions.up = told;
                break;
            }
        }
        self.answer_delayed();
        self.deliver_due();
        let outcomes = std::mem::take(&mut self.actions.up);
        for up in outcomes {
            self.told(up);
        }
        if let Some(reason) = self.actions.close
            && self.closing.is_none()
        {
            self.closing = Some(reason.to_string());
        }
    }

    fn told(&mut self, up: Up) {
        // What the client sent behind the PDU at which the connection drops was never read.
        let dropped = self.closing.is_some();
        match up {
            Up::LoginRequested(connect) if !dropped => self.decide_login(&connect),
            Up::LoggedIn { source_addr, version } if !dropped => {
                let sp_id = source_addr.to_text().into_owned();
                let version = if version == Version::V3 { "3.0" } else { "2.0" };
                lock(&self.hub.ledger).connection(self.id, |connection| {
                    connection.sp_id = Some(sp_id);
                    connection.version = Some(version.to_owned());
                });
                if let Some(slot) = &mut self.login {
                    slot.count();
                    self.news = Some(slot.account.news.subscribe());
                }
            }
            Up::Submit { sequence, submit } if !dropped => {
                self.submit(sequence, &submit);
                self.count_pdu();
            }
            Up::DeliverOutcome { token, outcome } => {
                self.delivered(token, outcome);
                self.count_pdu();
            }
            Up::Query { sequence, query } if !dropped => {
                let stats = lock(&self.hub.ledger).stats(0);
                let resp = QueryResp {
                    time: query.time,
                    query_type: query.query_type,
                    query_code: query.query_code,
                    mt_messages: u32::try_from(stats.submits).unwrap_or(u32::MAX),
                    mt_users: u32::try_from(stats.accepted).unwrap_or(u32::MAX),
                    mo_sent: u32::try_from(stats.uplinks.taken).unwrap_or(u32::MAX),
                    ..QueryResp::default()
                };
                self.on(Event::QueryAnswered { sequence, resp });
            }
            // Taken messages are as good as sent.
            Up::Cancel { sequence, .. } if !dropped => self.on(Event::CancelAnswered {
                sequence,
                cancelled: false,
            }),
            Up::Oddity(_) => lock(&self.hub.ledger).oddities += 1,
            Up::LoginRequested(_)
            | Up::LoggedIn { .. }
            | Up::Submit { .. }
            | Up::Query { .. }
            | Up::Cancel { .. } => {}
        }
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

    fn decide_login(&mut self, connect: &Connect) {
        let refuse_with = lock(&self.hub.faults).current().refuse_logins_with;
        let account = self.hub.account(connect.source_addr);
        let known = account.is_some();
        let slot = account.and_then(|account| self.hub.reserve(account));
        match (refuse_with, slot) {
            (Some(status), _) => self.on(Event::LoginAnswered(LoginAnswer::Refuse { status })),
            (None, Some(slot)) => {
                let secret = slot.account.account.secret.clone();
                self.login = Some(slot);
                self.on(Event::LoginAnswered(LoginAnswer::Check(&secret)));
            }
            (None, None) => {
                let status = if known {
                    STATUS_TOO_MANY
                } else {
                    STATUS_SOURCE_ADDRESS
                };
                self.on(Event::LoginAnswered(LoginAnswer::Refuse { status }));
            }
        }
        if !self.session.is_open() {
            self.login = None;
            lock(&self.hub.ledger).logins.refused += 1;
        }
        // What came behind the login can be read now.
        let mut input = std::mem::take(&mut self.input);
        self.on(Event::Received(&mut input));
        self.input = input;
    }

    fn submit(&mut self, sequence: u32, submit: &Submit) {
        let Some(slot) = &self.login else { return };
        let account = Arc::clone(&slot.account);
        let verdict = self.hub.take(self.id, &account, submit);
        for outgoing in verdict.early {
            self.deliver(outgoing);
        }
        let answer = PendingAnswer {
            sequence,
            msg_id: verdict.msg_id,
            result: verdict.decision.result,
            answer: verdict.decision.answer,
            cut: verdict.decision.cut,
        };
        if verdict.decision.delay_ms == 0 {
            self.answer(answer);
        } else {
            let token = self.take_token();
            let at_ms = self.hub.now_ms().saturating_add(verdict.decision.delay_ms);
            self.delayed.push(Reverse((at_ms, token)));
            self.delayed_answers.insert(token, answer);
        }
    }

    fn answer(&mut self, pending: PendingAnswer) {
        let PendingAnswer {
            sequence,
            msg_id,
            result,
            answer,
            cut,
        } = pending;
        if cut == Some(Cut::BeforeAnswer) {
            self.closing = Some("dropped before the answer".to_owned());
            return;
        }
        match answer {
            Answer::Whole => self.on(Event::SubmitAnswered {
                sequence,
                msg_id,
                result,
            }),
            Answer::None => {}
            Answer::Garbage => self.actions.send.put_slice(&[0xff; 32]),
            Answer::Truncated => {
                let mut whole = BytesMut::new();
                let resp = Pdu::SubmitResp(SubmitResp { msg_id, result });
                if encode(self.session.version(), sequence, &resp, &mut whole).is_ok() {
                    whole.truncate(whole.len() / 2);
                    self.actions.send.put_slice(&whole);
                }
                self.closing = Some("dropped within the answer".to_owned());
            }
        }
        if cut == Some(Cut::AfterAnswer) {
            self.closing = Some("dropped after the answer".to_owned());
        }
    }

    fn answer_delayed(&mut self) {
        let now_ms = self.hub.now_ms();
        while let Some(Reverse((at_ms, token))) = self.delayed.peek().copied() {
            if at_ms > now_ms || self.closing.is_some() {
                break;
            }
            self.delayed.pop();
            if let Some(answer) = self.delayed_answers.remove(&token) {
                self.answer(answer);
            }
        }
    }

    fn deliver_due(&mut self) {
        let Some(slot) = &self.login else { return };
        let account = Arc::clone(&slot.account);
        let now_ms = self.hub.now_ms();
        while self.closing.is_none() && self.session.free_slots() > 0 {
            let Some(outgoing) = lock(&account.outbox).pop_due(now_ms) else {
                break;
            };
            self.deliver(outgoing);
        }
    }

    fn deliver(&mut self, outgoing: Outgoing) {
        let is_receipt = matches!(outgoing.body, OutgoingBody::Receipt(_));
        let pdu = deliver::of(&outgoing, self.session.version(), OffsetDateTime::now_utc());
        let token = self.take_token();
        self.in_flight.insert(token, outgoing);
        self.hub.count(is_receipt, |count| count.sent += 1);
        self.on(Event::Deliver { token, deliver: &pdu });
    }

    fn delivered(&mut self, token: u64, outcome: DeliverOutcome) {
        let Some(outgoing) = self.in_flight.remove(&token) else {
            return;
        };
        let is_receipt = matches!(outgoing.body, OutgoingBody::Receipt(_));
        let Some(slot) = &self.login else { return };
        let again = match outcome {
            DeliverOutcome::Answered { result: 0 } => {
                self.hub.count(is_receipt, |count| count.taken += 1);
                None
            }
            DeliverOutcome::Answered { .. } => {
                self.hub.count(is_receipt, |count| count.refused += 1);
                Some(true)
            }
            DeliverOutcome::Uncertain(why) => {
                self.hub.count(is_receipt, |count| count.unanswered += 1);
                Some(why == Uncertain::TimedOut)
            }
            DeliverOutcome::NotSent(why) => {
                self.hub.count(is_receipt, |count| count.sent -= 1);
                // What does not fit the version never will, and must not be tried for ever.
                Some(matches!(why, NotSent::Encode(_)))
            }
        };
        if let Some(failed) = again {
            self.hub.put_back(&slot.account, outgoing, failed);
        }
    }

    const fn take_token(&mut self) -> u64 {
        self.next_token = self.next_token.wrapping_add(1);
        self.next_token
    }

    /// When something is due next.
    fn wake_at_ms(&self) -> Option<u64> {
        let outbox = match &self.login {
            Some(slot) if self.session.free_slots() > 0 => lock(&slot.account.outbox).next_due_ms(),
            _ => None,
        };
        let delayed = self.delayed.peek().map(|Reverse((at_ms, _))| *at_ms);
        [self.actions.deadline_ms, outbox, delayed]
            .into_iter()
            .flatten()
            .min()
    }

    async fn write(&mut self, stream: &mut TcpStream) -> Result<(), String> {
        if self.actions.send.is_empty() {
            return Ok(());
        }
        let written = tokio::time::timeout(WRITE_TIMEOUT, stream.write_all(&self.actions.send)).await;
        self.actions.send.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("write: {}", error.kind())),
            Err(_) => Err("the client does not read".to_owned()),
        }
    }
}

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
