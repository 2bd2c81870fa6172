//! A link of this service and a gateway that it speaks SGIP with.

use std::{net::SocketAddr, time::Duration};

use hongyan_carrier_wire::{
    field::FixedStr,
    sgip::{Pdu, pdu::Resp, results},
};
use hongyan_catalog::{Link, Protocol, Sgip};
use hongyan_domain::Carrier;

use crate::support::{
    Replica, World,
    sgip_gateway::{ACCOUNT, NODE, PEER, SgipGateway},
};

/// A port that was free a moment ago.
async fn free_address() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A link and its gateway.
pub(crate) struct Table {
    pub(crate) world: World,
    pub(crate) gateway: SgipGateway,
    pub(crate) link: Link,
    /// Where the gateway connects to us.
    pub(crate) listen: SocketAddr,
}

impl Table {
    pub(crate) async fn new(gateway: SgipGateway) -> Self {
        let world = World::new().await;
        let listen = free_address().await;
        let declared = world.declare(gateway.address);
        let sgip = Sgip {
            node_id: NODE,
            corp_id: "31059".to_owned(),
            listen,
            peer_account: PEER.to_owned(),
            peer_secret_file: declared.secret_file.clone(),
            idle_close: Duration::from_secs(50),
            peer_idle_close: Duration::from_mins(1),
        };
        let link = Link {
            carrier: Carrier::ChinaUnicom,
            protocol: Protocol::Sgip(sgip),
            account: ACCOUNT.to_owned(),
            window: 32,
            ..declared
        };
        Self {
            world,
            gateway,
            link,
            listen,
        }
    }

    pub(crate) fn settings(&mut self) -> &mut Sgip {
        match &mut self.link.protocol {
            Protocol::Sgip(sgip) => sgip,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn run(&self) -> Replica {
        self.world.run(&self.link)
    }
}

/// The answer to a report.
pub(crate) const TAKEN: Option<Pdu> = Some(Pdu::ReportResp(Resp::Full {
    result: results::OK,
    reserve: FixedStr::from_wire([0; 8]),
}));

/// The answer to a text.
pub(crate) const fn delivered(result: u8) -> Pdu {
    let reserve = FixedStr::from_wire([0; 8]);
    Pdu::DeliverResp(Resp::Full { result, reserve })
}

/// The states of the connections that the gateway made.
pub(crate) fn inbound(replica: &Replica) -> Vec<(String, String)> {
    let state = replica.link.board.state();
    let made_by_gateway = state.connections.into_iter().filter(|line| line.slot >= 999);
    made_by_gateway
        .map(|line| (line.state, line.last_error))
        .collect()
}
