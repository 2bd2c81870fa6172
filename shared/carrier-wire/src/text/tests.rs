use proptest::prelude::*;

use super::{Coding, Decoded, Unwritable};

const TEXT_CODINGS: [Coding; 7] = [
    Coding::Ascii,
    Coding::Gsm7,
    Coding::Gsm7Packed,
    Coding::Latin1,
    Coding::Ucs2,
    Coding::Gbk,
    Coding::Gb18030,
];

fn text(coding: Coding, octets: &[u8]) -> (String, bool) {
    match coding.decode(octets) {
        Decoded::Text { text, lossy } => (text, lossy),
        Decoded::Octets => panic!("{coding:?} is text"),
    }
}

#[test]
fn matches_the_worked_examples() {
    let cases = [
        (
            Coding::Ucs2,
            "测试gocmpp submit",
            "6d4b8bd50067006f0063006d007000700020007300750062006d00690074",
        ),
        (
            Coding::Ucs2,
            "hello world",
            "00680065006c006c006f00200077006f0072006c0064",
        ),
        (Coding::Gbk, "您的验证码是", "c4fab5c4d1e9d6a4c2ebcac7"),
        (Coding::Gb18030, "您的验证码是", "c4fab5c4d1e9d6a4c2ebcac7"),
        (Coding::Gb18030, "𠮷", "9534b235"),
        (Coding::Gsm7, "a{€}", "611b281b651b29"),
        (Coding::Latin1, "café", "636166e9"),
    ];
    for (coding, plain, octets) in cases {
        assert_eq!(hex::encode(coding.encode(plain).unwrap()), octets);
        assert_eq!(
            text(coding, &hex::decode(octets).unwrap()),
            (plain.to_owned(), false)
        );
    }
}

#[test]
fn characters_beyond_the_basic_plane_take_two_units() {
    let octets = Coding::Ucs2.encode("𠮷👍").unwrap();
    assert_eq!(octets.len(), 8);
    assert_eq!(text(Coding::Ucs2, &octets), ("𠮷👍".to_owned(), false));
}

#[test]
fn what_a_coding_lacks_is_named_by_its_place() {
    for (coding, plain, at) in [
        (Coding::Ascii, "ab码", 2),
        (Coding::Gsm7, "a`", 1),
        (Coding::Gsm7Packed, "€码", 3),
        (Coding::Latin1, "é€", 2),
        (Coding::Gbk, "码👍", 3),
        (Coding::Gb18030, "码\u{e5e5}", 3),
        // Would be read back as U+4723.
        (Coding::Gb18030, "码\u{e843}", 3),
        (Coding::Gbk, "码\u{e843}", 3),
        (Coding::Other(4), "a", 0),
    ] {
        let error = coding.encode(plain).unwrap_err();
        assert_eq!((error.coding, error.at), (coding, at));
        assert!(error.to_string().ends_with(&format!("at byte {at}")));
    }
}

#[test]
fn garbage_becomes_replacement_characters() {
    for (coding, octets, read) in [
        (Coding::Ascii, &b"a\xff"[..], "a\u{fffd}"),
        (Coding::Ucs2, &[0, b'a', 0xd8, 0x00], "a\u{fffd}"),
        (Coding::Ucs2, &[0xdc, 0x00, 0, b'a'], "\u{fffd}a"),
        (Coding::Ucs2, &[0xd8, 0x00, 0xd8, 0x3d, 0xdc, 0x4d], "\u{fffd}👍"),
        (Coding::Ucs2, &[0, b'a', 0x4e], "a\u{fffd}"),
        (Coding::Gbk, &[0xc4], "\u{fffd}"),
        (Coding::Gb18030, &[0x95, 0x34, 0xb2], "\u{fffd}"),
    ] {
        assert_eq!(text(coding, octets), (read.to_owned(), true), "{coding:?}");
    }
}

#[test]
fn gbk_reads_the_four_octets_that_it_does_not_write() {
    let octets = Coding::Gb18030.encode("𠮷").unwrap();
    assert_eq!(text(Coding::Gbk, &octets), ("𠮷".to_owned(), false));
    assert!(Coding::Gbk.encode("𠮷").is_err());
}

#[test]
fn other_codings_pass_through() {
    for value in [3, 4, 0xf5, 0xf6] {
        assert_eq!(Coding::of_msg_fmt(value), Coding::Other(value));
        assert_eq!(Coding::Other(value).decode(&[1, 2]), Decoded::Octets);
    }
}

#[test]
fn codes_of_our_own_read_back() {
    for coding in TEXT_CODINGS.into_iter().chain((0..=255).map(Coding::Other)) {
        assert_eq!(Coding::of_code(coding.code()), Some(coding));
    }
    assert_eq!(Coding::of_code(0x1ff), None);
}

#[test]
fn packed_parts_lose_their_header() {
    let octets = Coding::Gsm7Packed.encode_behind(6, "a[b]").unwrap();
    let (coding, octets) = Coding::Gsm7Packed.without_header(6, octets.into());
    assert_eq!(coding, Coding::Gsm7);
    assert_eq!(text(coding, &octets), ("a[b]".to_owned(), false));
    let same = Coding::Ucs2.without_header(6, vec![0, b'a'].into());
    assert_eq!((same.0, &same.1[..]), (Coding::Ucs2, &[0, b'a'][..]));
}

#[test]
fn debug_shows_no_text() {
    assert_eq!(
        format!("{:?}", Coding::Ascii.decode(b"1234")),
        "Text(<4 characters>, lossy: false)"
    );
}

/// Any text, with what GSM 7-bit and Latin-1 have often enough.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        "[ -~]{0,200}",
        "[@£$é\\[\\]{}~^|€ÄÖ0-9a-z]{0,200}",
        "[À-ÿ0-9]{0,100}",
        "[一-龥，。【】👍𠮷0-9]{0,100}",
        prop::collection::vec(any::<char>(), 0..60).prop_map(|characters| characters.into_iter().collect()),
    ]
}

proptest! {
    #[test]
    fn what_can_be_written_is_read_again(plain in any_text(), header_len in 0usize..16) {
        for coding in TEXT_CODINGS {
            match coding.encode_behind(header_len, &plain) {
                Ok(octets) => {
                    let Decoded::Text { text, lossy } = coding.decode_behind(header_len, &octets) else {
                        panic!("{coding:?} is text");
                    };
                    // Packed septets may get a carriage return behind one that ends the text.
                    let padded = coding == Coding::Gsm7Packed && text == format!("{plain}\r") && plain.ends_with('\r');
                    prop_assert!(text == plain || padded, "{:?}: {:?}", coding, text);
                    prop_assert!(!lossy);
                }
                Err(Unwritable { at, .. }) => {
                    prop_assert!(plain.is_char_boundary(at) && at < plain.len());
                    prop_assert!(coding.encode_behind(header_len, &plain[..at]).is_ok(), "the first that it lacks");
                }
            }
        }
    }

    #[test]
    fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..300), header_len in 0usize..16) {
        for coding in TEXT_CODINGS {
            let Decoded::Text { text, lossy } = coding.decode_behind(header_len, &octets) else {
                panic!("{coding:?} is text");
            };
            let replaced = text.contains(char::REPLACEMENT_CHARACTER);
            let has_it = coding.width(char::REPLACEMENT_CHARACTER).is_some();
            prop_assert!(lossy || !replaced || has_it);
            prop_assert!(text.chars().count() <= octets.len() * 8 / 7 + 1);
        }
    }

    #[test]
    fn a_characters_width_is_what_it_takes(character: char) {
        for coding in [Coding::Ascii, Coding::Gsm7, Coding::Latin1, Coding::Ucs2, Coding::Gbk, Coding::Gb18030] {
            let written = coding.encode(&character.to_string()).ok().map(|octets| octets.len());
            prop_assert_eq!(coding.width(character), written, "{:?}", coding);
        }
    }
}

#[test]
fn every_character_of_the_basic_plane_is_read_back_or_refused() {
    for coding in TEXT_CODINGS {
        for character in '\0'..='\u{ffff}' {
            let Ok(octets) = coding.encode(&character.to_string()) else {
                continue;
            };
            assert_eq!(
                text(coding, &octets),
                (character.to_string(), false),
                "{coding:?} U+{:04X}",
                u32::from(character)
            );
        }
    }
}
