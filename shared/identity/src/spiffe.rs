//! SPIFFE ids, as in the SPIFFE-ID specification, section 2.

use std::{fmt, str::FromStr, sync::Arc};

const SCHEME: &str = "spiffe://";
const MAX_OCTETS: usize = 2048;

/// `spiffe://<trust domain>/<path>`. Cheap to clone.
///
/// The first segment of the path says what the peer is: `svc` (a service of the mesh), `caller` (a tenant's program),
/// `operator` (a person's tool), `handler` (a business's own service that the mesh calls).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    text: Arc<str>,
    path_at: usize,
}

/// Why a text is not a SPIFFE id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a SPIFFE id: {0}")]
pub struct InvalidSpiffeId(&'static str);

impl SpiffeId {
    /// The id's trust domain, without scheme.
    pub fn trust_domain(&self) -> &str {
        self.text.get(SCHEME.len()..self.path_at).unwrap_or_default()
    }

    /// What follows the trust domain, without the first slash: `svc/dispatch`.
    pub fn path(&self) -> &str {
        self.text.get(self.path_at + 1..).unwrap_or_default()
    }

    /// The first segment of the path: `svc`, `caller`, `operator`, `handler` or something unknown.
    pub fn kind(&self) -> &str {
        self.path().split('/').next().unwrap_or_default()
    }

    /// Whether this is the mesh's own service of that name.
    pub fn is_service(&self, name: &str) -> bool {
        self.path().strip_prefix("svc/") == Some(name)
    }

    /// Whether this is an operator's tool.
    pub fn is_operator(&self) -> bool {
        self.kind() == "operator"
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        if text.len() > MAX_OCTETS {
            return Err(InvalidSpiffeId("longer than 2048 octets"));
        }
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or(InvalidSpiffeId("must begin with spiffe://"))?;
        let (domain, path) = rest.split_once('/').ok_or(InvalidSpiffeId("has no path"))?;
        let domain_octet = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        if domain.is_empty() || !domain.bytes().all(domain_octet) {
            return Err(InvalidSpiffeId(
                "the trust domain must be lower-case letters, digits, dots, dashes, underscores",
            ));
        }
        let path_octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
        let segment = |segment: &str| {
            !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(path_octet)
        };
        if !path.split('/').all(segment) {
            return Err(InvalidSpiffeId(
                "a path segment must be letters, digits, dots, dashes, underscores",
            ));
        }
        Ok(Self {
            text: Arc::from(text),
            path_at: SCHEME.len() + domain.len(),
        })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::SpiffeId;

    #[test]
    fn an_id_tells_its_parts() {
        let id: SpiffeId = "spiffe://hongyan.test/svc/dispatch".parse().unwrap();
        assert_eq!(
            (id.trust_domain(), id.path(), id.kind()),
            ("hongyan.test", "svc/dispatch", "svc")
        );
        assert!(id.is_service("dispatch") && !id.is_service("audit") && !id.is_operator());
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "https://hongyan.test/svc/x",
            "spiffe://hongyan.test",
            "spiffe:///svc",
            "spiffe://Hongyan/svc",
            "spiffe://hongyan.test/",
            "spiffe://hongyan.test/svc//x",
            "spiffe://hongyan.test/svc/../x",
            "spiffe://hongyan.test/svc/x?y",
            "spiffe://hongyan.test/svc/*",
        ] {
            text.parse::<SpiffeId>().expect_err(text);
        }
        format!("spiffe://d/{}", "a".repeat(2100))
            .parse::<SpiffeId>()
            .expect_err("too long");
    }
}
