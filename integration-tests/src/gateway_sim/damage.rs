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
