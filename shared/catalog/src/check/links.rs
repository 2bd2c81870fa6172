//! `links.yaml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use hongyan_domain::LinkName;

use super::{Notes, numbers, values};
use crate::{Catalog, CmppVersion, Link, Protocol, raw};

const MAX_LINKS: usize = 256;

/// Fills the catalog's links. Gives back every name that was written, also of links with mistakes, so that a route to
/// one is not a mistake of its own.
pub(super) fn check(
    dir: &Path,
    file: raw::LinksFile,
    catalog: &mut Catalog,
    notes: &mut Notes<'_>,
) -> BTreeSet<String> {
    notes.bound("links", file.links.len(), MAX_LINKS);
    let mut first_lines: BTreeMap<String, u64> = BTreeMap::new();
    for raw in file.links.into_iter().take(MAX_LINKS) {
        let line = raw.name.referenced.line();
        if let Some(first) = first_lines.get(&raw.name.value) {
            notes.add(
                &raw.name,
                format!(
                    "link {:?} is declared twice, first in line {first}",
                    raw.name.value
                ),
            );
            continue;
        }
        first_lines.insert(raw.name.value.clone(), line);
        if let Some(link) = link(dir, &raw, notes) {
            catalog.links.insert(link.name.clone(), link);
        }
    }
    first_lines.into_keys().collect()
}

fn link(dir: &Path, raw: &raw::Link, notes: &mut Notes<'_>) -> Option<Link> {
    let name = LinkName::parse(&raw.name.value)
        .map_err(|error| notes.add(&raw.name, error.to_string()))
        .ok();
    let carrier = values::carrier(&raw.carrier, notes);
    let protocol = protocol(raw, notes);
    if !values::is_host(&raw.host.value) {
        notes.add(&raw.host, "host must be a name or an address, without port");
    }
    let port = values::number(Some(&raw.port), "port", 1..=65_535, 1, notes);
    values::visible(&raw.sp_id, "sp_id", 6, notes);
    values::visible(&raw.service_id, "service_id", 10, notes);
    if raw.secret_file.value.is_empty() {
        notes.add(&raw.secret_file, "secret_file must be a path");
    }
    let connections = values::number(raw.connections.as_ref(), "connections", 1..=64, 1, notes);
    let window = values::number(raw.window.as_ref(), "window", 1..=1024, 16, notes);
    let pace = values::number(
        Some(&raw.pace_segments_per_second),
        "pace_segments_per_second",
        1..=100_000,
        1,
        notes,
    );
    let keep_alive = values::number(
        raw.keep_alive_interval_ms.as_ref(),
        "keep_alive_interval_ms",
        100..=600_000,
        30_000,
        notes,
    );
    let response = values::number(
        raw.response_timeout_ms.as_ref(),
        "response_timeout_ms",
        100..=120_000,
        10_000,
        notes,
    );
    if let Some(number) = &raw.access_number {
        numbers::access_number(number, notes);
    }
    Some(Link {
        name: name?,
        carrier: carrier?,
        protocol: protocol?,
        host: raw.host.value.clone(),
        port: port as u16,
        sp_id: raw.sp_id.value.clone(),
        // An absolute path stays as it is.
        secret_file: dir.join(&raw.secret_file.value),
        service_id: raw.service_id.value.clone(),
        connections: connections as u16,
        window: window as u16,
        pace_segments_per_second: pace as u32,
        access_number: raw.access_number.as_ref().map(|number| number.value.clone()),
        keep_alive_interval: Duration::from_millis(keep_alive),
        response_timeout: Duration::from_millis(response),
    })
}

fn protocol(raw: &raw::Link, notes: &mut Notes<'_>) -> Option<Protocol> {
    if raw.protocol.value != "cmpp" {
        notes.add(
            &raw.protocol,
            format!("protocol {:?} is not spoken; it must be cmpp", raw.protocol.value),
        );
        return None;
    }
    let version = match raw.version.as_ref().map(|version| version.value.as_str()) {
        None | Some("3.0") => CmppVersion::V3_0,
        Some("2.0") => CmppVersion::V2_0,
        Some(other) => {
            if let Some(spot) = &raw.version {
                notes.add(spot, format!("version {other:?} must be \"2.0\" or \"3.0\""));
            }
            return None;
        }
    };
    Some(Protocol::Cmpp { version })
}
