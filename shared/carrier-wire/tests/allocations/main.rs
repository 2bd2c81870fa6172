//! Reading and writing a PDU allocates nothing, of any protocol and any kind that the vectors have; nor does a session
//! that has warmed up.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "../common/vector.rs"]
#[allow(dead_code, reason = "what the vectors say is for the tests of each protocol")]
mod vector;

mod session;

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::{cmpp, sgip, smgp, smpp};

/// The frame as a session has it: one of several that share a buffer.
fn shared(frame: &[u8]) -> Bytes {
    let mut buffer = BytesMut::from(frame);
    buffer.extend_from_slice(frame);
    buffer.split_to(frame.len()).freeze()
}

/// The frames of a protocol's vectors, PDUs or not.
fn frames(protocol: &str, expected: usize) -> Vec<Bytes> {
    vector::of_protocol(protocol, expected)
        .iter()
        .flat_map(vector::Vector::frames)
        .map(|frame| shared(&frame))
        .collect()
}

/// Reads and writes every frame that can be read. Says how many these were.
fn check<P>(
    frames: &[Bytes],
    decode: impl Fn(&Bytes) -> Option<P>,
    encode: impl Fn(&P, &mut BytesMut) -> bool,
) -> usize {
    let mut out = BytesMut::with_capacity(8 * 1024);
    let mut read = 0;
    for frame in frames {
        let mut packet = None;
        let reading = allocation_counter::measure(|| packet = black_box(decode(frame)));
        let Some(packet) = packet else { continue };
        read += 1;
        assert_eq!(reading.count_total, 0, "reading frame {read}");
        out.clear();
        let writing = allocation_counter::measure(|| assert!(encode(&packet, &mut out)));
        assert_eq!(writing.count_total, 0, "writing frame {read}");
    }
    read
}

#[test]
fn cmpp() {
    let frames = frames("CMPP", 23);
    for version in [cmpp::Version::V2, cmpp::Version::V3] {
        let read = check(
            &frames,
            |frame| cmpp::decode(version, frame).ok(),
            |packet, out| cmpp::encode(version, packet.sequence, &packet.pdu, out).is_ok(),
        );
        assert!(read >= 10, "{read} were read");
    }
}

#[test]
fn sgip() {
    let read = check(
        &frames("SGIP", 10),
        |frame| sgip::decode(frame).ok(),
        |packet, out| sgip::encode(packet.sequence, &packet.pdu, out).is_ok(),
    );
    assert!(read >= 6, "{read} were read");
}

#[test]
fn smgp() {
    let frames = frames("SMGP", 10);
    let mut read = 0;
    for version in [smgp::Version::V1, smgp::Version::V3] {
        read += check(
            &frames,
            |frame| smgp::decode(version, frame).ok(),
            |packet, out| smgp::encode(version, packet.sequence, &packet.pdu, out).is_ok(),
        );
    }
    assert!(read >= 8, "{read} were read");
}

#[test]
fn smpp() {
    let read = check(
        &frames("SMPP", 18),
        |frame| smpp::decode(frame).ok(),
        |packet, out| smpp::encode(packet.sequence, &packet.pdu, out).is_ok(),
    );
    assert!(read >= 10, "{read} were read");
}

#[test]
fn several_recipients_are_read_without_an_allocation_too() {
    let numbers: Vec<_> = (0..99)
        .map(|number| hongyan_carrier_wire::field::TerminalId::new(format!("138001380{number:02}")).unwrap())
        .collect();
    let submit = cmpp::pdu::Submit {
        recipients: cmpp::pdu::Recipients::many(&numbers).unwrap(),
        ..cmpp::pdu::Submit::default()
    };
    let mut octets = BytesMut::new();
    cmpp::encode(cmpp::Version::V2, 1, &cmpp::Pdu::Submit(submit), &mut octets).unwrap();
    let frames = [shared(&octets)];
    let read = check(
        &frames,
        |frame| cmpp::decode(cmpp::Version::V2, frame).ok(),
        |packet, out| cmpp::encode(cmpp::Version::V2, packet.sequence, &packet.pdu, out).is_ok(),
    );
    assert_eq!(read, 1);
}
