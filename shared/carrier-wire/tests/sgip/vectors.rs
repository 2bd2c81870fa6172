//! Every SGIP vector: each field read as it is written down, each octet written as it was read.

use crate::common::{Vector, check_fields, of_protocol};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::FieldError;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::sgip::pdu::{CHARGE_SP, Resp, State, Submit};
use hongyan_carrier_wire::sgip::{FRAME_LIMITS, Packet, Pdu, Sequence, codec, decode, encode, node};
use hongyan_carrier_wire::text::{Coding, Decoded};

/// How many vectors there are of this protocol.
const VECTORS: usize = 10;

fn sgip() -> Vec<Vector> {
    of_protocol("SGIP", VECTORS)
}

fn frame_of(id: &str) -> Bytes {
    let vector = sgip().into_iter().find(|vector| vector.id == id);
    vector.unwrap().frames().remove(0)
}

fn read(id: &str) -> Packet {
    decode(&frame_of(id)).unwrap()
}

/// The fields of a PDU in the words of the vectors; empty texts are left out.
fn fields(pdu: &Pdu) -> Vec<(&'static str, String)> {
    let password = |bind: &hongyan_carrier_wire::sgip::pdu::Bind| {
        let known = bind.login_password.is(&Secret::new("testpw000001"));
        String::from(if known { "testpw000001" } else { "another" })
    };
    let fields = match pdu {
        Pdu::Bind(bind) => vec![
            ("type", bind.login_type.0.to_string()),
            ("name", bind.login_name.to_text().into_owned()),
            ("pw", password(bind)),
        ],
        Pdu::BindResp(resp)
        | Pdu::SubmitResp(resp)
        | Pdu::DeliverResp(resp)
        | Pdu::ReportResp(resp)
        | Pdu::UserRptResp(resp) => vec![("result", resp.result().unwrap().to_string())],
        Pdu::Submit(submit) => submit_fields(submit),
        Pdu::Deliver(deliver) => vec![
            ("user", deliver.user_number.as_str().unwrap().to_owned()),
            ("sp", deliver.sp_number.to_text().into_owned()),
            ("tppid", deliver.tp_pid.to_string()),
            ("udhi", deliver.tp_udhi.to_string()),
            ("coding", deliver.message_coding.to_string()),
            ("mlen", deliver.content.len().to_string()),
            ("content", hex::encode(deliver.content.as_slice())),
            ("reserve", deliver.reserve.to_text().into_owned()),
        ],
        Pdu::Report(report) => vec![
            ("submit", report.submit_sequence.to_string()),
            ("type", report.report_type.to_string()),
            ("user", report.user_number.as_str().unwrap().to_owned()),
            ("state", report.state.to_string()),
            ("error", report.error_code.to_string()),
            ("reserve", report.reserve.to_text().into_owned()),
        ],
        Pdu::Unbind | Pdu::UnbindResp => Vec::new(),
        other => panic!("no vector has {other:?}"),
    };
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn submit_fields(submit: &Submit) -> Vec<(&'static str, String)> {
    let users: Vec<String> = submit
        .users
        .iter()
        .map(|number| number.as_str().unwrap().to_owned())
        .collect();
    vec![
        ("sp", submit.sp_number.to_text().into_owned()),
        ("charge", submit.charge_number.as_str().unwrap().to_owned()),
        ("users", format!("['{}']", users.join("', '"))),
        ("corp", submit.corp_id.to_text().into_owned()),
        ("service", submit.service_type.to_text().into_owned()),
        ("feetype", submit.fee_type.to_string()),
        ("feeval", submit.fee_value.to_text().into_owned()),
        ("given", submit.given_value.to_text().into_owned()),
        ("agent", submit.agent_flag.to_string()),
        ("more", submit.morelateto_mt_flag.to_string()),
        ("prio", submit.priority.to_string()),
        ("expire", submit.expire_time.to_text().into_owned()),
        ("schedule", submit.schedule_time.to_text().into_owned()),
        ("rf", submit.report_flag.to_string()),
        ("tppid", submit.tp_pid.to_string()),
        ("udhi", submit.tp_udhi.to_string()),
        ("coding", submit.message_coding.to_string()),
        ("mtype", submit.message_type.to_string()),
        ("mlen", submit.content.len().to_string()),
        ("content", hex::encode(submit.content.as_slice())),
        ("reserve", submit.reserve.to_text().into_owned()),
    ]
}

/// What a vector says, or what the computed ones, which are not written down field by field, were computed from.
fn expected(vector: &Vector) -> &str {
    match vector.id.as_str() {
        "S-13" => "user=8613800138000; sp=10655000; tppid=0; udhi=0; coding=15; mlen=4; content=cdcbb6a9",
        "S-14" => "submit=b36a5be806dca33800000002; type=0; user=8613800138000; state=0; error=0",
        // These have no body.
        "S-10" | "S-12" => "",
        id => {
            assert!(!vector.decoded.is_empty(), "{id}: what it holds is not known");
            &vector.decoded
        }
    }
}

/// Command and sequence of each.
fn header(id: &str) -> (u32, (u32, u32, u32)) {
    match id {
        "S-01" => (0x1, (3_010_031_059, 1_216_131_127, 1)),
        "S-03" => (0x8000_0001, (3_010_031_059, 1_216_131_127, 1)),
        "S-05" => (0x3, (3_010_031_059, 1_216_131_127, 2)),
        "S-07" => (0x3, (3_010_031_059, 1_216_131_521, 2)),
        "S-09" => (0x8000_0003, (3_010_031_059, 1_216_131_127, 2)),
        "S-10" => (0x2, (3_010_031_059, 1_216_131_127, 3)),
        "S-12" => (0x2, (105_310, 108_102_506, 1)),
        "S-13" => (0x4, (101_000, 115_123_001, 7)),
        "S-14" => (0x5, (101_000, 115_123_005, 8)),
        "S-17" => (0x8000_0005, (101_000, 115_123_005, 8)),
        other => panic!("{other} is not covered"),
    }
}

#[test]
fn every_pdu_is_read_field_by_field_and_written_octet_by_octet() {
    let mut covered = 0;
    for vector in sgip() {
        let [frame] = &vector.frames()[..] else {
            panic!("{}: one PDU each", vector.id)
        };
        let packet = decode(frame).unwrap_or_else(|error| panic!("{}: {error}", vector.id));
        let (command, (node, time, counter)) = header(&vector.id);
        assert_eq!(packet.pdu.command_id(), command, "{}", vector.id);
        let sequence = Sequence { node, time, counter };
        assert_eq!(packet.sequence, sequence, "{}", vector.id);
        check_fields(&vector.id, expected(&vector), &fields(&packet.pdu));

        assert_eq!(Some(frame.len()), vector.octets, "{}", vector.id);
        assert_eq!(codec::encoded_len(&packet.pdu), frame.len(), "{}", vector.id);
        let mut written = BytesMut::new();
        encode(packet.sequence, &packet.pdu, &mut written).unwrap();
        assert_eq!(hex::encode(&written), hex::encode(frame), "{}", vector.id);
        covered += 1;
    }
    assert_eq!(covered, VECTORS);
}

#[test]
fn every_pdu_is_found_wherever_the_input_is_cut() {
    let frames: Vec<Bytes> = sgip().iter().flat_map(Vector::frames).collect();
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
        assert_eq!(found, frames, "cut at {cut}");
        assert!(buffer.is_empty());
    }
}

#[test]
fn answers_echo_all_three_words() {
    assert_eq!(read("S-01").sequence, read("S-03").sequence);
    assert_eq!(read("S-05").sequence, read("S-09").sequence);
    let (report, answer) = (read("S-14"), read("S-17"));
    assert_eq!(report.sequence, answer.sequence);
    // The report's own sequence is the gateway's; what it is about is the SP's.
    let Pdu::Report(about) = report.pdu else {
        panic!("S-14")
    };
    assert_eq!(report.sequence.node, node::smg("010", 0).unwrap());
    let submit = Sequence {
        node: node::sp("010", "92008").unwrap(),
        time: 115_123_000,
        counter: 2,
    };
    assert_eq!(about.submit_sequence, submit);
    assert_eq!(about.state(), State::Delivered);
}

#[test]
fn the_sp_pays_by_twenty_one_zeros() {
    for id in ["S-05", "S-07"] {
        let Pdu::Submit(submit) = read(id).pdu else {
            panic!("{id}")
        };
        assert_eq!(submit.charge_number.as_bytes(), CHARGE_SP, "{id}");
        assert_eq!(submit.users.count(), 1);
        assert_eq!(submit.users.first().national(), Some("13800138000"));
    }
}

#[test]
fn texts_are_read_in_their_coding() {
    let text = |id: &str| {
        let (coding, content) = match read(id).pdu {
            Pdu::Submit(submit) => (submit.message_coding, submit.content),
            Pdu::Deliver(deliver) => (deliver.message_coding, deliver.content),
            other => panic!("{id}: {other:?}"),
        };
        match Coding::of_msg_fmt(coding).decode(content.as_slice()) {
            Decoded::Text { text, lossy: false } => text,
            other => panic!("{id}: {other:?}"),
        }
    };
    assert_eq!(text("S-05"), "hello");
    assert_eq!(text("S-07"), "【数据都】您的验证码是:1288");
    assert_eq!(text("S-13"), "退订");
}

/// With a length that is true: a PDU that ends early, not a stream that was cut.
fn shortened(frame: &Bytes, len: usize) -> Bytes {
    let mut short = frame[..len].to_vec();
    if let Some(field) = short.first_chunk_mut::<4>() {
        *field = (len as u32).to_be_bytes();
    }
    Bytes::from(short)
}

#[test]
fn every_prefix_of_every_pdu_is_an_error_or_an_answer_that_may_be_short() {
    for vector in sgip() {
        let frame = vector.frames().remove(0);
        let whole = decode(&frame).unwrap();
        let is_answer = whole.pdu.command_id() & 0x8000_0000 != 0;
        for len in 0..frame.len() {
            let id = &vector.id;
            assert!(decode(&frame.slice(..len)).is_err(), "{id} cut at {len}");
            let told = decode(&shortened(&frame, len));
            match len {
                20 | 21 if is_answer => {
                    let resp = match told.unwrap().pdu {
                        Pdu::BindResp(resp) | Pdu::SubmitResp(resp) | Pdu::ReportResp(resp) => resp,
                        other => panic!("{id}: {other:?}"),
                    };
                    let short = if len == 20 {
                        Resp::Bare
                    } else {
                        Resp::Short { result: 0 }
                    };
                    assert_eq!(resp, short, "{id} cut at {len}");
                }
                _ => assert!(told.is_err(), "{id} cut at {len}"),
            }
        }
    }
}

#[test]
fn an_error_names_pdu_field_and_offset() {
    let submit = frame_of("S-05");
    let error = decode(&shortened(&submit, 100)).unwrap_err();
    assert_eq!((error.pdu, error.command), ("SUBMIT", 3));
    assert_eq!(error.sequence, read("S-05").sequence);
    assert_eq!(
        error.fault,
        FieldError::Truncated {
            field: "FeeValue",
            offset: 100,
            wanted: 6,
            had: 0
        }
    );
    // Four octets of length: what they announce is held against what is there.
    let mut huge = submit.to_vec();
    huge[152..156].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        decode(&Bytes::from(huge)).unwrap_err().fault,
        FieldError::Truncated {
            field: "MessageContent",
            offset: 156,
            wanted: u32::MAX as usize,
            had: 13
        }
    );
    for count in [0, 101, 255] {
        let mut wrong = submit.to_vec();
        wrong[62] = count;
        assert!(matches!(
            decode(&Bytes::from(wrong)).unwrap_err().fault,
            FieldError::OutOfBounds {
                field: "UserCount",
                offset: 62,
                ..
            }
        ));
    }
}
