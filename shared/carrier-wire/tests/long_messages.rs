//! A text that is cut, sent as parts in any order, some of them twice, and put together again is the same text.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use bytes::Bytes;
use hongyan_carrier_wire::concat::{Part, Place, Reference, Segmenting, Signature, Udh};
use hongyan_carrier_wire::reassembly::{Added, Assembled, Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::text::{Coding, Decoded};
use proptest::prelude::*;

/// Each coding and what it can write.
const CODINGS: [(Coding, &str); 7] = [
    (Coding::Ascii, "[ -~]{0,900}"),
    (Coding::Gsm7, "[ -_a-~@£€äΩ\n]{0,900}"),
    (Coding::Gsm7Packed, "[ -_a-~@£€äΩ\n]{0,900}"),
    (Coding::Latin1, "[ -~À-ÿ]{0,900}"),
    (Coding::Ucs2, "[a-z一-龥，👍𠮷]{0,500}"),
    (Coding::Gbk, "[a-z一-龥，。【】]{0,500}"),
    (Coding::Gb18030, "[a-z一-龥ꀀ👍𠮷]{0,500}"),
];

fn any_text() -> impl Strategy<Value = (Coding, String)> {
    prop::sample::select(CODINGS.to_vec())
        .prop_flat_map(|(coding, pattern)| (Just(coding), proptest::string::string_regex(pattern).unwrap()))
}

/// As the receiver of a part has it.
fn received(part: &Part, coding: Coding) -> Option<(PartKey, Udh, PartBody)> {
    let content = part.content.bytes();
    part.concat?;
    let udh = Udh::parse(&content).unwrap();
    let concat = udh.concat.unwrap();
    let key = PartKey::new("l", "13800138000", "10690", concat.reference(), concat.total());
    let (coding, text) = coding.without_header(udh.len, content.slice(udh.len..));
    Some((key, udh, PartBody { coding, text }))
}

proptest! {
    #[test]
    fn any_order_gives_the_text(
        (coding, text) in any_text(),
        wide: bool,
        reference: u16,
        signature in prop::option::of((prop::sample::select(vec![Place::First, Place::Last]), 1u8..=32)),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let how = Segmenting {
            signature: signature.map(|(place, characters)| Signature { place, characters }),
            ..Segmenting::new(
                coding,
                if wide { Reference::Bits16(reference) } else { Reference::Bits8(reference as u8) },
                u8::MAX,
            )
        };
        let parts = how.split(&text).unwrap();
        if let [one] = &parts[..] {
            let read = coding.decode(one.content.as_slice());
            prop_assert_eq!(read, Decoded::Text { text, lossy: false });
            return Ok(());
        }
        // Some by chance, twice and again, then all of them.
        let by_chance = order.iter().map(|index| index.get(&parts));
        let mut waiting = Reassembler::new(Limits::default());
        let mut partial = Vec::new();
        let mut complete: Option<Assembled> = None;
        let mut seen = std::collections::HashSet::new();
        for part in by_chance.chain(&parts) {
            let (key, udh, body) = received(part, coding).unwrap();
            let concat = udh.concat.unwrap();
            if complete.is_some() {
                break;
            }
            match waiting.add(&key, concat, &body, 1, &mut partial) {
                Added::Complete(message) => complete = Some(message),
                Added::Duplicate => prop_assert!(seen.contains(&concat.number())),
                Added::Waiting => prop_assert!(!seen.contains(&concat.number())),
                other => prop_assert!(false, "{:?}", other),
            }
            seen.insert(concat.number());
        }
        let message = complete.unwrap();
        prop_assert!(message.is_complete() && partial.is_empty() && waiting.is_empty());
        prop_assert_eq!(message.text("…"), Some(text));
    }

    #[test]
    fn what_came_is_told_and_what_did_not_is_marked(
        (coding, text) in any_text(),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let parts = Segmenting::new(coding, Reference::Bits8(7), u8::MAX).split(&text).unwrap();
        prop_assume!(parts.len() > 1);
        let lost: Vec<usize> = lost.iter().map(|index| index.index(parts.len())).collect();
        let mut waiting = Reassembler::new(Limits::default());
        let mut expected = String::new();
        for (at, part) in parts.iter().enumerate() {
            if lost.contains(&at) {
                if !expected.ends_with('\u{1}') {
                    expected.push('\u{1}');
                }
                continue;
            }
            let (key, udh, body) = received(part, coding).unwrap();
            let Decoded::Text { text, .. } = body.coding.decode(&body.text) else {
                panic!("{coding:?} is text");
            };
            expected.push_str(&text);
            prop_assert_eq!(waiting.add(&key, udh.concat.unwrap(), &body, 1, &mut Vec::new()), Added::Waiting);
        }
        let came = parts.len() - (0..parts.len()).filter(|at| lost.contains(at)).count();
        let expired = waiting.expire(u64::MAX);
        prop_assert_eq!(expired.len(), usize::from(came > 0));
        for message in expired {
            prop_assert_eq!(message.parts.iter().flatten().count(), came);
            prop_assert_eq!(message.text("\u{1}"), Some(expected.clone()));
        }
    }
}

#[test]
fn each_part_has_a_coding_of_its_own() {
    let mut waiting = Reassembler::new(Limits::default());
    let reference = Reference::Bits8(1);
    let written = [
        (Coding::Ucs2, "余额"),
        (Coding::Gsm7Packed, "[100]"),
        (Coding::Gb18030, "元𠮷"),
    ];
    let mut complete = None;
    for (number, (coding, text)) in (1..).zip(written) {
        let key = PartKey::new("l", "1", "2", reference, 3);
        let concat = hongyan_carrier_wire::concat::Concat::new(reference, 3, number).unwrap();
        let octets = Bytes::from(coding.encode_behind(6, text).unwrap());
        let (coding, text) = coding.without_header(6, octets);
        if let Added::Complete(message) =
            waiting.add(&key, concat, &PartBody { coding, text }, 0, &mut Vec::new())
        {
            complete = message.text("…");
        }
    }
    assert_eq!(complete.as_deref(), Some("余额[100]元𠮷"));
}
