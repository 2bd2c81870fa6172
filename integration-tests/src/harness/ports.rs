//! Free ports on loopback.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};
use rand::Rng as _;

/// Below Linux's ephemeral range (32768 and up): a port that a restarted program must find again could otherwise be
/// taken meanwhile by anybody's outgoing connection.
const RANGE: std::ops::Range<u16> = 12_000..32_000;
const MAX_TRIES: usize = 1_000;

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port on 127.0.0.1 that nobody listens on now, and that this process has not given out before.
pub fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut random = rand::rng();
    for _ in 0..MAX_TRIES {
        let port = random.random_range(RANGE);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 after {MAX_TRIES} tries in {RANGE:?}")
}

#[cfg(test)]
mod tests {
    use super::free;

    #[test]
    fn a_port_is_given_once_and_can_be_bound() {
        let first = free().unwrap();
        let second = free().unwrap();
        assert_ne!(first, second);
        std::net::TcpListener::bind(("127.0.0.1", first)).unwrap();
    }
}
