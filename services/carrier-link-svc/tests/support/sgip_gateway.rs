//! A small gateway of China Unicom: takes submits on a loopback port, and connects back to deliver. PDU by PDU over the
//! codec alone, so that it can also do what no session would.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::BytesMut;
use hongyan_carrier_wire::{
    concat::Udh,
    field::{Content, FixedStr, TerminalId},
    frame::next_frame,
    login::Secret,
    sgip::{
        FRAME_LIMITS, LoginType, Packet, Password, Pdu, Sequence, decode, encode,
        pdu::{Bind, Deliver, Report, Resp, Submit},
    },
    text::{Coding, Decoded},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// As whom we log in to the gateway, and the gateway to us.
pub const ACCOUNT: &str = "testsp000001";
pub const PEER: &str = "unicom";
pub const NODE: u32 = 3_010_031_059;

/// What the gateway does about a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Takes it.
    Take,
    /// Refuses with this result.
    Refuse(u8),
    /// Says nothing.
    Silent,
    /// Closes the connection without an answer.
    Cut,
}

/// What the gateway saw of one submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// From 1.
    pub number: usize,
    pub sequence: Sequence,
    pub submit: Submit,
    pub text: String,
    /// From 0.
    pub connection: usize,
}

type Decide = dyn Fn(&Seen) -> Answer + Send + Sync;

#[derive(Default)]
struct Books {
    seen: Vec<Seen>,
    connections: usize,
    logins: usize,
    open: usize,
    unbinds: usize,
}

#[derive(Clone)]
pub struct SgipGateway {
    pub address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

impl SgipGateway {
    pub async fn start(decide: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_as(true, decide).await
    }

    /// One that takes connections and closes them instead of answering the login.
    pub async fn start_mute() -> Self {
        Self::start_as(false, |_| Answer::Silent).await
    }

    async fn start_as(lets_in: bool, decide: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let books: Arc<Mutex<Books>> = Arc::default();
        let decide: Arc<Decide> = Arc::new(decide);
        let kept = Arc::clone(&books);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                kept.lock().unwrap().connections += 1;
                let line = Line {
                    books: Arc::clone(&kept),
                    decide: Arc::clone(&decide),
                    wire: Wire::new(stream),
                    connection,
                };
                tokio::spawn(line.run(lets_in));
            }
        });
        Self { address, books }
    }

    /// Every submit, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.books.lock().unwrap().seen.clone()
    }

    /// TCP connections and logins, of all time; logged-in connections now.
    pub fn counts(&self) -> (usize, usize, usize) {
        let books = self.books.lock().unwrap();
        (books.connections, books.logins, books.open)
    }

    /// How often the client said goodbye.
    pub fn unbinds(&self) -> usize {
        self.books.lock().unwrap().unbinds
    }
}

/// One connection of a client.
struct Line {
    books: Arc<Mutex<Books>>,
    decide: Arc<Decide>,
    wire: Wire,
    connection: usize,
}

impl Line {
    async fn run(mut self, lets_in: bool) {
        let mut is_in = false;
        while let Some((sequence, pdu)) = self.wire.read().await {
            match pdu {
                Pdu::Bind(_) if !lets_in => break,
                Pdu::Bind(bind) => {
                    assert_eq!(bind.login_type, LoginType::SP_TO_SMG);
                    assert_eq!(bind.login_name.as_str(), Some(ACCOUNT));
                    assert!(bind.login_password.is(&Secret::new(super::gateway::SECRET)));
                    is_in = true;
                    {
                        let mut books = self.books.lock().unwrap();
                        books.logins += 1;
                        books.open += 1;
                    }
                    self.wire.write(sequence, &Pdu::BindResp(Resp::new(0))).await;
                }
                Pdu::Submit(submit) => {
                    let answer = match self.submitted(sequence, submit) {
                        Answer::Take => Resp::new(0),
                        Answer::Refuse(result) => Resp::new(result),
                        Answer::Silent => continue,
                        Answer::Cut => break,
                    };
                    self.wire.write(sequence, &Pdu::SubmitResp(answer)).await;
                }
                Pdu::Unbind => {
                    self.wire.write(sequence, &Pdu::UnbindResp).await;
                    self.books.lock().unwrap().unbinds += 1;
                    break;
                }
                other => panic!("a client sends no {other:?}"),
            }
        }
        if is_in {
            self.books.lock().unwrap().open -= 1;
        }
    }

    fn submitted(&self, sequence: Sequence, submit: Submit) -> Answer {
        let content = submit.content.as_slice();
        let text = match submit.tp_udhi {
            0 => content,
            _ => Udh::parse(content).unwrap().text(content),
        };
        let Decoded::Text { text, .. } = Coding::of_msg_fmt(submit.message_coding).decode(text) else {
            panic!("a text")
        };
        let seen = {
            let mut books = self.books.lock().unwrap();
            let seen = Seen {
                number: books.seen.len() + 1,
                sequence,
                submit,
                text,
                connection: self.connection,
            };
            books.seen.push(seen.clone());
            seen
        };
        (self.decide)(&seen)
    }
}

/// A connection of the gateway to the provider's listener.
pub struct Back {
    wire: Wire,
    counter: u32,
}

impl Back {
    /// Connects and logs in as a gateway does.
    pub async fn open(listener: SocketAddr) -> Self {
        let mut back = Self::connect(listener).await;
        let answer = back
            .login(LoginType::SMG_TO_SP, PEER, super::gateway::SECRET)
            .await;
        assert_eq!(answer, Some(Pdu::BindResp(Resp::new(0))));
        back
    }

    /// Connects, as soon as somebody listens.
    pub async fn connect(listener: SocketAddr) -> Self {
        loop {
            if let Ok(stream) = TcpStream::connect(listener).await {
                return Self {
                    wire: Wire::new(stream),
                    counter: 0,
                };
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Logs in; `None` where the connection was closed instead.
    pub async fn login(&mut self, login_type: LoginType, name: &str, password: &str) -> Option<Pdu> {
        let bind = Pdu::Bind(Bind {
            login_type,
            login_name: FixedStr::new(name).unwrap(),
            login_password: Password::of(&Secret::new(password)).unwrap(),
            reserve: FixedStr::default(),
        });
        self.ask(&bind).await
    }

    /// Sends a request with the next sequence and gives its answer; `None` where the connection was closed instead.
    pub async fn ask(&mut self, pdu: &Pdu) -> Option<Pdu> {
        let sequence = self.begin(pdu).await;
        self.answer_to(sequence).await
    }

    /// Sends a request and gives its sequence.
    pub async fn begin(&mut self, pdu: &Pdu) -> Sequence {
        self.counter += 1;
        let sequence = sequence(self.counter);
        self.say(sequence, pdu).await;
        sequence
    }

    /// Sends anything.
    pub async fn say(&mut self, sequence: Sequence, pdu: &Pdu) {
        self.wire.write(sequence, pdu).await;
    }

    /// The next PDU, which must be the answer to this request.
    pub async fn answer_to(&mut self, sequence: Sequence) -> Option<Pdu> {
        let (answered, pdu) = self.wire.read().await?;
        assert_eq!(answered, sequence);
        Some(pdu)
    }

    /// The next PDU, whatever it is.
    pub async fn hear(&mut self) -> Option<(Sequence, Pdu)> {
        self.wire.read().await
    }
}

/// A sequence that the gateway gives out itself.
pub fn sequence(counter: u32) -> Sequence {
    Sequence {
        node: 101_000,
        time: 1_121_235_959,
        counter,
    }
}

/// A report about a submit.
pub fn report(about: Sequence, state: u8, error_code: u8) -> Pdu {
    Pdu::Report(Report {
        submit_sequence: about,
        user_number: TerminalId::new(format!("86{}", super::PHONE)).unwrap(),
        state,
        error_code,
        ..Report::default()
    })
}

/// A subscriber's text.
pub fn uplink(tp_udhi: u8, coding: Coding, content: &[u8]) -> Pdu {
    Pdu::Deliver(Deliver {
        user_number: TerminalId::new(format!("86{}", super::PHONE)).unwrap(),
        sp_number: FixedStr::new("1069012345").unwrap(),
        tp_udhi,
        message_coding: coding.msg_fmt(),
        content: Content::from(content.to_vec()),
        ..Deliver::default()
    })
}

/// A TCP connection, PDU by PDU.
struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    async fn read(&mut self) -> Option<(Sequence, Pdu)> {
        loop {
            if let Some(frame) = next_frame(&mut self.buffer, FRAME_LIMITS).unwrap() {
                let Packet { sequence, pdu } = decode(&frame).unwrap();
                return Some((sequence, pdu));
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// A peer that is gone is noticed by reading.
    async fn write(&mut self, sequence: Sequence, pdu: &Pdu) {
        let mut octets = BytesMut::new();
        encode(sequence, pdu, &mut octets).unwrap();
        let _ = self.stream.write_all(&octets).await;
    }
}
