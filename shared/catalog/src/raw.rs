//! The files as they are written, before anything is checked beyond their shape.

pub(crate) mod codes;
pub(crate) mod links;
pub(crate) mod routes;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

pub(crate) use links::{Link, LinksFile};
pub(crate) use routes::RoutesFile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantsFile {
    pub(crate) tenants: Vec<Tenant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tenant {
    pub(crate) id: Spanned<String>,
    #[serde(default)]
    pub(crate) callers: Vec<Spanned<String>>,
    pub(crate) signatures: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(crate) access_numbers: Vec<AccessNumber>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) templates: BTreeMap<String, Spanned<Template>>,
    #[serde(default)]
    pub(crate) keywords: Keywords,
    #[serde(default)]
    pub(crate) handlers: BTreeMap<String, Spanned<Handler>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessNumber {
    pub(crate) number: Spanned<String>,
    #[serde(default)]
    pub(crate) extension_digits: Option<Spanned<u64>>,
    #[serde(default)]
    pub(crate) carriers: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) otp: Option<Spanned<Vec<Window>>>,
    pub(crate) notice: Option<Spanned<Vec<Window>>>,
    pub(crate) queue_depth: Option<Spanned<u64>>,
    pub(crate) verify_per_second: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    pub(crate) max: Spanned<u64>,
    pub(crate) per_seconds: Spanned<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Template {
    pub(crate) text: Spanned<String>,
    #[serde(default)]
    pub(crate) class: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keywords {
    pub(crate) rules: Vec<Rule>,
    pub(crate) help_template: Option<Spanned<String>>,
    pub(crate) apology_template: Option<Spanned<String>>,
    pub(crate) opt_out: Option<OptOut>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) name: Spanned<String>,
    pub(crate) pattern: Spanned<String>,
    #[serde(default)]
    pub(crate) handler: Option<Spanned<String>>,
    pub(crate) template: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptOut {
    #[serde(default)]
    pub(crate) words: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) template: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handler {
    pub(crate) address: Spanned<String>,
    pub(crate) spiffe_id: Spanned<String>,
    #[serde(default)]
    pub(crate) deadline_ms: Option<Spanned<u64>>,
}
