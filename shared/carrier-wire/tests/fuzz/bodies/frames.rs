//! Frames out of any octets.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::frame::{FrameLimits, next_frame};

/// Every frame that stands in `octets`; and once all of them with a length that is true, so that bodies are reached
/// whatever the first octets say.
pub(crate) fn each_frame(octets: &[u8], limits: FrameLimits, check: impl Fn(&Bytes)) {
    let mut buffer = BytesMut::from(octets);
    while let Ok(Some(frame)) = next_frame(&mut buffer, limits) {
        check(&frame);
    }
    let mut framed = octets.to_vec();
    let len = framed.len() as u32;
    if let Some(field) = framed.first_chunk_mut::<4>() {
        *field = len.to_be_bytes();
        check(&Bytes::from(framed));
    }
}
