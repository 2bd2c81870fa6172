//! Sealing, opening, rotation and tags, as services use them.

use base64::{Engine, engine::general_purpose::STANDARD};
use hongyan_envelope::{Keyring, KeyringError, OpenError, key_id};
use proptest::prelude::*;

const CONTEXT: &[u8] = b"uplink";

fn key(octet: u8) -> String {
    STANDARD.encode([octet; 32])
}

fn file(active: &str, keys: &[(&str, u8)]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|(id, octet)| format!("{id:?}: {:?}", key(*octet)))
        .collect();
    format!(
        "{{\"active\": {active:?}, \"keys\": {{{}}}, \"tag_key\": {:?}}}",
        keys.join(", "),
        key(0xee)
    )
}

fn ring(active: &str, keys: &[(&str, u8)]) -> Keyring {
    Keyring::parse(&file(active, keys)).expect("a key file as it should be")
}

#[test]
fn what_is_sealed_opens_and_shows_nothing_before() {
    let keyring = ring("k1", &[("k1", 1)]);
    let sealed = keyring.seal(CONTEXT, b"SBYE#6222020200112233").unwrap();
    assert!(!sealed.windows(4).any(|window| window == b"6222"));
    assert_eq!(*keyring.open(CONTEXT, &sealed).unwrap(), b"SBYE#6222020200112233");
}

#[test]
fn the_same_text_is_sealed_differently_each_time() {
    let keyring = ring("k1", &[("k1", 1)]);
    assert_ne!(
        keyring.seal(CONTEXT, b"x").unwrap(),
        keyring.seal(CONTEXT, b"x").unwrap()
    );
}

#[test]
fn the_form_is_version_id_nonce_ciphertext_tag() {
    let keyring = ring("k-1", &[("k-1", 1)]);
    let sealed = keyring.seal(CONTEXT, b"12345").unwrap();
    assert_eq!(sealed[..5], *b"\x01\x03k-1");
    assert_eq!(sealed.len(), 5 + 12 + 5 + 16);
}

#[test]
fn rotation_keeps_the_old_open_and_seals_new_under_the_new() {
    let before = ring("k1", &[("k1", 1)]);
    let both = ring("k2", &[("k1", 1), ("k2", 2)]);
    let after = ring("k2", &[("k2", 2)]);
    let old = before.seal(CONTEXT, b"old").unwrap();
    let new = both.seal(CONTEXT, b"new").unwrap();
    assert_eq!(*both.open(CONTEXT, &old).unwrap(), b"old");
    assert_eq!(*after.open(CONTEXT, &new).unwrap(), b"new");
    let unknown = |id: &str| OpenError::UnknownKey {
        key_id: id.to_owned(),
    };
    assert_eq!(after.open(CONTEXT, &old).unwrap_err(), unknown("k1"));
    assert_eq!(before.open(CONTEXT, &new).unwrap_err(), unknown("k2"));
    assert_eq!(
        before.tag("phone", "+8613800138000"),
        after.tag("phone", "+8613800138000")
    );
}

#[test]
fn another_context_or_another_key_of_the_same_id_does_not_open() {
    let keyring = ring("k1", &[("k1", 1)]);
    let sealed = keyring.seal(CONTEXT, b"text").unwrap();
    assert_eq!(
        keyring.open(b"outbound", &sealed).unwrap_err(),
        OpenError::NotAuthentic
    );
    assert_eq!(keyring.open(b"", &sealed).unwrap_err(), OpenError::NotAuthentic);
    let other = ring("k1", &[("k1", 9)]);
    assert_eq!(other.open(CONTEXT, &sealed).unwrap_err(), OpenError::NotAuthentic);
}

#[test]
fn every_changed_octet_and_every_cut_is_an_error() {
    let keyring = ring("k1", &[("k1", 1), ("k2", 2)]);
    let sealed = keyring.seal(CONTEXT, b"text").unwrap();
    for index in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[index] ^= 1 << bit;
            assert!(
                keyring.open(CONTEXT, &changed).is_err(),
                "octet {index}, bit {bit}"
            );
        }
        assert!(keyring.open(CONTEXT, &sealed[..index]).is_err(), "cut at {index}");
    }
    assert_eq!(keyring.open(CONTEXT, &[]).unwrap_err(), OpenError::Malformed);
    assert_eq!(
        keyring.open(CONTEXT, &[2, 2]).unwrap_err(),
        OpenError::UnknownVersion { version: 2 }
    );
    let mut longer = sealed;
    longer.push(0);
    assert_eq!(
        keyring.open(CONTEXT, &longer).unwrap_err(),
        OpenError::NotAuthentic
    );
}

#[test]
fn tags_depend_on_key_purpose_and_value() {
    let keyring = ring("k1", &[("k1", 1)]);
    let tag = keyring.tag("phone", "+8613800138000");
    assert_eq!(tag, keyring.tag("phone", "+8613800138000"));
    assert_ne!(tag, keyring.tag("phone", "+8613800138001"));
    assert_ne!(tag, keyring.tag("card", "+8613800138000"));
    assert_ne!(keyring.tag("ab", "c"), keyring.tag("a", "bc"));
    let other = Keyring::parse(&file("k1", &[("k1", 1)]).replace(&key(0xee), &key(0xdd))).unwrap();
    assert_ne!(tag, other.tag("phone", "+8613800138000"));
    assert_eq!(tag.to_string().len(), 64);
    assert_eq!(tag.short(), tag.to_string()[..32]);
}

#[test]
fn a_tag_is_a_plain_hmac_of_length_purpose_and_value() {
    // Computed apart with Python's hmac module: key 32 times 0xee, message 0x0000000000000005 "phone" "+8613800138000".
    let tag = ring("k1", &[("k1", 1)]).tag("phone", "+8613800138000");
    assert_eq!(
        tag.to_string(),
        "c19d7a50c348a9bf4573e6eea24ada806bf99b165602c3cb3b42dd25506d16b9"
    );
}

#[test]
fn wrong_key_files_are_refused_by_field_without_showing_a_key() {
    let short = STANDARD.encode([7; 16]);
    let good = file("k1", &[("k1", 1)]);
    let cases = [
        (String::new(), "line 1"),
        ("[]".to_owned(), "is not a key file"),
        (good.replace("\"active\"", "\"activ\""), "is not a key file"),
        (
            good.replace("\"tag_key\"", "\"extra\": 1, \"tag_key\""),
            "is not a key file",
        ),
        (good.replace(&format!("{:?}", key(1)), "17"), "is not a key file"),
        (file("k1", &[("k1", 1), ("k1", 2)]), "each id once"),
        (file("k1", &[]), "keys: must hold"),
        (file("k 1", &[("k 1", 1)]), "keys: id 1"),
        (file("k2", &[("k1", 1)]), "active: must be the id"),
        (good.replace(&key(1), &short), "keys.k1: must be base64 of 32"),
        (good.replace(&key(1), "!!!"), "keys.k1: must be base64 of 32"),
        (good.replace(&key(0xee), &short), "tag_key: must be base64 of 32"),
        (
            file("k1", &[("k1", 1), ("k2", 1)]),
            "keys.k2: is the same key as keys.k1",
        ),
        (
            good.replace(&key(0xee), &key(1)),
            "tag_key: is the same key as keys.k1",
        ),
    ];
    for (json, expected) in cases {
        let error = Keyring::parse(&json).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{shown} should say {expected}");
        for secret in [key(1), key(2), key(0xee), short.clone()] {
            assert!(!shown.contains(&secret), "{shown}");
        }
    }
    let many: Vec<_> = (0..65_u8).map(|n| (format!("k{n}"), n)).collect();
    let many: Vec<_> = many.iter().map(|(id, octet)| (id.as_str(), *octet)).collect();
    assert_eq!(
        Keyring::parse(&file("k1", &many)).unwrap_err(),
        KeyringError::Count
    );
}

#[test]
fn debug_shows_ids_and_no_keys() {
    let shown = format!("{:?}", ring("k1", &[("k1", 1)]));
    assert!(
        shown.contains("k1") && !shown.contains(&key(1)) && !shown.contains("[1, 1"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn everything_comes_back(context: Vec<u8>, text: Vec<u8>) {
        let keyring = ring("k1", &[("k1", 1)]);
        let sealed = keyring.seal(&context, &text).unwrap();
        prop_assert_eq!(&*keyring.open(&context, &sealed).unwrap(), &text);
    }

    #[test]
    fn no_octets_panic(context: Vec<u8>, octets: Vec<u8>) {
        let _ = ring("k1", &[("k1", 1)]).open(&context, &octets).is_err();
    }
}

#[test]
fn sealed_octets_tell_which_key_they_need_and_a_ring_whether_it_has_it() {
    let keyring = ring("k2", &[("k1", 1), ("k2", 2)]);
    let sealed = keyring.seal(CONTEXT, b"body").unwrap();
    assert_eq!(key_id(&sealed), Ok("k2"));
    assert!(keyring.has("k1") && keyring.has("k2") && !keyring.has("k3"));
    for cut in 0..4 {
        assert_eq!(key_id(&sealed[..cut]), Err(OpenError::Malformed));
    }
}
