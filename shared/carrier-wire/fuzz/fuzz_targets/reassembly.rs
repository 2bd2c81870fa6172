//! Any parts in any order: the bounds hold, and no part is lost silently.
#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use hongyan_carrier_wire::concat::{Concat, Reference, Udh, split};
use hongyan_carrier_wire::reassembly::{Added, Assembled, Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::text::Coding;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input {
    content: Vec<u8>,
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Arbitrary)]
struct Part {
    source: u8,
    reference: u16,
    wide: bool,
    total: u8,
    number: u8,
    msg_fmt: u8,
    text: Vec<u8>,
    wait_ms: u8,
}

fuzz_target!(|input: Input| {
    if let Ok(udh) = Udh::parse(&input.content) {
        assert!(udh.len <= input.content.len());
        assert_eq!(udh.text(&input.content).len(), input.content.len() - udh.len);
    }
    for coding in [Coding::Ucs2, Coding::Gbk, Coding::Ascii] {
        if let Ok(parts) = split(&input.text, coding, Reference::Bits8(1), u8::MAX) {
            assert!(parts.iter().all(|part| part.content.len() <= 159));
        }
    }
    let limits = Limits {
        max_messages: 4,
        max_octets: 2_000,
        max_age_ms: 500,
    };
    let mut waiting = Reassembler::new(limits);
    let mut handed_out: Vec<Assembled> = Vec::new();
    let (mut now_ms, mut added) = (0u64, 0usize);
    for part in &input.parts {
        now_ms += u64::from(part.wait_ms);
        let [_, low] = part.reference.to_be_bytes();
        let reference = if part.wide {
            Reference::Bits16(part.reference)
        } else {
            Reference::Bits8(low)
        };
        let Some(concat) = Concat::new(reference, part.total, part.number) else {
            continue;
        };
        let text: Vec<u8> = part.text.iter().copied().take(140).collect();
        let body = PartBody {
            coding: Coding::of_msg_fmt(part.msg_fmt),
            text: Bytes::from(text),
        };
        let key = PartKey::new("l", &(part.source % 4).to_string(), "1", reference, part.total);
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
});
