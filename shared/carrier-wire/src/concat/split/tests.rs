use proptest::prelude::*;

use super::{Part, Place, Segmenting, Signature, SplitError, split, split_octets};
use crate::concat::{Reference, Udh};
use crate::text::{Coding, Decoded};

const REFERENCE: Reference = Reference::Bits8(0x2e);
const WIDE: Reference = Reference::Bits16(0x1234);

fn lens(text: &str, coding: Coding, reference: Reference) -> Vec<usize> {
    split(text, coding, reference, 255)
        .unwrap()
        .iter()
        .map(|part| part.content.len())
        .collect()
}

/// The text of each part.
fn texts(parts: &[Part], coding: Coding) -> Vec<String> {
    let text = |part: &Part| {
        let content = part.content.as_slice();
        let header_len = match part.concat {
            None => 0,
            Some(concat) => {
                let udh = Udh::parse(content).unwrap();
                assert_eq!(udh.concat, Some(concat));
                udh.len
            }
        };
        match coding.decode_behind(header_len, &content[header_len..]) {
            Decoded::Text { text, lossy: false } => text,
            other => panic!("a part is not whole: {other:?}"),
        }
    };
    parts.iter().map(text).collect()
}

fn counts(text: &str, coding: Coding, reference: Reference) -> Vec<usize> {
    texts(&split(text, coding, reference, 255).unwrap(), coding)
        .iter()
        .map(|text| text.chars().count())
        .collect()
}

#[test]
fn the_limits_are_those_of_the_table() {
    let one_more = |coding, character: &str, single: usize| {
        let text = character.repeat(single);
        assert_eq!(counts(&text, coding, REFERENCE), [single], "{coding:?}");
        let text = character.repeat(single + 1);
        (
            counts(&text, coding, REFERENCE)[0],
            counts(&text, coding, WIDE)[0],
        )
    };
    assert_eq!(one_more(Coding::Ucs2, "信", 70), (67, 66));
    assert_eq!(one_more(Coding::Gsm7, "a", 160), (153, 152));
    assert_eq!(one_more(Coding::Gsm7Packed, "a", 160), (153, 152));
    assert_eq!(one_more(Coding::Ascii, "a", 159), (153, 152));
    assert_eq!(one_more(Coding::Latin1, "é", 140), (134, 133));
    assert_eq!(one_more(Coding::Gbk, "信", 70), (67, 66));
    assert_eq!(one_more(Coding::Gb18030, "𠮷", 35), (33, 33));
    assert_eq!(lens("", Coding::Ucs2, REFERENCE), [0]);
}

#[test]
fn contents_are_as_long_as_their_parts() {
    assert_eq!(lens(&"信".repeat(71), Coding::Ucs2, REFERENCE), [140, 6 + 4 * 2]);
    assert_eq!(lens(&"信".repeat(135), Coding::Ucs2, REFERENCE), [140, 140, 8]);
    assert_eq!(lens(&"信".repeat(71), Coding::Ucs2, WIDE), [7 + 132, 7 + 10]);
    assert_eq!(lens(&"a".repeat(161), Coding::Gsm7, REFERENCE), [159, 6 + 8]);
    assert_eq!(
        lens(&"a".repeat(161), Coding::Gsm7Packed, REFERENCE),
        [140, 6 + 8]
    );
    assert_eq!(lens(&"a".repeat(160), Coding::Gsm7Packed, REFERENCE), [140]);
}

#[test]
fn ascii_may_have_the_limit_of_the_others() {
    let narrow = Segmenting {
        ascii_octets: 140,
        ..Segmenting::new(Coding::Ascii, REFERENCE, 6)
    };
    let lens: Vec<_> = [140, 141]
        .map(|length| narrow.split(&"a".repeat(length)).unwrap()[0].content.len())
        .into();
    assert_eq!(lens, [140, 140]);
    assert_eq!(
        texts(&narrow.split(&"a".repeat(141)).unwrap(), Coding::Ascii)[1].len(),
        7
    );
}

#[test]
fn no_character_is_cut() {
    for (coding, before, character, parts) in [
        // 66 units, then a pair that would be cut at 67.
        (Coding::Ucs2, "信".repeat(66), "👍", [66, 11]),
        (Coding::Gbk, "a".repeat(133), "码", [133, 11]),
        (Coding::Gb18030, "码".repeat(66), "𠮷", [66, 11]),
        (Coding::Gsm7, "a".repeat(152), "€", [152, 11]),
        (Coding::Gsm7Packed, "a".repeat(152), "€", [152, 11]),
    ] {
        let text = format!("{before}{character}{}", character.repeat(10));
        let parts_of = split(&text, coding, REFERENCE, 6).unwrap();
        let texts = texts(&parts_of, coding);
        let counts: Vec<_> = texts.iter().map(|text| text.chars().count()).collect();
        assert_eq!(counts, parts, "{coding:?}");
        assert_eq!(texts.concat(), text);
    }
}

#[test]
fn a_carriage_return_never_makes_a_part_too_long() {
    let text = format!("{}\r{}", "a".repeat(152), "b".repeat(20));
    let parts = split(&text, Coding::Gsm7Packed, REFERENCE, 6).unwrap();
    assert!(parts.iter().all(|part| part.content.len() <= 140));
    assert_eq!(texts(&parts, Coding::Gsm7Packed).concat(), text);
    let full = split(
        &format!("{}\r", "a".repeat(159)),
        Coding::Gsm7Packed,
        REFERENCE,
        6,
    )
    .unwrap();
    assert!(full.iter().all(|part| part.content.len() <= 140));
}

#[test]
fn room_is_left_for_the_carriers_signature() {
    let signed = |place, text: &str| {
        Segmenting {
            signature: Some(Signature { place, characters: 8 }),
            ..Segmenting::new(Coding::Ucs2, REFERENCE, 6)
        }
        .split(text)
        .map(|parts| {
            texts(&parts, Coding::Ucs2)
                .iter()
                .map(|text| text.chars().count())
                .collect::<Vec<_>>()
        })
    };
    for (place, length, parts) in [
        (Place::First, 62, vec![62]),
        (Place::Last, 62, vec![62]),
        (Place::First, 63, vec![59, 4]),
        // 63 would fit a part, and leave no room behind.
        (Place::Last, 63, vec![59, 4]),
        (Place::First, 126, vec![59, 67]),
        (Place::Last, 126, vec![67, 59]),
        (Place::First, 127, vec![59, 67, 1]),
        (Place::Last, 127, vec![67, 59, 1]),
        (Place::Last, 134, vec![67, 59, 8]),
        (Place::Last, 135, vec![67, 67, 1]),
        (Place::First, 394, vec![59, 67, 67, 67, 67, 67]),
        (Place::Last, 394, vec![67, 67, 67, 67, 67, 59]),
    ] {
        assert_eq!(
            signed(place, &"信".repeat(length)),
            Ok(parts),
            "{place:?} {length}"
        );
    }
    assert_eq!(
        signed(Place::Last, &"信".repeat(395)),
        Err(SplitError::TooLong { parts: 7, max: 6 })
    );
}

#[test]
fn a_signature_of_more_than_half_a_part_is_refused() {
    let how = |characters| Segmenting {
        signature: Some(Signature {
            place: Place::First,
            characters,
        }),
        ..Segmenting::new(Coding::Ucs2, REFERENCE, 6)
    };
    assert!(how(33).split("信").is_ok());
    assert_eq!(
        how(34).split("信"),
        Err(SplitError::Signature { units: 68, room: 134 })
    );
}

#[test]
fn numbers_run_from_one_to_the_total() {
    let parts = split(&"信".repeat(402), Coding::Ucs2, REFERENCE, 6).unwrap();
    let numbers: Vec<_> = parts
        .iter()
        .filter_map(|part| part.concat)
        .map(super::Concat::number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert!(
        parts
            .iter()
            .all(|part| part.tp_udhi() == 1 && part.concat.unwrap().total() == 6)
    );
}

#[test]
fn too_long_is_refused_with_its_count() {
    for (length, max, parts) in [(403, 6, 7), (1_000_000, 6, 14_926), (17_086, 255, 256), (1, 0, 1)] {
        assert_eq!(
            split(&"信".repeat(length), Coding::Ucs2, REFERENCE, max),
            Err(SplitError::TooLong { parts, max })
        );
    }
    assert_eq!(
        split("码", Coding::Ascii, REFERENCE, 6).unwrap_err().to_string(),
        "the coding Ascii has no way to write the character at byte 0"
    );
}

#[test]
fn octets_are_cut_anywhere() {
    let octets: Vec<u8> = (0..=255).collect();
    let parts = split_octets(&octets, REFERENCE, 6).unwrap();
    let lens: Vec<_> = parts.iter().map(|part| part.content.len()).collect();
    assert_eq!(lens, [140, 6 + 122]);
    let joined: Vec<u8> = parts
        .iter()
        .flat_map(|part| part.content.as_slice()[6..].to_vec())
        .collect();
    assert_eq!(joined, octets);
    assert_eq!(split_octets(&octets[..140], REFERENCE, 6).unwrap().len(), 1);
    assert_eq!(
        split_octets(&octets, REFERENCE, 1),
        Err(SplitError::TooLong { parts: 2, max: 1 })
    );
    assert!(split_octets(&[], REFERENCE, 0).is_err());
}

proptest! {
    #[test]
    fn parts_hold_the_text_and_no_more_than_they_may(
        text in "[a-z€\\[信码é👍𠮷\r\n]{0,700}",
        coding in prop::sample::select(vec![
            Coding::Ascii, Coding::Gsm7, Coding::Gsm7Packed, Coding::Latin1, Coding::Ucs2, Coding::Gbk, Coding::Gb18030,
        ]),
        wide: bool,
        signature in prop::option::of((prop::sample::select(vec![Place::First, Place::Last]), 1u8..=32)),
    ) {
        let text: String = text.chars().filter(|character| coding.width(*character).is_some()).collect();
        let how = Segmenting {
            signature: signature.map(|(place, characters)| Signature { place, characters }),
            ..Segmenting::new(coding, if wide { WIDE } else { REFERENCE }, 255)
        };
        let parts = how.split(&text).unwrap();
        let texts = texts(&parts, coding);
        let padded = coding == Coding::Gsm7Packed && text.ends_with('\r') && texts.concat() == format!("{text}\r");
        prop_assert!(texts.concat() == text || padded);
        let most = |len: usize| match coding {
            Coding::Ascii => len <= 159,
            Coding::Gsm7 => len <= 160,
            _ => len <= 140,
        };
        prop_assert!(parts.iter().all(|part| most(part.content.len())));
        prop_assert!(parts.len() == 1 || texts.iter().all(|text| !text.is_empty()));
        if let Some((place, characters)) = signature {
            let signed = match place { Place::First => parts.first(), Place::Last => parts.last() }.unwrap();
            let units = match coding {
                Coding::Ucs2 | Coding::Gbk | Coding::Gb18030 => usize::from(characters) * 2,
                // Seven of eight octets' bits.
                Coding::Gsm7Packed => usize::from(characters) * 7 / 8,
                _ => usize::from(characters),
            };
            prop_assert!(most(signed.content.len() + units), "{} and {}", signed.content.len(), units);
        }
    }
}
