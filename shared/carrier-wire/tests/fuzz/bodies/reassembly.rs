//! Any parts in any order: the bounds hold, and no part is lost silently.

use bytes::Bytes;
use hongyan_carrier_wire::concat::{Concat, Reference, Udh, split};
use hongyan_carrier_wire::reassembly::{Added, Assembled, Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::text::Coding;

use super::source::Source;

/// Parts of one story.
const MAX_PARTS: usize = 500;

/// Parts taken from the octets, after the octets themselves were read as a header and split as a text.
pub(crate) fn reassembling(octets: &[u8]) {
    headers_and_splits(octets);
    let limits = Limits {
        max_messages: 4,
        max_octets: 2_000,
        max_age_ms: 500,
    };
    let mut source = Source::new(octets);
    let mut waiting = Reassembler::new(limits);
    let mut handed_out: Vec<Assembled> = Vec::new();
    let (mut now_ms, mut added) = (0u64, 0usize);
    for _ in 0..MAX_PARTS {
        if source.is_empty() {
            break;
        }
        now_ms += u64::from(source.u8());
        let (sender, wide, number) = (source.u8(), source.flag(), source.u8());
        let reference = if wide {
            Reference::Bits16(source.u16())
        } else {
            Reference::Bits8(source.u8() % 4)
        };
        let total = 2 + source.u8() % 5;
        let Some(concat) = Concat::new(reference, total, number % 8) else {
            continue;
        };
        let coding = Coding::of_msg_fmt(source.u8());
        let text = source.some();
        let body = PartBody {
            coding,
            text: Bytes::copy_from_slice(text.get(..140).unwrap_or(text)),
        };
        let key = PartKey::new("l", &(sender % 4).to_string(), "1", reference, total);
        match waiting.add(&key, concat, &body, now_ms, &mut handed_out) {
            Added::Complete(message) => {
                added += 1;
                assert!(message.is_complete());
                handed_out.push(message);
            }
            Added::Waiting => added += 1,
            Added::Duplicate => {}
        }
        handed_out.extend(waiting.expire(now_ms));
        assert!(waiting.len() <= 4 && waiting.octets() <= 2_000 + 255 * 204);
    }
    handed_out.extend(waiting.expire(u64::MAX));
    assert!(waiting.is_empty() && waiting.octets() == 0);
    let came_out: usize = handed_out
        .iter()
        .map(|message| message.parts.iter().flatten().count())
        .sum();
    assert_eq!(came_out, added, "every part that was taken comes out");
    for message in &handed_out {
        let _ = message.text("…");
    }
}

fn headers_and_splits(octets: &[u8]) {
    if let Ok(udh) = Udh::parse(octets) {
        assert!(udh.len <= octets.len());
        assert_eq!(udh.text(octets).len(), octets.len() - udh.len);
    }
    let text = String::from_utf8_lossy(octets);
    for coding in [Coding::Ucs2, Coding::Gbk, Coding::Ascii] {
        if let Ok(parts) = split(&text, coding, Reference::Bits8(1), u8::MAX) {
            assert!(parts.iter().all(|part| part.content.len() <= 159));
        }
    }
}
