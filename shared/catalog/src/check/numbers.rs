//! Access numbers: a tenant's own, and what tenants must not share.

use serde_saphyr::Spanned;

use super::{Notes, values};
use crate::{AccessNumber, MAX_SOURCE_DIGITS, raw};

const MAX_ACCESS_NUMBERS: usize = 1024;

/// A number as one tenant declared it.
pub(super) struct Claim {
    tenant: String,
    number: Spanned<String>,
    extension_digits: usize,
}

/// A tenant's numbers; what it declared is added to the claims.
pub(super) fn check(
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
        if !access_number(&entry.number, notes) {
            continue;
        }
        let room = (MAX_SOURCE_DIGITS - entry.number.value.len()) as u64;
        let extension_digits = values::number(
            entry.extension_digits.as_ref(),
            "extension_digits",
            0..=room,
            0,
            notes,
        );
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
pub(super) fn overlaps(claims: &[Claim], notes: &mut Notes<'_>) {
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
                    format!(
                        "access number {} is declared twice, first in line {line}",
                        longer.number.value
                    ),
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

/// What a carrier assigns, as the domain has it.
pub(super) fn access_number(number: &Spanned<String>, notes: &mut Notes<'_>) -> bool {
    hongyan_domain::AccessNumber::parse(&number.value)
        .map_err(|error| notes.add(number, error.to_string()))
        .is_ok()
}
