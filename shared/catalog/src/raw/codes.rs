//! `codes.yaml` as it is written.

use serde::Deserialize;
use serde_saphyr::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodesFile {
    #[serde(default)]
    pub(crate) begin_with: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) codes: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) protocol: Spanned<String>,
    pub(crate) kind: Spanned<String>,
    pub(crate) code: Spanned<String>,
    #[serde(default)]
    pub(crate) status: Option<Spanned<String>>,
    pub(crate) cause: Spanned<String>,
    #[serde(default)]
    pub(crate) action: Option<Spanned<String>>,
    pub(crate) advice: Spanned<String>,
}
