//! Any octets read in each coding, and what was read written again.

use hongyan_carrier_wire::text::{Coding, Decoded};

/// One target for each coding.
pub(crate) fn ascii(octets: &[u8]) {
    reading_and_writing(Coding::Ascii, octets);
}

/// As [`ascii`].
pub(crate) fn gsm7(octets: &[u8]) {
    reading_and_writing(Coding::Gsm7, octets);
}

/// As [`ascii`].
pub(crate) fn gsm7_packed(octets: &[u8]) {
    reading_and_writing(Coding::Gsm7Packed, octets);
}

/// As [`ascii`].
pub(crate) fn latin1(octets: &[u8]) {
    reading_and_writing(Coding::Latin1, octets);
}

/// As [`ascii`].
pub(crate) fn ucs2(octets: &[u8]) {
    reading_and_writing(Coding::Ucs2, octets);
}

/// As [`ascii`].
pub(crate) fn gbk(octets: &[u8]) {
    reading_and_writing(Coding::Gbk, octets);
}

/// As [`ascii`].
pub(crate) fn gb18030(octets: &[u8]) {
    reading_and_writing(Coding::Gb18030, octets);
}

/// The first octet is the length of a header that the rest stands behind.
fn reading_and_writing(coding: Coding, octets: &[u8]) {
    let (header_len, octets) = octets
        .split_first()
        .map_or((0, octets), |(first, rest)| (usize::from(*first), rest));
    let (text, lossy) = read(coding, header_len, octets);
    assert!(text.chars().count() <= octets.len() * 8 / 7 + 1);
    let (neutral, rest) = coding.without_header(header_len, octets.to_vec().into());
    assert_eq!(
        read(neutral, 0, &rest),
        (text.clone(), lossy),
        "without its header it says the same"
    );
    writing(coding, header_len, &text);
    writing(coding, header_len, &String::from_utf8_lossy(octets));
}

fn writing(coding: Coding, header_len: usize, text: &str) {
    match coding.encode_behind(header_len, text) {
        Ok(written) => {
            let (again, lossy) = read(coding, header_len, &written);
            let padded = coding == Coding::Gsm7Packed && text.ends_with('\r') && again == format!("{text}\r");
            assert!(!lossy && (again == text || padded), "{coding:?}");
        }
        Err(error) => {
            assert_eq!(error.coding, coding);
            assert!(text.is_char_boundary(error.at) && error.at < text.len());
            assert!(coding.encode_behind(header_len, &text[..error.at]).is_ok());
        }
    }
}

fn read(coding: Coding, header_len: usize, octets: &[u8]) -> (String, bool) {
    match coding.decode_behind(header_len, octets) {
        Decoded::Text { text, lossy } => (text, lossy),
        Decoded::Octets => panic!("{coding:?} is text"),
    }
}
