use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::{
    concat::{Part, Udh},
    field::Content,
    smpp::{
        CText, Pdu, Status,
        dialect::EsmeOpened,
        encode,
        pdu::{Address, BindMode, DataSm, Message, MessageBody, MessageResp},
        tlv::{Tag, Tlvs},
    },
    text::{Coding, Decoded},
};
use hongyan_catalog::{
    Alphabet, Bind, Link, LongMessages, Numbering, Protocol as Spoken, ReceiptId, Smpp as Settings,
    SubmitCoding, TextRules,
};

use super::{Asked, Smpp, mode, storable, submit};
use crate::{
    inbound::Inbound,
    outbound::Outbound,
    protocol::{Direction, Learned, Protocol, Segment, Submitted, Verdict},
    testing,
};

fn settings() -> Settings {
    Settings {
        system_type: String::new(),
        bind: Bind::Transceiver,
        source: Numbering { ton: 0, npi: 1 },
        destination: Numbering { ton: 1, npi: 1 },
        destination_prefix: "86".to_owned(),
        ucs2_data_coding: 8,
        default_alphabet: Alphabet::Gsm7,
        submit_coding: SubmitCoding::Ucs2,
        long_messages: LongMessages::Header,
        receipt_id: ReceiptId::Auto,
        tls: None,
    }
}

fn link(settings: &Settings) -> Link {
    Link {
        protocol: Spoken::Smpp(settings.clone()),
        account: "hongyan".to_owned(),
        service_id: "CMT".to_owned(),
        ..testing::link("127.0.0.1:1".parse().unwrap())
    }
}

fn smpp(settings: Settings) -> Smpp {
    let link = link(&settings);
    Smpp {
        learned: Arc::new(Learned::of(&link)),
        link: Arc::new(link),
        settings,
        direction: Direction::Both,
    }
}

fn segment<'a>(outbound: &'a Outbound, part: &'a Part, number: u8, total: u8) -> Segment<'a> {
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

/// The PDUs of a text, each of which can be written.
fn submits(settings: &Settings, text: &str) -> Vec<Message> {
    let segments = hongyan_domain::text::segments(text).unwrap().get();
    let outbound = testing::outbound(text, u32::from(segments));
    let parts = outbound.parts(77, TextRules::default()).unwrap();
    let messages = (1..).zip(&parts).map(|(number, part)| {
        let segment = segment(&outbound, part, number, segments);
        let message = submit::message(&link(settings), settings, &segment).unwrap();
        encode(1, &Pdu::SubmitSm(message.clone()), &mut BytesMut::new()).unwrap();
        message
    });
    messages.collect()
}

fn said(coding: Coding, header_len: usize, octets: &[u8]) -> String {
    match coding.decode_behind(header_len, octets) {
        Decoded::Text { text, lossy: false } => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_single_segment_is_ucs2_and_asks_for_a_receipt() {
    let sent = submits(&settings(), "短").remove(0);
    assert_eq!(sent.service_type.as_bytes(), b"CMT");
    assert_eq!(
        (sent.source.ton, sent.source.npi, sent.source.as_str()),
        (0, 1, Some("1069012345"))
    );
    assert_eq!(
        (
            sent.destination.ton,
            sent.destination.npi,
            sent.destination.as_str()
        ),
        (1, 1, Some("8613800138000"))
    );
    assert_eq!(
        (
            sent.body.esm_class,
            sent.body.data_coding,
            sent.body.registered_delivery
        ),
        (0, 8, 1)
    );
    assert_eq!(sent.body.short_message.as_slice(), [0x77, 0xed]);
    assert_eq!(sent.body.validity_period.as_bytes(), b"261122044313032+");
    assert!(sent.body.tlvs.is_empty());
}

#[test]
fn the_declaration_says_how_numbers_and_codings_are_written() {
    let odd = Settings {
        source: Numbering { ton: 5, npi: 0 },
        destination: Numbering { ton: 2, npi: 8 },
        destination_prefix: String::new(),
        ucs2_data_coding: 0x18,
        ..settings()
    };
    let sent = submits(&odd, "短").remove(0);
    assert_eq!((sent.source.ton, sent.source.npi), (5, 0));
    assert_eq!(
        (
            sent.destination.ton,
            sent.destination.npi,
            sent.destination.as_str()
        ),
        (2, 8, Some("13800138000"))
    );
    assert_eq!(sent.body.data_coding, 0x18);
}

#[test]
fn parts_are_numbered_by_their_header() {
    let text = "信".repeat(140);
    let sent = submits(&settings(), &text);
    let mut joined = String::new();
    for (number, message) in (1..).zip(&sent) {
        assert!(message.body.has_udh() && message.body.tlvs.is_empty());
        let content = message.body.short_message.as_slice();
        let header = Udh::parse(content).unwrap();
        let concat = header.concat.unwrap();
        assert_eq!((concat.total(), concat.number()), (3, number));
        joined += &said(Coding::Ucs2, 0, header.text(content));
    }
    assert_eq!(joined, text);
}

#[test]
fn or_by_parameters() {
    let sar = Settings {
        long_messages: LongMessages::Sar,
        ..settings()
    };
    let text = "信".repeat(140);
    let sent = submits(&sar, &text);
    let mut joined = String::new();
    for (number, message) in (1..).zip(&sent) {
        assert!(!message.body.has_udh());
        assert_eq!(message.body.tlvs.u16(Tag::SAR_MSG_REF_NUM), Some(77));
        let concat = message.body.sar().unwrap();
        assert_eq!((concat.total(), concat.number()), (3, number));
        joined += &said(Coding::Ucs2, 0, message.body.short_message.as_slice());
    }
    assert_eq!(joined, text);
    // A single segment says nothing.
    assert!(submits(&sar, "短")[0].body.tlvs.is_empty());
}

#[test]
fn the_default_alphabet_is_used_where_it_has_all_of_the_text() {
    let latin = "Paid: 100. ".repeat(10);
    let mixed = format!("{}元", "Paid: 100. ".repeat(10));
    for (declared, coding) in [
        (Alphabet::Gsm7, Coding::Gsm7),
        (Alphabet::Gsm7Packed, Coding::Gsm7Packed),
        (Alphabet::Ascii, Coding::Ascii),
        (Alphabet::Latin1, Coding::Latin1),
    ] {
        for long_messages in [LongMessages::Header, LongMessages::Sar] {
            let shorter = Settings {
                default_alphabet: declared,
                submit_coding: SubmitCoding::Default,
                long_messages,
                ..settings()
            };
            let sent = submits(&shorter, &latin);
            assert_eq!(sent.len(), 2, "cut as it was counted");
            let mut joined = String::new();
            for message in &sent {
                assert_eq!(message.body.data_coding, 0);
                let content = message.body.short_message.as_slice();
                let header_len = if message.body.has_udh() {
                    Udh::parse(content).unwrap().len
                } else {
                    0
                };
                joined += &said(coding, header_len, &content[header_len..]);
            }
            // A carriage return that fills packed septets is no part of the text.
            assert_eq!(joined.replace('\r', ""), latin, "{declared:?} {long_messages:?}");
            // One character that it lacks, and no part is written in it.
            let sent = submits(&shorter, &mixed);
            assert!(sent.iter().all(|message| message.body.data_coding == 8));
        }
    }
    // Not asked for: UCS-2 whatever the text.
    assert_eq!(submits(&settings(), "Paid")[0].body.data_coding, 8);
}

#[test]
fn what_does_not_fit_is_said_without_saying_it() {
    let mut outbound = testing::outbound("短", 1);
    outbound.source = "1".repeat(21);
    let parts = outbound.parts(1, TextRules::default()).unwrap();
    let why = smpp(settings())
        .submit(&segment(&outbound, &parts[0], 1, 1))
        .unwrap_err();
    assert!(why.starts_with("source_addr") && !why.contains("111"), "{why}");
}

#[test]
fn separate_logins_halve_the_connections() {
    let modes = |connections| {
        (0..connections)
            .map(|slot| mode(Bind::TransmitterAndReceiver, slot, connections))
            .collect::<Vec<_>>()
    };
    let (t, r) = (BindMode::Transmitter, BindMode::Receiver);
    assert_eq!(modes(2), [t, r]);
    assert_eq!(modes(5), [t, t, t, r, r]);
    assert_eq!(mode(Bind::Transceiver, 3, 4), BindMode::Transceiver);
}

#[test]
fn answers_are_taken_refused_or_unclear() {
    let glue = smpp(settings());
    let resp = |status, id: Option<&str>| {
        let id = id.map(|id| CText::new(id).unwrap());
        let resp = MessageResp {
            message_id: id,
            ..MessageResp::without_body(status)
        };
        glue.submitted(9, Pdu::SubmitSmResp(resp))
    };
    assert_eq!(
        resp(Status::ROK, Some("038601FA")),
        Submitted::Taken("38601fa".to_owned())
    );
    assert_eq!(
        resp(Status::ROK, Some("Aq:7|x")),
        Submitted::Taken("aq%3a7%7cx".to_owned())
    );
    assert_eq!(resp(Status::RTHROTTLED, None), Submitted::Refused(0x58));
    assert_eq!(resp(Status::RINVDSTADR, Some("")), Submitted::Refused(0x0b));
    assert_eq!(resp(Status::ROK, None), Submitted::TakenUnnamed);
    assert_eq!(resp(Status::ROK, Some("")), Submitted::TakenUnnamed);
    let nack = |status| glue.submitted(9, Pdu::GenericNack(status));
    assert_eq!(nack(Status::RINVCMDID), Submitted::Refused(3));
    assert_eq!(nack(Status::ROK), Submitted::Unclear);
}

#[test]
fn ids_are_made_fit_for_the_store() {
    assert_eq!(storable("38601fa"), "38601fa");
    assert_eq!(storable("a b%"), "a%20b%25");
    let long = storable(&"é".repeat(32));
    assert_eq!(long.len(), 96);
    assert!(long.ends_with("%a9"));
}

fn deliver(from: &str, data_coding: u8, content: &[u8]) -> Message {
    Message {
        source: Address {
            ton: 1,
            npi: 1,
            number: CText::new(from).unwrap(),
        },
        destination: Address {
            ton: 0,
            npi: 1,
            number: CText::new("1069012345").unwrap(),
        },
        body: MessageBody {
            data_coding,
            short_message: Content::from(content.to_vec()),
            ..MessageBody::default()
        },
        ..Message::default()
    }
}

fn read(glue: &Smpp, message: Message) -> Inbound {
    let read = glue.delivered(5, Pdu::DeliverSm(message));
    assert_eq!((read.asked, read.id), (Asked::Deliver, None));
    read.inbound
}

#[test]
fn texts_are_read_in_the_centres_codings() {
    let glue = smpp(settings());
    for (data_coding, content, expected) in [
        (8, Coding::Ucs2.encode("查余额").unwrap(), "查余额"),
        (0, vec![0x00, 0x11], "@_"),
        (1, b"TD".to_vec(), "TD"),
        (3, vec![0xe9], "é"),
        (4, vec![1, 2], "\u{fffd}"),
    ] {
        let Inbound::Text(text) = read(&glue, deliver("8613800138000", data_coding, &content)) else {
            panic!("{data_coding} is no text");
        };
        assert_eq!(text.said, expected);
        assert_eq!(text.from.number, "+8613800138000");
        assert_eq!(text.access_number, "1069012345");
    }
    let odd = smpp(Settings {
        ucs2_data_coding: 0x19,
        ..settings()
    });
    let content = Coding::Ucs2.encode("查").unwrap();
    assert!(matches!(
        read(&odd, deliver("13800138000", 0x19, &content)),
        Inbound::Text(text) if text.said == "查"
    ));
}

#[test]
fn a_text_may_stand_in_the_payload_and_in_a_data_sm() {
    let glue = smpp(settings());
    let payload = Tlvs::builder()
        .octets(Tag::MESSAGE_PAYLOAD, b"TD")
        .unwrap()
        .build();
    let mut message = deliver("13800138000", 1, b"");
    message.body.tlvs = payload.clone();
    assert!(matches!(read(&glue, message), Inbound::Text(text) if text.said == "TD"));
    let data = DataSm {
        source: Address {
            ton: 1,
            npi: 1,
            number: CText::new("8613800138000").unwrap(),
        },
        data_coding: 1,
        tlvs: payload,
        ..DataSm::default()
    };
    let read = glue.delivered(5, Pdu::DataSm(data));
    assert_eq!(read.asked, Asked::Data);
    assert!(matches!(read.inbound, Inbound::Text(text) if text.said == "TD"));
}

#[test]
fn parts_are_told_by_header_or_by_parameters_and_the_header_counts() {
    let glue = smpp(settings());
    let sar = |reference| {
        Tlvs::builder()
            .u16(Tag::SAR_MSG_REF_NUM, reference)
            .u8(Tag::SAR_TOTAL_SEGMENTS, 2)
            .u8(Tag::SAR_SEGMENT_SEQNUM, 1)
            .build()
    };
    let part = |mut message: Message, esm_class, tlvs| {
        message.body.esm_class = esm_class;
        message.body.tlvs = tlvs;
        match read(&glue, message) {
            Inbound::Part(part) => (part.concat, part.octets),
            other => panic!("{other:?}"),
        }
    };
    let headed = deliver("13800138000", 8, b"\x05\x00\x03\x09\x03\x02\x4f\x60");
    let (concat, octets) = part(headed.clone(), 0x40, Tlvs::new());
    assert_eq!(
        (concat.total(), concat.number(), octets),
        (3, 2, Bytes::from_static(&[0x4f, 0x60]))
    );
    let (concat, _) = part(headed, 0x40, sar(7));
    assert_eq!(concat.total(), 3);
    let plain = deliver("13800138000", 8, &[0x4f, 0x60]);
    let (concat, octets) = part(plain, 0, sar(7));
    assert_eq!((concat.total(), concat.number(), octets.len()), (2, 1, 2));
    // A header that numbers nothing beside parameters that do.
    let ported = deliver("13800138000", 8, b"\x06\x05\x04\x15\x8a\x00\x00\x4f\x60");
    let (concat, octets) = part(ported, 0x40, sar(7));
    assert_eq!((concat.number(), octets), (1, Bytes::from_static(&[0x4f, 0x60])));
}

const RECEIPT: &str =
    "id:0059113978 sub:001 dlvrd:001 submit date:2611220443 done date:2611220444 stat:UNDELIV err:069 text:";

fn receipt(text: &str, tlvs: Tlvs) -> Message {
    let mut message = deliver("8613800138000", 0, text.as_bytes());
    message.body.esm_class = 0x04;
    message.body.tlvs = tlvs;
    message
}

#[test]
fn receipts_find_the_id_that_the_response_gave() {
    let glue = smpp(settings());
    let taken = MessageResp::with_id(Status::ROK, CText::new("38601FA").unwrap());
    let Submitted::Taken(id) = glue.submitted(1, Pdu::SubmitSmResp(taken)) else {
        panic!("not taken");
    };
    let parameter = Tlvs::builder()
        .text(Tag::RECEIPTED_MESSAGE_ID, b"38601fa")
        .unwrap();
    for message in [
        receipt(RECEIPT, Tlvs::new()),
        receipt(
            "stat:UNDELIV err:069 submit date:261122044355 done date:2611220444",
            parameter.build(),
        ),
    ] {
        let Inbound::Receipt(read) = read(&glue, message) else {
            panic!("not a receipt");
        };
        assert_eq!(read.carrier_message_id, id);
        assert_eq!(read.stat, "SMPP:UNDELIV/069");
        assert_eq!(read.done_time, "2611220444");
        assert_eq!(read.submitted_ms, Some(1_795_293_780_000));
        assert_eq!(read.person.number, "+8613800138000");
    }
}

#[test]
fn a_receipt_with_its_addresses_the_wrong_way_round_is_about_the_phone() {
    let mut message = receipt(RECEIPT, Tlvs::new());
    std::mem::swap(&mut message.source, &mut message.destination);
    let Inbound::Receipt(read) = read(&smpp(settings()), message) else {
        panic!("not a receipt");
    };
    assert_eq!(read.person.number, "+8613800138000");
}

#[test]
fn a_receipt_of_nothing_is_malformed() {
    let glue = smpp(settings());
    assert!(matches!(
        read(&glue, receipt("stat:DELIVRD", Tlvs::new())),
        Inbound::Malformed
    ));
}

#[test]
fn deliveries_are_answered_in_their_own_kind() {
    let glue = smpp(settings());
    for (verdict, status) in [
        (Verdict::Taken, Status::ROK),
        (Verdict::SlowDown, Status::RX_T_APPN),
        (Verdict::Other, Status::RX_T_APPN),
        (Verdict::Structure, Status::RX_P_APPN),
    ] {
        let Pdu::DeliverSmResp(resp) = glue.answer(&Asked::Deliver, verdict) else {
            panic!("another answer");
        };
        assert_eq!((resp.status, resp.message_id), (status, Some(CText::EMPTY)));
        assert!(matches!(glue.answer(&Asked::Data, verdict), Pdu::DataSmResp(resp) if resp.status == status));
    }
    let read = glue.delivered(5, Pdu::EnquireLink);
    assert!(matches!(read.inbound, Inbound::Ignored));
}

#[test]
fn the_version_is_the_centres() {
    let glue = smpp(settings());
    let opened = |interface_version| {
        let opened = glue.opened(EsmeOpened {
            system_id: CText::EMPTY,
            interface_version,
        });
        assert!(!opened.is_proved);
        opened.version
    };
    assert_eq!(opened(Some(0x34)), "SMPP 3.4");
    assert_eq!(opened(Some(0x50)), "SMPP 5.0");
    assert_eq!(opened(None), "SMPP 3.3");
}
