//! Any octets: framed, read, looked into and, whatever could be read, written back the same.
#![no_main]

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::sgip::pdu::Users;
use hongyan_carrier_wire::sgip::{FRAME_LIMITS, Packet, Pdu, Sequence, codec, decode, encode};
use libfuzzer_sys::fuzz_target;

fn look_inside(pdu: &Pdu) {
    match pdu {
        Pdu::Submit(submit) => {
            assert!((1..=Users::MAX).contains(&submit.users.count()));
            assert_eq!(submit.users.iter().count(), submit.users.count());
        }
        Pdu::Report(report) => {
            let sequence = report.submit_sequence;
            assert_eq!(sequence.to_string().parse::<Sequence>(), Ok(sequence));
        }
        Pdu::TraceResp(hops) => assert_eq!(hops.iter().count(), usize::from(hops.count())),
        _ => {}
    }
}

fn check(frame: &Bytes) {
    let Ok(Packet { sequence, pdu }) = decode(frame) else {
        return;
    };
    look_inside(&pdu);
    assert_eq!(codec::encoded_len(&pdu), frame.len());
    let mut out = BytesMut::new();
    encode(sequence, &pdu, &mut out).expect("what was read can be written");
    assert_eq!(out, frame);
}

fuzz_target!(|octets: &[u8]| {
    let mut buffer = BytesMut::from(octets);
    while let Ok(Some(frame)) = next_frame(&mut buffer, FRAME_LIMITS) {
        check(&frame);
    }
    // And once with a length that is true, so that bodies are reached whatever the first octets say.
    let mut framed = octets.to_vec();
    let len = framed.len() as u32;
    if let Some(field) = framed.first_chunk_mut::<4>() {
        *field = len.to_be_bytes();
        check(&Bytes::from(framed));
    }
});
