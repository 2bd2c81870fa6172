//! What real gateways send that the document does not have: each is read or tolerated, and the session lives.

use hongyan_carrier_wire::cmpp::pdu::{ActiveTestResp, Deliver, has_udh};
use hongyan_carrier_wire::cmpp::report::{Report, ReportForm};
use hongyan_carrier_wire::cmpp::{MsgId, Pdu, Version};
use hongyan_carrier_wire::concat::Udh;
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::session::{CloseReason, Oddity, Up};

use super::sessions::client::Table;
use super::sessions::octets;

/// A logged in client that has agreed on this version.
fn logged_in(version: Version) -> Table {
    let mut table = Table::of(version);
    let source = table.connect();
    table.receive(
        version,
        1,
        &super::sessions::accepted(version, version.octet(), &source),
    );
    assert!(table.client.is_open());
    table.up();
    table
}

fn taken(table: &mut Table) -> Deliver {
    match table.up().pop() {
        Some(Up::Request {
            pdu: Pdu::Deliver(deliver),
            ..
        }) => deliver,
        other => panic!("expected DELIVER, saw {other:?}"),
    }
}

fn report(form: ReportForm, stat: [u8; 7]) -> Report {
    Report {
        form,
        msg_id: MsgId(0xb4c5_5300_0001_0000),
        stat: FixedStr::from_wire(stat),
        submit_time: FixedStr::from_wire(*b"0001010000"),
        done_time: FixedStr::from_wire(*b"0001010000"),
        dest_terminal_id: TerminalId::new("13412340000").unwrap(),
        smsc_sequence: 0,
    }
}

#[test]
fn reports_of_either_length_come_in_either_version() {
    for version in [Version::V2, Version::V3] {
        for form in [ReportForm::Short, ReportForm::Long] {
            let mut table = logged_in(version);
            let sent = report(form, *b"AF:4\0\0\0");
            let deliver = Deliver {
                registered_delivery: 1,
                content: sent.encode(),
                ..Deliver::default()
            };
            table.receive(version, 9, &Pdu::Deliver(deliver));
            let read = Report::decode(taken(&mut table).content.as_slice()).unwrap();
            assert_eq!(read, sent);
            assert_eq!(read.stat_text(), "AF:4", "padding is no part of the status");
        }
    }
}

#[test]
fn a_header_is_told_by_the_whole_gsm_octet_as_well() {
    let mut table = logged_in(Version::V3);
    let deliver = Deliver {
        tp_udhi: 0x40,
        msg_fmt: 8,
        content: Content::from(vec![5, 0, 3, 0x2e, 2, 1, 0x4f, 0x60]),
        ..Deliver::default()
    };
    table.receive(Version::V3, 9, &Pdu::Deliver(deliver));
    let read = taken(&mut table);
    assert!(has_udh(read.tp_udhi));
    let udh = Udh::parse(read.content.as_slice()).unwrap();
    assert_eq!(udh.text(read.content.as_slice()), [0x4f, 0x60]);
    assert!(!has_udh(0) && has_udh(1) && has_udh(0x41) && !has_udh(0x02));
}

#[test]
fn answers_without_a_body_do_no_harm() {
    // SUBMIT_RESP, QUERY_RESP, CANCEL_RESP, ACTIVE_TEST_RESP, TERMINATE_RESP, each to nothing that was asked.
    for command in [4, 6, 7, 8, 2] {
        let mut table = logged_in(Version::V2);
        table.receive_octets(&[0, 0, 0, 12, 0x80, 0, 0, command, 0, 0, 0, 77]);
        assert_eq!(table.actions.close, None, "command {command}");
        assert_eq!(table.sent(), [], "an answer has no answer");
        assert!(table.client.is_open());
    }
}

#[test]
fn a_login_that_is_answered_without_a_body_is_over_at_once() {
    let mut table = Table::of(Version::V3);
    table.connect();
    table.receive_octets(&[0, 0, 0, 12, 0x80, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(table.actions.close, Some(CloseReason::LoginUnreadable));
}

#[test]
fn commands_of_others_and_vendors_are_tolerated() {
    let mut table = logged_in(Version::V2);
    for command in [0x9u32, 0x10, 0x17, 0x8000_0009, 0x00ff_0001] {
        let mut frame = vec![0, 0, 0, 15];
        frame.extend(command.to_be_bytes());
        frame.extend([0, 0, 0, 5, 1, 2, 3]);
        table.receive_octets(&frame);
        assert_eq!(table.up(), [Up::Oddity(Oddity::UnknownCommand { command })]);
    }
    assert!(table.client.is_open());
    assert_eq!(table.sent(), []);
}

#[test]
fn a_delivery_in_the_other_versions_layout_is_refused_and_told() {
    for (agreed, used) in [(Version::V2, Version::V3), (Version::V3, Version::V2)] {
        let mut table = logged_in(agreed);
        let deliver = Pdu::Deliver(Deliver {
            msg_id: MsgId(42),
            content: Content::from(b"hello".to_vec()),
            ..Deliver::default()
        });
        table.receive_octets(&octets(used, 5, &deliver));
        assert!(matches!(
            table.up().as_slice(),
            [Up::Oddity(Oddity::Undecodable(_))]
        ));
        assert_eq!(table.sent().len(), 1, "so that it is not repeated for ever");
        assert!(table.client.is_open());
    }
}

#[test]
fn keep_alives_are_answered_in_order_with_one_octet_more() {
    let mut table = logged_in(Version::V2);
    table.receive_octets(&octets(Version::V2, 0xffff_ffff, &Pdu::ActiveTest));
    let answer = Pdu::ActiveTestResp(ActiveTestResp { reserved: Some(0) });
    assert_eq!(
        table.sent(),
        [super::sessions::packet(0xffff_ffff, answer)],
        "by the number that it came with"
    );
}

#[test]
fn what_cannot_be_read_tells_no_octet_of_it_when_it_is_shown() {
    let mut frame = vec![0, 0, 0, 23, 0, 0, 0, 9, 0, 0, 0, 5];
    frame.extend(b"13800138000");
    let read = hongyan_carrier_wire::cmpp::decode(Version::V2, &frame.into()).unwrap();
    assert!(matches!(&read.pdu, Pdu::Unknown { command: 9, body } if body.len() == 11));
    assert!(format!("{read:?}").contains("<11 octets>"));
}
