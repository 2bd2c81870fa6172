//! Every CMPP vector: each field read as it is written down, each octet written as it was read.

use crate::common::{Vector, check_fields};
use crate::support::{of_id, versions, whole};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::cmpp::auth::{Secret, verify_connect, verify_connect_resp};
use hongyan_carrier_wire::cmpp::pdu::{Deliver, Submit, has_udh};
use hongyan_carrier_wire::cmpp::report::{Report, ReportForm};
use hongyan_carrier_wire::cmpp::{FRAME_LIMITS, MsgId, Packet, Pdu, Version, codec, decode, encode};
use hongyan_carrier_wire::concat::{Reference, Udh};
use hongyan_carrier_wire::field::FieldError;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::reassembly::{Added, Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::text::{Coding, Decoded};

/// The fields of a PDU in the words of the vectors; empty texts are left out.
fn fields(version: Version, pdu: &Pdu) -> Vec<(&'static str, String)> {
    let fields = match pdu {
        Pdu::Connect(connect) => vec![
            ("src", connect.source_addr.to_text().into_owned()),
            ("auth", hex::encode(connect.authenticator_source)),
            ("ver", format!("0x{:02x}", connect.version)),
            ("ts", connect.timestamp.to_string()),
        ],
        Pdu::ConnectResp(resp) => vec![
            ("status", resp.status.to_string()),
            ("auth", hex::encode(resp.authenticator_ismg)),
            ("ver", format!("0x{:02x}", resp.version)),
        ],
        Pdu::Submit(submit) => submit_fields(version, submit),
        Pdu::SubmitResp(resp) => vec![
            ("msgid", resp.msg_id.to_string()),
            ("result", resp.result.to_string()),
        ],
        Pdu::Deliver(deliver) => deliver_fields(version, deliver),
        Pdu::DeliverResp(resp) => vec![
            ("msgid", resp.msg_id.to_string()),
            ("result", resp.result.to_string()),
        ],
        _ => Vec::new(),
    };
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn submit_fields(version: Version, submit: &Submit) -> Vec<(&'static str, String)> {
    let dest: Vec<String> = submit
        .recipients
        .iter()
        .filter_map(|number| number.as_str().map(str::to_owned))
        .collect();
    let mut fields = vec![
        ("msgid", submit.msg_id.to_string()),
        ("pk", format!("({}, {})", submit.pk_total, submit.pk_number)),
        ("rd", submit.registered_delivery.to_string()),
        ("lvl", submit.msg_level.to_string()),
        ("svc", submit.service_id.to_text().into_owned()),
        ("feeut", submit.fee_user_type.to_string()),
        ("fee", submit.fee_terminal_id.as_str().unwrap().to_owned()),
        ("tppid", submit.tp_pid.to_string()),
        ("udhi", submit.tp_udhi.to_string()),
        ("fmt", submit.msg_fmt.to_string()),
        ("src", submit.msg_src.to_text().into_owned()),
        ("feetype", submit.fee_type.to_text().into_owned()),
        ("feecode", submit.fee_code.to_text().into_owned()),
        ("valid", submit.valid_time.to_text().into_owned()),
        ("at", submit.at_time.to_text().into_owned()),
        ("srcid", submit.src_id.to_text().into_owned()),
        ("dest", format!("['{}']", dest.join("', '"))),
        ("mlen", submit.content.len().to_string()),
        ("content", hex::encode(submit.content.as_slice())),
        ("linkid", submit.link_id.to_text().into_owned()),
    ];
    if version == Version::V3 {
        fields.push(("feetype_", submit.fee_terminal_type.to_string()));
        fields.push(("desttype", submit.dest_terminal_type.to_string()));
    }
    fields
}

fn deliver_fields(version: Version, deliver: &Deliver) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("msgid", deliver.msg_id.to_string()),
        ("dest", deliver.dest_id.to_text().into_owned()),
        ("svc", deliver.service_id.to_text().into_owned()),
        ("tppid", deliver.tp_pid.to_string()),
        ("udhi", deliver.tp_udhi.to_string()),
        ("fmt", deliver.msg_fmt.to_string()),
        ("srct", deliver.src_terminal_id.as_str().unwrap().to_owned()),
        ("rd", deliver.registered_delivery.to_string()),
        ("mlen", deliver.content.len().to_string()),
        ("content", hex::encode(deliver.content.as_slice())),
        ("linkid", deliver.link_id.to_text().into_owned()),
    ];
    if version == Version::V3 {
        fields.push(("srctype", deliver.src_terminal_type.to_string()));
    }
    if deliver.is_report() {
        let report = Report::decode(deliver.content.as_slice()).unwrap();
        let text = format!(
            "{{msgid={}, stat={}, sub={}, done={}, dest={}, smsc={:08x}}}",
            report.msg_id,
            report.stat_text(),
            report.submit_time.to_text(),
            report.done_time.to_text(),
            report.dest_terminal_id.as_str().unwrap(),
            report.smsc_sequence
        );
        fields.push(("report", text));
    }
    fields
}

#[test]
fn every_pdu_is_read_field_by_field_and_written_octet_by_octet() {
    for vector in &whole() {
        for version in versions(vector) {
            for (index, frame) in vector.frames().iter().enumerate() {
                let packet = decode(*version, frame).unwrap_or_else(|error| panic!("{}: {error}", vector.id));
                if index == 0 {
                    check_fields(&vector.id, &vector.decoded, &fields(*version, &packet.pdu));
                }
                if let Some(octets) = vector.octets {
                    assert_eq!(frame.len(), octets, "{}", vector.id);
                }
                assert_eq!(
                    codec::encoded_len(*version, &packet.pdu),
                    frame.len(),
                    "{}",
                    vector.id
                );
                let mut written = BytesMut::new();
                encode(*version, packet.sequence, &packet.pdu, &mut written).unwrap();
                assert_eq!(hex::encode(&written), hex::encode(frame), "{}", vector.id);
            }
        }
    }
}

#[test]
fn every_pdu_is_found_wherever_the_input_is_cut() {
    for vector in &whole() {
        let frames = vector.frames();
        let all = frames.concat();
        for cut in 0..=all.len() {
            let (first, second) = all.split_at(cut);
            let mut buffer = BytesMut::new();
            let mut found: Vec<Bytes> = Vec::new();
            for piece in [first, second] {
                buffer.extend_from_slice(piece);
                while let Some(frame) = next_frame(&mut buffer, FRAME_LIMITS).unwrap() {
                    found.push(frame);
                }
            }
            assert_eq!(found, frames, "{} cut at {cut}", vector.id);
            assert!(buffer.is_empty());
        }
    }
}

#[test]
fn all_pdus_in_one_stream_come_out_octet_by_octet() {
    let frames: Vec<Bytes> = whole().iter().flat_map(Vector::frames).collect();
    let mut buffer = BytesMut::new();
    let mut found = Vec::new();
    for octet in frames.concat() {
        buffer.extend_from_slice(&[octet]);
        found.extend(next_frame(&mut buffer, FRAME_LIMITS).unwrap());
    }
    assert_eq!(found, frames);
}

#[test]
fn logins_prove_what_they_should() {
    let read = |id: &str, version| decode(version, &of_id(id).frames()[0]).unwrap().pdu;
    let Pdu::Connect(c01) = read("C-01", Version::V2) else {
        panic!("C-01")
    };
    let Pdu::ConnectResp(c04) = read("C-04", Version::V2) else {
        panic!("C-04")
    };
    let Pdu::Connect(c36) = read("C-36", Version::V3) else {
        panic!("C-36")
    };
    let Pdu::Connect(c02) = read("C-02", Version::V2) else {
        panic!("C-02")
    };
    assert!(verify_connect(&c01, &Secret::new("888888")));
    assert!(verify_connect_resp(
        &c04,
        &c01.authenticator_source,
        &Secret::new("888888")
    ));
    assert_eq!(c04.layout, Version::V2);
    assert!(verify_connect(&c36, &Secret::new("shared-secret")));
    assert!(!verify_connect(&c36, &Secret::new("888888")));
    let timestamp = hongyan_carrier_wire::cmpp::auth::Timestamp::from_wire(c02.timestamp);
    assert_eq!(timestamp.digits(), "0329111740");
}

#[test]
fn a_report_body_alone() {
    let body = of_id("C-19").frames().remove(0);
    let report = Report::decode(&body).unwrap();
    assert_eq!(report.form, ReportForm::Short);
    assert_eq!(report.msg_id, MsgId(0xb4c5_5300_0001_0000));
    assert_eq!(report.stat_text(), "DELIVRD");
    assert_eq!(report.submit_time.as_str(), Some("1511120955"));
    assert_eq!(report.done_time.as_str(), Some("1511120957"));
    assert_eq!(report.dest_terminal_id.as_str(), Some("13412340000"));
    assert_eq!(report.smsc_sequence, 0x1234_5678);
    assert_eq!(report.encode().as_slice(), &body[..]);
}

#[test]
fn a_long_message_is_put_together_from_its_headers_alone() {
    let mut parts = Reassembler::new(Limits::default());
    let mut partial = Vec::new();
    let mut text = None;
    // Out of order: only the header tells.
    for frame in of_id("C-23").frames().iter().rev() {
        let Packet {
            pdu: Pdu::Submit(submit),
            ..
        } = decode(Version::V2, frame).unwrap()
        else {
            panic!("C-23")
        };
        assert_eq!((submit.pk_total, submit.pk_number), (1, 1));
        let udh = Udh::parse(submit.content.as_slice()).unwrap();
        let concat = udh.concat.unwrap();
        assert_eq!((concat.reference(), concat.total()), (Reference::Bits8(0x2e), 3));
        let key = PartKey::new("l", "10085", "13800138000", concat.reference(), concat.total());
        let body = PartBody {
            coding: Coding::of_msg_fmt(submit.msg_fmt),
            text: submit.content.bytes().slice(udh.len..),
        };
        if let Added::Complete(message) = parts.add(&key, concat, &body, 0, &mut partial) {
            text = message.text("…");
        }
    }
    let text = text.expect("three parts make the message");
    assert_eq!(text.chars().count(), (134 + 134 + 56) / 2);
    assert!(text.starts_with('“') && text.ends_with("10085"), "{text}");
    assert!(!text.contains('\u{fffd}'));
}

#[test]
fn headers_that_number_nothing_pass_through() {
    let content = |id: &str, version| match decode(version, &of_id(id).frames()[0]).unwrap().pdu {
        Pdu::Submit(submit) => (submit.tp_udhi, submit.msg_fmt, submit.content),
        Pdu::Deliver(deliver) => (deliver.tp_udhi, deliver.msg_fmt, deliver.content),
        other => panic!("{id}: {other:?}"),
    };
    let (udhi, fmt, sim_write) = content("C-26", Version::V2);
    let udh = Udh::parse(sim_write.as_slice()).unwrap();
    assert!(has_udh(udhi));
    assert_eq!((udh.len, udh.concat), (3, None));
    assert_eq!(
        Coding::of_msg_fmt(fmt).decode(udh.text(sim_write.as_slice())),
        Decoded::Octets
    );

    let (_, _, ports_and_parts) = content("C-27", Version::V2);
    let udh = Udh::parse(ports_and_parts.as_slice()).unwrap();
    let concat = udh.concat.unwrap();
    assert_eq!((udh.len, concat.reference()), (12, Reference::Bits8(0xba)));
    assert_eq!((concat.number(), concat.total()), (1, 1));

    let (_, fmt, bookmark) = content("C-29", Version::V3);
    assert_eq!(Udh::parse(bookmark.as_slice()).unwrap().concat, None);
    assert_eq!(Coding::of_msg_fmt(fmt), Coding::Other(0xf5));
}

#[test]
fn a_gateways_own_pdu_is_unknown_and_well_framed() {
    let frame = of_id("C-32").frames().remove(0);
    let Pdu::Unknown { command: 9, body } = decode(Version::V2, &frame).unwrap().pdu else {
        panic!("C-32")
    };
    assert_eq!(body.len(), frame.len() - 12);
}

#[test]
fn a_truncated_submit_names_the_field_that_is_cut() {
    // The vector begins at Sequence_Id; length and command are put before it.
    let rest = of_id("C-34").frames().remove(0);
    let mut frame = BytesMut::new();
    frame.extend_from_slice(&(rest.len() as u32 + 8).to_be_bytes());
    frame.extend_from_slice(&4u32.to_be_bytes());
    frame.extend_from_slice(&rest);
    let frame = frame.freeze();
    for version in [Version::V2, Version::V3] {
        let error = decode(version, &frame).unwrap_err();
        assert_eq!((error.pdu, error.command, error.sequence), ("SUBMIT", 4, 0x17));
        assert!(
            matches!(
                error.fault,
                FieldError::Truncated {
                    field: "Fee_terminal_Id",
                    offset: 35,
                    had: 10,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn every_prefix_of_every_pdu_is_an_error_and_no_panic() {
    for vector in &whole() {
        for frame in vector.frames() {
            for len in 0..frame.len() {
                // Once with the length as it was, once with a length that is true.
                let short = frame.slice(..len);
                let mut told = short.to_vec();
                if let Some(field) = told.first_chunk_mut::<4>() {
                    *field = (len as u32).to_be_bytes();
                }
                for version in versions(vector) {
                    assert!(decode(*version, &short).is_err(), "{} cut at {len}", vector.id);
                    let told = decode(*version, &Bytes::from(told.clone()));
                    let may_be = ["C-15", "C-18", "C-32"].contains(&vector.id.as_str());
                    assert!(told.is_err() || may_be || len == 12, "{} cut at {len}", vector.id);
                }
            }
        }
    }
}
