//! What a reply says.

use std::collections::HashMap;

use hongyan_catalog::{Template, Tenant};
use hongyan_domain::text;

/// The apology of a tenant that declares none: a subscriber who asked is never left without a word.
pub const DEFAULT_APOLOGY: &str = "系统繁忙，暂时无法答复您的短信，请稍后再试。";
/// The help text of a tenant that declares none.
pub const DEFAULT_HELP: &str = "您的短信格式有误，未能识别，请核对后重新发送。";

/// Why an answer makes no reply. Names templates and parameters, never their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The handler named a template that the tenant does not have.
    #[error("the tenant has no template {template}")]
    NoTemplate {
        /// As named, made printable and short.
        template: String,
    },
    /// A parameter of the template was not given.
    #[error("template {template} needs the parameters {missing:?}")]
    Missing {
        /// The template's id.
        template: String,
        /// The parameters.
        missing: Vec<String>,
    },
    /// Too long with its signature.
    #[error("template {template}, filled, {too_long}")]
    TooLong {
        /// The template's id.
        template: String,
        /// How long it is.
        too_long: text::TooLong,
    },
}

impl ReplyError {
    /// The label in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoTemplate { .. } => "no_template",
            Self::Missing { .. } => "missing_parameter",
            Self::TooLong { .. } => "too_long",
        }
    }
}

/// Fills one of the tenant's templates. Values that the template has no place for are left out: a handler may know more
/// than a template says. The text is without signature, which dispatch puts in front; its room is counted.
pub(crate) fn fill(
    tenant: &Tenant,
    template_id: &str,
    values: &HashMap<String, String>,
) -> Result<String, ReplyError> {
    let template = tenant
        .template(template_id)
        .ok_or_else(|| ReplyError::NoTemplate {
            template: printable(template_id),
        })?;
    let wanted = wanted(template, values);
    let filled = template.fill(&wanted).map_err(|error| ReplyError::Missing {
        template: template_id.to_owned(),
        missing: error.missing,
    })?;
    fits(tenant, template_id, filled)
}

/// The tenant's help text.
pub fn help(tenant: &Tenant) -> String {
    own_text(tenant, tenant.keywords.help_template.as_deref(), DEFAULT_HELP)
}

/// The tenant's apology.
pub fn apology(tenant: &Tenant) -> String {
    own_text(
        tenant,
        tenant.keywords.apology_template.as_deref(),
        DEFAULT_APOLOGY,
    )
}

/// What confirms an opt-out; `None` where the tenant declares no confirmation.
pub fn opt_out_confirmation(tenant: &Tenant) -> Option<String> {
    let template = tenant.keywords.opt_out.as_ref()?.template.as_deref()?;
    fill(tenant, template, &HashMap::new()).ok()
}

fn own_text(tenant: &Tenant, template: Option<&str>, default: &str) -> String {
    template
        .and_then(|template| fill(tenant, template, &HashMap::new()).ok())
        .unwrap_or_else(|| default.to_owned())
}

fn wanted(template: &Template, values: &HashMap<String, String>) -> HashMap<String, String> {
    template
        .parameters()
        .filter_map(|name| Some((name.to_owned(), values.get(name)?.clone())))
        .collect()
}

fn fits(tenant: &Tenant, template_id: &str, filled: String) -> Result<String, ReplyError> {
    let signed = format!("【{}】{filled}", tenant.default_signature());
    match text::segments(&signed) {
        Ok(_) => Ok(filled),
        Err(too_long) => Err(ReplyError::TooLong {
            template: template_id.to_owned(),
            too_long,
        }),
    }
}

/// What a handler named, fit for a log line.
fn printable(name: &str) -> String {
    const MAX_CHARS: usize = 64;
    name.chars()
        .take(MAX_CHARS)
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '?'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{DEFAULT_APOLOGY, DEFAULT_HELP, ReplyError, apology, fill, help, opt_out_confirmation};
    use crate::testing::{self, tenant};

    fn values(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_template_is_filled_and_what_it_has_no_place_for_is_left_out() {
        let catalog = testing::catalog();
        let filled = fill(
            tenant(&catalog),
            "balance",
            &values(&[("balance", "12.50"), ("secret", "x")]),
        );
        assert_eq!(filled.unwrap(), "余额12.50元。");
    }

    #[test]
    fn what_cannot_be_said_is_an_error_without_the_values() {
        let catalog = testing::catalog();
        let missing = fill(tenant(&catalog), "balance", &values(&[("other", "7")])).unwrap_err();
        assert_eq!(
            missing.to_string(),
            r#"template balance needs the parameters ["balance"]"#
        );
        let none = fill(tenant(&catalog), "no\nsuch", &HashMap::new()).unwrap_err();
        assert_eq!(none.to_string(), "the tenant has no template no?such");
        let long = "9".repeat(500);
        let error = fill(tenant(&catalog), "balance", &values(&[("balance", &long)])).unwrap_err();
        assert!(matches!(error, ReplyError::TooLong { .. }), "{error}");
        assert!(!error.to_string().contains("999"), "{error}");
    }

    #[test]
    fn the_signature_takes_its_room() {
        let catalog = testing::catalog();
        // 402 units in all: four of the template's own, 【测试】 is four more.
        let room = 402 - 4 - 4;
        assert!(
            fill(
                tenant(&catalog),
                "balance",
                &values(&[("balance", &"9".repeat(room))])
            )
            .is_ok()
        );
        assert!(
            fill(
                tenant(&catalog),
                "balance",
                &values(&[("balance", &"9".repeat(room + 1))])
            )
            .is_err()
        );
    }

    #[test]
    fn there_is_always_a_help_text_and_an_apology() {
        let catalog = testing::catalog();
        assert_eq!(help(tenant(&catalog)), "回复SBYE#卡号。");
        assert_eq!(apology(tenant(&catalog)), "请稍后再试。");
        assert_eq!(
            opt_out_confirmation(tenant(&catalog)).as_deref(),
            Some("已退订。")
        );
        let bare = testing::catalog_of(testing::BARE);
        assert_eq!(help(tenant(&bare)), DEFAULT_HELP);
        assert_eq!(apology(tenant(&bare)), DEFAULT_APOLOGY);
        assert_eq!(opt_out_confirmation(tenant(&bare)), None);
    }
}
