//! UCS-2, big-endian, with the surrogate pairs of UTF-16: phones write emoji so, and gateways pass them on.

/// The text, and whether a lone surrogate or an odd last octet was in it; each of them is one U+FFFD.
pub(super) fn decode(octets: &[u8]) -> (String, bool) {
    let (pairs, rest) = octets.as_chunks::<2>();
    let mut lossy = false;
    let mut text: String = char::decode_utf16(pairs.iter().map(|pair| u16::from_be_bytes(*pair)))
        .map(|character| {
            character.unwrap_or_else(|_| {
                lossy = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    if !rest.is_empty() {
        lossy = true;
        text.push(char::REPLACEMENT_CHARACTER);
    }
    (text, lossy)
}

/// Appends a character: two octets, or four.
pub(super) fn put(character: char, octets: &mut Vec<u8>) {
    let mut units = [0u16; 2];
    octets.extend(
        character
            .encode_utf16(&mut units)
            .iter()
            .flat_map(|unit| unit.to_be_bytes()),
    );
}
