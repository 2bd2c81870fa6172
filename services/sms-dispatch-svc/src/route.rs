//! Which way a message takes. Pure.

use hongyan_catalog::{AccessNumber, Catalog, Link, Tenant};
use hongyan_domain::{Carrier, MessageClass, Msisdn};

use crate::routing::Health;

/// The way to one recipient for one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// Whose subscriber the recipient is.
    pub carrier: Carrier,
    /// What the carrier rests on.
    pub ground: Ground,
    /// What the message leaves from; an extension may follow.
    pub access_number: &'a AccessNumber,
    /// What it leaves by.
    pub link: &'a Link,
    /// Another way is tried once, where the carrier says that it does not serve the number.
    pub has_fallback: bool,
}

/// Why a number counts as a carrier's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Declared for this number, or nothing else leads anywhere: what was learned of it does not count.
    Settled,
    /// What was learned of it; or nothing was, and this is where the catalog has it.
    Learned {
        /// Where the catalog has it.
        expected: Carrier,
    },
}

/// What is known of a recipient beside the number.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Where it was last found.
    pub learned: Option<Carrier>,
    /// The same for the same number, evenly spread over numbers: chooses among links that share the messages.
    pub draw: u64,
    /// How the links are.
    pub health: &'a Health,
}

/// Why there is no way. None of it is the request's own fault in form, and none of it names the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No carrier owns the prefix, or none that sends messages does.
    #[error("no carrier is known for the number's prefix")]
    NoCarrier,
    /// The tenant may not send to that carrier's subscribers.
    #[error("the tenant has no access number that serves the number's carrier")]
    NoAccessNumber,
    /// No link serves that carrier, or none of them carries the tenant's access number.
    #[error("no link to the number's carrier carries the tenant's access number")]
    NoLink,
}

/// The carrier as declared for the number, else as learned, else by prefix; the tenant's first access number that serves
/// it; of the links of the carrier's route for the class that carry that access number the one that health and weights
/// choose.
///
/// A carrier that was learned and cannot be reached gives way to the one of the prefix: what was learned may be wrong, and
/// must not keep a message back.
pub fn find<'a>(
    phone: &Msisdn,
    class: MessageClass,
    known: &Known<'_>,
    tenant: &'a Tenant,
    catalog: &'a Catalog,
) -> Result<Route<'a>, NoRoute> {
    let expected = catalog.carrier_of(phone).ok_or(NoRoute::NoCarrier)?;
    let by = |carrier, ground| to_carrier(carrier, ground, class, known, tenant, catalog);
    if catalog.declared_carrier_of(phone).is_some() {
        return by(expected, Ground::Settled);
    }
    match known.learned.filter(|learned| *learned != expected) {
        Some(learned) => by(learned, Ground::Learned { expected }).or_else(|_| by(expected, Ground::Settled)),
        None => by(expected, Ground::Learned { expected }),
    }
}

fn to_carrier<'a>(
    carrier: Carrier,
    ground: Ground,
    class: MessageClass,
    known: &Known<'_>,
    tenant: &'a Tenant,
    catalog: &'a Catalog,
) -> Result<Route<'a>, NoRoute> {
    let access_number = tenant.access_number(carrier).ok_or(NoRoute::NoAccessNumber)?;
    let route = catalog.route(carrier, class).ok_or(NoRoute::NoLink)?;
    let readiness = |name: &_| {
        let link = catalog.link(name)?;
        carries(link, &access_number.number).then(|| known.health.readiness(name))
    };
    let first = route.order(known.draw, readiness).next();
    let link = first.and_then(|name| catalog.link(name)).ok_or(NoRoute::NoLink)?;
    Ok(Route {
        carrier,
        ground,
        access_number,
        link,
        has_fallback: route.fallback.iter().any(|fallback| *fallback != link.name),
    })
}

/// Whether a link takes messages from a source.
pub fn carries(link: &Link, source: &str) -> bool {
    link.access_number
        .as_ref()
        .is_none_or(|front| source.starts_with(front.as_str()))
}
