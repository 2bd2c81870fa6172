//! Whole texts out of their parts.

use hongyan_carrier_wire::reassembly::{Added, Assembled, Limits, PartKey, Reassembler};
use hongyan_carrier_wire::text::Decoded;

use super::messages::{Kept, Taken};

/// Puts the accepted messages together to whole texts, in the order in which they became whole; what stays
/// incomplete comes last, with `…` in its gaps. Messages whose content was not kept are left out.
pub(in super::super) fn texts<'a>(messages: impl Iterator<Item = (&'a Taken, &'a Kept)>) -> Vec<String> {
    let limits = Limits {
        max_age_ms: u64::MAX,
        ..Limits::default()
    };
    let mut parts = Reassembler::new(limits);
    let mut whole = Vec::new();
    let mut pushed_out = Vec::new();
    for (taken, kept) in messages.filter(|(taken, _)| taken.result == 0) {
        let body = taken.body(kept);
        let Some(concat) = taken.numbering.concat else {
            if let Decoded::Text { text, .. } = body.coding.decode(&body.text) {
                whole.push(text);
            }
            continue;
        };
        let number = String::from_utf8_lossy(taken.number.as_bytes());
        let key = PartKey::new(
            "",
            &taken.source.to_text(),
            &number,
            concat.reference(),
            concat.total(),
        );
        if let Added::Complete(assembled) = parts.add(&key, concat, &body, 0, &mut pushed_out) {
            whole.extend(assembled.text("…"));
        }
    }
    let incomplete = pushed_out.into_iter().chain(parts.expire(u64::MAX));
    whole.extend(incomplete.filter_map(|assembled: Assembled| assembled.text("…")));
    whole
}
