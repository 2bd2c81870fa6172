//! `routes.yaml` as it is written.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_saphyr::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoutesFile {
    pub(crate) routes: Vec<Route>,
    #[serde(default)]
    pub(crate) fallback: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    pub(crate) prefixes: Vec<Prefix>,
    #[serde(default)]
    pub(crate) ported: Vec<Ported>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) carrier: Spanned<String>,
    #[serde(default)]
    pub(crate) class: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) links: Spanned<Vec<Spanned<RouteLink>>>,
    #[serde(default)]
    pub(crate) fallback: Option<Spanned<Vec<Spanned<String>>>>,
}

/// A link's name, or its name and its share.
#[derive(Debug)]
pub(crate) struct RouteLink {
    pub(crate) name: String,
    pub(crate) weight: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prefix {
    pub(crate) prefix: Spanned<String>,
    pub(crate) carrier: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ported {
    pub(crate) number: Spanned<String>,
    pub(crate) carrier: Spanned<String>,
}

impl<'de> Deserialize<'de> for RouteLink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RouteLinkVisitor)
    }
}

struct RouteLinkVisitor;

impl<'de> Visitor<'de> for RouteLinkVisitor {
    type Value = RouteLink;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a link's name, or its name and weight")
    }

    fn visit_str<E>(self, name: &str) -> Result<RouteLink, E> {
        Ok(RouteLink {
            name: name.to_owned(),
            weight: None,
        })
    }

    /// A name of digits alone looks like a number.
    fn visit_u64<E: serde::de::Error>(self, name: u64) -> Result<RouteLink, E> {
        self.visit_str(&name.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RouteLink, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Weighted {
            name: String,
            weight: u64,
        }
        let Weighted { name, weight } = Weighted::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RouteLink {
            name,
            weight: Some(weight),
        })
    }
}
