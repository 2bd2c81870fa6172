use hongyan_carrier_wire::{
    cmpp::{
        MsgId, Pdu, Version, encode,
        pdu::{Deliver, SubmitResp},
        report::{Report, ReportForm},
    },
    concat::Udh,
    field::{Content, FixedStr, TerminalId},
};
use hongyan_catalog::TextRules;
use hongyan_domain::Partitions;

use super::{Cmpp, Protocol, Segment, Submitted, Verdict, read, submit};
use crate::{inbound::Inbound, outbound::Outbound, testing};

fn segment<'a>(
    outbound: &'a Outbound,
    part: &'a hongyan_carrier_wire::concat::Part,
    number: u8,
    total: u8,
) -> Segment<'a> {
    Segment {
        token: 0,
        outbound,
        part,
        number,
        total,
        reserved: None,
        may_repeat: false,
    }
}

fn cmpp() -> Cmpp {
    Cmpp {
        link: testing::link("127.0.0.1:1".parse().unwrap()).into(),
    }
}

fn deliver(from: &str, content: &[u8]) -> Deliver {
    Deliver {
        msg_id: MsgId(0x77),
        src_terminal_id: TerminalId::new(from).unwrap(),
        dest_id: FixedStr::new("1069012345").unwrap(),
        content: Content::from(content.to_vec()),
        ..Deliver::default()
    }
}

#[test]
fn every_part_agrees_with_its_header_and_asks_for_a_receipt() {
    let link = testing::link("127.0.0.1:1".parse().unwrap());
    let outbound = testing::outbound(&"信".repeat(140), 3);
    let parts = outbound.parts(77, TextRules::default()).unwrap();
    for (number, part) in (1_u8..).zip(&parts) {
        let pdu = submit(&link, &segment(&outbound, part, number, 3)).unwrap();
        assert_eq!(
            (pdu.pk_total, pdu.pk_number, pdu.registered_delivery, pdu.tp_udhi),
            (3, number, 1, 1)
        );
        let concat = Udh::parse(pdu.content.as_slice()).unwrap().concat.unwrap();
        assert_eq!((concat.total(), concat.number()), (3, number));
        assert_eq!(pdu.recipients.first().as_bytes(), b"13800138000");
        assert_eq!(pdu.msg_src.as_bytes(), b"900001");
        for version in [Version::V2, Version::V3] {
            let mut octets = bytes::BytesMut::new();
            let pdu = cmpp().submit(&segment(&outbound, part, number, 3)).unwrap();
            encode(version, 1, &pdu, &mut octets).unwrap();
            assert!(octets.len() > 138);
        }
    }
}

#[test]
fn a_single_segment_has_no_header() {
    let link = testing::link("127.0.0.1:1".parse().unwrap());
    let outbound = testing::outbound("短", 1);
    let parts = outbound.parts(1, TextRules::default()).unwrap();
    let pdu = submit(&link, &segment(&outbound, &parts[0], 1, 1)).unwrap();
    assert_eq!(
        (pdu.tp_udhi, pdu.content.as_slice()),
        (0, [0x77, 0xed].as_slice())
    );
}

#[test]
fn what_does_not_fit_is_said_without_saying_it() {
    let mut outbound = testing::outbound("短", 1);
    outbound.source = "1".repeat(22);
    let parts = outbound.parts(1, TextRules::default()).unwrap();
    let why = cmpp().submit(&segment(&outbound, &parts[0], 1, 1)).unwrap_err();
    assert!(!why.contains("111"), "{why}");
}

#[test]
fn answers_are_taken_or_refused() {
    let answer = |result| {
        let resp = SubmitResp {
            msg_id: MsgId(0x7fd9_13c1_2d34_b9c9),
            result,
        };
        cmpp().submitted(9, Pdu::SubmitResp(resp))
    };
    assert_eq!(answer(0), Submitted::Taken("7fd913c12d34b9c9".to_owned()));
    assert_eq!(answer(13), Submitted::Refused(13));
    assert_eq!(cmpp().submitted(9, Pdu::ActiveTest), Submitted::Unclear);
}

#[test]
fn deliveries_are_answered_under_their_own_id() {
    let read = cmpp().delivered(5, Pdu::Deliver(deliver("13800138000", b"hi")));
    assert_eq!(read.id.as_deref(), Some("0000000000000077"));
    for (verdict, result) in [
        (Verdict::Taken, 0),
        (Verdict::Structure, 1),
        (Verdict::SlowDown, 8),
        (Verdict::Other, 9),
    ] {
        let Pdu::DeliverResp(resp) = cmpp().answer(&read.asked, verdict) else {
            panic!("no answer");
        };
        assert_eq!((resp.msg_id, resp.result), (MsgId(0x77), result));
    }
}

#[test]
fn receipts_of_both_forms_are_read_and_others_are_malformed() {
    for form in [ReportForm::Short, ReportForm::Long] {
        let report = Report {
            form,
            msg_id: MsgId(7),
            stat: FixedStr::new("DELIVRD").unwrap(),
            submit_time: FixedStr::default(),
            done_time: FixedStr::new("2611212043").unwrap(),
            dest_terminal_id: TerminalId::new("13800138000").unwrap(),
            smsc_sequence: 0,
        };
        let mut pdu = deliver("13800138000", report.encode().as_slice());
        pdu.registered_delivery = 1;
        let Inbound::Receipt(receipt) = read(&pdu) else {
            panic!("not a receipt");
        };
        assert_eq!(
            (receipt.carrier_message_id.as_str(), receipt.stat.as_str()),
            ("0000000000000007", "DELIVRD")
        );
        let partitions = Partitions::new(16).unwrap();
        assert_eq!(
            receipt.person.partition(partitions),
            partitions.of(&hongyan_domain::Msisdn::parse("13800138000").unwrap())
        );
        pdu.content = Content::from(vec![0; 61]);
        assert!(matches!(read(&pdu), Inbound::Malformed));
    }
}

#[test]
fn texts_say_who_wrote_and_where_to() {
    let mut pdu = deliver("8613800138000", b"\x06\x05\x04\x15\x8a\x00\x00hi");
    // The flag as some gateways write it.
    pdu.tp_udhi = 0x40;
    let Inbound::Text(text) = read(&pdu) else {
        panic!("not a text");
    };
    assert_eq!(
        (
            text.from.number.as_str(),
            text.access_number.as_str(),
            text.said.as_str()
        ),
        ("+8613800138000", "1069012345", "hi")
    );
}
