//! Eight septets in seven octets (GSM 03.38, 6.1.2.1), low bits first.

/// Fills what would read as a character that nobody wrote.
const CARRIAGE_RETURN: u8 = 0x0d;

/// The bits between a header's end and the septet that begins next, counted in septets from the header's own start.
pub(super) const fn fill_bits(header_len: usize) -> u32 {
    ((7 - (header_len * 8) % 7) % 7) as u32
}

/// Packs septets, one an octet, behind so many fill bits (0 to 6).
///
/// Seven bits that are left over hold a carriage return, and a carriage return that ends on an octet's end gets a second
/// one behind it: a receiver that knows the octets alone can tell neither from an `@`.
pub(super) fn pack(septets: &[u8], fill: u32) -> Vec<u8> {
    let mut octets = Vec::with_capacity(septets.len().saturating_add(1));
    if septets.is_empty() {
        return octets;
    }
    let (mut bits, mut held) = (0u32, fill);
    let mut push = |septet: u8, bits: &mut u32, held: &mut u32| {
        *bits |= u32::from(septet & 0x7f) << *held;
        *held += 7;
        if *held >= 8 {
            octets.push(*bits as u8);
            *bits >>= 8;
            *held -= 8;
        }
    };
    for septet in septets {
        push(*septet, &mut bits, &mut held);
    }
    let ends_in_return = septets.last() == Some(&CARRIAGE_RETURN);
    if held == 1 || held == 0 && ends_in_return {
        push(CARRIAGE_RETURN, &mut bits, &mut held);
    }
    if held > 0 {
        octets.push(bits as u8);
    }
    octets
}

/// Unpacks to septets, one an octet. A carriage return that fills the last octet to its end is taken off, for it is
/// padding by the rule of [`pack`]; septets of zeros are `@`, as written.
pub(super) fn unpack(octets: &[u8], fill: u32) -> Vec<u8> {
    let mut septets = Vec::with_capacity(octets.len().saturating_mul(8) / 7);
    let (mut bits, mut held) = (0u32, 0u32);
    let mut skip = fill;
    for octet in octets {
        bits |= u32::from(*octet) << held;
        held += 8;
        if skip > 0 {
            bits >>= skip;
            held -= skip;
            skip = 0;
        }
        while held >= 7 {
            septets.push((bits & 0x7f) as u8);
            bits >>= 7;
            held -= 7;
        }
    }
    if held == 0 && septets.last() == Some(&CARRIAGE_RETURN) {
        septets.pop();
    }
    septets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fill_bits, pack, unpack};

    #[test]
    fn headers_are_filled_to_a_septet() {
        let fills: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12].map(fill_bits).into();
        assert_eq!(fills, [0, 6, 5, 4, 3, 2, 1, 0, 6, 2]);
    }

    #[test]
    fn matches_the_worked_example() {
        // "hellohello": the example that every text about GSM 03.38 has.
        assert_eq!(hex::encode(pack(b"hellohello", 0)), "e8329bfd4697d9ec37");
        assert_eq!(
            unpack(&hex::decode("e8329bfd4697d9ec37").unwrap(), 0),
            b"hellohello"
        );
    }

    #[test]
    fn behind_a_header_of_six_octets_one_bit_is_filled() {
        let packed = pack(b"a", 1);
        assert_eq!(packed, [b'a' << 1]);
        assert_eq!(unpack(&packed, 1), b"a");
    }

    #[test]
    fn seven_spare_bits_hold_a_carriage_return_and_no_at_sign() {
        let seven = pack(b"abcdefg", 0);
        assert_eq!(seven.len(), 7);
        assert_eq!(seven[6] >> 1, 0x0d);
        assert_eq!(unpack(&seven, 0), b"abcdefg");
        // A sender that fills with zeros has written an @.
        let zeros = pack(b"abcdefg\0", 0);
        assert_eq!(zeros.len(), 7);
        assert_eq!(unpack(&zeros, 0), b"abcdefg\0");
        // A carriage return of the text's own at that place gets a second one, which stays.
        let own = pack(b"abcdefg\r", 0);
        assert_eq!(own.len(), 8);
        assert_eq!(unpack(&own, 0), b"abcdefg\r\r");
    }

    #[test]
    fn a_full_part_is_full() {
        assert_eq!(pack(&[b'a'; 160], 0).len(), 140);
        assert_eq!(pack(&[b'a'; 153], fill_bits(6)).len(), 134);
        assert_eq!(pack(&[b'a'; 152], fill_bits(7)).len(), 133);
        assert_eq!(pack(&[], 3), []);
        assert_eq!(unpack(&[], 3), []);
        assert_eq!(unpack(&[0xff], 6), []);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(mut septets in prop::collection::vec(0u8..128, 0..300), fill in 0u32..7) {
            let unpacked = unpack(&pack(&septets, fill), fill);
            if septets.last() == Some(&0x0d) && (septets.len() * 7 + fill as usize).is_multiple_of(8) {
                septets.push(0x0d);
            }
            prop_assert_eq!(unpacked, septets);
        }

        #[test]
        fn any_octets_are_septets(octets in prop::collection::vec(any::<u8>(), 0..300), fill in 0u32..7) {
            let septets = unpack(&octets, fill);
            prop_assert!(septets.iter().all(|septet| *septet < 128));
            prop_assert!(septets.len() <= octets.len() * 8 / 7);
        }
    }
}
