//! Keyword rules.

use std::collections::BTreeMap;

use hongyan_domain::RuleName;
use serde_saphyr::Spanned;

use super::Notes;
use crate::{KeywordRule, Keywords, OptOut, keyword, raw};

const MAX_RULES: usize = 512;
const MAX_PATTERN_OCTETS: usize = 256;
const MAX_WORDS: usize = 64;
const MAX_WORD_CHARS: usize = 20;

/// A tenant's rules with what they refer to.
pub(super) fn check(tenant: &raw::Tenant, notes: &mut Notes<'_>) -> Keywords {
    let raw = &tenant.keywords;
    notes.bound("keyword rules of one tenant", raw.rules.len(), MAX_RULES);
    let template = |given: &Spanned<String>, notes: &mut Notes<'_>| {
        if !tenant.templates.contains_key(&given.value) {
            notes.add(
                given,
                format!("template {:?} is not one of this tenant's", given.value),
            );
        }
        given.value.clone()
    };
    let mut first_lines: BTreeMap<&str, u64> = BTreeMap::new();
    let mut rules = Vec::new();
    for rule in raw.rules.iter().take(MAX_RULES) {
        if let Err(error) = RuleName::parse(&rule.name.value) {
            notes.add(&rule.name, error.to_string());
        }
        if let Some(first) = first_lines.insert(&rule.name.value, rule.name.referenced.line()) {
            notes.add(
                &rule.name,
                format!(
                    "rule {:?} is declared twice, first in line {first}",
                    rule.name.value
                ),
            );
        }
        if !(1..=MAX_PATTERN_OCTETS).contains(&rule.pattern.value.len()) {
            notes.add(
                &rule.pattern,
                format!("a pattern must be 1 to {MAX_PATTERN_OCTETS} octets"),
            );
        }
        let fields = keyword::pattern_fields(&rule.pattern.value).unwrap_or_else(|reason| {
            notes.add(&rule.pattern, reason);
            Vec::new()
        });
        if let Some(handler) = &rule.handler
            && !tenant.handlers.contains_key(&handler.value)
        {
            notes.add(
                handler,
                format!("handler {:?} is not one of this tenant's", handler.value),
            );
        }
        rules.push(KeywordRule {
            name: rule.name.value.clone(),
            pattern: rule.pattern.value.clone(),
            fields,
            handler: rule.handler.as_ref().map(|handler| handler.value.clone()),
            template: template(&rule.template, notes),
            place: notes.at(&rule.pattern),
        });
    }
    Keywords {
        rules,
        help_template: raw.help_template.as_ref().map(|given| template(given, notes)),
        apology_template: raw.apology_template.as_ref().map(|given| template(given, notes)),
        opt_out: raw.opt_out.as_ref().map(|opt_out| OptOut {
            words: words(&opt_out.words, notes),
            template: opt_out.template.as_ref().map(|given| template(given, notes)),
        }),
    }
}

fn words(raw: &[Spanned<String>], notes: &mut Notes<'_>) -> Vec<String> {
    notes.bound("opt-out words of one tenant", raw.len(), MAX_WORDS);
    for word in raw {
        let chars = word.value.chars().count();
        if !(1..=MAX_WORD_CHARS).contains(&chars) || word.value.trim() != word.value {
            notes.add(
                word,
                format!(
                    "an opt-out word must be 1 to {MAX_WORD_CHARS} characters without spaces around them"
                ),
            );
        }
    }
    raw.iter()
        .take(MAX_WORDS)
        .map(|word| word.value.clone())
        .collect()
}
