//! Any octets: framed, read in both layouts, looked into and, whatever could be read, written back the same.
#![no_main]

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::concat::Udh;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::smgp::pdu::{MAX_RECIPIENTS, has_udh};
use hongyan_carrier_wire::smgp::report::Report;
use hongyan_carrier_wire::smgp::tlv::Tlvs;
use hongyan_carrier_wire::smgp::{FRAME_LIMITS, Packet, Pdu, Version, codec, decode, encode};
use libfuzzer_sys::fuzz_target;

fn look_inside(tlvs: &Tlvs, content: &[u8]) {
    let octets: usize = tlvs.iter().map(|tlv| 4 + tlv.value().len()).sum();
    assert_eq!(octets, tlvs.len(), "all of them are gone through");
    let mut built = Tlvs::new();
    for tlv in tlvs {
        built.push(tlv).expect("what was read can be built");
    }
    assert_eq!(&built, tlvs);
    if tlvs.tp_udhi().is_some_and(has_udh)
        && let Ok(udh) = Udh::parse(content)
    {
        assert!(udh.text(content).len() < content.len());
    }
    let _ = Report::decode(content);
}

fn check(frame: &Bytes) {
    for version in [Version::V1, Version::V3] {
        let Ok(Packet { sequence, pdu }) = decode(version, frame) else {
            continue;
        };
        match &pdu {
            Pdu::Submit(submit) => {
                assert!((1..=MAX_RECIPIENTS).contains(&submit.recipients.count()));
                assert_eq!(submit.recipients.iter().count(), submit.recipients.count());
                look_inside(&submit.tlvs, submit.content.as_slice());
            }
            Pdu::Deliver(deliver) => look_inside(&deliver.tlvs, deliver.content.as_slice()),
            Pdu::SubmitResp(resp) => assert_eq!(resp.msg_id.to_string().len(), 20),
            _ => {}
        }
        assert_eq!(codec::encoded_len(version, &pdu), frame.len());
        let mut out = BytesMut::new();
        encode(version, sequence, &pdu, &mut out).expect("what was read can be written");
        assert_eq!(out, frame);
    }
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
