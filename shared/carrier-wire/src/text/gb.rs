//! GBK and GB18030, by the tables of the WHATWG Encoding Standard. One decoder reads both: GB18030 is GBK with
//! sequences of four octets besides.
//!
//! The tables write some characters of Unicode's private area, by which texts of before GB18030-2005 said what has had a
//! place of its own since, as that place, from where another character is read. These are not written here: what was
//! written is read back the same, in every coding.

use encoding_rs::{EncoderResult, Encoding, GB18030, GBK};

use super::Units;

/// The text, and whether something in it was no character of GB18030.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    let (text, lossy) = GB18030.decode_without_bom_handling(octets);
    (text.into_owned(), lossy)
}

/// The one or two octets of a character.
pub(super) fn gbk(character: char) -> Option<Units> {
    encode(GBK, character).filter(|octets| octets.len() <= 2)
}

/// The one, two or four octets of a character.
pub(super) fn gb18030(character: char) -> Option<Units> {
    encode(GB18030, character)
}

fn encode(encoding: &'static Encoding, character: char) -> Option<Units> {
    if character.is_ascii() {
        return u8::try_from(character).ok().map(Units::one);
    }
    let mut utf8 = [0u8; 4];
    // Its writer wants more room than it uses.
    let mut octets = [0u8; 16];
    let (result, _, written) = encoding.new_encoder().encode_from_utf8_without_replacement(
        character.encode_utf8(&mut utf8),
        &mut octets,
        true,
    );
    match result {
        EncoderResult::InputEmpty if is_private(character) && !reads_as(&octets, written, character) => None,
        EncoderResult::InputEmpty => Some(Units {
            octets: *octets.first_chunk()?,
            len: u8::try_from(written).ok().filter(|written| *written <= 4)?,
        }),
        EncoderResult::OutputFull | EncoderResult::Unmappable(_) => None,
    }
}

const fn is_private(character: char) -> bool {
    matches!(character, '\u{e000}'..='\u{f8ff}')
}

fn reads_as(octets: &[u8], written: usize, character: char) -> bool {
    let (text, lossy) = decode(octets.get(..written).unwrap_or_default());
    !lossy && text.chars().eq([character])
}
