//! A small gateway: the server's side of carrier-wire on a loopback port, answering as the test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::BytesMut;
use hongyan_carrier_wire::{
    cmpp::{
        HigherVersion, MsgId, Pdu, Server, ServerSettings, Verdict, Version,
        auth::Secret,
        pdu::{Deliver, Submit, SubmitResp},
    },
    concat::Udh,
    field::{Content, FixedStr, TerminalId},
    session::{
        Actions, Event as SessionEvent, Oddity, Outcome, Repeat, Session, SessionLimits, Up as SessionUp,
    },
    text::{Coding, Decoded},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    time::Instant,
};

pub const SECRET: &str = "888888";

/// What the gateway does about a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Takes it; its id is made of the running number.
    Take,
    /// Refuses with this result.
    Refuse(u32),
    /// Says nothing.
    Silent,
    /// Takes it, and says so only after so many milliseconds.
    TakeAfter(u64),
    /// Refuses, only after so many milliseconds, with this result.
    RefuseAfter(u64, u32),
    /// Closes the connection without an answer.
    Cut,
    /// Sends a receipt of this state before the response.
    ReceiptFirst(&'static str),
}

/// What the gateway saw of one submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub number: u64,
    pub to: String,
    pub text: String,
    pub part: (u8, u8),
    pub reference: Option<u8>,
    pub connection: usize,
}

type Event<'a> = SessionEvent<'a, Server>;
type Up = SessionUp<Server>;

/// What the client answered to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverOutcome {
    /// With this result.
    Answered { result: u32 },
    /// Nothing.
    Unanswered,
}

type Decide = dyn Fn(&Seen) -> Answer + Send + Sync;

#[derive(Default)]
struct Books {
    seen: Vec<Seen>,
    taken: Vec<Seen>,
    logins: Vec<Version>,
    open: usize,
    most_open: usize,
    repeats: usize,
    lines: Vec<mpsc::UnboundedSender<Order>>,
}

enum Order {
    Deliver(Box<Deliver>, oneshot::Sender<DeliverOutcome>),
    Close,
}

#[derive(Clone)]
pub struct Gateway {
    pub address: SocketAddr,
    books: Arc<Mutex<Books>>,
    listening: tokio::task::AbortHandle,
}

impl Gateway {
    /// Listens no more and closes all connections.
    pub fn stop(&self) {
        self.listening.abort();
        self.drop_all();
    }

    pub async fn start(decide: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_as(Version::V3, HigherVersion::Refuse, decide).await
    }

    pub async fn start_as(
        max_version: Version,
        on_higher_version: HigherVersion,
        decide: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept: Arc<Mutex<Books>> = Arc::default();
        let settings = ServerSettings {
            max_version,
            on_higher_version,
        };
        let books = Arc::clone(&kept);
        let decide: Arc<Decide> = Arc::new(decide);
        let listening = tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let line = Line {
                    books: Arc::clone(&books),
                    decide: Arc::clone(&decide),
                    session: Session::new(Server::new(settings), SessionLimits::default()).unwrap(),
                    actions: Actions::default(),
                    deliveries: Vec::new(),
                    connection,
                    began: Instant::now(),
                    later: Vec::new(),
                    cut: false,
                };
                tokio::spawn(line.run(stream));
            }
        })
        .abort_handle();
        Self {
            address,
            books: kept,
            listening,
        }
    }

    /// Every submit, in order, also those not taken.
    pub fn seen(&self) -> Vec<Seen> {
        self.books.lock().unwrap().seen.clone()
    }

    /// The submits that were answered with 0.
    pub fn taken(&self) -> Vec<Seen> {
        self.books.lock().unwrap().taken.clone()
    }

    /// The versions of all logins.
    pub fn logins(&self) -> Vec<Version> {
        self.books.lock().unwrap().logins.clone()
    }

    /// Logged-in connections, now and at most.
    pub fn open(&self) -> (usize, usize) {
        let books = self.books.lock().unwrap();
        (books.open, books.most_open)
    }

    /// Submits that came again under their number while they had no answer.
    pub fn repeats(&self) -> usize {
        self.books.lock().unwrap().repeats
    }

    /// Delivers over the newest connection; what the client answered.
    pub async fn deliver(&self, deliver: Deliver) -> DeliverOutcome {
        self.begin_deliver(deliver).await.unwrap()
    }

    pub fn begin_deliver(&self, deliver: Deliver) -> oneshot::Receiver<DeliverOutcome> {
        let (tell, told) = oneshot::channel();
        let books = self.books.lock().unwrap();
        let line = books.lines.last().expect("a connection");
        assert!(
            line.send(Order::Deliver(Box::new(deliver), tell)).is_ok(),
            "an open connection"
        );
        told
    }

    /// Closes all connections.
    pub fn drop_all(&self) {
        for line in self.books.lock().unwrap().lines.drain(..) {
            let _ = line.send(Order::Close);
        }
    }
}

/// The id that the gateway gives to its n-th submit.
pub fn msg_id(number: u64) -> MsgId {
    MsgId(0x5000_0000_0000_0000 | number)
}

/// A subscriber's text.
pub fn uplink(id: u64, from: &str, tp_udhi: u8, coding: Coding, content: &[u8]) -> Deliver {
    Deliver {
        msg_id: MsgId(id),
        dest_id: FixedStr::new("1069012345").unwrap(),
        src_terminal_id: TerminalId::new(from).unwrap(),
        tp_udhi,
        msg_fmt: coding.msg_fmt(),
        content: Content::from(content.to_vec()),
        ..Deliver::default()
    }
}

/// Now, as a carrier writes it: YYMMDDhhmm in China's time.
fn china_minute() -> String {
    let china = time::UtcOffset::from_hms(8, 0, 0).unwrap();
    let now = time::OffsetDateTime::now_utc().to_offset(china);
    let (year, month) = (now.year() - 2_000, u8::from(now.month()));
    format!(
        "{year:02}{month:02}{:02}{:02}{:02}",
        now.day(),
        now.hour(),
        now.minute()
    )
}

/// A status report about the n-th submit.
pub fn report(
    id: u64,
    number: u64,
    to: &str,
    stat: &str,
    form: hongyan_carrier_wire::cmpp::report::ReportForm,
) -> Deliver {
    let report = hongyan_carrier_wire::cmpp::report::Report {
        form,
        msg_id: msg_id(number),
        stat: FixedStr::new(stat).unwrap(),
        submit_time: FixedStr::new(china_minute()).unwrap(),
        done_time: FixedStr::new("2611212044").unwrap(),
        dest_terminal_id: TerminalId::new(to).unwrap(),
        smsc_sequence: 1,
    };
    Deliver {
        registered_delivery: 1,
        content: report.encode(),
        ..uplink(id, to, 0, Coding::Ascii, b"")
    }
}

struct Line {
    books: Arc<Mutex<Books>>,
    decide: Arc<Decide>,
    session: Session<Server>,
    actions: Actions<Up>,
    deliveries: Vec<(u64, oneshot::Sender<DeliverOutcome>)>,
    connection: usize,
    began: Instant,
    later: Vec<(Instant, u32, Seen, u32)>,
    cut: bool,
}

impl Line {
    fn answer_late(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|(due, ..)| *due <= Instant::now());
        self.later = later;
        for (_, sequence, seen, result) in due {
            let msg_id = msg_id(seen.number);
            if result == 0 {
                self.books.lock().unwrap().taken.push(seen);
            }
            self.answer(sequence, msg_id, result);
        }
    }

    fn put_off(&mut self, wait_ms: u64, sequence: u32, seen: Seen, result: u32) {
        let due = Instant::now() + std::time::Duration::from_millis(wait_ms);
        self.later.push((due, sequence, seen, result));
    }

    fn answer(&mut self, sequence: u32, msg_id: MsgId, result: u32) {
        let pdu = Pdu::SubmitResp(SubmitResp { msg_id, result });
        self.on(Event::Answer { sequence, pdu: &pdu });
    }

    fn begin_deliver(&mut self, token: u64, deliver: Deliver) {
        let pdu = Pdu::Deliver(deliver);
        self.on(Event::Request {
            token,
            sequence: None,
            pdu: &pdu,
            repeat: Repeat::Never,
        });
    }

    fn on(&mut self, event: Event<'_>) {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        self.session.on(event, now_ms, &mut self.actions);
    }

    async fn run(mut self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let (orders, mut incoming) = mpsc::unbounded_channel();
        let mut orders = Some(orders);
        let mut buffer = BytesMut::new();
        let mut logged_in = false;
        self.on(Event::Connected { unix_ms: 0 });
        loop {
            while !self.actions.up.is_empty() {
                for up in std::mem::take(&mut self.actions.up) {
                    if let Up::Opened(admitted) = &up {
                        logged_in = true;
                        let mut books = self.books.lock().unwrap();
                        books.logins.push(admitted.version);
                        books.open += 1;
                        books.most_open = books.most_open.max(books.open);
                        books.lines.extend(orders.take());
                    }
                    let was_login = matches!(up, Up::LoginRequested(_));
                    self.up(up);
                    if was_login {
                        self.on(Event::Received(&mut buffer));
                    }
                }
            }
            if stream.write_all(&self.actions.send).await.is_err() {
                break;
            }
            self.actions.send.clear();
            if self.cut || self.actions.close.is_some() {
                break;
            }
            tokio::select! {
                read = stream.read_buf(&mut buffer) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(_) => self.on(Event::Received(&mut buffer)),
                },
                Some(order) = incoming.recv() => match order {
                    Order::Deliver(deliver, tell) => {
                        let token = self.deliveries.len() as u64;
                        self.deliveries.push((token, tell));
                        self.begin_deliver(token, *deliver);
                    }
                    Order::Close => break,
                },
                () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {
                    self.answer_late();
                    self.on(Event::Tick);
                }
            }
        }
        if logged_in {
            self.books.lock().unwrap().open -= 1;
        }
    }

    fn up(&mut self, up: Up) {
        match up {
            Up::LoginRequested(_) => {
                let secret = Secret::new(SECRET);
                self.on(Event::LoginAnswered(Verdict::Check(secret)));
            }
            Up::Request {
                sequence,
                pdu: Pdu::Submit(submit),
            } => self.submit(sequence, &submit),
            Up::Outcome { token, outcome, .. } => {
                let outcome = match outcome {
                    Outcome::Answered(Pdu::DeliverResp(resp)) => {
                        DeliverOutcome::Answered { result: resp.result }
                    }
                    _ => DeliverOutcome::Unanswered,
                };
                if let Some(at) = self.deliveries.iter().position(|(open, _)| *open == token) {
                    let _ = self.deliveries.swap_remove(at).1.send(outcome);
                }
            }
            Up::Oddity(Oddity::RepeatedRequest { .. }) => self.books.lock().unwrap().repeats += 1,
            _ => {}
        }
    }

    fn submit(&mut self, sequence: u32, submit: &Submit) {
        let udh = (submit.tp_udhi == 1).then(|| Udh::parse(submit.content.as_slice()).unwrap());
        let octets = udh.map_or(submit.content.as_slice(), |udh| {
            udh.text(submit.content.as_slice())
        });
        let Decoded::Text { text, .. } = Coding::of_msg_fmt(submit.msg_fmt).decode(octets) else {
            panic!("text")
        };
        let seen = {
            let mut books = self.books.lock().unwrap();
            let seen = Seen {
                number: books.seen.len() as u64 + 1,
                to: submit.recipients.first().as_str().unwrap().to_owned(),
                text,
                part: (submit.pk_number, submit.pk_total),
                reference: udh.map(|_| submit.content.as_slice()[3]),
                connection: self.connection,
            };
            books.seen.push(seen.clone());
            seen
        };
        let answer = (self.decide)(&seen);
        let result = match answer {
            Answer::Take | Answer::ReceiptFirst(_) => 0,
            Answer::Refuse(result) => result,
            Answer::Silent => return,
            Answer::TakeAfter(wait_ms) => return self.put_off(wait_ms, sequence, seen, 0),
            Answer::RefuseAfter(wait_ms, result) => return self.put_off(wait_ms, sequence, seen, result),
            Answer::Cut => {
                self.cut = true;
                return;
            }
        };
        if let Answer::ReceiptFirst(stat) = answer {
            let form = hongyan_carrier_wire::cmpp::report::ReportForm::Long;
            let deliver = report(900 + seen.number, seen.number, &seen.to, stat, form);
            self.begin_deliver(u64::MAX, deliver);
        }
        let id = msg_id(seen.number);
        if result == 0 {
            self.books.lock().unwrap().taken.push(seen);
        }
        self.answer(sequence, id, result);
    }
}
