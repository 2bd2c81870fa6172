//! `links.yaml`.

mod protocol;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use hongyan_domain::LinkName;
use serde_saphyr::Spanned;

use super::{Notes, numbers, values};
use crate::{
    CarrierSignature, Catalog, ConcatReference, KeepAlive, Link, Protocol, Reconnect, SignaturePlace,
    TextRules, raw,
};

const MAX_LINKS: usize = 256;
const HOUR_MS: u64 = 3_600_000;

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
    let mut listeners: BTreeMap<SocketAddr, String> = BTreeMap::new();
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
            listens_alone(&raw, &link, &mut listeners, notes);
            catalog.links.insert(link.name.clone(), link);
        }
    }
    first_lines.into_keys().collect()
}

/// All links run in each process: two cannot listen at one address.
fn listens_alone(
    raw: &raw::Link,
    link: &Link,
    listeners: &mut BTreeMap<SocketAddr, String>,
    notes: &mut Notes<'_>,
) {
    let (Protocol::Sgip(sgip), Some(spot)) = (&link.protocol, &raw.sgip) else {
        return;
    };
    if let Some(other) = listeners.insert(sgip.listen, raw.name.value.clone()) {
        notes.add(
            &spot.value.listen,
            format!("listen {} is link {other:?}'s already", sgip.listen),
        );
    }
}

fn link(dir: &Path, raw: &raw::Link, notes: &mut Notes<'_>) -> Option<Link> {
    let name = LinkName::parse(&raw.name.value)
        .map_err(|error| notes.add(&raw.name, error.to_string()))
        .ok();
    let carrier = values::carrier(&raw.carrier, notes);
    let connections = values::number(raw.connections.as_ref(), "connections", 1..=64, 1, notes);
    let protocol = protocol::check(dir, raw, connections, notes);
    if !values::is_host(&raw.host.value) {
        notes.add(&raw.host, "host must be a name or an address, without port");
    }
    let port = values::number(Some(&raw.port), "port", 1..=65_535, 1, notes);
    let service_id = protocol::names(raw, protocol.as_ref(), notes);
    let secret_file = file(dir, &raw.secret_file, "secret_file", notes);
    let default_window = if matches!(protocol, Some(Protocol::Smpp(_))) {
        10
    } else {
        16
    };
    let window = values::number(raw.window.as_ref(), "window", 1..=1024, default_window, notes);
    let pace = values::number(
        Some(&raw.pace_segments_per_second),
        "pace_segments_per_second",
        1..=100_000,
        1,
        notes,
    );
    let keep_alive = keep_alive(raw, notes);
    let response = values::number(
        raw.response_timeout_ms.as_ref(),
        "response_timeout_ms",
        100..=120_000,
        10_000,
        notes,
    );
    let attempts = values::number(
        raw.submit_attempts.as_ref(),
        "submit_attempts",
        1..=10,
        // SMPP promises nobody to know a repetition by its number.
        if raw.protocol.value == "smpp" { 1 } else { 3 },
        notes,
    );
    let reconnect = raw.reconnect.as_ref().map(|raw| reconnect(raw, notes));
    let text = text_rules(raw, notes);
    if let Some(number) = &raw.access_number {
        numbers::access_number(number, notes);
    }
    Some(Link {
        name: name?,
        carrier: carrier?,
        protocol: protocol?,
        host: raw.host.value.clone(),
        port: port as u16,
        account: raw.account.value.clone(),
        secret_file,
        service_id,
        connections: connections as u16,
        window: window as u16,
        pace_segments_per_second: pace as u32,
        access_number: raw.access_number.as_ref().map(|number| number.value.clone()),
        keep_alive,
        response_timeout: Duration::from_millis(response),
        submit_attempts: attempts as u8,
        reconnect,
        text,
    })
}

fn keep_alive(raw: &raw::Link, notes: &mut Notes<'_>) -> KeepAlive {
    let idle = values::number(
        raw.keep_alive_interval_ms.as_ref(),
        "keep_alive_interval_ms",
        100..=600_000,
        30_000,
        notes,
    );
    let timeout = values::number(
        raw.keep_alive_timeout_ms.as_ref(),
        "keep_alive_timeout_ms",
        100..=120_000,
        10_000,
        notes,
    );
    let attempts = values::number(
        raw.keep_alive_attempts.as_ref(),
        "keep_alive_attempts",
        1..=10,
        3,
        notes,
    );
    KeepAlive {
        idle: Duration::from_millis(idle),
        timeout: Duration::from_millis(timeout),
        attempts: attempts as u8,
    }
}

fn reconnect(raw: &raw::links::Reconnect, notes: &mut Notes<'_>) -> Reconnect {
    let within = 10..=HOUR_MS;
    let first = values::number(Some(&raw.first_ms), "first_ms", within.clone(), 500, notes);
    let longest = values::number(Some(&raw.longest_ms), "longest_ms", within, 30_000, notes);
    if first > longest {
        notes.add(&raw.first_ms, "first_ms must not be longer than longest_ms");
    }
    Reconnect {
        first: Duration::from_millis(first),
        longest: Duration::from_millis(longest),
    }
}

fn text_rules(raw: &raw::Link, notes: &mut Notes<'_>) -> TextRules {
    let reference = match &raw.concat_reference_bits {
        None => ConcatReference::Bits8,
        Some(bits) => match bits.value {
            8 => ConcatReference::Bits8,
            16 => ConcatReference::Bits16,
            _ => {
                notes.add(bits, "concat_reference_bits must be 8 or 16");
                ConcatReference::Bits8
            }
        },
    };
    let carrier_signature = raw.carrier_adds_signature.as_ref().map(|raw| {
        let place = match raw.place.value.as_str() {
            "end" => SignaturePlace::End,
            "front" => SignaturePlace::Front,
            _ => {
                notes.add(&raw.place, "where must be front or end");
                SignaturePlace::Front
            }
        };
        let characters = values::number(Some(&raw.characters), "characters", 1..=32, 1, notes);
        CarrierSignature {
            place,
            characters: characters as u8,
        }
    });
    TextRules {
        reference,
        carrier_signature,
    }
}

/// A path; a relative one stands on the catalog's directory, an absolute one stays as it is.
fn file(dir: &Path, path: &Spanned<String>, what: &str, notes: &mut Notes<'_>) -> std::path::PathBuf {
    if path.value.is_empty() {
        notes.add(path, format!("{what} must be a path"));
    }
    dir.join(&path.value)
}
