//! Length-prefixed framing: the first four octets of a PDU are its whole length, big-endian.
//!
//! All four carrier protocols frame this way and differ only in the length of their header, so the limits are
//! an argument. The length is checked before a single octet is reserved for it: a peer that announces four
//! gigabytes costs nothing.

use bytes::{Buf, Bytes, BytesMut};

/// Octets of the length field that opens every PDU.
const LENGTH_FIELD_LEN: usize = 4;

/// The bounds of a protocol's PDU, header included, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// The shortest PDU there is: the header alone.
    pub header_len: usize,
    /// The longest PDU that is accepted.
    pub max_len: usize,
}

/// A length field that no PDU of this protocol can have. The stream cannot be followed any further: whatever
/// comes next is at an unknown offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The announced length does not even cover the header.
    #[error("PDU length {announced} is shorter than the header of {header_len} octets")]
    ShorterThanHeader {
        /// What the length field says.
        announced: u32,
        /// The protocol's header length.
        header_len: usize,
    },
    /// The announced length is above the limit.
    #[error("PDU length {announced} is above the limit of {max_len} octets")]
    AboveLimit {
        /// What the length field says.
        announced: u32,
        /// The limit that was set.
        max_len: usize,
    },
}

/// Takes the next whole PDU off the front of `buffer`, header included; `None` while it is not all there.
///
/// The PDU is split off without copying. When it is incomplete, room for the missing octets is reserved, so
/// that the next read completes it without growing step by step.
///
/// # Errors
///
/// [`FrameError`] when the length field is out of bounds; nothing is consumed or reserved then.
pub fn next_frame(buffer: &mut BytesMut, limits: FrameLimits) -> Result<Option<Bytes>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<LENGTH_FIELD_LEN>() else {
        return Ok(None);
    };
    let announced = u32::from_be_bytes(*prefix);
    let length = usize::try_from(announced).unwrap_or(usize::MAX);
    if length < limits.header_len.max(LENGTH_FIELD_LEN) {
        return Err(FrameError::ShorterThanHeader {
            announced,
            header_len: limits.header_len,
        });
    }
    if length > limits.max_len {
        return Err(FrameError::AboveLimit {
            announced,
            max_len: limits.max_len,
        });
    }
    let missing = length.saturating_sub(buffer.remaining());
    if missing > 0 {
        buffer.reserve(missing);
        return Ok(None);
    }
    Ok(Some(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FrameLimits = FrameLimits {
        header_len: 12,
        max_len: 64,
    };

    #[test]
    fn waits_until_the_whole_pdu_is_there() {
        let pdu = [0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, 1];
        for cut in 0..pdu.len() {
            let mut buffer = BytesMut::from(&pdu[..cut]);
            assert_eq!(next_frame(&mut buffer, LIMITS), Ok(None), "cut at {cut}");
            assert_eq!(buffer.len(), cut, "nothing is consumed before the PDU is whole");
            buffer.extend_from_slice(&pdu[cut..]);
            assert_eq!(
                next_frame(&mut buffer, LIMITS),
                Ok(Some(Bytes::copy_from_slice(&pdu)))
            );
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn splits_pdus_that_share_a_segment() {
        let mut buffer = BytesMut::new();
        for sequence in 0..5u8 {
            buffer.extend_from_slice(&[0, 0, 0, 12, 0, 0, 0, 8, 0, 0, 0, sequence]);
        }
        for sequence in 0..5u8 {
            let frame = next_frame(&mut buffer, LIMITS).unwrap().unwrap();
            assert_eq!(frame.last(), Some(&sequence));
        }
        assert_eq!(next_frame(&mut buffer, LIMITS), Ok(None));
    }

    #[test]
    fn refuses_a_length_out_of_bounds_before_it_allocates() {
        let mut huge = BytesMut::from(&[0xf0, 0, 0, 0x11, 0, 1, 0x10, 0][..]);
        let before = huge.capacity();
        assert_eq!(
            next_frame(&mut huge, LIMITS),
            Err(FrameError::AboveLimit {
                announced: 0xf000_0011,
                max_len: 64
            })
        );
        assert_eq!(huge.capacity(), before);
        for short in 0..12u8 {
            let mut buffer = BytesMut::from(&[0, 0, 0, short][..]);
            assert!(matches!(
                next_frame(&mut buffer, LIMITS),
                Err(FrameError::ShorterThanHeader { .. })
            ));
        }
    }

    #[test]
    fn accepts_exactly_the_limits() {
        let mut shortest = BytesMut::from(&[0, 0, 0, 12][..]);
        shortest.resize(12, 0);
        assert!(next_frame(&mut shortest, LIMITS).unwrap().is_some());
        let mut longest = BytesMut::from(&[0, 0, 0, 64][..]);
        longest.resize(64, 0);
        assert!(next_frame(&mut longest, LIMITS).unwrap().is_some());
    }
}
