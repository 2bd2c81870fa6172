//! What the tests of CMPP have in common.

use hongyan_carrier_wire::cmpp::pdu::Deliver;
use hongyan_carrier_wire::cmpp::{Client as Dialect, ClientSettings, Command, Pdu, Version};

use super::client::Client;
use super::speakers::cmpp_settings;
use crate::gateway_sim::GatewaySim;

/// Number of a keep-alive that is sent out of turn.
const KEEP_ALIVE: u32 = 0x7e57_ab1e;

pub(super) async fn connect(gateway: &GatewaySim, settings: ClientSettings) -> Client<Dialect> {
    Client::connect(gateway.addr(), Dialect::new(settings)).await
}

pub(super) async fn log_in(gateway: &GatewaySim, version: Version) -> Client<Dialect> {
    Client::log_in(gateway.addr(), Dialect::new(cmpp_settings(version))).await
}

pub(super) fn delivers(client: &Client<Dialect>) -> Vec<&Deliver> {
    client
        .delivers()
        .into_iter()
        .filter_map(|pdu| match pdu {
            Pdu::Deliver(deliver) => Some(deliver),
            _ => None,
        })
        .collect()
}

/// A keep-alive out of turn, with a number that nothing else has.
pub(super) fn keep_alive() -> Vec<u8> {
    [12, Command::ActiveTest.id(), KEEP_ALIVE]
        .map(u32::to_be_bytes)
        .concat()
}

/// How many of those got an answer.
pub(super) fn keep_alives_answered(client: &Client<Dialect>) -> usize {
    let answer = [Command::ActiveTestResp.id(), KEEP_ALIVE]
        .map(u32::to_be_bytes)
        .concat();
    client
        .heard
        .windows(answer.len())
        .filter(|octets| **octets == answer[..])
        .count()
}
