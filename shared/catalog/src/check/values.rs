//! Single values that several files hold.

use std::ops::RangeInclusive;

use hongyan_domain::{Carrier, MessageClass};
use serde_saphyr::Spanned;

use super::Notes;

pub(super) fn carrier(text: &Spanned<String>, notes: &mut Notes<'_>) -> Option<Carrier> {
    text.value
        .parse()
        .map_err(|error| notes.add(text, format!("carrier {:?} {error}", text.value)))
        .ok()
}

pub(super) fn class(text: &Spanned<String>, notes: &mut Notes<'_>) -> Option<MessageClass> {
    text.value
        .parse()
        .map_err(|error| notes.add(text, format!("class {:?} {error}", text.value)))
        .ok()
}

/// A number within its limits, or its default; a wrong one is noted and the default returned.
pub(super) fn number(
    given: Option<&Spanned<u64>>,
    what: &str,
    allowed: RangeInclusive<u64>,
    default: u64,
    notes: &mut Notes<'_>,
) -> u64 {
    match given {
        None => default,
        Some(given) if allowed.contains(&given.value) => given.value,
        Some(given) => {
            notes.add(
                given,
                format!(
                    "{what} must lie between {} and {}",
                    allowed.start(),
                    allowed.end()
                ),
            );
            default
        }
    }
}

/// A text of so many visible ASCII characters.
pub(super) fn visible(text: &Spanned<String>, what: &str, most: usize, notes: &mut Notes<'_>) {
    let fits = !text.value.is_empty()
        && text.value.len() <= most
        && text.value.bytes().all(|octet| octet.is_ascii_graphic());
    if !fits {
        notes.add(
            text,
            format!("{what} must be 1 to {most} visible ASCII characters"),
        );
    }
}

/// `spiffe://trust-domain/path` in its plain form.
pub(super) fn is_spiffe_id(text: &str) -> bool {
    let Some((domain, path)) = text
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    text.len() <= 256
        && !domain.is_empty()
        && domain
            .bytes()
            .all(|octet| plain(octet) && !octet.is_ascii_uppercase())
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain))
}

/// `host:port`, IPv6 in brackets.
pub(super) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host(host) && !host.contains(':'),
    };
    host_fits && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A name or address without port.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
        || ((1..=253).contains(&text.len())
            && text
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet)))
}

#[cfg(test)]
mod tests {
    use super::{is_address, is_host, is_spiffe_id};

    #[test]
    fn what_looks_like_an_address_is_one() {
        for good in ["127.0.0.1:80", "handler.svc:8443", "[::1]:1"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "host",
            "host:0",
            "host:65536",
            "::1:80",
            "http://host:80",
            "[::1]",
            "a b:1",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
        assert!(is_host("::1") && is_host("cmcc.example") && !is_host("") && !is_host("a/b"));
    }

    #[test]
    fn spiffe_ids_are_plain() {
        assert!(is_spiffe_id("spiffe://hongyan.test/caller/claims"));
        for bad in [
            "spiffe://hongyan.test",
            "spiffe://hongyan.test/",
            "spiffe:///caller/a",
            "spiffe://Hongyan/caller/a",
            "spiffe://td/caller/../a",
            "https://td/caller/a",
            "spiffe://td/caller/a b",
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
    }
}
