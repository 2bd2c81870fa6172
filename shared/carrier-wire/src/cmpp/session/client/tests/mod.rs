//! The client against a gateway that the tests play by hand.

mod ending;
mod login;
mod messages;

use bytes::BytesMut;

use super::super::super::codec::{decode, encode};
use super::super::super::pdu::{ActiveTestResp, ConnectResp, Deliver, DeliverResp, Recipients, SubmitResp};
use super::super::super::{Packet, Pdu, auth};
use super::super::{Actions, CloseReason};
use super::*;
use crate::field::{Content, TerminalId};

struct Table {
    client: ClientSession,
    actions: Actions<Up>,
    now_ms: u64,
}

fn settings(version: Version) -> ClientSettings {
    ClientSettings {
        source_addr: FixedStr::new("900001").unwrap(),
        secret: Secret::new("888888"),
        version,
        ismg_check: IsmgCheck::Required,
        limits: SessionLimits::default(),
        first_sequence: 1,
    }
}

fn message() -> Submit {
    Submit {
        recipients: Recipients::one(TerminalId::new("13800138000").unwrap()),
        content: Content::from(b"hello".to_vec()),
        ..Submit::default()
    }
}

fn accepted(layout: Version, octet: u8, source: &[u8; 16]) -> Pdu {
    Pdu::ConnectResp(ConnectResp {
        layout,
        status: 0,
        authenticator_ismg: auth::authenticator_ismg(layout, 0, source, &Secret::new("888888")),
        version: octet,
    })
}

impl Table {
    fn new(settings: ClientSettings) -> Self {
        Self {
            client: ClientSession::new(settings).unwrap(),
            actions: Actions::default(),
            now_ms: 1_000,
        }
    }

    fn on(&mut self, event: Event<'_>) {
        self.client.on(event, self.now_ms, &mut self.actions);
    }

    /// What the client has sent since the last look.
    fn sent(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(frame) =
            crate::frame::next_frame(&mut self.actions.send, super::super::super::FRAME_LIMITS).unwrap()
        {
            packets.push(decode(self.client.version(), &frame).unwrap());
        }
        packets
    }

    fn up(&mut self) -> Vec<Up> {
        std::mem::take(&mut self.actions.up)
    }

    fn receive(&mut self, version: Version, sequence: u32, pdu: &Pdu) {
        let mut octets = BytesMut::new();
        encode(version, sequence, pdu, &mut octets).unwrap();
        self.on(Event::Received(&mut octets));
    }

    /// Connects and gives back the authenticator that was sent.
    fn connect(&mut self) -> [u8; 16] {
        self.on(Event::Connected {
            timestamp: Timestamp::from_wire(108_155_548),
        });
        match self.sent().as_slice() {
            [
                Packet {
                    sequence: 1,
                    pdu: Pdu::Connect(connect),
                },
            ] => connect.authenticator_source,
            other => panic!("expected CONNECT, saw {other:?}"),
        }
    }

    fn logged_in() -> Self {
        let mut table = Self::new(settings(Version::V3));
        let source = table.connect();
        table.receive(Version::V3, 1, &accepted(Version::V3, 0x30, &source));
        assert!(matches!(
            table.up().as_slice(),
            [Up::LoggedIn {
                version: Version::V3,
                ..
            }]
        ));
        table
    }

    fn submit(&mut self, token: u64) {
        self.on(Event::Submit {
            token,
            submit: &message(),
        });
    }

    fn wait_for_deadline(&mut self) {
        self.now_ms = self.actions.deadline_ms.unwrap();
        self.on(Event::Tick);
    }
}

fn outcome(token: u64, sequence: Option<u32>, outcome: SubmitOutcome) -> Up {
    Up::SubmitOutcome {
        token,
        sequence,
        outcome,
        late: false,
    }
}
