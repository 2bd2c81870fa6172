//! Both sides and the wire between them.

use bytes::BytesMut;
use hongyan_carrier_wire::cmpp::{Client, ClientSettings, Pdu, Server, ServerSettings, Verdict, Version};
use hongyan_carrier_wire::session::{Actions, Event, Repeat, Session, SessionLimits, Up};

use super::{LOGIN_AT, client_settings, secret};

pub(crate) struct Pair {
    pub(crate) client: Session<Client>,
    pub(crate) server: Session<Server>,
    pub(crate) of_client: Actions<Up<Client>>,
    pub(crate) of_server: Actions<Up<Server>>,
    pub(crate) to_client: BytesMut,
    pub(crate) to_server: BytesMut,
    pub(crate) now_ms: u64,
}

impl Pair {
    /// Connected, and waiting for the server's application to decide.
    pub(crate) fn new(version: Version, settings: ServerSettings) -> Self {
        let client = ClientSettings {
            first_sequence: u32::MAX,
            ..client_settings(version)
        };
        let limits = SessionLimits::default();
        let mut pair = Self {
            client: Session::new(Client::new(client), limits).unwrap(),
            server: Session::new(Server::new(settings), limits).unwrap(),
            of_client: Actions::default(),
            of_server: Actions::default(),
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            now_ms: 0,
        };
        pair.on_server(Event::Connected { unix_ms: LOGIN_AT });
        pair.on_client(Event::Connected { unix_ms: LOGIN_AT });
        pair.exchange();
        pair
    }

    /// Logged in.
    pub(crate) fn open(version: Version, settings: ServerSettings) -> Self {
        let mut pair = Self::new(version, settings);
        assert!(
            matches!(pair.of_server.up.as_slice(), [Up::LoginRequested(connect)]
            if connect.source_addr.as_str() == Some("900001"))
        );
        pair.decide(Verdict::Check(secret()));
        assert!(pair.client.is_open() && pair.server.is_open());
        assert_eq!(pair.client.dialect().version(), pair.server.dialect().version());
        pair.of_client.up.clear();
        pair.of_server.up.clear();
        pair
    }

    pub(crate) fn on_client(&mut self, event: Event<'_, Client>) {
        self.client.on(event, self.now_ms, &mut self.of_client);
    }

    pub(crate) fn on_server(&mut self, event: Event<'_, Server>) {
        self.server.on(event, self.now_ms, &mut self.of_server);
    }

    pub(crate) fn exchange(&mut self) {
        // Everything settles within a few rounds; the bound is there for a session that answers answers.
        for _ in 0..10 {
            self.to_server.unsplit(self.of_client.send.split());
            let received = Event::Received(&mut self.to_server);
            self.server.on(received, self.now_ms, &mut self.of_server);
            self.to_client.unsplit(self.of_server.send.split());
            let received = Event::Received(&mut self.to_client);
            self.client.on(received, self.now_ms, &mut self.of_client);
        }
        assert!(self.of_client.send.is_empty() && self.of_server.send.is_empty());
    }

    pub(crate) fn decide(&mut self, verdict: Verdict) {
        self.on_server(Event::LoginAnswered(verdict));
        self.exchange();
    }

    pub(crate) fn deliver(&mut self, token: u64, pdu: &Pdu) {
        self.on_server(Event::Request {
            token,
            sequence: None,
            pdu,
            repeat: Repeat::Never,
        });
    }
}
