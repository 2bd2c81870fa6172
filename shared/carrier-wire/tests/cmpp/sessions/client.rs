//! A client against a gateway that the tests play by hand.

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::{Client, ClientSettings, Packet, Pdu, Version};
use hongyan_carrier_wire::session::{Actions, Event, Repeat, Session, SessionLimits, Up};

use super::{LOGIN_AT, accepted, client_settings, octets, packets, submit};

pub(crate) struct Table {
    pub(crate) client: Session<Client>,
    pub(crate) actions: Actions<Up<Client>>,
    pub(crate) now_ms: u64,
}

impl Table {
    pub(crate) fn new(settings: ClientSettings, limits: SessionLimits) -> Self {
        Self {
            client: Session::new(Client::new(settings), limits).unwrap(),
            actions: Actions::default(),
            now_ms: 1_000,
        }
    }

    pub(crate) fn of(version: Version) -> Self {
        Self::new(client_settings(version), SessionLimits::default())
    }

    pub(crate) fn logged_in() -> Self {
        Self::logged_in_with(SessionLimits::default())
    }

    pub(crate) fn logged_in_with(limits: SessionLimits) -> Self {
        let mut table = Self::new(client_settings(Version::V3), limits);
        let source = table.connect();
        table.receive(Version::V3, 1, &accepted(Version::V3, 0x30, &source));
        assert!(
            matches!(table.up().as_slice(), [Up::Opened(opened)] if opened.version == Version::V3
                && opened.gateway_proved)
        );
        table
    }

    pub(crate) fn on(&mut self, event: Event<'_, Client>) {
        self.client.on(event, self.now_ms, &mut self.actions);
    }

    /// What the client has sent since the last look.
    pub(crate) fn sent(&mut self) -> Vec<Packet> {
        packets(self.client.dialect().version(), &mut self.actions.send)
    }

    pub(crate) fn up(&mut self) -> Vec<Up<Client>> {
        std::mem::take(&mut self.actions.up)
    }

    pub(crate) fn receive(&mut self, version: Version, sequence: u32, pdu: &Pdu) {
        self.receive_octets(&octets(version, sequence, pdu));
    }

    pub(crate) fn receive_octets(&mut self, octets: &[u8]) {
        self.on(Event::Received(&mut BytesMut::from(octets)));
    }

    /// Connects and gives back the authenticator that was sent.
    pub(crate) fn connect(&mut self) -> [u8; 16] {
        self.on(Event::Connected { unix_ms: LOGIN_AT });
        match self.sent().as_slice() {
            [
                Packet {
                    sequence: 1,
                    pdu: Pdu::Connect(connect),
                },
            ] => {
                assert_eq!(connect.timestamp, 108_155_548);
                connect.authenticator_source
            }
            other => panic!("expected CONNECT, saw {other:?}"),
        }
    }

    pub(crate) fn submit(&mut self, token: u64) {
        self.request(token, &submit(), Repeat::Never);
    }

    pub(crate) fn request(&mut self, token: u64, pdu: &Pdu, repeat: Repeat) {
        self.on(Event::Request {
            token,
            sequence: None,
            pdu,
            repeat,
        });
    }

    pub(crate) fn wait_for_deadline(&mut self) {
        self.now_ms = self.actions.deadline_ms.unwrap();
        self.on(Event::Tick);
    }
}
