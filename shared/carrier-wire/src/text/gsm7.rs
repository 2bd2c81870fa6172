//! The GSM 7-bit default alphabet and its extension table (GSM 03.38, 6.2.1), one septet an octet.

use super::Units;

/// Leads to the extension table.
const ESCAPE: u8 = 0x1b;

/// By septet. The place of the escape holds a character that nothing is mapped to.
const ALPHABET: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{fffd}', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// What stands behind an escape.
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The text, and whether something in it was no character: an octet above 0x7F or an escape at the end, each U+FFFD;
/// an escape before what the extension table lacks, which stands for the default alphabet's character then.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    let mut text = String::with_capacity(octets.len());
    let mut lossy = false;
    let mut octets = octets.iter().copied();
    while let Some(octet) = octets.next() {
        let character = if octet == ESCAPE {
            octets.next().and_then(|behind| {
                let extended = EXTENSION.iter().find(|(code, _)| *code == behind);
                lossy |= extended.is_none();
                extended
                    .map(|(_, character)| *character)
                    .or_else(|| default(behind))
            })
        } else {
            default(octet)
        };
        lossy |= character.is_none();
        text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    (text, lossy)
}

fn default(septet: u8) -> Option<char> {
    ALPHABET
        .get(usize::from(septet))
        .copied()
        .filter(|_| septet != ESCAPE)
}

/// The one or two septets of a character.
pub(super) fn septets(character: char) -> Option<Units> {
    // Most of what is written stands where ASCII has it.
    let same = u8::try_from(character)
        .ok()
        .filter(|code| default(*code) == Some(character));
    let septet = same.or_else(|| (0..128).find(|septet| default(*septet) == Some(character)));
    septet.map(Units::one).or_else(|| {
        EXTENSION
            .iter()
            .find(|(_, extended)| *extended == character)
            .map(|(code, _)| Units::two(ESCAPE, *code))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALPHABET, ESCAPE, EXTENSION, decode, septets};

    #[test]
    fn every_character_has_its_septets_and_no_two_share_them() {
        let alphabet = (0u8..128).zip(ALPHABET).filter(|(septet, _)| *septet != ESCAPE);
        let mut seen = BTreeSet::new();
        for (septet, character) in alphabet {
            assert_eq!(&*septets(character).unwrap(), [septet], "{character:?}");
            assert_eq!(decode(&[septet]), (character.to_string(), false));
            assert!(seen.insert(character));
        }
        for (code, character) in EXTENSION {
            assert_eq!(&*septets(character).unwrap(), [ESCAPE, code], "{character:?}");
            assert_eq!(decode(&[ESCAPE, code]), (character.to_string(), false));
            assert!(seen.insert(character));
        }
        assert_eq!(seen.len(), 137);
    }

    #[test]
    fn places_that_are_not_asciis() {
        for (septet, character) in [
            (0x00, '@'),
            (0x02, '$'),
            (0x11, '_'),
            (0x24, '¤'),
            (0x40, '¡'),
            (0x5b, 'Ä'),
            (0x60, '¿'),
            (0x7f, 'à'),
        ] {
            assert_eq!(&*septets(character).unwrap(), [septet]);
        }
        for lacking in ['`', '码', 'ç', '\t', '\u{1b}', '\u{fffd}'] {
            assert!(septets(lacking).is_none(), "{lacking:?}");
        }
    }

    #[test]
    fn what_is_no_character_is_told() {
        assert_eq!(decode(&[b'a', ESCAPE]), ("a\u{fffd}".to_owned(), true));
        assert_eq!(decode(&[0x80, b'a']), ("\u{fffd}a".to_owned(), true));
        assert_eq!(decode(&[ESCAPE, b'a']), ("a".to_owned(), true));
        assert_eq!(decode(&[ESCAPE, ESCAPE, b'a']), ("\u{fffd}a".to_owned(), true));
    }
}
