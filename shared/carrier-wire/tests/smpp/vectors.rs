//! Every SMPP vector: each field read as it is written down, each octet written as it was read.

use crate::common::{Vector, check_fields, of_protocol};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::concat::{Concat, Reference, Udh};
use hongyan_carrier_wire::field::FieldError;
use hongyan_carrier_wire::frame::{FrameError, next_frame};
use hongyan_carrier_wire::session::{Actions, Event, Session, SessionLimits, Up};
use hongyan_carrier_wire::smpp::dialect::{LoginVerdict, Smsc};
use hongyan_carrier_wire::smpp::message_id::{MessageIds, ReceiptIdForm};
use hongyan_carrier_wire::smpp::pdu::{Address, Message, MessageBody};
use hongyan_carrier_wire::smpp::receipt::{MessageState, Receipt};
use hongyan_carrier_wire::smpp::tlv::Tlvs;
use hongyan_carrier_wire::smpp::{CText, Command, FRAME_LIMITS, Packet, Pdu, Status, codec, decode, encode};
use hongyan_carrier_wire::text::{Coding, Decoded};

/// How many vectors there are of this protocol.
const VECTORS: usize = 18;

pub(crate) fn smpp() -> Vec<Vector> {
    of_protocol("SMPP", VECTORS)
}

/// False for the entry that is a part of a PDU and the one that is none.
pub(crate) fn is_whole(vector: &Vector) -> bool {
    !["P-27", "P-35"].contains(&vector.id.as_str())
}

fn frame_of(id: &str) -> Bytes {
    let vector = smpp().into_iter().find(|vector| vector.id == id);
    vector.unwrap().frames().remove(0)
}

fn message_of(id: &str) -> Message {
    match decode(&frame_of(id)).unwrap().pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => message,
        other => panic!("{id} is {other:?}"),
    }
}

fn name(command: u32) -> String {
    Command::of_id(command).map_or("?", Command::name).to_owned()
}

/// The fields of a PDU in the words of the vectors; empty ones are left out.
fn fields(pdu: &Pdu) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("name", name(pdu.command_id())),
        ("status", format!("{:#x}", pdu.status().0)),
    ];
    match pdu {
        Pdu::Bind(bind) => fields.extend([
            ("system_id", bind.system_id.to_text().into_owned()),
            ("password", bind.password.0.to_text().into_owned()),
            ("system_type", bind.system_type.to_text().into_owned()),
            ("ver", format!("0x{:02x}", bind.interface_version)),
            ("ton", bind.addr_ton.to_string()),
            ("npi", bind.addr_npi.to_string()),
            ("address_range", bind.address_range.to_text().into_owned()),
        ]),
        Pdu::BindResp(resp) => fields.extend([
            ("system_id", resp.system_id.unwrap().to_text().into_owned()),
            ("tlv", tlvs(&resp.tlvs)),
        ]),
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => fields.extend(message_fields(message)),
        Pdu::SubmitSmResp(resp) | Pdu::DataSmResp(resp) => fields.extend([
            (
                "message_id",
                resp.message_id.unwrap_or_default().to_text().into_owned(),
            ),
            ("tlv", tlvs(&resp.tlvs)),
        ]),
        Pdu::EnquireLink | Pdu::EnquireLinkResp(_) | Pdu::GenericNack(_) => {}
        other => panic!("no vector has {other:?}"),
    }
    fields.retain(|(_, value)| !value.is_empty());
    fields
}

fn message_fields(message: &Message) -> Vec<(&'static str, String)> {
    let Message {
        service_type,
        source,
        destination,
        body,
    } = message;
    let MessageBody {
        esm_class,
        protocol_id,
        priority_flag,
        schedule_delivery_time,
        validity_period,
        registered_delivery,
        replace_if_present_flag,
        data_coding,
        sm_default_msg_id,
        short_message,
        tlvs: parameters,
    } = body;
    vec![
        ("service_type", service_type.to_text().into_owned()),
        ("src", address(source)),
        ("dst", address(destination)),
        ("esm", format!("0x{esm_class:02x}")),
        ("pid", protocol_id.to_string()),
        ("prio", priority_flag.to_string()),
        ("sched", schedule_delivery_time.to_text().into_owned()),
        ("valid", validity_period.to_text().into_owned()),
        ("rd", registered_delivery.to_string()),
        ("repl", replace_if_present_flag.to_string()),
        ("dcs", data_coding.to_string()),
        ("defid", sm_default_msg_id.to_string()),
        ("sm_length", short_message.len().to_string()),
        ("short_message", hex::encode(short_message.as_slice())),
        ("tlv", tlvs(parameters)),
    ]
}

fn address(address: &Address) -> String {
    let number = address.as_str().unwrap();
    format!("({}, {}, '{number}')", address.ton, address.npi)
}

fn tlvs(tlvs: &Tlvs) -> String {
    if tlvs.is_empty() {
        return String::new();
    }
    let mut entries: Vec<String> = tlvs
        .iter()
        .map(|tlv| {
            format!(
                "'{:04x}/{}={}'",
                tlv.tag.0,
                tlv.value.len(),
                hex::encode(tlv.value)
            )
        })
        .collect();
    entries.extend(
        tlvs.cut()
            .map(|whole| format!("'TRUNC:{}'", hex::encode(&tlvs.wire()[whole..]))),
    );
    format!("[{}]", entries.join(", "))
}

#[test]
fn every_pdu_is_read_field_by_field_and_written_octet_by_octet() {
    let mut covered = 0;
    for vector in smpp().iter().filter(|vector| is_whole(vector)) {
        for (index, frame) in vector.frames().iter().enumerate() {
            let packet = decode(frame).unwrap_or_else(|error| panic!("{}: {error}", vector.id));
            if index == 0 {
                check_fields(&vector.id, &vector.decoded, &fields(&packet.pdu));
            }
            let sequence = u32::from_be_bytes(*frame[12..].first_chunk().unwrap());
            assert_eq!(packet.sequence, sequence, "{}", vector.id);
            if let Some(octets) = vector.octets {
                assert_eq!(frame.len(), octets, "{}", vector.id);
            }
            assert_eq!(codec::encoded_len(&packet.pdu), frame.len(), "{}", vector.id);
            let mut written = BytesMut::new();
            encode(packet.sequence, &packet.pdu, &mut written).unwrap();
            assert_eq!(hex::encode(&written), hex::encode(frame), "{}", vector.id);
        }
        covered += 1;
    }
    // The two that are left are in tests of their own.
    assert_eq!(covered + 2, VECTORS);
}

#[test]
fn every_pdu_is_found_wherever_the_input_is_cut() {
    let whole = smpp().into_iter().filter(is_whole);
    let frames: Vec<Bytes> = whole.flat_map(|vector| vector.frames()).collect();
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
fn p_14_an_error_has_no_body() {
    let Pdu::SubmitSmResp(resp) = decode(&frame_of("P-14")).unwrap().pdu else {
        panic!("P-14")
    };
    assert_eq!((resp.status, resp.message_id), (Status(0x30), None));
}

#[test]
fn p_17_text_and_parameter_name_the_same_message() {
    let message = message_of("P-17");
    assert!(message.is_receipt());
    let receipt = Receipt::of_message(&message);
    assert_eq!(receipt.text_id, Some(CText::new("0059113978").unwrap()));
    assert_eq!(receipt.receipted_id, Some(CText::new("38601fa").unwrap()));
    assert_eq!(receipt.message_state, Some(MessageState::Delivered));
    assert_eq!(receipt.stat(), "DELIVRD");
    assert_eq!(receipt.error.as_bytes(), b"000");
    for form in [ReceiptIdForm::Auto, ReceiptIdForm::Decimal] {
        let ids = MessageIds::new(form);
        let response = ids.of_response(b"38601FA");
        assert_eq!(ids.of_receipt(&receipt), Some(response.clone()));
        assert_eq!(ids.of_text(b"0059113978"), response);
    }
}

#[test]
fn p_19_the_text_is_in_the_parameter() {
    let message = message_of("P-19");
    assert!(message.body.short_message.is_empty());
    assert_eq!(message.body.content().as_slice(), b"O");
}

#[test]
fn p_27_an_absurd_length_is_refused_before_anything_is_reserved() {
    let vector = smpp().into_iter().find(|vector| vector.id == "P-27").unwrap();
    let frame = vector.frames().remove(0);
    let status = u32::from_be_bytes(*frame[8..].first_chunk().unwrap());
    let command = u32::from_be_bytes(*frame[4..].first_chunk().unwrap());
    let read = [("name", name(command)), ("status", format!("{status:#x}"))];
    check_fields(&vector.id, &vector.decoded, &read);
    let mut buffer = BytesMut::from(&frame[..]);
    let capacity = buffer.capacity();
    let refused = FrameError::AboveLimit {
        announced: 0xf000_0011,
        max_len: FRAME_LIMITS.max_len,
    };
    assert_eq!(next_frame(&mut buffer, FRAME_LIMITS), Err(refused));
    assert_eq!((buffer.capacity(), &buffer[..]), (capacity, &frame[..]));
    // The decoder itself does not believe the length either.
    assert_eq!(decode(&frame).unwrap_err().pdu, "header");
}

#[test]
fn p_30_a_stray_octet_is_answered_and_the_session_lives() {
    let frame = frame_of("P-30");
    let refused = codec::decode_strict(&frame).unwrap_err();
    assert_eq!((refused.command, refused.sequence), (4, 8));
    assert_eq!(
        refused.fault,
        FieldError::Truncated {
            field: "optional parameters",
            offset: 111,
            wanted: 2,
            had: 1
        }
    );
    let smsc = Smsc::new(CText::new("centre").unwrap(), 1);
    let mut session = Session::new(smsc, SessionLimits::default()).unwrap();
    let mut actions: Actions<Up<Smsc>> = Actions::default();
    session.on(Event::Connected { unix_ms: 0 }, 0, &mut actions);
    let mut login = BytesMut::from(&frame_of("P-03")[..]);
    session.on(Event::Received(&mut login), 0, &mut actions);
    let secret = hongyan_carrier_wire::login::Secret::new("ALL_TW");
    session.on(Event::LoginAnswered(LoginVerdict::Check(secret)), 0, &mut actions);
    assert!(session.is_open());
    actions.send.clear();
    let mut stray = BytesMut::from(&frame[..]);
    session.on(Event::Received(&mut stray), 0, &mut actions);
    // submit_sm_resp, ESME_RINVOPTPARSTREAM.
    assert_eq!(hex::encode(&actions.send), "0000001080000004000000c000000008");
    assert!(session.is_open() && actions.close.is_none());
    assert!(matches!(
        actions.up.as_slice(),
        [Up::LoginRequested(_), Up::Opened(_), Up::Oddity(_)]
    ));
}

#[test]
fn p_32_an_intermediate_state_is_not_the_last() {
    let message = message_of("P-32");
    assert!(message.is_receipt());
    let receipt = Receipt::of_message(&message);
    assert_eq!(receipt.text_id, Some(CText::new("94251430923").unwrap()));
    assert_eq!(receipt.state(), Some(MessageState::Accepted));
    assert!(!receipt.state().unwrap().is_final());
    assert_eq!(receipt.error.as_bytes(), b"107");
    assert_eq!(receipt.submit_date.as_bytes(), b"0911040124");
}

#[test]
fn p_35_user_data_of_packed_septets_has_its_header_in_front() {
    let vector = smpp().into_iter().find(|vector| vector.id == "P-35").unwrap();
    let octets = vector.frames().remove(0);
    assert_eq!(Some(octets.len()), vector.octets);
    let (septets, user_data) = octets.split_first().unwrap();
    assert_eq!(*septets, 160);
    let udh = Udh::parse(user_data).unwrap();
    assert_eq!(udh.concat, Concat::new(Reference::Bits8(0), 3, 1));
    let text = udh.text(user_data);
    // 160 septets less the header's seven, in as many octets as they need with one fill bit.
    assert_eq!(text.len(), (153 * 7 + 1_usize).div_ceil(8));
    let Decoded::Text { text: said, lossy } = Coding::Gsm7Packed.decode_behind(udh.len, text) else {
        panic!("septets are text");
    };
    assert_eq!((said.len(), lossy), (153, false));
    assert!(said.is_ascii(), "the vector is in English");
    let packed = Coding::Gsm7Packed.encode_behind(udh.len, &said).unwrap();
    assert_eq!(hex::encode(packed), hex::encode(text));
}

#[test]
fn every_pdu_cut_short_is_an_error_that_names_a_field() {
    for vector in smpp().iter().filter(|vector| is_whole(vector)) {
        let frame = vector.frames().remove(0);
        for len in 0..frame.len() {
            let mut cut = frame[..len].to_vec();
            if let Some(length) = cut.first_chunk_mut::<4>() {
                *length = (len as u32).to_be_bytes();
            }
            match decode(&Bytes::from(cut)) {
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("ends inside") || text.contains("NUL"), "{text}");
                }
                Ok(Packet { pdu, .. }) => check_cut(&vector.id, len, &frame, &pdu),
            }
        }
    }
}

/// What may be cut off without an error: the whole body of a response, the NUL of its last text, parameters.
fn check_cut(id: &str, len: usize, frame: &Bytes, pdu: &Pdu) {
    let response = pdu.command_id() & 0x8000_0000 != 0;
    let parameters = match decode(frame).unwrap().pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => message.body.tlvs.wire().len(),
        _ => 0,
    };
    assert!(
        response || len >= frame.len() - parameters,
        "{id} cut at {len} was read"
    );
}
