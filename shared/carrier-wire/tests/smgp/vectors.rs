//! Every SMGP vector: each field read as it is written down, each octet written as it was read.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::concat::{Reference, Udh};
use hongyan_carrier_wire::field::{FieldError, FixedStr};
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::smgp::auth::{verify_login, verify_login_resp};
use hongyan_carrier_wire::smgp::msg_id::MsgIdParts;
use hongyan_carrier_wire::smgp::pdu::{Deliver, LoginMode, Submit, has_udh};
use hongyan_carrier_wire::smgp::report::Report;
use hongyan_carrier_wire::smgp::tlv::{Tlv, Tlvs};
use hongyan_carrier_wire::smgp::{
    EncodeError, FRAME_LIMITS, MsgId, Packet, Pdu, Version, codec, decode, encode,
};

use crate::common::{Vector, check_fields};
use crate::{is_whole, of_id, smgp, version_of};

fn tlv_text(tlvs: &Tlvs) -> String {
    if tlvs.is_empty() {
        return String::new();
    }
    let each: Vec<String> = tlvs
        .iter()
        .map(|tlv| {
            let (tag, value) = (tlv.tag(), tlv.value());
            format!("('{tag:#x}', {}, '{}')", value.len(), hex::encode(value))
        })
        .collect();
    format!("[{}]", each.join(", "))
}

fn submit_fields(version: Version, submit: &Submit) -> Vec<(&'static str, String)> {
    let dest: Vec<String> = submit
        .recipients
        .iter()
        .map(|number| number.as_str().unwrap().to_owned())
        .collect();
    let mut fields = vec![
        ("mtype", submit.msg_type.to_string()),
        ("need", submit.need_report.to_string()),
        ("prio", submit.priority.to_string()),
        ("svc", submit.service_id.to_text().into_owned()),
        ("feetype", submit.fee_type.to_text().into_owned()),
        ("feecode", submit.fee_code.to_text().into_owned()),
        ("fmt", submit.msg_format.to_string()),
        ("valid", submit.valid_time.to_text().into_owned()),
        ("at", submit.at_time.to_text().into_owned()),
        ("src", submit.src_term_id.to_text().into_owned()),
        ("charge", submit.charge_term_id.as_str().unwrap().to_owned()),
        ("dest", format!("['{}']", dest.join("', '"))),
        ("mlen", submit.content.len().to_string()),
        ("content", hex::encode(submit.content.as_slice())),
        ("reserve", submit.reserve.to_text().into_owned()),
        ("tlv", tlv_text(&submit.tlvs)),
    ];
    if version == Version::V3 {
        fields.push(("fixed", submit.fixed_fee.to_text().into_owned()));
    }
    fields
}

fn deliver_fields(deliver: &Deliver) -> Vec<(&'static str, String)> {
    vec![
        ("msgid", deliver.msg_id.to_string()),
        ("isrep", deliver.is_report.to_string()),
        ("fmt", deliver.msg_format.to_string()),
        ("recv", deliver.recv_time.to_text().into_owned()),
        ("src", deliver.src_term_id.as_str().unwrap().to_owned()),
        ("dest", deliver.dest_term_id.to_text().into_owned()),
        ("mlen", deliver.content.len().to_string()),
        ("content", hex::encode(deliver.content.as_slice())),
        ("reserve", deliver.reserve.to_text().into_owned()),
        ("tlv", tlv_text(&deliver.tlvs)),
    ]
}

fn read(id: &str) -> Pdu {
    let vector = of_id(id);
    decode(version_of(&vector), &vector.frames()[0]).unwrap().pdu
}

/// Each vector has its own line here, so that one more in the file is not passed over.
#[test]
fn every_vector_is_read_field_by_field() {
    for vector in smgp() {
        match vector.id.as_str() {
            "G-01" | "G-17" => match read(&vector.id) {
                Pdu::Deliver(deliver) => check_non_empty(&vector, deliver_fields(&deliver)),
                other => panic!("{}: {other:?}", vector.id),
            },
            "G-03" | "G-13" => match read(&vector.id) {
                Pdu::Submit(submit) => check_non_empty(&vector, submit_fields(version_of(&vector), &submit)),
                other => panic!("{}: {other:?}", vector.id),
            },
            "G-06" => report_body(&vector.frames()[0]),
            "G-08" => tlv_block(&vector.frames()[0]),
            "G-09" | "G-10" => logins(),
            "G-15" => submit_resp(),
            "G-19" => deliver_resp(),
            other => panic!("{other} is read by no test"),
        }
    }
}

fn check_non_empty(vector: &Vector, fields: Vec<(&'static str, String)>) {
    let fields: Vec<_> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    check_fields(&vector.id, &vector.decoded, &fields);
}

fn report_body(body: &[u8]) {
    let report = Report::decode(body).unwrap();
    assert_eq!(report.msg_id.to_string(), "10100505301557926339");
    assert_eq!(report.sub.as_str(), Some("001"));
    assert_eq!(report.dlvrd.as_str(), Some("001"));
    assert_eq!(report.submit_date.as_str(), Some("1805301557"));
    assert_eq!(report.done_date.as_str(), Some("1805301557"));
    assert_eq!(report.stat_text(), "DELIVRD");
    assert_eq!(report.err_text(), "000");
    assert_eq!(report.text.wire(), b"fillfillfillfillfill");
    // This gateway writes "submit date" small; nothing else differs from the document.
    let written = report.encode();
    assert!(written.as_slice().eq_ignore_ascii_case(body));
}

fn tlv_block(block: &Bytes) {
    // Behind a message, as it stands on the wire.
    let Pdu::Submit(bare) = read("G-13") else {
        panic!("G-13")
    };
    let bare = Submit {
        tlvs: Tlvs::new(),
        ..bare
    };
    let mut frame = BytesMut::new();
    encode(Version::V3, 1, &Pdu::Submit(bare), &mut frame).unwrap();
    frame.extend_from_slice(block);
    let len = u32::try_from(frame.len()).unwrap();
    frame[..4].copy_from_slice(&len.to_be_bytes());
    let Pdu::Submit(submit) = decode(Version::V3, &frame.freeze()).unwrap().pdu else {
        panic!("a submit")
    };
    assert_eq!(submit.tlvs.wire(), &block[..]);
    assert_eq!(
        submit.tlvs.iter().collect::<Vec<_>>(),
        [Tlv::TpPid(0), Tlv::TpUdhi(0)]
    );
}

fn logins() {
    let (Pdu::Login(login), Pdu::LoginResp(resp)) = (read("G-09"), read("G-10")) else {
        panic!("G-09 and G-10")
    };
    assert_eq!(login.client_id.as_str(), Some("10000001"));
    assert_eq!(
        hex::encode(login.authenticator_client),
        "9ac2c05399bafaabce611f515277648e"
    );
    assert_eq!(LoginMode::of_octet(login.login_mode), Some(LoginMode::Both));
    assert_eq!((login.timestamp, login.client_version), (301_000_000, 0x30));
    let secret = Secret::new("12345678");
    assert!(verify_login(&login, &secret));
    assert_eq!((resp.status, resp.server_version), (0, 0x30));
    assert_eq!(
        hex::encode(resp.authenticator_server),
        "ee5e73c5275efdbedabd4dfc44508666"
    );
    assert!(verify_login_resp(&resp, &login.authenticator_client, &secret));
    assert!(!verify_login_resp(
        &resp,
        &login.authenticator_client,
        &Secret::new("12345670")
    ));
}

fn submit_resp() {
    let Pdu::SubmitResp(resp) = read("G-15") else {
        panic!("G-15")
    };
    assert_eq!(resp.status, 0);
    assert_eq!(
        resp.msg_id.parts(),
        Some(MsgIdParts {
            gateway: 10_061,
            month: 1,
            day: 16,
            hour: 17,
            minute: 0,
            sequence: 12_345
        })
    );
}

fn deliver_resp() {
    let Pdu::DeliverResp(resp) = read("G-19") else {
        panic!("G-19")
    };
    assert_eq!(
        (resp.msg_id.to_string().as_str(), resp.status),
        ("01006101161701000001", 0)
    );
}

#[test]
fn every_pdu_is_written_octet_by_octet() {
    for vector in smgp() {
        let frame = vector.frames().remove(0);
        assert_eq!(Some(frame.len()), vector.octets, "{}", vector.id);
        if !is_whole(&vector) {
            continue;
        }
        let version = version_of(&vector);
        let Packet { sequence, pdu } = decode(version, &frame).unwrap();
        assert_eq!(codec::encoded_len(version, &pdu), frame.len(), "{}", vector.id);
        let mut written = BytesMut::new();
        encode(version, sequence, &pdu, &mut written).unwrap();
        assert_eq!(hex::encode(&written), hex::encode(&frame), "{}", vector.id);
    }
}

#[test]
fn every_pdu_is_found_wherever_the_input_is_cut() {
    let frames: Vec<Bytes> = smgp()
        .iter()
        .filter(|vector| is_whole(vector))
        .flat_map(Vector::frames)
        .collect();
    let all = frames.concat();
    for cut in 0..=all.len() {
        let (first, second) = all.split_at(cut);
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        for piece in [first, second] {
            buffer.extend_from_slice(piece);
            while let Some(frame) = next_frame(&mut buffer, FRAME_LIMITS).unwrap() {
                found.push(frame);
            }
        }
        assert_eq!(found, frames, "cut at {cut}");
        assert!(buffer.is_empty());
    }
}

#[test]
fn every_prefix_of_every_pdu_is_an_error_and_no_panic() {
    for vector in smgp().iter().filter(|vector| is_whole(vector)) {
        let version = version_of(vector);
        let frame = vector.frames().remove(0);
        let tlvs = match decode(version, &frame).unwrap().pdu {
            Pdu::Submit(submit) => submit.tlvs,
            Pdu::Deliver(deliver) => deliver.tlvs,
            _ => Tlvs::new(),
        };
        // Cut between two optional parameters it is whole, only shorter.
        let mut whole = vec![frame.len() - tlvs.len()];
        for tlv in &tlvs {
            whole.push(whole[whole.len() - 1] + 4 + tlv.value().len());
        }
        for len in 0..frame.len() {
            let short = frame.slice(..len);
            assert!(decode(version, &short).is_err(), "{} cut at {len}", vector.id);
            let told = decode(version, &with_true_length(&short));
            assert_eq!(told.is_ok(), whole.contains(&len), "{} cut at {len}", vector.id);
        }
    }
}

fn with_true_length(octets: &[u8]) -> Bytes {
    let mut told = octets.to_vec();
    let len = u32::try_from(told.len()).unwrap();
    if let Some(field) = told.first_chunk_mut::<4>() {
        *field = len.to_be_bytes();
    }
    Bytes::from(told)
}

#[test]
fn the_layout_of_the_other_version_is_refused_and_not_misread() {
    for (id, other) in [("G-03", Version::V3), ("G-13", Version::V1)] {
        let error = decode(other, &of_id(id).frames()[0]).unwrap_err();
        assert_eq!((error.pdu, error.command), ("Submit", 2));
        assert!(
            matches!(
                error.fault,
                FieldError::OutOfBounds { .. } | FieldError::Truncated { .. }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_monthly_price_has_no_place_in_the_old_version() {
    let Pdu::Submit(submit) = read("G-13") else {
        panic!("G-13")
    };
    let written = |fixed_fee: &str| {
        let pdu = Pdu::Submit(Submit {
            fixed_fee: FixedStr::new(fixed_fee).unwrap(),
            ..submit.clone()
        });
        let mut out = BytesMut::new();
        encode(Version::V1, 1, &pdu, &mut out).map(|()| out.len())
    };
    assert_eq!(written("000000"), Ok(166));
    assert_eq!(written(""), Ok(166));
    assert_eq!(
        written("000100"),
        Err(EncodeError::NotInVersion {
            pdu: "Submit",
            field: "FixedFee"
        })
    );
}

#[test]
fn a_part_says_the_same_in_its_header_and_its_parameters() {
    let Pdu::Submit(part) = read("G-13") else {
        panic!("G-13")
    };
    assert!(part.tlvs.tp_udhi().is_some_and(has_udh));
    let concat = Udh::parse(part.content.as_slice()).unwrap().concat.unwrap();
    assert_eq!(concat.reference(), Reference::Bits8(0x21));
    assert_eq!(part.tlvs.pk_total(), Some(concat.total()));
    assert_eq!(part.tlvs.pk_number(), Some(concat.number()));
}

#[test]
fn the_service_of_another_length_is_read() {
    let Pdu::Submit(submit) = read("G-03") else {
        panic!("G-03")
    };
    assert_eq!(submit.tlvs.iter().last(), Some(Tlv::MServiceId(b"ABC\0")));
    assert_eq!(submit.tlvs.iter().count(), 10);
}

#[test]
fn a_report_in_a_deliver_names_its_message() {
    let (Pdu::Deliver(deliver), Pdu::SubmitResp(resp)) = (read("G-17"), read("G-15")) else {
        panic!("G-17 and G-15")
    };
    assert!(deliver.is_report());
    let report = Report::decode(deliver.content.as_slice()).unwrap();
    assert_eq!(report.msg_id, resp.msg_id);
    assert_ne!(deliver.msg_id, report.msg_id);
    assert_eq!(report.stat_text(), "DELIVRD");
    assert_eq!(report.submit_date.as_str(), Some("2601161700"));
    assert_eq!(report.done_date.as_str(), Some("2601161701"));
    assert_eq!(report.encode(), deliver.content);
    let Pdu::Deliver(uplink) = read("G-01") else {
        panic!("G-01")
    };
    assert!(!uplink.is_report());
    assert_eq!(
        uplink.tlvs.link_id().unwrap().as_str(),
        Some("08081620150200000004")
    );
    assert_eq!(
        uplink.msg_id,
        MsgId([0x08, 0x61, 0x61, 0x08, 0x08, 0x16, 0x20, 0x02, 0x00, 0x16])
    );
}
