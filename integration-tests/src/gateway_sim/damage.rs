//! What is broken about a PDU on its way out, in octets.

use bytes::{BufMut as _, BytesMut};

use super::carrier::Carrier;
use super::faults::{Answer, Damage};

/// A tag that no document has; one like it was seen in the field.
const UNKNOWN_TAG: u16 = 0x1400;
/// The `TP_udhi` of a whole GSM octet.
const UDHI_OF_GSM: u8 = 0x40;
/// Octets of the field that opens every PDU.
const LENGTH_LEN: usize = 4;

/// An answer as the rule wants it.
pub(super) fn answer(mut whole: BytesMut, form: Answer, carrier: &dyn Carrier) -> BytesMut {
    match form {
        Answer::Truncated => whole.truncate(whole.len() / 2),
        Answer::WrongLength => shift(&mut whole, 0..LENGTH_LEN, 1),
        Answer::WithoutBody => {
            whole.truncate(carrier.header_len());
            set_length(&mut whole);
        }
        Answer::WrongSequence => {
            let end = carrier.sequence_end();
            // Far from any number that is open.
            shift(&mut whole, end.saturating_sub(LENGTH_LEN)..end, 0x0100_0000);
        }
        Answer::Whole | Answer::None | Answer::Lost | Answer::Garbage => {}
    }
    whole
}

/// A PDU that delivers something, with all of this broken.
pub(super) fn deliver(mut frame: BytesMut, damages: &[Damage], carrier: &dyn Carrier) -> BytesMut {
    for damage in damages {
        match damage {
            Damage::UnknownTlv => append_tlv(&mut frame, UNKNOWN_TAG, 4),
            Damage::CutTlv => append_tlv(&mut frame, UNKNOWN_TAG, 40),
            Damage::ContentLengthMore => content_length(&mut frame, carrier, 1),
            Damage::ContentLengthLess => content_length(&mut frame, carrier, -1),
            Damage::FrameLengthMore => shift(&mut frame, 0..LENGTH_LEN, 1),
            Damage::FrameLengthLess => shift(&mut frame, 0..LENGTH_LEN, -1),
            Damage::Udhi64 => udhi(&mut frame, carrier, |_| UDHI_OF_GSM),
            Damage::NoUdhi => udhi(&mut frame, carrier, |_| 0),
        }
    }
    frame
}

/// Appends a TLV of four octets that says it has `announced` of them.
fn append_tlv(frame: &mut BytesMut, tag: u16, announced: u16) {
    frame.put_u16(tag);
    frame.put_u16(announced);
    frame.put_slice(&[0xab; 4]);
    set_length(frame);
}

fn content_length(frame: &mut BytesMut, carrier: &dyn Carrier, by: i64) {
    if let Some(place) = carrier.content_length(frame) {
        shift(frame, place, by);
    }
}

fn udhi(frame: &mut BytesMut, carrier: &dyn Carrier, change: impl Fn(u8) -> u8) {
    let place = carrier.udhi(frame);
    if let Some(octet) = place.and_then(|place| frame.get_mut(place))
        // What has no header is left as it is.
        && *octet != 0
    {
        *octet = change(*octet);
    }
}

/// Writes the length that the PDU really has.
fn set_length(frame: &mut BytesMut) {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes();
    if let Some(field) = frame.get_mut(..LENGTH_LEN) {
        field.copy_from_slice(&length);
    }
}

/// Adds to a big-endian number.
fn shift(frame: &mut BytesMut, place: std::ops::Range<usize>, by: i64) {
    let Some(field) = frame.get_mut(place) else {
        return;
    };
    let number = field
        .iter()
        .fold(0i64, |number, octet| (number << 8) | i64::from(*octet));
    let shifted = number.wrapping_add(by).to_be_bytes();
    let from = shifted.len().saturating_sub(field.len());
    if let Some(octets) = shifted.get(from..) {
        field.copy_from_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway_sim::protocol::{Cmpp, Sgip, Smgp};

    /// A PDU of twelve octets of header and four of body.
    fn frame() -> BytesMut {
        BytesMut::from(&[0, 0, 0, 16, 0x80, 0, 0, 4, 0, 0, 0, 7, 1, 2, 3, 4][..])
    }

    fn cmpp() -> Cmpp {
        Cmpp::new(true, false, 1)
    }

    #[test]
    fn answers_are_broken_as_asked() {
        let broken = |form| answer(frame(), form, &cmpp()).to_vec();
        assert_eq!(broken(Answer::Whole), frame());
        assert_eq!(broken(Answer::Truncated), frame()[..8]);
        assert_eq!(broken(Answer::WrongLength)[..4], [0, 0, 0, 17]);
        assert_eq!(
            broken(Answer::WithoutBody),
            [0, 0, 0, 12, 0x80, 0, 0, 4, 0, 0, 0, 7]
        );
        assert_eq!(broken(Answer::WrongSequence)[8..12], [1, 0, 0, 7]);
        assert_eq!(broken(Answer::WrongSequence).len(), 16);
    }

    #[test]
    fn the_number_of_an_answer_is_where_the_protocol_has_it() {
        let sgip = BytesMut::from(&[0u8; 29][..]);
        let changed = answer(sgip, Answer::WrongSequence, &Sgip::new(1));
        assert_eq!(changed.iter().position(|octet| *octet != 0), Some(16));
    }

    #[test]
    fn lengths_and_parameters_are_broken_as_asked() {
        let broken = |damage: &[Damage]| deliver(frame(), damage, &Smgp::new(true, 1)).to_vec();
        assert_eq!(broken(&[Damage::FrameLengthMore])[..4], [0, 0, 0, 17]);
        assert_eq!(broken(&[Damage::FrameLengthLess])[..4], [0, 0, 0, 15]);
        let unknown = broken(&[Damage::UnknownTlv]);
        assert_eq!(unknown[..4], [0, 0, 0, 24]);
        assert_eq!(unknown[16..20], [0x14, 0, 0, 4]);
        let cut = broken(&[Damage::CutTlv]);
        assert_eq!((cut.len(), &cut[16..20]), (24, &[0x14, 0, 0, 40][..]));
    }

    #[test]
    fn lengths_of_contents_are_broken_in_their_place() {
        let mut whole = BytesMut::from(&[0u8; 80][..]);
        whole.put_slice(&[3, b'a', b'b', b'c']);
        whole.put_slice(&[0; 8]);
        whole.put_slice(&[0, 2, 0, 1, 1]);
        let smgp = Smgp::new(true, 1);
        assert_eq!(deliver(whole.clone(), &[Damage::ContentLengthMore], &smgp)[80], 4);
        assert_eq!(deliver(whole.clone(), &[Damage::ContentLengthLess], &smgp)[80], 2);
        let last = whole.len() - 1;
        assert_eq!(deliver(whole.clone(), &[Damage::Udhi64], &smgp)[last], 0x40);
        assert_eq!(deliver(whole, &[Damage::NoUdhi], &smgp)[last], 0);
    }
}
