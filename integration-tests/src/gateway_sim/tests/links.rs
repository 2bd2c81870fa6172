//! One client with each of the protocols, set up against a gateway of its own.

use std::time::Instant;

use hongyan_carrier_wire::smgp::pdu::LoginMode;
use hongyan_carrier_wire::smpp::pdu::BindMode;
use hongyan_carrier_wire::{cmpp, sgip, smgp, smpp};
use tokio::net::TcpListener;

use super::client::{Client, PATIENCE};
use super::speakers::{
    Delivered, SMG_LOGIN, Speaker, cmpp_settings, esme, sgip_listener, sgip_submitter, smgp_settings,
};
use crate::gateway_sim::{Config, DeliverTo, GatewaySim, ProtocolChoice, ReceiptPlan};

/// A client that submits, and hears what is delivered to it.
pub(super) trait Link: Sized {
    /// What it submits by.
    type Submitter: Speaker;

    /// What the gateway is to be.
    fn protocol() -> ProtocolChoice;

    /// The side that submits, before it has begun.
    fn submitting() -> Self::Submitter;

    /// Logs in.
    async fn open(gateway: &GatewaySim) -> Self;

    /// What it submits by.
    fn submitter(&mut self) -> &mut Client<Self::Submitter>;

    /// The next so many things that the gateway delivers; all of them are taken.
    async fn delivered(&mut self, count: usize) -> Vec<Delivered>;
}

pub(super) async fn gateway_of<L: Link>() -> GatewaySim {
    GatewaySim::start(Config {
        protocol: L::protocol(),
        receipt: ReceiptPlan {
            delay_ms: 1,
            ..ReceiptPlan::default()
        },
        ..Config::default()
    })
    .await
    .unwrap()
}

pub(super) async fn open<L: Link>() -> (GatewaySim, L) {
    let gateway = gateway_of::<L>().await;
    let link = L::open(&gateway).await;
    (gateway, link)
}

/// Both directions on one connection.
async fn delivered_on<D: Speaker>(client: &mut Client<D>, count: usize) -> Vec<Delivered> {
    client.turn_until(|client| client.delivers().len() >= count).await;
    client.delivers().into_iter().map(D::read).collect()
}

macro_rules! one_connection {
    ($link:ident, $dialect:ty, $protocol:expr, $submitting:expr) => {
        pub(super) struct $link(Client<$dialect>);

        impl Link for $link {
            type Submitter = $dialect;

            fn protocol() -> ProtocolChoice {
                $protocol
            }

            fn submitting() -> $dialect {
                $submitting
            }

            async fn open(gateway: &GatewaySim) -> Self {
                Self(Client::log_in(gateway.addr(), Self::submitting()).await)
            }

            fn submitter(&mut self) -> &mut Client<$dialect> {
                &mut self.0
            }

            async fn delivered(&mut self, count: usize) -> Vec<Delivered> {
                let delivered = delivered_on(&mut self.0, count).await;
                self.0
                    .told
                    .retain(|up| !matches!(up, hongyan_carrier_wire::session::Up::Request { .. }));
                delivered
            }
        }
    };
}

one_connection!(
    Cmpp3,
    cmpp::Client,
    ProtocolChoice::Cmpp {
        three: true,
        refuse_higher: false
    },
    cmpp::Client::new(cmpp_settings(cmpp::Version::V3))
);
one_connection!(
    Cmpp2,
    cmpp::Client,
    ProtocolChoice::Cmpp {
        three: false,
        refuse_higher: false
    },
    cmpp::Client::new(cmpp_settings(cmpp::Version::V2))
);
one_connection!(
    Smgp3,
    smgp::Client,
    ProtocolChoice::Smgp { three: true },
    smgp::Client::new(smgp_settings(smgp::Version::V3, LoginMode::Both))
);
one_connection!(
    Smgp1,
    smgp::Client,
    ProtocolChoice::Smgp { three: false },
    smgp::Client::new(smgp_settings(smgp::Version::V1, LoginMode::Both))
);
one_connection!(
    Smpp,
    smpp::dialect::Esme,
    ProtocolChoice::Smpp {
        decimal_receipts: false,
        tls: None
    },
    esme(BindMode::Transceiver)
);

/// A connection to submit by, and a listener that the gateway calls.
pub(super) struct Sgip {
    submitter: Client<sgip::Initiator>,
    listener: TcpListener,
    called: Option<Client<sgip::Acceptor>>,
}

impl Link for Sgip {
    type Submitter = sgip::Initiator;

    fn protocol() -> ProtocolChoice {
        ProtocolChoice::Sgip
    }

    fn submitting() -> sgip::Initiator {
        sgip_submitter()
    }

    async fn open(gateway: &GatewaySim) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        gateway
            .deliver_to(None, DeliverTo::parse(&address, SMG_LOGIN).unwrap())
            .unwrap();
        Self {
            submitter: Client::log_in(gateway.addr(), sgip_submitter()).await,
            listener,
            called: None,
        }
    }

    fn submitter(&mut self) -> &mut Client<sgip::Initiator> {
        &mut self.submitter
    }

    async fn delivered(&mut self, count: usize) -> Vec<Delivered> {
        let deadline = Instant::now() + PATIENCE;
        let mut delivered = Vec::new();
        while delivered.len() < count {
            assert!(Instant::now() < deadline, "only {delivered:?}");
            let mut client = if let Some(client) = self.called.take() {
                client
            } else {
                let (stream, _) = tokio::time::timeout(PATIENCE, self.listener.accept())
                    .await
                    .unwrap()
                    .unwrap();
                Client::over(stream, sgip_listener()).await
            };
            if client.delivers().is_empty() {
                client.turn().await;
            }
            delivered.extend(client.delivers().into_iter().map(sgip::Acceptor::read));
            client.told.clear();
            // The gateway ends it when it has nothing to deliver.
            if client.closed().is_none() {
                self.called = Some(client);
            }
        }
        delivered
    }
}

impl Sgip {
    /// The connection that the gateway opened.
    pub(super) fn called(&mut self) -> Option<&mut Client<sgip::Acceptor>> {
        self.called.as_mut()
    }
}
