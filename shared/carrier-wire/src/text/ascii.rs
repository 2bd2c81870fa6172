//! ASCII.

/// The text, and whether an octet above 0x7F was in it.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    let text = octets.iter().map(|octet| {
        if octet.is_ascii() {
            char::from(*octet)
        } else {
            char::REPLACEMENT_CHARACTER
        }
    });
    (text.collect(), !octets.is_ascii())
}

/// The octet of a character.
pub(super) fn octet(character: char) -> Option<u8> {
    u8::try_from(character).ok().filter(u8::is_ascii)
}
