//! Which links serve whom, and which of them is taken. Pure.
//!
//! A route names the links that serve one carrier's subscribers, for some classes or for all that have no route of their
//! own. Links with a weight above 0 share the messages in proportion; links with weight 0 stand by, in the order in which
//! they are written, for when none of the others is up. What goes another way after a carrier has said "no route" takes
//! one of the route's *fallback* links.

use std::cmp::Ordering;

use hongyan_domain::{Carrier, LinkName, MessageClass};

/// The links of one carrier's subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Whose subscribers.
    pub carrier: Carrier,
    /// For which classes; empty for all that have no route of their own.
    pub classes: Vec<MessageClass>,
    /// 1 to 16, at least one with a weight above 0.
    pub links: Vec<RouteLink>,
    /// For the one reroute of a message; the preferred one first, and none where nothing is rerouted.
    pub fallback: Vec<LinkName>,
}

/// A link of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteLink {
    /// Its name.
    pub name: LinkName,
    /// Its share, 1 to 1,000; 0 for one that stands by.
    pub weight: u16,
}

/// Whether a link can be expected to send soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It can.
    Up,
    /// It has been without a connection for longer than the bound.
    Down,
}

/// What was seen of where a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarrierSeen {
    /// Where it is.
    pub carrier: Carrier,
    /// Where the catalog has it.
    pub expected: Carrier,
}

impl Route {
    /// The links in the order in which to take them; each once. Those that are up come before those that are down; among
    /// equals those with a weight before those that stand by. Which of the weighted ones comes first depends on `draw`
    /// alone: over many draws, evenly spread, it is each as often as its weight says, and a link that comes or goes moves
    /// no draw but its own.
    ///
    /// `readiness` is `None` for a link that is out of the question.
    pub fn order(
        &self,
        draw: u64,
        readiness: impl Fn(&LinkName) -> Option<Readiness>,
    ) -> impl Iterator<Item = &LinkName> {
        let mut ranked: Vec<(Rank, &LinkName)> = self
            .links
            .iter()
            .enumerate()
            .filter_map(|(place, link)| {
                let readiness = readiness(&link.name)?;
                Some((Rank::of(link, place, draw, readiness), &link.name))
            })
            .collect();
        ranked.sort_by(|(one, _), (other, _)| one.compare(other));
        ranked.into_iter().map(|(_, name)| name)
    }
}

/// Less goes first.
struct Rank {
    readiness: Readiness,
    stands_by: bool,
    late: f64,
}

impl Rank {
    fn of(link: &RouteLink, place: usize, draw: u64, readiness: Readiness) -> Self {
        // The first of several waiting times, each exponential with its weight as rate, is each one's in proportion to
        // its weight.
        let late = if link.weight > 0 {
            -uniform(draw, link.name.as_str()).ln() / f64::from(link.weight)
        } else {
            place as f64
        };
        Self {
            readiness,
            stands_by: link.weight == 0,
            late,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.readiness
            .cmp(&other.readiness)
            .then(self.stands_by.cmp(&other.stands_by))
            .then(self.late.total_cmp(&other.late))
    }
}

/// A value above 0 and up to 1 of draw and name.
fn uniform(draw: u64, name: &str) -> f64 {
    const DIGITS: u32 = 53;
    let mixed = mix(draw ^ fnv1a(name));
    ((mixed >> (64 - DIGITS)) + 1) as f64 / (1_u64 << DIGITS) as f64
}

/// The finisher of SplitMix64.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hongyan_domain::{Carrier, LinkName};
    use proptest::prelude::*;

    use super::{Readiness, Route, RouteLink, mix};

    fn route(weights: &[u16]) -> Route {
        let link = |(place, weight): (usize, &u16)| RouteLink {
            name: LinkName::parse(&format!("l{place}")).unwrap(),
            weight: *weight,
        };
        Route {
            carrier: Carrier::ChinaMobile,
            classes: Vec::new(),
            links: weights.iter().enumerate().map(link).collect(),
            fallback: Vec::new(),
        }
    }

    fn order(route: &Route, draw: u64, down: &[&str]) -> Vec<String> {
        let readiness = |name: &LinkName| {
            Some(if down.contains(&name.as_str()) {
                Readiness::Down
            } else {
                Readiness::Up
            })
        };
        route.order(draw, readiness).map(ToString::to_string).collect()
    }

    #[test]
    fn those_that_stand_by_come_in_their_order_and_those_that_are_down_last() {
        let plain = route(&[1, 0, 0]);
        for draw in 0..100 {
            assert_eq!(order(&plain, draw, &[]), ["l0", "l1", "l2"]);
            assert_eq!(order(&plain, draw, &["l0"]), ["l1", "l2", "l0"]);
            assert_eq!(order(&plain, draw, &["l0", "l1", "l2"]), ["l0", "l1", "l2"]);
        }
        let none: Vec<_> = plain.order(1, |_| None).collect();
        assert!(none.is_empty());
    }

    #[test]
    fn a_link_that_goes_down_moves_only_what_it_had() {
        let route = route(&[3, 2, 1]);
        for draw in (0..1_000).map(mix) {
            let (all, without) = (order(&route, draw, &[]), order(&route, draw, &["l1"]));
            if all[0] != "l1" {
                assert_eq!(all[0], without[0]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn weights_are_honoured(weights in proptest::collection::vec(1_u16..=20, 1..6), seed: u64) {
            const DRAWS: u64 = 20_000;
            let route = route(&weights);
            let mut first = vec![0_u64; weights.len()];
            for draw in 0..DRAWS {
                let ordered = order(&route, mix(seed.wrapping_add(draw)), &[]);
                let place: usize = ordered[0][1..].parse().unwrap();
                first[place] += 1;
            }
            let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (had, weight) in first.iter().zip(&weights) {
                let share = f64::from(*weight) / sum;
                let expected = share * DRAWS as f64;
                // Six standard deviations: once in a thousand million.
                let bound = 6.0 * (DRAWS as f64 * share * (1.0 - share)).sqrt() + 1.0;
                prop_assert!((*had as f64 - expected).abs() <= bound, "{first:?} of {weights:?}");
            }
        }

        #[test]
        fn each_link_comes_once_and_none_that_is_down_before_one_that_is_up(
            links in proptest::collection::vec((0_u16..=3, proptest::option::of(any::<bool>())), 1..16),
            draw: u64,
        ) {
            let route = route(&links.iter().map(|(weight, _)| *weight).collect::<Vec<_>>());
            let state = |name: &LinkName| {
                let place: usize = name.as_str()[1..].parse().unwrap();
                links[place].1.map(|up| if up { Readiness::Up } else { Readiness::Down })
            };
            let ordered: Vec<&LinkName> = route.order(draw, state).collect();
            let distinct: BTreeSet<_> = ordered.iter().collect();
            prop_assert_eq!(distinct.len(), ordered.len());
            prop_assert_eq!(ordered.len(), links.iter().filter(|(_, up)| up.is_some()).count());
            prop_assert!(ordered.is_sorted_by_key(|name| state(name)));
        }
    }
}
