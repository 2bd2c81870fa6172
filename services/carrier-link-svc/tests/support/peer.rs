//! A gateway of any protocol on a loopback port, that does what a script says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::BytesMut;
use hongyan_carrier_wire::session::{Actions, Dialect, Event, Outcome, Repeat, Session, SessionLimits, Up};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Instant,
};

/// How often a session is told that time passes.
const TICK: Duration = Duration::from_millis(20);

/// What a gateway does.
pub trait Script: Send + Sync + 'static {
    /// The gateway's side of its protocol.
    type Dialect: Dialect<Pdu: Clone + Send, Sequence: Send, Opened: Send, Login: Send, Verdict: Send> + Send;

    /// For one connection.
    fn dialect(&self) -> Self::Dialect;

    /// What to say about a login.
    fn verdict(&self, login: <Self::Dialect as Dialect>::Login) -> <Self::Dialect as Dialect>::Verdict;

    /// What to do about a request, in this order; nothing for silence.
    fn react(&self, request: &PduOf<Self>) -> Vec<Reaction<PduOf<Self>>>;
}

type PduOf<S> = <<S as Script>::Dialect as Dialect>::Pdu;
type OpenedOf<S> = <<S as Script>::Dialect as Dialect>::Opened;

/// One thing that a gateway does.
pub enum Reaction<P> {
    /// Answers the request.
    Answer(P),
    /// Sends a request of its own.
    Ask(P),
    /// Closes the connection.
    Cut,
}

struct Books<S: Script> {
    requests: Vec<PduOf<S>>,
    answers: Vec<PduOf<S>>,
    logins: Vec<OpenedOf<S>>,
    connections: Vec<mpsc::UnboundedSender<Reaction<PduOf<S>>>>,
}

/// The gateway. It ends with the test's runtime.
pub struct Peer<S: Script> {
    pub address: SocketAddr,
    books: Arc<Mutex<Books<S>>>,
}

impl<S: Script> Peer<S> {
    pub async fn start(script: S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Mutex::new(Books {
            requests: Vec::new(),
            answers: Vec::new(),
            logins: Vec::new(),
            connections: Vec::new(),
        }));
        let (books, script) = (Arc::clone(&kept), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection {
                    session: Session::new(script.dialect(), SessionLimits::default()).unwrap(),
                    actions: Actions::default(),
                    script: Arc::clone(&script),
                    books: Arc::clone(&books),
                    began: Instant::now(),
                    cut: false,
                };
                tokio::spawn(connection.run(stream));
            }
        });
        Self { address, books: kept }
    }

    /// Every request that came, in order.
    pub fn requests(&self) -> Vec<PduOf<S>> {
        self.books.lock().unwrap().requests.clone()
    }

    /// What our own requests were answered with, in order.
    pub fn answers(&self) -> Vec<PduOf<S>> {
        self.books.lock().unwrap().answers.clone()
    }

    /// How many logins were let in.
    pub fn logins(&self) -> usize {
        self.books.lock().unwrap().logins.len()
    }

    /// Sends a request over the newest connection.
    pub fn ask(&self, pdu: PduOf<S>) {
        let books = self.books.lock().unwrap();
        let newest = books.connections.last().expect("a connection");
        assert!(newest.send(Reaction::Ask(pdu)).is_ok(), "an open connection");
    }
}

struct Connection<S: Script> {
    session: Session<S::Dialect>,
    actions: Actions<Up<S::Dialect>>,
    script: Arc<S>,
    books: Arc<Mutex<Books<S>>>,
    began: Instant,
    cut: bool,
}

impl<S: Script> Connection<S> {
    fn on(&mut self, event: Event<'_, S::Dialect>) {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        self.session.on(event, now_ms, &mut self.actions);
    }

    async fn run(mut self, mut stream: TcpStream) {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut tell = Some(tell);
        let mut buffer = BytesMut::new();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let unix_ms = u64::try_from(since.as_millis()).unwrap();
        self.on(Event::Connected { unix_ms });
        loop {
            while !self.actions.up.is_empty() {
                for up in std::mem::take(&mut self.actions.up) {
                    if let Up::Opened(opened) = up {
                        let mut books = self.books.lock().unwrap();
                        books.logins.push(opened);
                        books.connections.extend(tell.take());
                    } else if self.up(up) {
                        // What came behind a login was left unread until it was decided.
                        self.on(Event::Received(&mut buffer));
                    }
                }
            }
            if stream.write_all(&self.actions.send).await.is_err() {
                return;
            }
            self.actions.send.clear();
            if self.cut || self.actions.close.is_some() {
                return;
            }
            tokio::select! {
                read = stream.read_buf(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => self.on(Event::Received(&mut buffer)),
                },
                Some(reaction) = told.recv() => self.react(reaction, None),
                () = tokio::time::sleep(TICK) => self.on(Event::Tick),
            }
        }
    }

    /// True when a login was decided.
    fn up(&mut self, up: Up<S::Dialect>) -> bool {
        match up {
            Up::LoginRequested(login) => {
                let verdict = self.script.verdict(login);
                self.on(Event::LoginAnswered(verdict));
                return true;
            }
            Up::Request { sequence, pdu } => {
                self.books.lock().unwrap().requests.push(pdu.clone());
                for reaction in self.script.react(&pdu) {
                    self.react(reaction, Some(sequence));
                }
            }
            Up::Outcome {
                outcome: Outcome::Answered(answer),
                ..
            } => self.books.lock().unwrap().answers.push(answer),
            _ => {}
        }
        false
    }

    fn react(&mut self, reaction: Reaction<PduOf<S>>, to: Option<<S::Dialect as Dialect>::Sequence>) {
        match (reaction, to) {
            (Reaction::Answer(pdu), Some(sequence)) => self.on(Event::Answer { sequence, pdu: &pdu }),
            (Reaction::Answer(_), None) => panic!("an answer to nothing"),
            (Reaction::Ask(pdu), _) => self.on(Event::Request {
                token: 0,
                sequence: None,
                pdu: &pdu,
                repeat: Repeat::Never,
            }),
            (Reaction::Cut, _) => self.cut = true,
        }
    }
}
