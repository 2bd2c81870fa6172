//! The glue of SMGP, in PDUs and values.

use std::sync::Arc;

use hongyan_carrier_wire::{
    concat::{Reference, Udh, split},
    field::{Content, FixedStr, TerminalId},
    smgp::{
        MsgId, Pdu, Version, encode,
        pdu::{Deliver, DeliverResp, Submit, SubmitResp},
        report::Report,
        tlv::{Tlv, Tlvs},
    },
    text::Coding,
};

use super::Smgp;
use crate::{
    inbound::Inbound,
    protocol::{Protocol as _, Segment, Submitted, Verdict},
    testing,
};

fn glue(msg_src: Option<&str>) -> Smgp {
    Smgp {
        link: Arc::new(testing::link("127.0.0.1:1".parse().unwrap())),
        msg_src: msg_src.map(|text| FixedStr::new(text).unwrap()),
    }
}

/// The PDUs of a text's segments.
fn submits(glue: &Smgp, text: &str, count: u8) -> Vec<Submit> {
    let outbound = testing::outbound(text, u32::from(count));
    let parts = split(text, Coding::Ucs2, Reference::Bits8(77), 6).unwrap();
    assert_eq!(parts.len(), usize::from(count));
    (1..)
        .zip(&parts)
        .map(|(number, part)| {
            let segment = Segment {
                token: 1,
                outbound: &outbound,
                part,
                number,
                total: count,
                reserved: None,
                may_repeat: false,
            };
            match glue.submit(&segment).unwrap() {
                Pdu::Submit(submit) => submit,
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

fn deliver(content: &[u8], tlvs: Tlvs) -> Deliver {
    Deliver {
        msg_id: MsgId([9; 10]),
        msg_format: 8,
        src_term_id: TerminalId::new("8618900000001").unwrap(),
        dest_term_id: FixedStr::new("1069012345").unwrap(),
        content: Content::from(content.to_vec()),
        tlvs,
        ..Deliver::default()
    }
}

fn inbound(deliver: Deliver) -> Inbound {
    glue(None).delivered(1, Pdu::Deliver(deliver)).inbound
}

#[test]
fn every_part_agrees_with_its_header_and_asks_for_a_receipt() {
    for (number, submit) in (1_u8..).zip(submits(&glue(None), &"信".repeat(140), 3)) {
        assert_eq!(
            (submit.msg_type, submit.need_report, submit.msg_format),
            (6, 1, 8)
        );
        assert_eq!(
            submit.tlvs.iter().collect::<Vec<_>>(),
            [Tlv::TpUdhi(1), Tlv::PkTotal(3), Tlv::PkNumber(number)]
        );
        let concat = Udh::parse(submit.content.as_slice()).unwrap().concat.unwrap();
        assert_eq!((concat.total(), concat.number()), (3, number));
        assert_eq!(submit.recipients.first().as_bytes(), b"13800138000");
        assert_eq!(submit.src_term_id.as_bytes(), b"1069012345");
        for version in [Version::V1, Version::V3] {
            let mut octets = bytes::BytesMut::new();
            encode(version, 1, &Pdu::Submit(submit.clone()), &mut octets).unwrap();
            assert!(octets.len() > 120, "{version:?} can say it");
        }
    }
}

#[test]
fn a_single_segment_has_no_header_and_says_nothing_of_parts() {
    let submit = submits(&glue(None), "短", 1).remove(0);
    assert_eq!(submit.content.as_slice(), [0x77, 0xed]);
    assert!(submit.tlvs.is_empty());
    let with_source = submits(&glue(Some("900001")), "短", 1).remove(0);
    assert_eq!(
        with_source.tlvs.iter().collect::<Vec<_>>(),
        [Tlv::MsgSrc(FixedStr::new("900001").unwrap())]
    );
}

#[test]
fn what_a_submit_was_answered_with_is_told() {
    let glue = glue(None);
    let id = MsgId([0x01, 0x00, 0x61, 0x01, 0x16, 0x17, 0x00, 0x01, 0x23, 0xab]);
    let answer = |status| Pdu::SubmitResp(SubmitResp { msg_id: id, status });
    assert_eq!(
        glue.submitted(1, answer(0)),
        Submitted::Taken("010061011617000123ab".to_owned())
    );
    assert_eq!(glue.submitted(1, answer(39)), Submitted::Refused(39));
    assert_eq!(glue.submitted(1, Pdu::ActiveTestResp), Submitted::Unclear);
}

#[test]
fn receipts_name_their_message_and_its_fate() {
    let report = Report {
        msg_id: MsgId([0x20; 10]),
        submit_date: FixedStr::new("2611220443").unwrap(),
        done_date: FixedStr::new("2611220444").unwrap(),
        stat: FixedStr::new("EXPIRED").unwrap(),
        err: FixedStr::new("007").unwrap(),
        ..Report::default()
    };
    let told = Deliver {
        is_report: 1,
        ..deliver(report.encode().as_slice(), Tlvs::new())
    };
    let Inbound::Receipt(receipt) = inbound(told.clone()) else {
        panic!("not a receipt")
    };
    assert_eq!(receipt.carrier_message_id, "20".repeat(10));
    assert_eq!(receipt.stat, "SMGP:EXPIRED/007");
    assert_eq!(
        (receipt.done_time.as_str(), receipt.submitted_ms),
        ("2611220444", Some(1_795_293_780_000))
    );
    assert_eq!(receipt.person.number, "+8618900000001");
    let broken = Deliver {
        content: Content::from(b"no report".to_vec()),
        ..told
    };
    assert!(matches!(inbound(broken), Inbound::Malformed));
}

#[test]
fn a_text_is_read_with_or_without_the_word_that_it_has_a_header() {
    let text = Coding::Ucs2.encode("查余额").unwrap();
    let Inbound::Text(read) = inbound(deliver(&text, Tlvs::new())) else {
        panic!("not a text")
    };
    assert_eq!(
        (
            read.from.number.as_str(),
            read.access_number.as_str(),
            read.said.as_str()
        ),
        ("+8618900000001", "1069012345", "查余额")
    );

    let whole = "长".repeat(100);
    let parts = split(&whole, Coding::Ucs2, Reference::Bits8(9), 6).unwrap();
    let with = |tp_udhi| {
        let mut tlvs = Tlvs::new();
        tlvs.push(Tlv::TpUdhi(tp_udhi)).unwrap();
        tlvs
    };
    for tlvs in [with(1), with(0x40), with(0), Tlvs::new()] {
        let Inbound::Part(part) = inbound(deliver(parts[0].content.as_slice(), tlvs)) else {
            panic!("not a part")
        };
        assert_eq!((part.concat.total(), part.concat.number()), (2, 1));
    }
}

#[test]
fn deliveries_are_answered_with_their_id_and_known_by_it() {
    let glue = glue(None);
    let read = glue.delivered(1, Pdu::Deliver(deliver(b"", Tlvs::new())));
    assert_eq!(read.id, Some("09".repeat(10)));
    for (verdict, status) in [
        (Verdict::Taken, 0),
        (Verdict::SlowDown, 1),
        (Verdict::Other, 1),
        (Verdict::Structure, 10),
    ] {
        assert_eq!(
            glue.answer(&read.asked, verdict),
            Pdu::DeliverResp(DeliverResp {
                msg_id: MsgId([9; 10]),
                status
            })
        );
    }
    let unnamed = Deliver {
        msg_id: MsgId::default(),
        ..deliver(b"", Tlvs::new())
    };
    assert_eq!(glue.delivered(1, Pdu::Deliver(unnamed)).id, None);
}
