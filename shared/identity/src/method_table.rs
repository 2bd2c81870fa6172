//! Which caller may call which method. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde_saphyr::Spanned;

use crate::spiffe::SpiffeId;

const MAX_METHODS: usize = 4096;

/// Default deny: a method that is not in the table may be called by nobody, and a caller that no pattern of a method
/// matches may not call it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodTable {
    methods: HashMap<String, Vec<Pattern>>,
}

/// Whom a row admits: one id, or with `/*` at the end every id below a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Exactly this id.
    Exact(SpiffeId),
    /// Every id that begins so, with its last slash.
    Below(String),
}

/// Everything that is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodTableError(pub Vec<(u64, String)>);

impl fmt::Display for MethodTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the method table is refused:")?;
        self.0
            .iter()
            .try_for_each(|(line, reason)| write!(f, " line {line}: {reason};"))
    }
}

impl std::error::Error for MethodTableError {}

impl MethodTable {
    /// Parses YAML: a map from `/package.Service/Method` to a list of patterns. All mistakes are reported together.
    pub fn parse(yaml: &str) -> Result<Self, MethodTableError> {
        let rows: BTreeMap<String, Spanned<Vec<Spanned<String>>>> =
            serde_saphyr::from_str(yaml).map_err(|error| {
                let line = error.location().map_or(0, |location| location.line());
                MethodTableError(vec![(line, error.to_string())])
            })?;
        let mut mistakes = Vec::new();
        if rows.len() > MAX_METHODS {
            mistakes.push((0, format!("more than {MAX_METHODS} methods")));
        }
        let mut methods = HashMap::with_capacity(rows.len());
        for (method, callers) in rows {
            let line = callers.referenced.line();
            if !is_method(&method) {
                mistakes.push((
                    line,
                    format!("`{method}` is not of the form /package.Service/Method"),
                ));
            }
            let mut patterns = Vec::with_capacity(callers.value.len());
            for caller in callers.value {
                match caller.value.parse() {
                    Ok(pattern) => patterns.push(pattern),
                    Err(reason) => mistakes.push((caller.referenced.line(), reason)),
                }
            }
            methods.insert(method, patterns);
        }
        if mistakes.is_empty() {
            Ok(Self { methods })
        } else {
            Err(MethodTableError(mistakes))
        }
    }

    /// Whether that caller may call that method.
    pub fn allows(&self, method: &str, caller: &SpiffeId) -> bool {
        self.methods
            .get(method)
            .is_some_and(|patterns| patterns.iter().any(|pattern| pattern.matches(caller)))
    }

    /// Whether the table knows the method; for labels of metrics, which must not take what a caller makes up.
    pub fn knows(&self, method: &str) -> bool {
        self.methods.contains_key(method)
    }
}

fn is_method(text: &str) -> bool {
    let name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_'))
    };
    let mut parts = text.split('/');
    parts.next() == Some("")
        && parts.next().is_some_and(name)
        && parts.next().is_some_and(name)
        && parts.next().is_none()
}

impl Pattern {
    /// Whether it admits that id.
    pub fn matches(&self, id: &SpiffeId) -> bool {
        match self {
            Self::Exact(exact) => exact == id,
            Self::Below(prefix) => id.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |error| format!("`{text}`: {error}");
        match text.strip_suffix("/*") {
            // The star stands for at least one segment, so what is before it must be an id itself.
            Some(base) => base
                .parse::<SpiffeId>()
                .map(|id| Self::Below(format!("{id}/")))
                .map_err(wrong),
            None => text.parse().map(Self::Exact).map_err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MethodTable;
    use crate::spiffe::SpiffeId;

    const TABLE: &str = "\
/hongyan.dispatch.v1.DispatchService/SendMessage:
  - spiffe://hongyan.test/caller/*
  - spiffe://hongyan.test/svc/uplink-router
/hongyan.audit.v1.AuditService/Query: [spiffe://hongyan.test/operator/*]
";

    #[test]
    fn only_what_the_table_says_is_allowed() {
        let table = MethodTable::parse(TABLE).unwrap();
        let send = "/hongyan.dispatch.v1.DispatchService/SendMessage";
        for (method, caller, allowed) in [
            (send, "spiffe://hongyan.test/caller/policy-desk", true),
            (send, "spiffe://hongyan.test/caller/a/b", true),
            (send, "spiffe://hongyan.test/svc/uplink-router", true),
            (send, "spiffe://hongyan.test/svc/uplink-router-2", false),
            (send, "spiffe://hongyan.test/callers/x", false),
            (send, "spiffe://elsewhere.test/caller/x", false),
            (send, "spiffe://hongyan.test/operator/li", false),
            (
                "/hongyan.audit.v1.AuditService/Query",
                "spiffe://hongyan.test/operator/li",
                true,
            ),
            (
                "/hongyan.audit.v1.AuditService/Append",
                "spiffe://hongyan.test/operator/li",
                false,
            ),
            ("/nobody.v1.Knows/It", "spiffe://hongyan.test/operator/li", false),
        ] {
            let caller: SpiffeId = caller.parse().unwrap();
            assert_eq!(table.allows(method, &caller), allowed, "{caller} {method}");
        }
    }

    #[test]
    fn an_empty_table_denies_everything() {
        let caller = "spiffe://hongyan.test/operator/li".parse().unwrap();
        assert!(!MethodTable::default().allows("/a.B/C", &caller));
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let bad = "/a.B/C: [spiffe://x.test/*]\nnot-a-method: []\n/a.B/D:\n  - spiffe://x.test/svc/a\n  - https://x\n";
        let lines: Vec<u64> = MethodTable::parse(bad)
            .unwrap_err()
            .0
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [1, 5, 2]);
        MethodTable::parse("/a.B/C: 3\n").unwrap_err();
        MethodTable::parse("[").unwrap_err();
    }
}
