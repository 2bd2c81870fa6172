//! `routes.yaml`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hongyan_domain::{Carrier, LinkName, MessageClass, Msisdn};
use serde_saphyr::Spanned;

use super::{Notes, values};
use crate::{Catalog, Route, RouteLink, raw, raw::routes as written};

const MAX_PORTED: usize = 200_000;
const MAX_PREFIXES: usize = 1_000;
const MAX_PREFIX_DIGITS: usize = 7;
const MAX_LINKS_OF_A_ROUTE: usize = 16;
const MAX_WEIGHT: u64 = 1_000;

/// Fills the catalog's routes, prefixes and ported numbers.
pub(super) fn check(
    file: &raw::RoutesFile,
    known_links: Option<&BTreeSet<String>>,
    catalog: &mut Catalog,
    notes: &mut Notes<'_>,
) {
    let fallback = fallback(file.fallback.as_ref(), known_links, notes);
    let mut first_lines = BTreeMap::new();
    for raw in &file.routes {
        // All three are looked at, so that all mistakes are told at once.
        let carrier = values::carrier(&raw.carrier, notes);
        let classes = classes(raw.class.as_ref(), notes);
        let links = links(raw, known_links, notes);
        let own_fallback = raw
            .fallback
            .as_ref()
            .map(|own| self::fallback(Some(own), known_links, notes));
        let Some(carrier) = carrier else {
            continue;
        };
        if is_new(raw, carrier, &classes, &mut first_lines, notes) {
            catalog.routes.push(Route {
                carrier,
                classes,
                links,
                fallback: own_fallback.unwrap_or_else(|| fallback.clone()),
            });
        }
    }
    prefixes(&file.prefixes, catalog, notes);
    ported(&file.ported, catalog, notes);
}

/// No two routes may be for the same messages.
fn is_new(
    raw: &written::Route,
    carrier: Carrier,
    classes: &[MessageClass],
    first_lines: &mut BTreeMap<(Carrier, Option<MessageClass>), u64>,
    notes: &mut Notes<'_>,
) -> bool {
    let line = raw.carrier.referenced.line();
    let keys = if classes.is_empty() {
        vec![None]
    } else {
        classes.iter().copied().map(Some).collect()
    };
    for key in keys {
        if let Some(first) = first_lines.insert((carrier, key), line) {
            let of_class = key.map(|class| format!(" for class {class}")).unwrap_or_default();
            notes.add(
                &raw.carrier,
                format!(
                    "carrier {:?} has a route{of_class} already, in line {first}",
                    raw.carrier.value
                ),
            );
            return false;
        }
    }
    true
}

fn classes(raw: Option<&Spanned<Vec<Spanned<String>>>>, notes: &mut Notes<'_>) -> Vec<MessageClass> {
    let Some(raw) = raw else {
        return Vec::new();
    };
    if raw.value.is_empty() {
        notes.add(
            raw,
            "a route needs a class, or no field class where it is for all classes",
        );
    }
    let mut classes = Vec::new();
    for given in &raw.value {
        let Some(class) = values::class(given, notes) else {
            continue;
        };
        if classes.contains(&class) {
            notes.add(
                given,
                format!("class {:?} stands twice in this route", given.value),
            );
        } else {
            classes.push(class);
        }
    }
    classes
}

/// Where no link has a weight, the first has the messages and the others stand by.
fn links(raw: &written::Route, known: Option<&BTreeSet<String>>, notes: &mut Notes<'_>) -> Vec<RouteLink> {
    if !(1..=MAX_LINKS_OF_A_ROUTE).contains(&raw.links.value.len()) {
        notes.add(
            &raw.links,
            format!("a route needs 1 to {MAX_LINKS_OF_A_ROUTE} links"),
        );
    }
    let has_weights = raw.links.value.iter().any(|link| link.value.weight.is_some());
    let has_share = |link: &Spanned<written::RouteLink>| link.value.weight.is_some_and(|weight| weight > 0);
    if has_weights && !raw.links.value.iter().any(has_share) {
        notes.add(
            &raw.links,
            "all links of this route stand by; one of them needs a weight above 0",
        );
    }
    let mut seen = BTreeSet::new();
    let mut links = Vec::new();
    for (place, link) in raw.links.value.iter().enumerate() {
        let weight = link.value.weight.unwrap_or(u64::from(!has_weights && place == 0));
        if weight > MAX_WEIGHT {
            notes.add(link, format!("weight must lie between 0 and {MAX_WEIGHT}"));
        }
        if let Some(name) = link_name(link, &link.value.name, "this route", known, &mut seen, notes) {
            links.push(RouteLink {
                name,
                weight: u16::try_from(weight).unwrap_or(u16::MAX),
            });
        }
    }
    links
}

fn fallback(
    raw: Option<&Spanned<Vec<Spanned<String>>>>,
    known: Option<&BTreeSet<String>>,
    notes: &mut Notes<'_>,
) -> Vec<LinkName> {
    let Some(raw) = raw else {
        return Vec::new();
    };
    if raw.value.len() > MAX_LINKS_OF_A_ROUTE {
        notes.add(
            raw,
            format!("fallback may name at most {MAX_LINKS_OF_A_ROUTE} links"),
        );
    }
    let mut seen = BTreeSet::new();
    raw.value
        .iter()
        .filter_map(|link| link_name(link, &link.value, "this fallback", known, &mut seen, notes))
        .collect()
}

/// A name that does not parse is a mistake of links.yaml, or unknown there.
fn link_name<T>(
    spot: &Spanned<T>,
    name: &str,
    place: &str,
    known: Option<&BTreeSet<String>>,
    seen: &mut BTreeSet<String>,
    notes: &mut Notes<'_>,
) -> Option<LinkName> {
    if known.is_some_and(|known| !known.contains(name)) {
        notes.add(spot, format!("link {name:?} is not in links.yaml"));
    }
    if !seen.insert(name.to_owned()) {
        notes.add(spot, format!("link {name:?} stands twice in {place}"));
        return None;
    }
    LinkName::parse(name).ok()
}

fn prefixes(raw: &[written::Prefix], catalog: &mut Catalog, notes: &mut Notes<'_>) {
    notes.bound("prefixes", raw.len(), MAX_PREFIXES);
    let mut first_lines: HashMap<&str, u64> = HashMap::new();
    for entry in raw.iter().take(MAX_PREFIXES) {
        let carrier = values::carrier(&entry.carrier, notes);
        let digits = entry.prefix.value.as_str();
        let is_prefix = (2..=MAX_PREFIX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|octet| octet.is_ascii_digit())
            && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..]);
        if !is_prefix {
            // Not repeated: what is longer than a prefix may be a subscriber's number.
            notes.add(
                &entry.prefix,
                format!("a prefix must be 2 to {MAX_PREFIX_DIGITS} digits that begin with 13 to 19"),
            );
            continue;
        }
        if let Some(first) = first_lines.insert(digits, entry.prefix.referenced.line()) {
            notes.add(
                &entry.prefix,
                format!("prefix {digits} is declared twice, first in line {first}"),
            );
        }
        if let Some(carrier) = carrier {
            catalog.prefixes.insert(digits.to_owned(), carrier);
        }
    }
}

fn ported(raw: &[written::Ported], catalog: &mut Catalog, notes: &mut Notes<'_>) {
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
