//! Any events in any order against one end of a session, of any protocol.
//!
//! Every request that was asked for gets its outcome, once, and one correction at most; no more go up or out than the
//! limits say; what goes out is whole PDUs; a deadline that has come is not left standing; after the end there is
//! silence.

use std::collections::HashMap;

use bytes::BytesMut;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::session::{
    Actions, CloseReason, Dialect, Event, Repeat, Session, SessionLimits, Up,
};

use super::source::Source;

/// What a story needs of a protocol's side.
pub(crate) trait Side {
    /// The side.
    type Dialect: Dialect;

    /// A dialect; `variant` chooses among its settings.
    fn dialect(variant: u8) -> Self::Dialect;

    /// What the peer says so that the login succeeds: the answer to what was said, or a login.
    fn welcome(
        variant: u8,
        dialect: &Self::Dialect,
        said: Option<&<Self::Dialect as Dialect>::Pdu>,
    ) -> <Self::Dialect as Dialect>::Pdu;

    /// The application lets a login in. `None` for a side that logs in itself.
    fn verdict() -> Option<<Self::Dialect as Dialect>::Verdict>;

    /// What this side asks.
    fn requests() -> Vec<<Self::Dialect as Dialect>::Pdu>;

    /// The application's answer to a request of the peer.
    fn answer(to: &<Self::Dialect as Dialect>::Pdu) -> Option<<Self::Dialect as Dialect>::Pdu>;

    /// What the peer may say: PDUs of every kind, those that make no sense to this side as well.
    fn heard() -> Vec<<Self::Dialect as Dialect>::Pdu>;

    /// A sequence of the peer's own.
    fn sequence(number: u8) -> <Self::Dialect as Dialect>::Sequence;
}

type Sequence<S> = <<S as Side>::Dialect as Dialect>::Sequence;
type Pdu<S> = <<S as Side>::Dialect as Dialect>::Pdu;

/// The wall clock of the connection.
const UNIX_MS: u64 = 1_767_858_948_000;

/// Steps of one story.
const MAX_STEPS: usize = 300;

/// Tells one story, with the decisions taken from `octets`.
pub(crate) fn story<S: Side>(octets: &[u8]) {
    let mut source = Source::new(octets);
    let variant = source.u8();
    let limits = limits(source.flag());
    let mut told = Told::<S>::new(variant, limits);
    told.step(|session, now_ms, actions| {
        session.on(Event::Connected { unix_ms: UNIX_MS }, now_ms, actions);
    });
    if !source.one_in(8) {
        told.log_in();
    }
    for _ in 0..MAX_STEPS {
        if source.is_empty() {
            break;
        }
        told.random_step(&mut source);
    }
    told.finish();
}

fn limits(small: bool) -> SessionLimits {
    let defaults = SessionLimits::default();
    if small {
        SessionLimits {
            window: 2,
            max_unanswered_inbound: 2,
            max_oddities_per_minute: 3,
            drain_timeout_ms: 0,
            ..defaults
        }
    } else {
        defaults
    }
}

/// The session, its surroundings, and what it has told so far.
struct Told<S: Side> {
    session: Session<S::Dialect>,
    actions: Actions<Up<S::Dialect>>,
    variant: u8,
    limits: SessionLimits,
    now_ms: u64,
    /// Arrived and not read.
    input: BytesMut,
    next_token: u64,
    /// Outcomes of each token: those in time, and late ones.
    outcomes: HashMap<u64, (u32, u32)>,
    /// Requests of the peer that the application may answer, perhaps once more.
    open: Vec<(Sequence<S>, Pdu<S>)>,
    /// Those of them that were not answered: by sequence, identity and command.
    owed: Vec<(Sequence<S>, u64, u32)>,
    /// What went out, newest last.
    said: Vec<(Sequence<S>, Pdu<S>)>,
    reserved: Option<Sequence<S>>,
    closed: Option<CloseReason>,
    /// What this side may ask and what it may hear, made once.
    requests: Vec<Pdu<S>>,
    heard: Vec<Pdu<S>>,
}

/// What tells a request of the peer from others.
fn key<S: Side>(sequence: Sequence<S>, pdu: &Pdu<S>) -> (Sequence<S>, u64, u32) {
    (sequence, S::Dialect::identity(pdu), S::Dialect::command(pdu))
}

impl<S: Side> Told<S> {
    fn new(variant: u8, limits: SessionLimits) -> Self {
        let session = Session::new(S::dialect(variant), limits).expect("the limits are allowed");
        Self {
            session,
            actions: Actions::default(),
            variant,
            limits,
            now_ms: 0,
            input: BytesMut::new(),
            next_token: 0,
            outcomes: HashMap::new(),
            open: Vec::new(),
            owed: Vec::new(),
            said: Vec::new(),
            reserved: None,
            closed: None,
            requests: S::requests(),
            heard: S::heard(),
        }
    }

    fn log_in(&mut self) {
        let said = self.said.first().map(|(sequence, pdu)| (*sequence, pdu));
        let sequence = said.map_or_else(|| S::sequence(0), |(sequence, _)| sequence);
        let welcome = S::welcome(self.variant, self.session.dialect(), said.map(|(_, pdu)| pdu));
        self.hear(sequence, &welcome);
        self.read();
    }

    /// A PDU of the peer arrives.
    fn hear(&mut self, sequence: Sequence<S>, pdu: &Pdu<S>) {
        // What the agreed version cannot say is not said.
        let _ = self.session.dialect().encode(sequence, pdu, &mut self.input);
    }

    /// One of the PDUs that a peer may send arrives.
    fn hear_some(&mut self, sequence: Sequence<S>, source: &mut Source<'_>) {
        let pdu = source.pick(&self.heard);
        let _ = self.session.dialect().encode(sequence, pdu, &mut self.input);
    }

    fn random_step(&mut self, source: &mut Source<'_>) {
        match source.u8() % 16 {
            0 => self.input.extend_from_slice(source.some()),
            1..=3 => {
                let sequence = S::sequence(source.u8() % 8);
                self.hear_some(sequence, source);
            }
            4..=6 => self.answer_something(source),
            7 => self.hear_damaged(source),
            8 | 9 => self.ask(source),
            10 => self.reserved = Some(self.session.reserve_sequence(self.now_ms)),
            11 | 12 => self.settle(source),
            13 => self.wait(u64::from(source.u16())),
            14 => self.wait_for_deadline(),
            _ => match source.u8() % 8 {
                0 => self.step(|session, now_ms, actions| session.on(Event::Disconnected, now_ms, actions)),
                1 => self.step(|session, now_ms, actions| session.on(Event::End, now_ms, actions)),
                2 => self.log_in(),
                _ => {}
            },
        }
        self.read();
    }

    /// The peer answers something that was said, by any PDU.
    fn answer_something(&mut self, source: &mut Source<'_>) {
        let Some(newest) = self.said.len().checked_sub(1) else {
            return;
        };
        let at = newest - usize::from(source.u8()) % self.said.len().min(8);
        let Some((sequence, pdu)) = self.said.get(at) else {
            return;
        };
        let (sequence, command) = (*sequence, S::Dialect::command(pdu));
        let fitting = self
            .heard
            .iter()
            .find(|heard| !source.one_in(4) && S::Dialect::answers(command, heard));
        match fitting {
            Some(answer) => {
                let _ = self.session.dialect().encode(sequence, answer, &mut self.input);
            }
            None => self.hear_some(sequence, source),
        }
    }

    /// A PDU arrives with octets changed behind its length.
    fn hear_damaged(&mut self, source: &mut Source<'_>) {
        let begin = self.input.len();
        let sequence = S::sequence(source.u8() % 8);
        self.hear_some(sequence, source);
        if let Some(framed) = self.input.get_mut(begin + 4..) {
            for _ in 0..source.u8() % 4 {
                let at = usize::from(source.u16()) % framed.len().max(1);
                if let Some(octet) = framed.get_mut(at) {
                    *octet = source.u8();
                }
            }
        }
    }

    fn ask(&mut self, source: &mut Source<'_>) {
        let token = self.next_token;
        self.next_token += 1;
        self.outcomes.insert(token, (0, 0));
        let requests = std::mem::take(&mut self.requests);
        let pdu = source.pick(&requests);
        let repeat = if source.flag() {
            Repeat::OnSilence
        } else {
            Repeat::Never
        };
        let sequence = self.reserved.take();
        self.step(|session, now_ms, actions| {
            let event = Event::Request {
                token,
                sequence,
                pdu,
                repeat,
            };
            session.on(event, now_ms, actions);
        });
        self.requests = requests;
    }

    /// The application answers something, perhaps what it has answered before.
    fn settle(&mut self, source: &mut Source<'_>) {
        let Some(newest) = self.open.len().checked_sub(1) else {
            return;
        };
        let at = newest.min(usize::from(source.u8()));
        let (sequence, request) = self.open.get(at).expect("there is one");
        let (sequence, answered) = (*sequence, key::<S>(*sequence, request));
        let answer = S::answer(request);
        if !source.one_in(8) {
            self.open.remove(at);
        }
        let Some(answer) = answer else { return };
        self.owed.retain(|owed| *owed != answered);
        self.step(|session, now_ms, actions| {
            let event = Event::Answer {
                sequence,
                pdu: &answer,
            };
            session.on(event, now_ms, actions);
        });
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        let before = self.said.len();
        self.step(|session, now_ms, actions| session.on(Event::Tick, now_ms, actions));
        let said = self.said.get(before..).unwrap_or_default();
        for (at, (sequence, _)) in said.iter().enumerate() {
            let again = said.iter().skip(at + 1).any(|(other, _)| other == sequence);
            assert!(!again, "repeated once at a time");
        }
        if let Some(deadline_ms) = self.actions.deadline_ms {
            assert!(deadline_ms > self.now_ms, "what was due has been done");
        }
    }

    fn wait_for_deadline(&mut self) {
        if let Some(deadline_ms) = self.actions.deadline_ms {
            self.wait(deadline_ms.saturating_sub(self.now_ms));
        }
    }

    fn read(&mut self) {
        let mut input = self.input.split();
        self.step(|session, now_ms, actions| session.on(Event::Received(&mut input), now_ms, actions));
        // A login that was decided has left the rest unread.
        self.step(|session, now_ms, actions| session.on(Event::Received(&mut input), now_ms, actions));
        self.input = input;
    }

    /// Does something and looks at what followed.
    fn step(&mut self, what: impl FnOnce(&mut Session<S::Dialect>, u64, &mut Actions<Up<S::Dialect>>)) {
        let was_open = self.session.is_open();
        what(&mut self.session, self.now_ms, &mut self.actions);
        self.check_limits();
        self.check_sent();
        self.check_told();
        if self.closed.is_some() {
            assert_eq!(self.actions.deadline_ms, None, "nothing is due after the end");
            assert!(!was_open || self.actions.close.is_some());
        }
        self.closed = self.actions.close;
    }

    fn check_limits(&self) {
        assert!(self.session.in_flight() <= self.limits.window);
        assert!(self.session.free_slots() + self.session.in_flight() <= self.limits.window);
        assert!(self.session.is_open() || self.session.free_slots() == 0);
    }

    fn check_sent(&mut self) {
        if self.closed.is_some() {
            assert!(self.actions.send.is_empty(), "nothing is said after the end");
        }
        let limits = self.session.dialect().frame_limits();
        while let Some(frame) = next_frame(&mut self.actions.send, limits).expect("what goes out is framed") {
            let said = self.session.dialect().decode(&frame);
            self.said.push(said.expect("what goes out can be read"));
        }
        assert!(self.actions.send.is_empty(), "what goes out is whole");
    }

    fn check_told(&mut self) {
        for up in std::mem::take(&mut self.actions.up) {
            match up {
                Up::Outcome { token, late, .. } => {
                    let (in_time, corrected) = self.outcomes.get_mut(&token).expect("a token that was given");
                    if late {
                        *corrected += 1;
                    } else {
                        *in_time += 1;
                    }
                    assert!(
                        *in_time == 1 && *corrected <= 1,
                        "one outcome, and one correction of it"
                    );
                }
                Up::LoginRequested(_) => {
                    let verdict = S::verdict().expect("only a side that awaits logins is asked");
                    let decide = Event::LoginAnswered(verdict);
                    self.session.on(decide, self.now_ms, &mut self.actions);
                    self.check_sent();
                }
                Up::Request { sequence, pdu } => {
                    let key = key::<S>(sequence, &pdu);
                    assert!(!self.owed.contains(&key), "what is open does not go up again");
                    self.owed.push(key);
                    assert!(self.owed.len() <= self.limits.max_unanswered_inbound);
                    self.open.push((sequence, pdu));
                }
                Up::Opened(_) | Up::OneWay(_) | Up::AnswerNotSent { .. } | Up::Oddity(_) => {}
            }
        }
    }

    fn finish(mut self) {
        self.step(|session, now_ms, actions| session.on(Event::Disconnected, now_ms, actions));
        assert!(self.closed.is_some() && !self.session.is_open());
        for (in_time, _) in self.outcomes.values() {
            assert_eq!(*in_time, 1, "each request has an outcome");
        }
    }
}
