//! A link of this service and a gateway that it speaks SGIP with.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    process,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

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

/// Below the ports that systems give out by themselves: nobody else gets one of them between its choice here and its use,
/// and who connects before somebody listens does not connect to himself.
const PORTS: Range<u16> = 5_500..11_900;

/// An address where nobody listens. Each call begins its search elsewhere.
fn free_address() -> SocketAddr {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let spread = (process::id() as u16).wrapping_mul(37);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let first = spread.wrapping_add(call.wrapping_mul(101)) % PORTS.len() as u16;
    let (before, after) = (PORTS.start..PORTS.start + first, PORTS.start + first..PORTS.end);
    let free = |port: &u16| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = after.chain(before).find(free).unwrap();
    (Ipv4Addr::LOCALHOST, port).into()
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
        let listen = free_address();
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
