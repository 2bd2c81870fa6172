//! Who has a connection, and who gets no further one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use super::HttpLimits;

/// The places of a port; never more than [`HttpLimits::connections`] addresses are remembered.
#[derive(Debug)]
pub(super) struct Places {
    port: &'static str,
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place of one connection; free when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

/// Why a connection gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Address,
}

impl Refused {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
        }
    }
}

impl Places {
    pub(super) fn new(port: &'static str, limits: &HttpLimits) -> Arc<Self> {
        Arc::new(Self {
            port,
            most: limits.connections,
            most_per_address: limits.connections_per_address,
            taken: Mutex::default(),
        })
    }

    /// A place for a connection from this address.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, Refused> {
        let address = counted_as(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // Told first, because it is the peer's own doing.
        if taken.by_address.get(&address).copied().unwrap_or_default() >= self.most_per_address {
            return Err(Refused::Address);
        }
        if taken.all >= self.most {
            return Err(Refused::Full);
        }
        taken.all += 1;
        *taken.by_address.entry(address).or_default() += 1;
        metrics::gauge!("hongyan_http_connections", "port" => self.port).set(taken.all as f64);
        Ok(Place {
            places: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        metrics::gauge!("hongyan_http_connections", "port" => self.places.port).set(taken.all as f64);
    }
}

/// An IPv4 address is itself, however it is written; of an IPv6 address the first half, which is what one customer is given.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Places, Refused};
    use crate::http::HttpLimits;

    fn places(connections: usize, connections_per_address: usize) -> Arc<Places> {
        let limits = HttpLimits {
            connections,
            connections_per_address,
            ..HttpLimits::default()
        };
        Places::new("test", &limits)
    }

    #[test]
    fn one_more_is_refused_until_one_is_free() {
        let places = places(3, 2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert_eq!(places.take(one).unwrap_err(), Refused::Address);
        let _third = places.take(other).unwrap();
        assert_eq!(places.take(other).unwrap_err(), Refused::Full);
        assert_eq!(places.take(one).unwrap_err(), Refused::Address);
        drop(first);
        let _again = places.take(one).unwrap();
        assert_eq!(places.take(other).unwrap_err(), Refused::Full);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let places = places(3, 2);
        for host in 1..=200 {
            drop(places.take(format!("192.0.2.{host}").parse().unwrap()).unwrap());
        }
        let taken = places.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by_address.len()), (0, 0));
    }

    #[test]
    fn an_address_counts_as_one_however_it_is_written() {
        for (one, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8:0:1::1"),
        ] {
            let places = places(9, 1);
            let _place = places.take(one.parse().unwrap()).unwrap();
            assert_eq!(places.take(same.parse().unwrap()).unwrap_err(), Refused::Address);
            assert!(places.take(other.parse().unwrap()).is_ok(), "{other}");
        }
    }
}
