//! Any octets: framed, read, looked into and, whatever could be read, written back the same.
#![no_main]

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::cmpp::pdu::has_udh;
use hongyan_carrier_wire::cmpp::report::Report;
use hongyan_carrier_wire::cmpp::{FRAME_LIMITS, Packet, Pdu, Version, codec, decode, encode};
use hongyan_carrier_wire::concat::Udh;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::text::Coding;
use libfuzzer_sys::fuzz_target;

fn look_inside(udhi: u8, msg_fmt: u8, content: &[u8]) {
    let udh = if has_udh(udhi) {
        Udh::parse(content).ok()
    } else {
        None
    };
    let text = udh.map_or(content, |udh| udh.text(content));
    let _ = Coding::of_msg_fmt(msg_fmt).decode(text);
    if let Ok(report) = Report::decode(content) {
        assert_eq!(report.encode().as_slice(), content);
        assert!(report.stat_text().len() <= 7);
    }
}

fn check(frame: &Bytes) {
    for version in [Version::V2, Version::V3] {
        let Ok(Packet { sequence, pdu }) = decode(version, frame) else {
            continue;
        };
        match &pdu {
            Pdu::Submit(submit) => look_inside(submit.tp_udhi, submit.msg_fmt, submit.content.as_slice()),
            Pdu::Deliver(deliver) => {
                look_inside(deliver.tp_udhi, deliver.msg_fmt, deliver.content.as_slice())
            }
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
