//! Both ends of an exchange, each a thread with a socket of its own and a session.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::session::{Actions, Dialect, Event, Outcome, Repeat, Session, SessionLimits, Up};

use super::protocols::Protocol;

/// A peer that says nothing for so long has failed.
const SILENCE: Duration = Duration::from_secs(20);

/// Octets of one read.
const READ: usize = 64 * 1024;

/// How a side writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// Once for each PDU.
    Single,
    /// Once for everything that is ready, as a link does.
    Coalesced,
}

/// A session with its socket.
struct End<D: Dialect> {
    session: Session<D>,
    actions: Actions<Up<D>>,
    stream: TcpStream,
    input: BytesMut,
    chunk: Box<[u8]>,
    began: Instant,
}

impl<D: Dialect> End<D> {
    fn new(dialect: D, window: usize, stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let limits = SessionLimits {
            window,
            max_unanswered_inbound: SessionLimits::MAX_WINDOW,
            ..SessionLimits::default()
        };
        let mut end = Self {
            session: Session::new(dialect, limits)?,
            actions: Actions::default(),
            stream,
            input: BytesMut::with_capacity(READ),
            chunk: vec![0; READ].into_boxed_slice(),
            began: Instant::now(),
        };
        end.on(Event::Connected {
            unix_ms: 1_767_858_948_000,
        });
        end.flush()?;
        Ok(end)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn on(&mut self, event: Event<'_, D>) {
        let now_ms = self.now_ms();
        self.session.on(event, now_ms, &mut self.actions);
    }

    fn flush(&mut self) -> Result<()> {
        if !self.actions.send.is_empty() {
            self.stream.write_all(&self.actions.send)?;
            self.actions.send.clear();
        }
        Ok(())
    }

    /// Reads what has come; false at the end of the stream.
    fn read(&mut self) -> Result<bool> {
        let read = self.stream.read(&mut self.chunk);
        let read = match read {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            other => other?,
        };
        self.heard(read);
        Ok(read > 0)
    }

    fn heard(&mut self, len: usize) {
        let heard = self.chunk.get(..len).unwrap_or_default();
        self.input.extend_from_slice(heard);
        self.take_in();
    }

    fn take_in(&mut self) {
        let now_ms = self.now_ms();
        let received = Event::Received(&mut self.input);
        self.session.on(received, now_ms, &mut self.actions);
    }
}

/// Submits as fast as the window allows until `enough` says so of the number of answers, then waits for the rest.
/// Gives back how many were accepted.
pub(crate) fn submit<P: Protocol>(
    stream: TcpStream,
    window: usize,
    writes: Writes,
    mut enough: impl FnMut(u64) -> bool,
) -> Result<u64> {
    let pdu = P::submit()?;
    let mut end = End::new(P::client()?, window, stream)?;
    while !end.session.is_open() {
        if !end.read()? {
            bail!("the gateway closed before the login was through");
        }
    }
    let mut answered = 0u64;
    let mut told = Vec::new();
    loop {
        let stop = enough(answered);
        if stop && end.session.in_flight() == 0 {
            return Ok(answered);
        }
        while !stop && end.session.free_slots() > 0 {
            end.on(Event::Request {
                token: answered,
                sequence: None,
                pdu: &pdu,
                repeat: Repeat::Never,
            });
            if writes == Writes::Single {
                end.flush()?;
            }
        }
        end.flush()?;
        if !end.read()? {
            bail!("the gateway closed");
        }
        std::mem::swap(&mut told, &mut end.actions.up);
        for up in told.drain(..) {
            match up {
                Up::Outcome {
                    outcome: Outcome::Answered(_),
                    ..
                } => answered += 1,
                Up::Opened(_) => {}
                other => bail!("the exchange was disturbed: {other:?}"),
            }
        }
    }
}

/// Takes messages and accepts each at once, until the provider closes.
pub(crate) fn accept<P: Protocol>(stream: TcpStream, writes: Writes) -> Result<()> {
    let accepted = P::accepted()?;
    let mut end = End::new(P::server()?, 1, stream)?;
    let mut told = Vec::new();
    while end.read()? {
        while !end.actions.up.is_empty() {
            std::mem::swap(&mut told, &mut end.actions.up);
            for up in told.drain(..) {
                decide::<P>(&mut end, &up, |end, sequence| {
                    end.on(Event::Answer {
                        sequence,
                        pdu: &accepted,
                    });
                });
                if writes == Writes::Single {
                    end.flush()?;
                }
            }
        }
        end.flush()?;
    }
    Ok(())
}

fn decide<P: Protocol>(
    end: &mut End<P::Server>,
    up: &Up<P::Server>,
    mut answer: impl FnMut(&mut End<P::Server>, <P::Server as Dialect>::Sequence),
) {
    match up {
        Up::LoginRequested(_) => {
            end.on(Event::LoginAnswered(P::verdict()));
            end.take_in();
        }
        Up::Request { sequence, .. } => answer(end, *sequence),
        _ => {}
    }
}

/// As [`accept`], but answers each message when `latency` has passed since it came.
///
/// Reading has a thread of its own, so that waiting for an answer's time does not depend on the coarse timeouts of
/// sockets.
pub(crate) fn accept_slowly<P: Protocol>(stream: TcpStream, latency: Duration) -> Result<()> {
    let accepted = P::accepted()?;
    let chunks = read_aside(stream.try_clone()?);
    let mut end = End::new(P::server()?, 1, stream)?;
    let mut due: VecDeque<(Instant, <P::Server as Dialect>::Sequence)> = VecDeque::new();
    loop {
        let wait = due
            .front()
            .map_or(SILENCE, |(at, _)| at.saturating_duration_since(Instant::now()));
        match chunks.recv_timeout(wait) {
            Ok(chunk) => {
                end.input.extend_from_slice(&chunk);
                end.take_in();
            }
            Err(RecvTimeoutError::Timeout) if due.is_empty() => bail!("the provider is silent"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        let answer_at = Instant::now() + latency;
        while !end.actions.up.is_empty() {
            for up in std::mem::take(&mut end.actions.up) {
                decide::<P>(&mut end, &up, |_, sequence| due.push_back((answer_at, sequence)));
            }
        }
        while due.front().is_some_and(|(at, _)| *at <= Instant::now()) {
            let (_, sequence) = due.pop_front().context("something is due")?;
            end.on(Event::Answer {
                sequence,
                pdu: &accepted,
            });
        }
        end.flush()?;
    }
}

fn read_aside(mut stream: TcpStream) -> Receiver<Bytes> {
    let (chunks, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut chunk = vec![0; READ];
        while let Ok(len @ 1..) = stream.read(&mut chunk) {
            let octets = chunk.get(..len).unwrap_or_default();
            if chunks.send(Bytes::copy_from_slice(octets)).is_err() {
                break;
            }
        }
    });
    heard
}
