//! ISO 8859-1: each octet is the character of its number, the control characters included.

/// The text; every octet is one.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    (octets.iter().copied().map(char::from).collect(), false)
}

/// The octet of a character.
pub(super) fn octet(character: char) -> Option<u8> {
    u8::try_from(character).ok()
}
