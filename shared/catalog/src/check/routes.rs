//! `routes.yaml`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hongyan_domain::{LinkName, Msisdn};

use super::{Notes, values};
use crate::{Catalog, raw};

const MAX_PORTED: usize = 200_000;
const MAX_LINKS_OF_A_ROUTE: usize = 16;

/// Fills the catalog's routes and ported numbers.
pub(super) fn check(
    file: &raw::RoutesFile,
    known_links: Option<&BTreeSet<String>>,
    catalog: &mut Catalog,
    notes: &mut Notes<'_>,
) {
    let mut first_lines: BTreeMap<String, u64> = BTreeMap::new();
    for raw in &file.routes {
        let Some(carrier) = values::carrier(&raw.carrier, notes) else {
            continue;
        };
        if let Some(first) = first_lines.insert(raw.carrier.value.clone(), raw.carrier.referenced.line()) {
            notes.add(
                &raw.carrier,
                format!(
                    "carrier {:?} has a route already, in line {first}",
                    raw.carrier.value
                ),
            );
            continue;
        }
        let links = links(raw, known_links, notes);
        catalog.routes.push((carrier, links));
    }
    ported(&file.ported, catalog, notes);
}

fn links(raw: &raw::Route, known: Option<&BTreeSet<String>>, notes: &mut Notes<'_>) -> Vec<LinkName> {
    if !(1..=MAX_LINKS_OF_A_ROUTE).contains(&raw.links.value.len()) {
        notes.add(
            &raw.links,
            format!("a route needs 1 to {MAX_LINKS_OF_A_ROUTE} links"),
        );
    }
    let mut seen = BTreeSet::new();
    let mut links = Vec::new();
    for link in &raw.links.value {
        if known.is_some_and(|known| !known.contains(&link.value)) {
            notes.add(link, format!("link {:?} is not in links.yaml", link.value));
        }
        if !seen.insert(&link.value) {
            notes.add(link, format!("link {:?} stands twice in this route", link.value));
        }
        // A name that does not parse is a mistake of links.yaml, or unknown there.
        links.extend(LinkName::parse(&link.value));
    }
    links
}

fn ported(raw: &[raw::Ported], catalog: &mut Catalog, notes: &mut Notes<'_>) {
    notes.bound("ported numbers", raw.len(), MAX_PORTED);
    let mut first_lines: HashMap<Msisdn, u64> = HashMap::new();
    for entry in raw.iter().take(MAX_PORTED) {
        let carrier = values::carrier(&entry.carrier, notes);
        // Neither the number nor the parser's words about it: a subscriber's number belongs in no log.
        let Ok(number) = Msisdn::parse(&entry.number.value) else {
            notes.add(&entry.number, "is not a mobile number of mainland China");
            continue;
        };
        if let Some(first) = first_lines.insert(number, entry.number.referenced.line()) {
            notes.add(
                &entry.number,
                format!("this number is declared twice, first in line {first}"),
            );
        }
        if let Some(carrier) = carrier {
            catalog.ported.insert(number, carrier);
        }
    }
}
