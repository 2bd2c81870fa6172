//! `tenants.yaml`: a tenant's own entries, then what tenants must not share.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hongyan_domain::{TenantId, text};
use serde_saphyr::Spanned;

use super::{Notes, links, values};
use crate::{
    AccessNumber, Catalog, Handler, KeywordRule, Keywords, Limits, MAX_SOURCE_DIGITS, OptOut, Template, Tenant, Window,
    keyword, raw,
};

const MAX_TENANTS: usize = 4096;
const MAX_CALLERS: usize = 256;
const MAX_SIGNATURES: usize = 256;
const MAX_SIGNATURE_CHARS: usize = 20;
const MAX_ACCESS_NUMBERS: usize = 1024;
const MAX_TEMPLATES: usize = 4096;
const MAX_RULES: usize = 512;
const MAX_HANDLERS: usize = 256;
const MAX_WORDS: usize = 64;
const MAX_WORD_CHARS: usize = 20;
const MAX_PATTERN_OCTETS: usize = 256;
const MAX_WINDOWS: usize = 8;
const SEVEN_DAYS_SECONDS: u64 = 7 * 86_400;

/// Fills the catalog's tenants and the ways to find them.
pub(super) fn check(file: raw::TenantsFile, catalog: &mut Catalog, notes: &mut Notes<'_>) {
    notes.bound("tenants", file.tenants.len(), MAX_TENANTS);
    let mut first_lines: BTreeMap<String, u64> = BTreeMap::new();
    let mut callers: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut numbers: Vec<Claim> = Vec::new();
    for raw in file.tenants.into_iter().take(MAX_TENANTS) {
        let id = raw.id.value.clone();
        if let Some(first) = first_lines.insert(id.clone(), raw.id.referenced.line()) {
            notes.add(&raw.id, format!("tenant {id:?} is declared twice, first in line {first}"));
            continue;
        }
        for caller in &raw.callers {
            claim_caller(caller, &id, &mut callers, notes);
        }
        let tenant_id = TenantId::parse(&id)
            .map_err(|error| notes.add(&raw.id, error.to_string()))
            .ok();
        let signatures = signatures(&raw.signatures, notes);
        let access_numbers = access_numbers(&raw.access_numbers, &id, &mut numbers, notes);
        let longest = signatures.iter().max_by_key(|signature| signature.encode_utf16().count());
        let templates = templates(&raw.templates, longest.map_or("", String::as_str), notes);
        let handlers = handlers(&raw.handlers, notes);
        let limits = limits(&raw.limits, notes);
        let keywords = keywords(&raw, notes);
        notes.bound("callers of one tenant", raw.callers.len(), MAX_CALLERS);
        let Some(tenant_id) = tenant_id else { continue };
        for (index, number) in access_numbers.iter().enumerate() {
            catalog
                .access_numbers
                .insert(number.number.clone(), (id.clone(), index));
        }
        for caller in &raw.callers {
            catalog.callers.insert(caller.value.clone(), id.clone());
        }
        let tenant = Tenant {
            id: tenant_id,
            callers: raw.callers.into_iter().map(|caller| caller.value).collect(),
            signatures,
            access_numbers,
            limits,
            templates,
            keywords,
            handlers,
        };
        catalog.tenants.insert(id, tenant);
    }
    overlaps(&numbers, notes);
}

fn claim_caller(
    caller: &Spanned<String>,
    tenant: &str,
    callers: &mut BTreeMap<String, (String, u64)>,
    notes: &mut Notes<'_>,
) {
    if !values::is_spiffe_id(&caller.value) {
        notes.add(
            caller,
            format!("caller {:?} must be a SPIFFE id such as spiffe://example.org/caller/claims", caller.value),
        );
        return;
    }
    let claim = (tenant.to_owned(), caller.referenced.line());
    if let Some((other, line)) = callers.insert(caller.value.clone(), claim) {
        notes.add(
            caller,
            format!("caller {:?} speaks for tenant {other:?} already, in line {line}", caller.value),
        );
    }
}

fn signatures(raw: &Spanned<Vec<Spanned<String>>>, notes: &mut Notes<'_>) -> Vec<String> {
    if !(1..=MAX_SIGNATURES).contains(&raw.value.len()) {
        notes.add(raw, format!("a tenant needs 1 to {MAX_SIGNATURES} signatures"));
    }
    let mut seen = BTreeSet::new();
    for signature in &raw.value {
        let chars = signature.value.chars().count();
        let plain = signature
            .value
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && c != '【' && c != '】');
        if !(1..=MAX_SIGNATURE_CHARS).contains(&chars) || !plain {
            notes.add(
                signature,
                format!("a signature must be 1 to {MAX_SIGNATURE_CHARS} characters without brackets and spaces"),
            );
        }
        if !seen.insert(&signature.value) {
            notes.add(signature, format!("signature {:?} stands twice", signature.value));
        }
    }
    raw.value.iter().map(|signature| signature.value.clone()).collect()
}

/// A number as one tenant declared it.
struct Claim {
    tenant: String,
    number: Spanned<String>,
    extension_digits: usize,
}

fn access_numbers(
    raw: &[raw::AccessNumber],
    tenant: &str,
    claims: &mut Vec<Claim>,
    notes: &mut Notes<'_>,
) -> Vec<AccessNumber> {
    notes.bound("access numbers of one tenant", raw.len(), MAX_ACCESS_NUMBERS);
    let mut numbers = Vec::new();
    for entry in raw.iter().take(MAX_ACCESS_NUMBERS) {
        let carriers = entry
            .carriers
            .iter()
            .filter_map(|carrier| values::carrier(carrier, notes))
            .collect();
        if !links::access_number(&entry.number, notes) {
            continue;
        }
        let room = (MAX_SOURCE_DIGITS - entry.number.value.len()) as u64;
        let extension_digits =
            values::number(entry.extension_digits.as_ref(), "extension_digits", 0..=room, 0, notes);
        claims.push(Claim {
            tenant: tenant.to_owned(),
            number: entry.number.clone(),
            extension_digits: extension_digits as usize,
        });
        numbers.push(AccessNumber {
            number: entry.number.value.clone(),
            extension_digits: extension_digits as u8,
            carriers,
        });
    }
    numbers
}

/// Two numbers overlap when a subscriber could dial something that both could be. Within one tenant the longer one
/// wins, which is a use; between tenants it would be a leak.
fn overlaps(claims: &[Claim], notes: &mut Notes<'_>) {
    // Sorted, all numbers that begin with another one follow it directly.
    let mut sorted: Vec<&Claim> = claims.iter().collect();
    sorted.sort_by(|a, b| a.number.value.cmp(&b.number.value));
    for (index, shorter) in sorted.iter().enumerate() {
        let begin_alike = sorted[index + 1..]
            .iter()
            .take_while(|longer| longer.number.value.starts_with(&shorter.number.value));
        for longer in begin_alike {
            let reach = shorter.number.value.len() + shorter.extension_digits;
            let same = shorter.number.value == longer.number.value;
            let line = shorter.number.referenced.line();
            if same && shorter.tenant == longer.tenant {
                notes.add(
                    &longer.number,
                    format!("access number {} is declared twice, first in line {line}", longer.number.value),
                );
            } else if shorter.tenant != longer.tenant && longer.number.value.len() <= reach {
                notes.add(
                    &longer.number,
                    format!(
                        "access number {} overlaps {} of tenant {:?} in line {line}",
                        longer.number.value, shorter.number.value, shorter.tenant
                    ),
                );
            }
        }
    }
}

fn templates(
    raw: &BTreeMap<String, Spanned<raw::Template>>,
    longest_signature: &str,
    notes: &mut Notes<'_>,
) -> BTreeMap<String, Template> {
    notes.bound("templates of one tenant", raw.len(), MAX_TEMPLATES);
    let mut templates = BTreeMap::new();
    for (id, template) in raw.iter().take(MAX_TEMPLATES) {
        if !values::is_name(id) {
            notes.add(template, name_reason("template", id));
        }
        let spot = &template.value.text;
        let class = template
            .value
            .class
            .as_ref()
            .and_then(|class| values::class(class, notes));
        if spot.value.trim().is_empty() {
            notes.add(spot, format!("template {id:?} has no text"));
            continue;
        }
        if spot.value.starts_with('【') {
            notes.add(
                spot,
                format!("template {id:?} begins with a signature; it is put in front when a message is accepted"),
            );
        }
        match Template::parse(&spot.value, class) {
            Err(reason) => notes.add(spot, format!("template {id:?}: {reason}")),
            Ok(parsed) => {
                let least = format!("【{longest_signature}】{}", parsed.literal_text());
                if text::segments(&least).is_err() {
                    notes.add(
                        spot,
                        format!("template {id:?} is longer than six segments, even with empty parameters"),
                    );
                }
                templates.insert(id.clone(), parsed);
            }
        }
    }
    templates
}

fn name_reason(what: &str, name: &str) -> String {
    format!("{what} {name:?} must be named by 1 to 64 lower-case letters, digits, '-', '_' and '.'")
}

fn handlers(raw: &BTreeMap<String, Spanned<raw::Handler>>, notes: &mut Notes<'_>) -> BTreeMap<String, Handler> {
    notes.bound("handlers of one tenant", raw.len(), MAX_HANDLERS);
    let mut handlers = BTreeMap::new();
    for (name, handler) in raw.iter().take(MAX_HANDLERS) {
        if !values::is_name(name) {
            notes.add(handler, name_reason("handler", name));
        }
        let handler = &handler.value;
        if !values::is_address(&handler.address.value) {
            notes.add(&handler.address, format!("address {:?} must be host:port", handler.address.value));
        }
        if !values::is_spiffe_id(&handler.spiffe_id.value) {
            notes.add(
                &handler.spiffe_id,
                format!("spiffe_id {:?} must be a SPIFFE id", handler.spiffe_id.value),
            );
        }
        let deadline = values::number(handler.deadline_ms.as_ref(), "deadline_ms", 10..=60_000, 3_000, notes);
        handlers.insert(
            name.clone(),
            Handler {
                address: handler.address.value.clone(),
                spiffe_id: handler.spiffe_id.value.clone(),
                deadline: Duration::from_millis(deadline),
            },
        );
    }
    handlers
}

fn limits(raw: &raw::Limits, notes: &mut Notes<'_>) -> Limits {
    let default = Limits::default();
    let mut windows = |given: Option<&Spanned<Vec<raw::Window>>>, what, default: Vec<Window>| {
        given.map_or(default, |given| windows(given, what, notes))
    };
    let otp = windows(raw.otp.as_ref(), "otp", default.otp);
    let notice = windows(raw.notice.as_ref(), "notice", default.notice);
    let queue_depth = values::number(
        raw.queue_depth.as_ref(),
        "queue_depth",
        1..=100_000_000,
        default.queue_depth,
        notes,
    );
    let verify_per_second = values::number(
        raw.verify_per_second.as_ref(),
        "verify_per_second",
        1..=100_000,
        u64::from(default.verify_per_second),
        notes,
    );
    Limits {
        otp,
        notice,
        queue_depth,
        verify_per_second: verify_per_second as u32,
    }
}

fn windows(raw: &Spanned<Vec<raw::Window>>, what: &str, notes: &mut Notes<'_>) -> Vec<Window> {
    if !(1..=MAX_WINDOWS).contains(&raw.value.len()) {
        notes.add(raw, format!("{what} needs 1 to {MAX_WINDOWS} windows"));
    }
    let mut windows: Vec<Window> = Vec::new();
    for window in &raw.value {
        let max = values::number(Some(&window.max), "max", 1..=10_000, 1, notes);
        let seconds = values::number(Some(&window.per_seconds), "per_seconds", 1..=SEVEN_DAYS_SECONDS, 1, notes);
        let period = Duration::from_secs(seconds);
        if windows.iter().any(|earlier| earlier.period == period) {
            notes.add(&window.per_seconds, format!("{what} has two windows of {seconds} seconds"));
        }
        windows.push(Window {
            max: max as u32,
            period,
        });
    }
    windows.sort_by_key(|window| window.period);
    windows
}

fn keywords(tenant: &raw::Tenant, notes: &mut Notes<'_>) -> Keywords {
    let raw = &tenant.keywords;
    notes.bound("keyword rules of one tenant", raw.rules.len(), MAX_RULES);
    let template = |given: &Spanned<String>, notes: &mut Notes<'_>| {
        if !tenant.templates.contains_key(&given.value) {
            notes.add(given, format!("template {:?} is not one of this tenant's", given.value));
        }
        given.value.clone()
    };
    let mut first_lines: BTreeMap<&str, u64> = BTreeMap::new();
    let mut rules = Vec::new();
    for rule in raw.rules.iter().take(MAX_RULES) {
        if !values::is_name(&rule.name.value) {
            notes.add(&rule.name, name_reason("rule", &rule.name.value));
        }
        if let Some(first) = first_lines.insert(&rule.name.value, rule.name.referenced.line()) {
            notes.add(
                &rule.name,
                format!("rule {:?} is declared twice, first in line {first}", rule.name.value),
            );
        }
        if !(1..=MAX_PATTERN_OCTETS).contains(&rule.pattern.value.len()) {
            notes.add(&rule.pattern, format!("a pattern must be 1 to {MAX_PATTERN_OCTETS} octets"));
        }
        let fields = keyword::pattern_fields(&rule.pattern.value).unwrap_or_else(|reason| {
            notes.add(&rule.pattern, reason);
            Vec::new()
        });
        if let Some(handler) = &rule.handler
            && !tenant.handlers.contains_key(&handler.value)
        {
            notes.add(handler, format!("handler {:?} is not one of this tenant's", handler.value));
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
                format!("an opt-out word must be 1 to {MAX_WORD_CHARS} characters without spaces around them"),
            );
        }
    }
    raw.iter().take(MAX_WORDS).map(|word| word.value.clone()).collect()
}
