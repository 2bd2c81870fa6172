//! `tenants.yaml`: a tenant's own entries, then what tenants must not share.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hongyan_domain::{HandlerName, TemplateId, TenantId, text};
use serde_saphyr::Spanned;

use super::{Notes, keywords, numbers, values};
use crate::{Catalog, Handler, Limits, Template, Tenant, Window, raw};

const MAX_TENANTS: usize = 4096;
const MAX_CALLERS: usize = 256;
const MAX_SIGNATURES: usize = 256;
const MAX_SIGNATURE_CHARS: usize = 20;
const MAX_TEMPLATES: usize = 4096;
const MAX_HANDLERS: usize = 256;
const MAX_WINDOWS: usize = 8;
const SEVEN_DAYS_SECONDS: u64 = 7 * 86_400;

/// Fills the catalog's tenants and the ways to find them.
pub(super) fn check(file: raw::TenantsFile, catalog: &mut Catalog, notes: &mut Notes<'_>) {
    notes.bound("tenants", file.tenants.len(), MAX_TENANTS);
    let mut first_lines: BTreeMap<String, u64> = BTreeMap::new();
    let mut callers: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut claims: Vec<numbers::Claim> = Vec::new();
    for raw in file.tenants.into_iter().take(MAX_TENANTS) {
        let id = raw.id.value.clone();
        if let Some(first) = first_lines.insert(id.clone(), raw.id.referenced.line()) {
            notes.add(
                &raw.id,
                format!("tenant {id:?} is declared twice, first in line {first}"),
            );
            continue;
        }
        for caller in &raw.callers {
            claim_caller(caller, &id, &mut callers, notes);
        }
        let tenant_id = TenantId::parse(&id)
            .map_err(|error| notes.add(&raw.id, error.to_string()))
            .ok();
        let signatures = signatures(&raw.signatures, notes);
        let access_numbers = numbers::check(&raw.access_numbers, &id, &mut claims, notes);
        let longest = signatures
            .iter()
            .max_by_key(|signature| signature.encode_utf16().count());
        let templates = templates(&raw.templates, longest.map_or("", String::as_str), notes);
        let handlers = handlers(&raw.handlers, notes);
        let limits = limits(&raw.limits, notes);
        let keywords = keywords::check(&raw, notes);
        notes.bound("callers of one tenant", raw.callers.len(), MAX_CALLERS);
        let Some(tenant_id) = tenant_id else { continue };
        for (index, number) in access_numbers.iter().enumerate() {
            catalog
                .access_numbers
                .insert(number.number.clone(), (tenant_id.clone(), index));
        }
        for caller in &raw.callers {
            catalog.callers.insert(caller.value.clone(), tenant_id.clone());
        }
        let tenant = Tenant {
            id: tenant_id.clone(),
            callers: raw.callers.into_iter().map(|caller| caller.value).collect(),
            signatures,
            access_numbers,
            limits,
            templates,
            keywords,
            handlers,
        };
        catalog.tenants.insert(tenant_id, tenant);
    }
    numbers::overlaps(&claims, notes);
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
            format!(
                "caller {:?} must be a SPIFFE id such as spiffe://example.org/caller/claims",
                caller.value
            ),
        );
        return;
    }
    let claim = (tenant.to_owned(), caller.referenced.line());
    if let Some((other, line)) = callers.insert(caller.value.clone(), claim) {
        notes.add(
            caller,
            format!(
                "caller {:?} speaks for tenant {other:?} already, in line {line}",
                caller.value
            ),
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
                format!(
                    "a signature must be 1 to {MAX_SIGNATURE_CHARS} characters without brackets and spaces"
                ),
            );
        }
        if !seen.insert(&signature.value) {
            notes.add(signature, format!("signature {:?} stands twice", signature.value));
        }
    }
    raw.value
        .iter()
        .map(|signature| signature.value.clone())
        .collect()
}

fn templates(
    raw: &BTreeMap<String, Spanned<raw::Template>>,
    longest_signature: &str,
    notes: &mut Notes<'_>,
) -> BTreeMap<String, Template> {
    notes.bound("templates of one tenant", raw.len(), MAX_TEMPLATES);
    let mut templates = BTreeMap::new();
    for (id, template) in raw.iter().take(MAX_TEMPLATES) {
        if let Err(error) = TemplateId::parse(id) {
            notes.add(template, error.to_string());
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
                format!(
                    "template {id:?} begins with a signature; it is put in front when a message is accepted"
                ),
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

fn handlers(
    raw: &BTreeMap<String, Spanned<raw::Handler>>,
    notes: &mut Notes<'_>,
) -> BTreeMap<String, Handler> {
    notes.bound("handlers of one tenant", raw.len(), MAX_HANDLERS);
    let mut handlers = BTreeMap::new();
    for (name, handler) in raw.iter().take(MAX_HANDLERS) {
        if let Err(error) = HandlerName::parse(name) {
            notes.add(handler, error.to_string());
        }
        let handler = &handler.value;
        if !values::is_address(&handler.address.value) {
            notes.add(
                &handler.address,
                format!("address {:?} must be host:port", handler.address.value),
            );
        }
        if !values::is_spiffe_id(&handler.spiffe_id.value) {
            notes.add(
                &handler.spiffe_id,
                format!("spiffe_id {:?} must be a SPIFFE id", handler.spiffe_id.value),
            );
        }
        let deadline = values::number(
            handler.deadline_ms.as_ref(),
            "deadline_ms",
            10..=60_000,
            3_000,
            notes,
        );
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
        let seconds = values::number(
            Some(&window.per_seconds),
            "per_seconds",
            1..=SEVEN_DAYS_SECONDS,
            1,
            notes,
        );
        let period = Duration::from_secs(seconds);
        if windows.iter().any(|earlier| earlier.period == period) {
            notes.add(
                &window.per_seconds,
                format!("{what} has two windows of {seconds} seconds"),
            );
        }
        windows.push(Window {
            max: max as u32,
            period,
        });
    }
    windows.sort_by_key(|window| window.period);
    windows
}
