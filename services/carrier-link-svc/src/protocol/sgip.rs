//! China Unicom's protocol, 1.2. Pure but for the secrets and the random numbers in [`open`] and [`accept`].
//!
//! Segments go out on connections that we make ([`submitting`]); receipts and uplinks come in on connections that the
//! gateway makes to our listener ([`delivering`]). The sequence of a submit is its message id: it is reserved before the
//! intent is stored, and stored with it.

mod delivering;
mod submitting;
#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, sync::Arc};

use hongyan_carrier_wire::{
    field::FixedStr,
    login::Secret,
    session::SessionLimits,
    sgip::{Acceptor, Direction, Initiator, Numbering, Password},
};
use hongyan_catalog::Sgip as Settings;
use rand::Rng;

use self::{delivering::Delivering, submitting::Submitting};
use super::{CannotOpen, Conversation, Talk, field, limits, millis, secret};
use crate::link::LinkShared;

/// As operators read it.
const VERSION: &str = "SGIP 1.2";

/// Each connection of a node counts in a range of its own, so that two connections never give the same sequence out within
/// a second: 64 ranges, which is as many connections as a link may have.
const COUNTERS_BITS: u32 = 26;

/// The most requests of the gateway without our answer. The document allows 32; what comes beyond is told to slow down.
const MOST_UNANSWERED: usize = 64;

/// A connection to the gateway, for segments.
pub(super) fn open(
    link: &LinkShared,
    settings: &Settings,
    slot: u16,
) -> Result<Box<dyn Conversation>, CannotOpen> {
    let secret = Secret::new(secret(&link.link.secret_file)?);
    let dialect = Initiator::new(
        Direction::Submitting,
        FixedStr::new(&link.link.account).map_err(|why| field("account", why))?,
        Password::of(&secret).map_err(|why| field("secret_file", why))?,
        numbering(settings, slot),
    );
    let limits = SessionLimits {
        idle_ms: millis(settings.idle_close),
        ..limits(link)
    };
    let protocol = Submitting {
        link: Arc::clone(&link.link),
        corp_id: FixedStr::new(&settings.corp_id).map_err(|why| field("corp_id", why))?,
    };
    Ok(Box::new(Talk::new(
        protocol,
        dialect,
        limits,
        link.codes.clone(),
    )?))
}

/// A connection from the gateway, with receipts and uplinks. `handshake_ms` is how long it may take to log in.
pub fn accept(
    link: &LinkShared,
    settings: &Settings,
    handshake_ms: u64,
) -> Result<Box<dyn Conversation>, CannotOpen> {
    let protocol = Delivering {
        peer_account: FixedStr::new(&settings.peer_account).map_err(|why| field("peer_account", why))?,
        peer_secret: Secret::new(secret(&settings.peer_secret_file)?),
    };
    // Its only request is the wish to end, which no receipt names: any counter will do.
    let dialect = Acceptor::new(
        Direction::Delivering,
        Numbering::new(settings.node_id, 0..=u32::MAX, rand::rng().random()),
    );
    let limits = SessionLimits {
        idle_ms: millis(settings.peer_idle_close),
        login_timeout_ms: handshake_ms,
        max_unanswered_inbound: MOST_UNANSWERED,
        ..limits(link)
    };
    Ok(Box::new(Talk::new(
        protocol,
        dialect,
        limits,
        link.codes.clone(),
    )?))
}

/// Begins somewhere in the connection's range: a process that takes a connection over within the second in which another
/// had it does not repeat its sequences.
fn numbering(settings: &Settings, slot: u16) -> Numbering {
    let counters = counters(slot);
    let first = rand::rng().random_range(counters.clone());
    Numbering::new(settings.node_id, counters, first)
}

fn counters(slot: u16) -> RangeInclusive<u32> {
    let slots = u32::MAX >> COUNTERS_BITS;
    let begin = (u32::from(slot) & slots) << COUNTERS_BITS;
    begin..=begin | (u32::MAX >> (u32::BITS - COUNTERS_BITS))
}
