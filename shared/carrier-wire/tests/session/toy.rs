//! A protocol of four octets of length, one of command, one of sequence: with a general refusal and notices, and a
//! keep-alive if wanted.

use bytes::{BufMut, Bytes, BytesMut};
use hongyan_carrier_wire::frame::FrameLimits;
use hongyan_carrier_wire::session::{
    Actions, CloseReason, Dialect, Event, Kind, Opening, Refusal, Repeat, Session, SessionLimits, Up,
};

/// Command numbers; an answer has the highest bit of the command id that the session sees.
pub(crate) const LOGIN: u8 = 1;
pub(crate) const END: u8 = 2;
pub(crate) const ASK: u8 = 3;
pub(crate) const PING: u8 = 4;
pub(crate) const NOTICE: u8 = 5;
/// Answers anything with no.
pub(crate) const NO: u8 = 6;
/// A request that can be read and not be written.
pub(crate) const LOUD: u8 = 7;

/// A PDU: a command, and whether it is its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Say {
    pub(crate) command: u8,
    pub(crate) is_answer: bool,
}

pub(crate) const fn ask(command: u8) -> Say {
    Say {
        command,
        is_answer: false,
    }
}

pub(crate) const fn answer(command: u8) -> Say {
    Say {
        command,
        is_answer: true,
    }
}

/// A PDU with a body, of which there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a body after command {}", .said.command)]
pub(crate) struct Malformed {
    said: Say,
    sequence: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too loud")]
pub(crate) struct TooLoud;

#[derive(Debug)]
pub(crate) struct Toy {
    pub(crate) initiates: bool,
    pub(crate) asks: bool,
    next: u8,
}

impl Dialect for Toy {
    type Sequence = u8;
    type Pdu = Say;
    type Malformed = Malformed;
    type Unwritable = TooLoud;
    type Opened = ();
    type Login = ();
    type Verdict = bool;

    fn frame_limits(&self) -> FrameLimits {
        FrameLimits {
            header_len: 6,
            max_len: 10,
        }
    }

    fn begin(&mut self, _unix_ms: u64, _now_ms: u64) -> Opening<Say> {
        if self.initiates {
            Opening::Say(ask(LOGIN))
        } else {
            Opening::Await
        }
    }

    fn next_sequence(&mut self, _now_ms: u64) -> u8 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    fn decode(&self, frame: &Bytes) -> Result<(u8, Say), Malformed> {
        let said = Say {
            command: frame[4] & 0x7f,
            is_answer: frame[4] & 0x80 != 0,
        };
        let sequence = frame[5];
        if frame.len() == 6 {
            Ok((sequence, said))
        } else {
            Err(Malformed { said, sequence })
        }
    }

    fn encode(&self, sequence: u8, pdu: &Say, out: &mut BytesMut) -> Result<(), TooLoud> {
        if pdu.command == LOUD {
            return Err(TooLoud);
        }
        out.put_u32(6);
        out.put_u8(pdu.command | u8::from(pdu.is_answer) << 7);
        out.put_u8(sequence);
        Ok(())
    }

    fn kind(&self, pdu: &Say) -> Kind {
        match (pdu.command, pdu.is_answer) {
            (LOGIN, false) if !self.initiates => Kind::Login,
            (LOGIN, true) if self.initiates => Kind::LoginAnswer,
            (ASK | LOUD, false) => Kind::Request,
            (ASK | NO, true) => Kind::Answer,
            (PING, false) => Kind::KeepAlive,
            (PING, true) => Kind::KeepAliveAnswer,
            (END, false) => Kind::End,
            (END, true) => Kind::EndAnswer,
            (NOTICE, false) => Kind::OneWay,
            (LOGIN | NOTICE, _) => Kind::Unexpected,
            _ => Kind::Unknown,
        }
    }

    fn command(pdu: &Say) -> u32 {
        u32::from(pdu.command) | u32::from(pdu.is_answer) << 31
    }

    fn answers(request_command: u32, answer: &Say) -> bool {
        answer.is_answer && (answer.command == NO || u32::from(answer.command) == request_command)
    }

    fn login_answered(&mut self, answer: &Say) -> Result<(), CloseReason> {
        if answer.command == LOGIN {
            Ok(())
        } else {
            Err(CloseReason::LoginRefused { status: 1 })
        }
    }

    fn login_requested(&mut self, login: Say) -> Option<()> {
        (login.command == LOGIN).then_some(())
    }

    fn answer_login(&mut self, verdict: bool) -> (Say, Result<(), CloseReason>) {
        if verdict {
            (answer(LOGIN), Ok(()))
        } else {
            (answer(NO), Err(CloseReason::LoginRefused { status: 1 }))
        }
    }

    fn keep_alive(&self) -> Option<Say> {
        self.asks.then_some(ask(PING))
    }

    fn keep_alive_answer(&self) -> Option<Say> {
        self.asks.then_some(answer(PING))
    }

    fn end(&self) -> Say {
        ask(END)
    }

    fn end_answer(&self) -> Say {
        answer(END)
    }

    fn refuse(&self, to: &Say, _why: Refusal) -> Option<Say> {
        assert!(!to.is_answer, "an answer has no answer");
        Some(answer(NO))
    }

    fn refuse_malformed(&self, malformed: &Malformed, _frame: &[u8]) -> Option<(u8, Say)> {
        (!malformed.said.is_answer).then_some((malformed.sequence, answer(NO)))
    }

    fn malformed_answer(malformed: &Malformed) -> Option<u8> {
        malformed.said.is_answer.then_some(malformed.sequence)
    }
}

/// A session of it and its time.
pub(crate) struct Table {
    pub(crate) session: Session<Toy>,
    pub(crate) actions: Actions<Up<Toy>>,
    pub(crate) now_ms: u64,
}

impl Table {
    pub(crate) fn connected(initiates: bool, asks: bool, limits: SessionLimits) -> Self {
        let toy = Toy {
            initiates,
            asks,
            next: 0,
        };
        let mut table = Self {
            session: Session::new(toy, limits).unwrap(),
            actions: Actions::default(),
            now_ms: 0,
        };
        table.on(Event::Connected { unix_ms: 0 });
        table
    }

    /// Logged in, by whoever has to.
    pub(crate) fn open(initiates: bool, asks: bool, limits: SessionLimits) -> Self {
        let mut table = Self::connected(initiates, asks, limits);
        if initiates {
            table.hear(1, answer(LOGIN));
        } else {
            table.hear(1, ask(LOGIN));
            table.on(Event::LoginAnswered(true));
        }
        assert_eq!(table.up().last(), Some(&Up::Opened(())));
        table.sent();
        table
    }

    pub(crate) fn on(&mut self, event: Event<'_, Toy>) {
        self.session.on(event, self.now_ms, &mut self.actions);
    }

    pub(crate) fn hear(&mut self, sequence: u8, said: Say) {
        let command = said.command | u8::from(said.is_answer) << 7;
        self.hear_octets(&[0, 0, 0, 6, command, sequence]);
    }

    pub(crate) fn hear_octets(&mut self, octets: &[u8]) {
        self.on(Event::Received(&mut BytesMut::from(octets)));
    }

    pub(crate) fn request(&mut self, token: u64, pdu: Say) {
        self.on(Event::Request {
            token,
            sequence: None,
            pdu: &pdu,
            repeat: Repeat::Never,
        });
    }

    pub(crate) fn sent(&mut self) -> Vec<(u8, Say)> {
        let octets = self.actions.send.split();
        octets
            .chunks_exact(6)
            .map(|frame| {
                self.session
                    .dialect()
                    .decode(&Bytes::copy_from_slice(frame))
                    .unwrap()
            })
            .collect()
    }

    pub(crate) fn up(&mut self) -> Vec<Up<Toy>> {
        std::mem::take(&mut self.actions.up)
    }

    pub(crate) fn wait_for_deadline(&mut self) {
        self.now_ms = self.actions.deadline_ms.unwrap();
        self.on(Event::Tick);
    }
}
