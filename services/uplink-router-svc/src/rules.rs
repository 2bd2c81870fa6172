//! The catalog's keyword rules with their patterns read, and the mistakes in them that only this service can see.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use hongyan_catalog::{Catalog, CatalogError, KeywordRule, LiveCatalog, Place, Tenant};
use hongyan_domain::TenantId;

use crate::{
    grammar::{Folded, Match, Pattern, fold},
    optout,
};

/// The patterns of all tenants of one catalog.
#[derive(Debug, Default)]
pub struct Rulebook {
    digest: String,
    /// In the order of the tenant's rules.
    patterns: HashMap<TenantId, Vec<Pattern>>,
}

impl Rulebook {
    /// Reads the patterns of a catalog that passed [`check`].
    pub fn of(catalog: &Catalog) -> Self {
        let read = |tenant: &Tenant| {
            let rules = &tenant.keywords.rules;
            rules
                .iter()
                .map(|rule| Pattern::parse(&rule.pattern))
                .collect::<Result<Vec<_>, _>>()
        };
        Self {
            digest: catalog.digest().to_owned(),
            patterns: catalog
                .tenants()
                .filter_map(|tenant| Some((tenant.id.clone(), read(tenant).ok()?)))
                .collect(),
        }
    }

    /// The first of the tenant's rules that the text fits.
    pub fn find<'t>(&self, tenant: &'t Tenant, text: &Folded) -> Option<(&'t KeywordRule, Match)> {
        let patterns = self.patterns.get(&tenant.id)?;
        tenant
            .keywords
            .rules
            .iter()
            .zip(patterns)
            .find_map(|(rule, pattern)| Some((rule, pattern.matches(text)?)))
    }

    /// Whether any rule of the tenant has a secret: then a text that fits none may be a mistyped one.
    pub fn expects_secrets(&self, tenant: &Tenant) -> bool {
        self.patterns
            .get(&tenant.id)
            .is_some_and(|patterns| patterns.iter().any(Pattern::has_secret))
    }
}

/// The catalog now in force together with its rulebook, which is read once for each catalog.
#[derive(Debug)]
pub struct World {
    catalog: LiveCatalog,
    rulebook: Mutex<Arc<Rulebook>>,
}

impl World {
    /// Follows a catalog.
    pub fn new(catalog: LiveCatalog) -> Self {
        let rulebook = Mutex::new(Arc::new(Rulebook::of(&catalog.current())));
        Self { catalog, rulebook }
    }

    /// One catalog and the rules of just that catalog.
    pub fn current(&self) -> (Arc<Catalog>, Arc<Rulebook>) {
        let catalog = self.catalog.current();
        let mut rulebook = self.rulebook.lock().unwrap_or_else(PoisonError::into_inner);
        if rulebook.digest != catalog.digest() {
            *rulebook = Arc::new(Rulebook::of(&catalog));
        }
        let rules = Arc::clone(&rulebook);
        drop(rulebook);
        (catalog, rules)
    }
}

/// What is wrong with a catalog's keyword rules beyond what the catalog itself checks. A catalog with any of it is
/// refused whole.
pub fn check(catalog: &Catalog) -> Vec<CatalogError> {
    catalog.tenants().flat_map(check_tenant).collect()
}

fn check_tenant(tenant: &Tenant) -> Vec<CatalogError> {
    let keywords = &tenant.keywords;
    let opt_out = keywords.opt_out.as_ref();
    let own_words = opt_out.map_or(&[][..], |opt_out| &opt_out.words);
    let mut errors = Vec::new();
    for rule in &keywords.rules {
        let mut wrong = |reason: String| errors.push(CatalogError::new(rule.place.clone(), reason));
        match Pattern::parse(&rule.pattern) {
            Err(error) => wrong(error.to_string()),
            Ok(pattern) => {
                for parameter in unfilled(tenant, rule, &pattern) {
                    wrong(format!(
                        "template {:?} needs {parameter:?}, but rule {:?} has no handler and no field (other than a secret) \
                         of that name",
                        rule.template, rule.name
                    ));
                }
            }
        }
        if optout::is_opt_out(&fold(&rule.pattern), own_words) {
            wrong(format!("the pattern of rule {:?} is an opt-out word", rule.name));
        }
    }
    let bare = [
        ("help", keywords.help_template.as_deref()),
        ("apology", keywords.apology_template.as_deref()),
        ("opt-out", opt_out.and_then(|opt_out| opt_out.template.as_deref())),
    ];
    for (what, id) in bare {
        let template = id.and_then(|id| tenant.template(id));
        if template.is_some_and(|template| template.parameters().next().is_some()) {
            let place = Place {
                file: "tenants.yaml",
                line: 0,
            };
            let reason = format!(
                "tenant {:?}: the {what} template {:?} has parameters, which nobody fills",
                tenant.id.as_str(),
                id.unwrap_or_default()
            );
            errors.push(CatalogError::new(place, reason));
        }
    }
    errors
}

/// The parameters of a rule's template that nothing fills: a rule without handler has its plain fields alone.
fn unfilled<'t>(tenant: &'t Tenant, rule: &KeywordRule, pattern: &Pattern) -> Vec<&'t str> {
    if rule.handler.is_some() {
        return Vec::new();
    }
    let Some(template) = tenant.template(&rule.template) else {
        return Vec::new();
    };
    template
        .parameters()
        .filter(|parameter| !pattern.plain_fields().any(|field| field == *parameter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Rulebook, check};
    use crate::{
        grammar::fold,
        testing::{BARE, FULL, catalog, catalog_of, tenant},
    };

    #[test]
    fn the_first_rule_that_fits_decides() {
        let catalog = catalog();
        let book = Rulebook::of(&catalog);
        let rule = |text: &str| {
            book.find(tenant(&catalog), &fold(text))
                .map(|(rule, _)| rule.name.as_str())
        };
        assert_eq!(rule("sbye#62220202"), Some("balance"));
        assert_eq!(rule("62220202*1234"), Some("login"));
        assert_eq!(rule("SBYE#62220202*1234"), None);
        assert_eq!(rule("你好"), None);
        assert!(book.expects_secrets(tenant(&catalog)));
    }

    #[test]
    fn a_tenant_without_rules_has_none_that_fit() {
        let catalog = catalog_of(BARE);
        let book = Rulebook::of(&catalog);
        assert!(book.find(tenant(&catalog), &fold("SBYE#62220202")).is_none());
        assert!(!book.expects_secrets(tenant(&catalog)));
        assert!(check(&catalog).is_empty());
    }

    #[test]
    fn what_the_catalog_cannot_see_is_refused_with_its_line() {
        assert!(check(&catalog()).is_empty());
        let cases = [
            (
                "'SBYE#{card}'",
                "'SBYE#{card:plastic}'",
                "tenants.yaml:17",
                "plastic",
            ),
            ("'SBYE#{card}'", "'{card}{n}'", "tenants.yaml:17", "between them"),
            ("'SBYE#{card}'", "'ｔｄ'", "tenants.yaml:17", "opt-out word"),
            ("'SBYE#{card}'", "'停止'", "tenants.yaml:17", "opt-out word"),
            (
                "'WHAT {what}'",
                "'WHAT {whom}'",
                "tenants.yaml:19",
                "needs \"what\"",
            ),
            (
                "'WHAT {what}'",
                "'WHAT {what:secret}'",
                "tenants.yaml:19",
                "needs \"what\"",
            ),
            (
                "help_template: help",
                "help_template: balance",
                "tenants.yaml",
                "help template",
            ),
            (
                "apology_template: apology",
                "apology_template: balance",
                "tenants.yaml",
                "apology template",
            ),
            (
                "template: stopped",
                "template: balance",
                "tenants.yaml",
                "opt-out template",
            ),
        ];
        for (from, to, place, part) in cases {
            let errors = check(&catalog_of(&FULL.replace(from, to)));
            assert_eq!(errors.len(), 1, "{to}: {errors:?}");
            assert_eq!(errors[0].place.to_string(), place, "{to}");
            assert!(errors[0].reason.contains(part), "{to}: {}", errors[0].reason);
        }
    }
}
