//! Any parts in any order: the bounds hold, and no part is lost silently.

use bytes::Bytes;
use hongyan_carrier_wire::concat::{Concat, Reference};
use hongyan_carrier_wire::reassembly::{Added, Assembled, Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::text::Coding;

use super::source::Source;

const CODINGS: [Coding; 8] = [
    Coding::Ascii,
    Coding::Gsm7,
    Coding::Gsm7Packed,
    Coding::Latin1,
    Coding::Ucs2,
    Coding::Gbk,
    Coding::Gb18030,
    Coding::Other(4),
];

/// Parts of one story.
const MAX_PARTS: usize = 500;

/// Parts taken from the octets.
pub(crate) fn reassembling(octets: &[u8]) {
    let limits = Limits {
        max_messages: 4,
        max_octets: 300,
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
        let coding = *source.pick(&CODINGS);
        let text = Bytes::copy_from_slice(source.some());
        let (coding, text) = coding.without_header(reference.header_len(), text);
        let body = PartBody { coding, text };
        // Now and then a key that was made from another numbering.
        let keyed_total = total + u8::from(sender == 0xff);
        let key = PartKey::new("l", &(sender % 4).to_string(), "1", reference, keyed_total);
        match waiting.add(&key, concat, &body, now_ms, &mut handed_out) {
            Added::Complete(message) => {
                added += 1;
                assert!(message.is_complete());
                handed_out.push(message);
            }
            Added::Waiting | Added::TooLarge => added += 1,
            Added::Duplicate => {}
            Added::NotOfThisKey => assert_ne!(keyed_total, total),
        }
        handed_out.extend(waiting.expire(now_ms));
        assert!(waiting.len() <= limits.max_messages && waiting.octets() <= limits.max_octets);
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
