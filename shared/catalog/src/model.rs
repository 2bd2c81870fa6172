//! The whole world as declared, and questions about it.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use hongyan_domain::{Carrier, LinkName, MessageClass, Msisdn, TenantId, status::CodeTable};

use crate::{AccessNumber, CarrierSeen, CatalogErrors, Link, MAX_SOURCE_DIGITS, Route, Tenant, load};

/// A catalog that was checked whole.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(crate) tenants: BTreeMap<TenantId, Tenant>,
    pub(crate) links: BTreeMap<LinkName, Link>,
    pub(crate) routes: Vec<Route>,
    /// The first digits of numbers that are with another carrier than the block's.
    pub(crate) prefixes: HashMap<String, Carrier>,
    pub(crate) ported: HashMap<Msisdn, Carrier>,
    /// `None` where the built-in table stands alone.
    pub(crate) codes: Option<CodeTable>,
    /// SPIFFE id to tenant.
    pub(crate) callers: HashMap<String, TenantId>,
    /// Access number to tenant and index in its list.
    pub(crate) access_numbers: HashMap<String, (TenantId, usize)>,
    pub(crate) digest: String,
}

impl Catalog {
    /// Reads and checks the files of a directory.
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, CatalogErrors> {
        let files = load::read(dir.as_ref())?;
        load::parse(dir.as_ref(), &files)
    }

    /// SHA-256 of the files in hexadecimal: the same digest is the same catalog.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// All tenants by id.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }

    /// One tenant.
    pub fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id)
    }

    /// The tenant that a caller's SPIFFE id speaks for.
    pub fn tenant_of_caller(&self, spiffe_id: &str) -> Option<&Tenant> {
        self.tenants.get(self.callers.get(spiffe_id)?)
    }

    /// The tenant that a subscriber texted, its access number and the extension behind it. The longest access number
    /// that fits wins.
    pub fn tenant_of_access_number<'a>(&self, dialled: &'a str) -> Option<(&Tenant, &AccessNumber, &'a str)> {
        if dialled.len() > MAX_SOURCE_DIGITS || !dialled.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        (1..=dialled.len()).rev().find_map(|length| {
            let (tenant, index) = self.access_numbers.get(&dialled[..length])?;
            let tenant = self.tenants.get(tenant)?;
            let number = tenant.access_numbers.get(*index)?;
            Some((tenant, number, number.extension_of(dialled)?))
        })
    }

    /// All links by name.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// One link.
    pub fn link(&self, name: &LinkName) -> Option<&Link> {
        self.links.get(name)
    }

    /// All routes, in the order of the file.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of a carrier's subscribers for messages of a class: the one that names the class, else the one for all.
    pub fn route(&self, carrier: Carrier, class: MessageClass) -> Option<&Route> {
        let of_carrier = || self.routes.iter().filter(|route| route.carrier == carrier);
        of_carrier()
            .find(|route| route.classes.contains(&class))
            .or_else(|| of_carrier().find(|route| route.classes.is_empty()))
    }

    /// Whether a link serves a carrier's subscribers: it is that carrier's, or stands in one of its routes.
    pub fn serves(&self, link: &LinkName, carrier: Carrier) -> bool {
        let mut of_carrier = self.routes.iter().filter(|route| route.carrier == carrier);
        self.link(link).is_some_and(|link| link.carrier == carrier)
            || of_carrier.any(|route| route.links.iter().any(|known| known.name == *link))
    }

    /// Whose subscriber a number is: as declared for ported numbers, else as declared for its prefix (the longest one
    /// that fits), else the owner of its block, else unknown.
    pub fn carrier_of(&self, number: &Msisdn) -> Option<Carrier> {
        self.declared_carrier_of(number)
            .or_else(|| self.carrier_of_prefix(*number))
            .or_else(|| Carrier::of_prefix(number))
    }

    /// Whose subscriber a number is where that is declared for this very number.
    pub fn declared_carrier_of(&self, number: &Msisdn) -> Option<Carrier> {
        self.ported.get(number).copied()
    }

    fn carrier_of_prefix(&self, number: Msisdn) -> Option<Carrier> {
        if self.prefixes.is_empty() {
            return None;
        }
        let digits = number.national();
        (1..=digits.len())
            .rev()
            .find_map(|length| self.prefixes.get(digits.get(..length)?))
            .copied()
    }

    /// What the carriers' codes mean: the built-in table, with what codes.yaml puts in its place.
    pub fn codes(&self) -> &CodeTable {
        self.codes.as_ref().unwrap_or_else(|| CodeTable::built_in())
    }

    /// What it means that a number was met on a link: it sent a text by it, or the link took a message to it. A link that
    /// serves the number's expected carrier says nothing against that. `None` for a link or prefix that is not known.
    pub fn carrier_seen(&self, link: &LinkName, number: &Msisdn) -> Option<CarrierSeen> {
        let expected = self.carrier_of(number)?;
        let carrier = if self.serves(link, expected) {
            expected
        } else {
            self.link(link)?.carrier
        };
        Some(CarrierSeen { carrier, expected })
    }
}
