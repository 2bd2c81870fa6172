use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::{
    concat::Udh,
    field::{Content, FixedStr, TerminalId},
    login::Secret,
    sgip::{
        LoginType, Password, Pdu, Sequence,
        dialect::{Login, Verdict as LoginVerdict},
        encode,
        pdu::{Deliver, Report, Resp, Submit, UserRpt},
    },
};

use hongyan_catalog::TextRules;

use super::{
    counters,
    delivering::{Asked, Delivering},
    submitting::Submitting,
};
use crate::{
    inbound::Inbound,
    outbound::Outbound,
    protocol::{Protocol, Segment, Submitted, Verdict},
    testing,
};

const SEQUENCE: Sequence = Sequence {
    node: 3_010_031_059,
    time: 1_216_131_127,
    counter: 2,
};

fn submitting() -> Submitting {
    Submitting {
        link: testing::link("127.0.0.1:1".parse().unwrap()).into(),
        corp_id: FixedStr::new("31059").unwrap(),
    }
}

fn delivering() -> Delivering {
    Delivering {
        peer_account: FixedStr::new("unicom").unwrap(),
        peer_secret: Secret::new("s3cret"),
    }
}

fn submit(outbound: &Outbound, number: u8, total: u8) -> Submit {
    let parts = outbound.parts(77, TextRules::default()).unwrap();
    let segment = Segment {
        token: 0,
        outbound,
        part: &parts[usize::from(number) - 1],
        number,
        total,
        reserved: None,
        may_repeat: false,
    };
    match submitting().submit(&segment) {
        Ok(Pdu::Submit(submit)) => submit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_is_paid_by_us_reported_always_and_caused_by_no_uplink() {
    let pdu = submit(&testing::outbound("短", 1), 1, 1);
    assert_eq!(pdu.users.count(), 1);
    assert_eq!(pdu.users.first().as_bytes(), b"8613800138000");
    assert_eq!(pdu.charge_number.as_bytes(), [b'0'; 21]);
    assert_eq!((pdu.report_flag, pdu.morelateto_mt_flag), (1, 2));
    assert_eq!(pdu.sp_number.as_bytes(), b"1069012345");
    assert_eq!(pdu.corp_id.as_bytes(), b"31059");
    assert_eq!(pdu.expire_time.as_bytes(), b"261122044313032+");
    assert_eq!(
        (pdu.fee_value.as_bytes(), pdu.given_value.as_bytes()),
        (&b"0"[..], &b"0"[..])
    );
    assert_eq!((pdu.message_coding, pdu.tp_udhi), (8, 0));
    assert_eq!(pdu.content.as_slice(), [0x77, 0xed]);
}

#[test]
fn every_part_agrees_with_its_header() {
    let outbound = testing::outbound(&"信".repeat(140), 3);
    for number in 1..=3 {
        let pdu = submit(&outbound, number, 3);
        let concat = Udh::parse(pdu.content.as_slice()).unwrap().concat.unwrap();
        assert_eq!((concat.total(), concat.number(), pdu.tp_udhi), (3, number, 1));
        let mut octets = BytesMut::new();
        let len = 143 + 21 + pdu.content.len();
        encode(SEQUENCE, &Pdu::Submit(pdu), &mut octets).unwrap();
        assert_eq!(octets.len(), len);
    }
}

#[test]
fn the_sequence_is_the_id() {
    let id = Submitting::id_of(SEQUENCE).unwrap();
    assert_eq!(id, "b3696dd3487cb03700000002");
    assert_eq!(Submitting::sequence_of(&id), Some(SEQUENCE));
    assert_eq!(Submitting::sequence_of("2"), None);
    let answer = |resp| submitting().submitted(SEQUENCE, Pdu::SubmitResp(resp));
    assert_eq!(answer(Resp::new(0)), Submitted::Taken(id.clone()));
    assert_eq!(answer(Resp::Short { result: 0 }), Submitted::Taken(id));
    assert_eq!(answer(Resp::new(23)), Submitted::Refused(23));
    // Neither taken nor refused: the gateway said nothing.
    assert_eq!(answer(Resp::Bare), Submitted::Unclear);
}

#[test]
fn connections_count_in_ranges_of_their_own() {
    let ranges: Vec<_> = (0..64).map(counters).collect();
    assert_eq!(ranges.first().map(|range| *range.start()), Some(0));
    assert_eq!(ranges.last().map(|range| *range.end()), Some(u32::MAX));
    for pair in ranges.windows(2) {
        assert_eq!(pair[0].end() + 1, *pair[1].start());
    }
}

#[test]
fn a_gateway_is_known_by_name_and_password() {
    let verdict = |name: &str| {
        delivering().verdict(Login {
            login_type: LoginType::SMG_TO_SP,
            login_name: FixedStr::new(name).unwrap(),
            login_password: Password::of(&Secret::new("s3cret")).unwrap(),
        })
    };
    assert_eq!(verdict("unicom"), LoginVerdict::Check(Secret::new("s3cret")));
    for name in ["unicom2", "Unicom", ""] {
        assert_eq!(verdict(name), LoginVerdict::Refuse { result: 1 }, "{name}");
    }
}

fn receipt(state: u8, error_code: u8) -> (String, String, String) {
    let read = delivering().delivered(
        SEQUENCE,
        Pdu::Report(Report {
            submit_sequence: Sequence {
                counter: 9,
                ..SEQUENCE
            },
            user_number: TerminalId::new("8613800138000").unwrap(),
            state,
            error_code,
            ..Report::default()
        }),
    );
    match read.inbound {
        Inbound::Receipt(receipt) => (receipt.carrier_message_id, receipt.stat, receipt.person.number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_names_the_submit_and_says_what_became_of_it() {
    let (id, stat, number) = receipt(0, 0);
    assert_eq!(id, "b3696dd3487cb03700000009", "not its own sequence");
    assert_eq!(
        (stat.as_str(), number.as_str()),
        ("SGIP:DELIVRD", "+8613800138000")
    );
    assert_eq!(receipt(1, 0).1, "SGIP:ACCEPTD");
    assert_eq!(receipt(2, 27).1, "SGIP:UNDELIV/27");
    // An error code counts with a failure alone.
    assert_eq!(receipt(0, 27).1, "SGIP:DELIVRD");
    assert_eq!(receipt(7, 27).1, "SGIP:UNKNOWN/27");
}

#[test]
fn what_is_no_receipt_of_ours_and_no_text_is_taken_and_ignored() {
    let about_deliver = Pdu::Report(Report {
        report_type: 1,
        ..Report::default()
    });
    for (pdu, asked) in [
        (about_deliver, Asked::Report),
        (Pdu::UserRpt(UserRpt::default()), Asked::UserRpt),
    ] {
        let read = delivering().delivered(SEQUENCE, pdu);
        assert!(matches!(read.inbound, Inbound::Ignored));
        assert_eq!(read.asked, asked);
    }
}

#[test]
fn texts_say_who_wrote_and_where_to() {
    let deliver = Deliver {
        user_number: TerminalId::new("8613800138000").unwrap(),
        sp_number: FixedStr::new("1069012345").unwrap(),
        message_coding: 15,
        content: Content::new(Bytes::from_static(b"\xcd\xcb\xb6\xa9")),
        ..Deliver::default()
    };
    let read = delivering().delivered(SEQUENCE, Pdu::Deliver(deliver.clone()));
    assert_eq!(read.id.as_deref(), Some("b3696dd3487cb03700000002"));
    let Inbound::Text(text) = read.inbound else {
        panic!("not a text");
    };
    assert_eq!(
        (
            text.from.number.as_str(),
            text.access_number.as_str(),
            text.said.as_str()
        ),
        ("+8613800138000", "1069012345", "退订")
    );
    let part = Deliver {
        tp_udhi: 1,
        message_coding: 8,
        content: Content::new(Bytes::from_static(b"\x05\x00\x03\x07\x02\x01\x4f\x60")),
        ..deliver
    };
    let Inbound::Part(part) = delivering().delivered(SEQUENCE, Pdu::Deliver(part)).inbound else {
        panic!("not a part");
    };
    assert_eq!((part.concat.total(), part.concat.number()), (2, 1));
}

#[test]
fn each_request_has_its_own_answer() {
    for (verdict, result) in [
        (Verdict::Taken, 0),
        (Verdict::SlowDown, 11),
        (Verdict::Structure, 5),
        (Verdict::Other, 32),
    ] {
        let resp = Resp::new(result);
        assert_eq!(
            delivering().answer(&Asked::Deliver, verdict),
            Pdu::DeliverResp(resp)
        );
        assert_eq!(
            delivering().answer(&Asked::Report, verdict),
            Pdu::ReportResp(resp)
        );
        assert_eq!(
            delivering().answer(&Asked::UserRpt, verdict),
            Pdu::UserRptResp(resp)
        );
    }
}
