//! The whole world as declared, and questions about it.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use hongyan_domain::{Carrier, LinkName, Msisdn, TenantId};

use crate::{AccessNumber, CatalogErrors, Link, MAX_SOURCE_DIGITS, Tenant, load};

/// A catalog that was checked whole.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(crate) tenants: BTreeMap<TenantId, Tenant>,
    pub(crate) links: BTreeMap<LinkName, Link>,
    pub(crate) routes: Vec<(Carrier, Vec<LinkName>)>,
    pub(crate) ported: HashMap<Msisdn, Carrier>,
    /// SPIFFE id to tenant.
    pub(crate) callers: HashMap<String, TenantId>,
    /// Access number to tenant and index in its list.
    pub(crate) access_numbers: HashMap<String, (TenantId, usize)>,
    pub(crate) digest: String,
}

impl Catalog {
    /// Reads and checks the three files of a directory.
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

    /// The links that serve a carrier's subscribers, the preferred one first; empty where none is declared.
    pub fn route(&self, carrier: Carrier) -> &[LinkName] {
        self.routes
            .iter()
            .find(|(routed, _)| *routed == carrier)
            .map_or(&[], |(_, links)| links)
    }

    /// Whose subscriber a number is: as declared for ported numbers, else by its prefix, else unknown.
    pub fn carrier_of(&self, number: &Msisdn) -> Option<Carrier> {
        self.ported
            .get(number)
            .copied()
            .or_else(|| Carrier::of_prefix(number))
    }
}
