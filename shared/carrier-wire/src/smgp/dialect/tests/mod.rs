//! Both sides of a session against each other and against a peer that misbehaves, with bytes alone.

mod conversation;
mod login;

use bytes::BytesMut;

use super::{Client, ClientSettings, HigherVersion, Server, ServerCheck, ServerSettings, Verdict};
use crate::field::{Content, FixedStr, TerminalId};
use crate::frame::next_frame;
use crate::login::Secret;
use crate::session::{Actions, Event, Session, SessionLimits, Up};
use crate::smgp::pdu::{Deliver, LoginMode, Recipients, Submit};
use crate::smgp::{FRAME_LIMITS, MsgId, Packet, Pdu, Version, decode, encode};

/// 2026-03-01T00:00:00 in China, the time of the document's worked example.
const UNIX_MS: u64 = 1_772_294_400_000;

fn secret() -> Secret {
    Secret::new("12345678")
}

fn asking(version: Version, mode: LoginMode) -> ClientSettings {
    ClientSettings {
        client_id: FixedStr::new("10000001").unwrap(),
        secret: secret(),
        mode,
        version,
        server_check: ServerCheck::Required,
        first_sequence: 1,
    }
}

const fn speaking(max_version: Version) -> ServerSettings {
    ServerSettings {
        max_version,
        on_higher_version: HigherVersion::AnswerOwn,
    }
}

/// One side and what it did.
struct Side<D: crate::session::Dialect> {
    session: Session<D>,
    actions: Actions<Up<D>>,
    input: BytesMut,
}

impl<D: crate::session::Dialect> Side<D> {
    fn new(dialect: D) -> Self {
        Self {
            session: Session::new(dialect, SessionLimits::default()).unwrap(),
            actions: Actions::default(),
            input: BytesMut::new(),
        }
    }

    fn connected(&mut self) {
        self.on(Event::Connected { unix_ms: UNIX_MS }, 0);
    }

    fn on(&mut self, event: Event<'_, D>, now_ms: u64) {
        self.session.on(event, now_ms, &mut self.actions);
    }

    /// Gives it these octets.
    fn hears(&mut self, octets: &[u8], now_ms: u64) {
        self.input.extend_from_slice(octets);
        self.session
            .on(Event::Received(&mut self.input), now_ms, &mut self.actions);
    }

    /// What it sent since the last time.
    fn said(&mut self) -> BytesMut {
        self.actions.send.split()
    }

    fn told(&mut self) -> Vec<Up<D>> {
        std::mem::take(&mut self.actions.up)
    }
}

/// The PDUs in a stream.
fn packets(version: Version, mut octets: BytesMut) -> Vec<Packet> {
    let mut packets = Vec::new();
    while let Some(frame) = next_frame(&mut octets, FRAME_LIMITS).unwrap() {
        packets.push(decode(version, &frame).unwrap());
    }
    assert!(octets.is_empty(), "what goes out is whole PDUs");
    packets
}

fn octets(version: Version, sequence: u32, pdu: &Pdu) -> BytesMut {
    let mut out = BytesMut::new();
    encode(version, sequence, pdu, &mut out).unwrap();
    out
}

/// Both sides behind a login.
fn in_session(version: Version, mode: LoginMode) -> (Side<Client>, Side<Server>) {
    let mut client = Side::new(Client::new(asking(version, mode)));
    let mut server = Side::new(Server::new(speaking(Version::V3)));
    client.connected();
    server.connected();
    server.hears(&client.said(), 0);
    server.on(Event::LoginAnswered(Verdict::Check(secret())), 0);
    client.hears(&server.said(), 0);
    assert!(client.session.is_open() && server.session.is_open());
    client.told();
    server.told();
    (client, server)
}

fn message() -> Submit {
    Submit {
        msg_type: 6,
        need_report: 1,
        recipients: Recipients::one(&TerminalId::new("18900000001").unwrap()).unwrap(),
        content: Content::from(b"hello".to_vec()),
        ..Submit::default()
    }
}

fn uplink(id: u8) -> Deliver {
    Deliver {
        msg_id: MsgId([id; 10]),
        content: Content::from(b"T".to_vec()),
        ..Deliver::default()
    }
}
