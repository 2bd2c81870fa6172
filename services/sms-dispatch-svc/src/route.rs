//! Which way a message takes. Pure.

use hongyan_catalog::{AccessNumber, Catalog, Link, Tenant};
use hongyan_domain::{Carrier, MessageClass, Msisdn};

/// The way to one recipient for one tenant.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// Whose subscriber the recipient is.
    pub carrier: Carrier,
    /// What the message leaves from; an extension may follow.
    pub access_number: &'a AccessNumber,
    /// What it leaves by.
    pub link: &'a Link,
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

/// The carrier by the table of ported numbers and then by prefix; the tenant's first access number that serves it; the
/// first link of the carrier's route that exists and carries that access number.
pub fn find<'a>(
    phone: &Msisdn,
    class: MessageClass,
    tenant: &'a Tenant,
    catalog: &'a Catalog,
) -> Result<Route<'a>, NoRoute> {
    let carrier = catalog.carrier_of(phone).ok_or(NoRoute::NoCarrier)?;
    let access_number = tenant.access_number(carrier).ok_or(NoRoute::NoAccessNumber)?;
    let fits = |link: &&Link| {
        link.access_number
            .as_ref()
            .is_none_or(|front| access_number.number.starts_with(front.as_str()))
    };
    let route = catalog.route(carrier, class).ok_or(NoRoute::NoLink)?;
    let mut links = route.links.iter().filter_map(|link| catalog.link(&link.name));
    let link = links.find(fits).ok_or(NoRoute::NoLink)?;
    Ok(Route {
        carrier,
        access_number,
        link,
    })
}
