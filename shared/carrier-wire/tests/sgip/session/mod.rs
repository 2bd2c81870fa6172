//! Conversations of both sides, with bytes alone.

mod ending;
mod login;
mod messages;

use bytes::BytesMut;
use hongyan_carrier_wire::field::FixedStr;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::{Actions, Dialect, Event, Session, Up};
use hongyan_carrier_wire::sgip::dialect::{Verdict, acceptor_limits, initiator_limits};
use hongyan_carrier_wire::sgip::{
    Acceptor, Direction, Initiator, Numbering, Password, Pdu, Sequence, decode, encode,
};

pub(crate) const NAME: &str = "testsp000001";
/// 2016-12-16T05:11:27Z, which is 13:11:27 in China.
pub(crate) const UNIX_MS: u64 = 1_481_865_087_000;
const NODE: u32 = 3_010_031_059;

pub(crate) fn secret() -> Secret {
    Secret::new("testpw000001")
}

pub(crate) fn initiator(direction: Direction) -> Session<Initiator> {
    let dialect = Initiator::new(
        direction,
        FixedStr::new(NAME).unwrap(),
        Password::of(&secret()).unwrap(),
        Numbering::new(NODE, 0..=u32::MAX, 1),
    );
    Session::new(dialect, initiator_limits()).unwrap()
}

pub(crate) fn acceptor(direction: Direction) -> Session<Acceptor> {
    let dialect = Acceptor::new(direction, Numbering::new(101_000, 0..=u32::MAX, 1));
    Session::new(dialect, acceptor_limits()).unwrap()
}

/// Logs one in at the other, at time zero.
pub(crate) fn open(asks: &mut Session<Initiator>, answers: &mut Session<Acceptor>) {
    let (mut of_asks, mut of_answers) = (Actions::default(), Actions::default());
    let unix_ms = UNIX_MS;
    asks.on(Event::Connected { unix_ms }, 0, &mut of_asks);
    answers.on(Event::Connected { unix_ms }, 0, &mut of_answers);
    answers.on(Event::Received(&mut of_asks.send), 0, &mut of_answers);
    answers.on(Event::LoginAnswered(Verdict::Check(secret())), 0, &mut of_answers);
    asks.on(Event::Received(&mut of_answers.send), 0, &mut of_asks);
    assert!(asks.is_open() && answers.is_open());
}

/// A session and what follows from what happens to it.
pub(crate) struct Table<D: Dialect> {
    pub(crate) session: Session<D>,
    pub(crate) actions: Actions<Up<D>>,
}

impl<D> Table<D>
where
    D: Dialect<Pdu = Pdu, Sequence = Sequence>,
{
    pub(crate) fn new(session: Session<D>) -> Self {
        Self {
            session,
            actions: Actions::default(),
        }
    }

    pub(crate) fn on(&mut self, event: Event<'_, D>, now_ms: u64) {
        self.session.on(event, now_ms, &mut self.actions);
    }

    pub(crate) fn connected(&mut self) {
        self.on(Event::Connected { unix_ms: UNIX_MS }, 0);
    }

    /// Octets from the peer.
    pub(crate) fn hear(&mut self, sequence: Sequence, pdu: &Pdu, now_ms: u64) {
        let mut octets = BytesMut::new();
        encode(sequence, pdu, &mut octets).unwrap();
        self.hear_octets(octets, now_ms);
    }

    pub(crate) fn hear_octets(&mut self, mut octets: BytesMut, now_ms: u64) {
        self.on(Event::Received(&mut octets), now_ms);
    }

    /// What is to be sent, PDU by PDU.
    pub(crate) fn said(&mut self) -> Vec<(Sequence, Pdu)> {
        let mut said = Vec::new();
        let limits = self.session.dialect().frame_limits();
        while let Some(frame) =
            hongyan_carrier_wire::frame::next_frame(&mut self.actions.send, limits).unwrap()
        {
            let packet = decode(&frame).unwrap();
            said.push((packet.sequence, packet.pdu));
        }
        assert!(self.actions.send.is_empty());
        said
    }

    /// What the application hears.
    pub(crate) fn told(&mut self) -> Vec<Up<D>> {
        std::mem::take(&mut self.actions.up)
    }
}

/// Both ends of an open connection.
pub(crate) fn pair(direction: Direction) -> (Table<Initiator>, Table<Acceptor>) {
    let (mut asks, mut answers) = (initiator(direction), acceptor(direction));
    open(&mut asks, &mut answers);
    (Table::new(asks), Table::new(answers))
}

/// Carries what both have to say to the other until nobody has anything.
pub(crate) fn carry(asks: &mut Table<Initiator>, answers: &mut Table<Acceptor>, now_ms: u64) {
    while !asks.actions.send.is_empty() || !answers.actions.send.is_empty() {
        let there = std::mem::take(&mut asks.actions.send);
        let back = std::mem::take(&mut answers.actions.send);
        answers.hear_octets(there, now_ms);
        asks.hear_octets(back, now_ms);
    }
}
