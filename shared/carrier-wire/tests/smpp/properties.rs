//! What must hold for every PDU, and for every input.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::smpp::message_id::{MessageIds, ReceiptIdForm};
use hongyan_carrier_wire::smpp::pdu::{
    Address, AlertNotification, Bind, BindMode, BindResp, CancelSm, DataSm, Destination, Destinations,
    Message, MessageBody, MessageResp, Outbind, Password, QuerySm, QuerySmResp, QueryState, ReplaceSm,
    SubmitMulti, SubmitMultiResp, Unsuccessful, UnsuccessfulList,
};
use hongyan_carrier_wire::smpp::receipt::{MessageState, NetworkError, Receipt};
use hongyan_carrier_wire::smpp::tlv::{Tag, Tlvs};
use hongyan_carrier_wire::smpp::{CText, Command, Packet, Pdu, Status, codec, decode, encode};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text<const N: usize>() -> impl Strategy<Value = CText<N>> {
    vec(1..=u8::MAX, 0..N).prop_map(|octets| CText::new(octets).unwrap())
}

fn address<const N: usize>() -> impl Strategy<Value = Address<N>> {
    (any::<u8>(), any::<u8>(), text()).prop_map(|(ton, npi, number)| Address { ton, npi, number })
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::ROK), any::<u32>().prop_map(Status)]
}

fn content() -> impl Strategy<Value = Content> {
    vec(any::<u8>(), 0..=255).prop_map(Content::from)
}

/// Parameters, known and unknown, and at times an octet too many.
fn tlvs() -> impl Strategy<Value = Tlvs> {
    let tag = prop_oneof![
        (0..Tag::ALL.len()).prop_map(|at| Tag::ALL[at]),
        any::<u16>().prop_map(Tag)
    ];
    let one = (tag, vec(any::<u8>(), 0..40));
    (vec(one, 0..5), option::weighted(0.2, Just(0u8))).prop_map(|(parameters, stray)| {
        let builder = parameters.iter().fold(Tlvs::builder(), |builder, (tag, value)| {
            builder.octets(*tag, value).unwrap()
        });
        let mut octets = builder.build().wire().to_vec();
        octets.extend(stray);
        Tlvs::from_wire(Bytes::from(octets))
    })
}

fn message_body() -> impl Strategy<Value = MessageBody> {
    (any::<[u8; 7]>(), text(), text(), content(), tlvs()).prop_map(
        |(numbers, schedule_delivery_time, validity_period, short_message, tlvs)| {
            let [
                esm_class,
                protocol_id,
                priority_flag,
                registered_delivery,
                replace_if_present_flag,
                data_coding,
                sm_default_msg_id,
            ] = numbers;
            MessageBody {
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
                tlvs,
            }
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    (text(), address(), address(), message_body()).prop_map(|(service_type, source, destination, body)| {
        Message {
            service_type,
            source,
            destination,
            body,
        }
    })
}

fn message_resp() -> impl Strategy<Value = MessageResp> {
    let with_body = (status(), text(), tlvs()).prop_map(|(status, id, tlvs)| MessageResp {
        status,
        message_id: Some(id),
        tlvs,
    });
    prop_oneof![with_body, status().prop_map(MessageResp::without_body)]
}

fn data() -> impl Strategy<Value = DataSm> {
    (text(), address(), address(), any::<[u8; 3]>(), tlvs()).prop_map(
        |(service_type, source, destination, numbers, tlvs)| {
            let [esm_class, registered_delivery, data_coding] = numbers;
            DataSm {
                service_type,
                source,
                destination,
                esm_class,
                registered_delivery,
                data_coding,
                tlvs,
            }
        },
    )
}

fn destination() -> impl Strategy<Value = Destination> {
    prop_oneof![
        address().prop_map(Destination::Address),
        text().prop_map(Destination::List)
    ]
}

fn multi() -> impl Strategy<Value = Pdu> {
    let destinations = vec(destination(), 1..=Destinations::MAX);
    (text(), address(), destinations, message_body()).prop_map(
        |(service_type, source, destinations, body)| {
            let taken = Destinations::new(&destinations).unwrap();
            assert_eq!(taken.iter().collect::<Vec<_>>(), destinations);
            Pdu::SubmitMulti(SubmitMulti {
                service_type,
                source,
                destinations: taken,
                body,
            })
        },
    )
}

fn multi_resp() -> impl Strategy<Value = Pdu> {
    let one = (address(), status()).prop_map(|(destination, status)| Unsuccessful { destination, status });
    let with_body =
        (status(), text(), vec(one, 0..=255), tlvs()).prop_map(|(status, id, recipients, tlvs)| {
            let unsuccessful = UnsuccessfulList::new(&recipients).unwrap();
            assert_eq!(unsuccessful.iter().collect::<Vec<_>>(), recipients);
            SubmitMultiResp {
                status,
                message_id: Some(id),
                unsuccessful,
                tlvs,
            }
        });
    prop_oneof![with_body, status().prop_map(SubmitMultiResp::without_body)].prop_map(Pdu::SubmitMultiResp)
}

fn mode() -> impl Strategy<Value = BindMode> {
    (0..BindMode::ALL.len()).prop_map(|at| BindMode::ALL[at])
}

fn login() -> impl Strategy<Value = Pdu> {
    let bind = (mode(), text(), text(), text(), any::<[u8; 3]>(), text()).prop_map(
        |(mode, system_id, password, system_type, numbers, address_range)| {
            let [interface_version, addr_ton, addr_npi] = numbers;
            Pdu::Bind(Bind {
                mode,
                system_id,
                password: Password(password),
                system_type,
                interface_version,
                addr_ton,
                addr_npi,
                address_range,
            })
        },
    );
    let resp = (mode(), status(), text(), tlvs()).prop_map(|(mode, status, system_id, tlvs)| {
        Pdu::BindResp(BindResp {
            mode,
            status,
            system_id: Some(system_id),
            tlvs,
        })
    });
    let bare =
        (mode(), status()).prop_map(|(mode, status)| Pdu::BindResp(BindResp::without_body(mode, status)));
    let outbind = (text(), text()).prop_map(|(system_id, password)| {
        Pdu::Outbind(Outbind {
            system_id,
            password: Password(password),
        })
    });
    prop_oneof![bind, resp, bare, outbind]
}

fn question() -> impl Strategy<Value = Pdu> {
    let query =
        (text(), address()).prop_map(|(message_id, source)| Pdu::QuerySm(QuerySm { message_id, source }));
    let state = (text(), text(), any::<u8>(), any::<u8>()).prop_map(
        |(message_id, final_date, message_state, error_code)| QueryState {
            message_id,
            final_date,
            message_state,
            error_code,
        },
    );
    let query_resp = (status(), option::of(state))
        .prop_map(|(status, state)| Pdu::QuerySmResp(QuerySmResp { status, state }));
    let cancel =
        (text(), text(), address(), address()).prop_map(|(service_type, message_id, source, destination)| {
            Pdu::CancelSm(CancelSm {
                service_type,
                message_id,
                source,
                destination,
            })
        });
    let replace = (text(), address(), text(), text(), any::<[u8; 2]>(), content()).prop_map(
        |(message_id, source, schedule_delivery_time, validity_period, numbers, short_message)| {
            let [registered_delivery, sm_default_msg_id] = numbers;
            Pdu::ReplaceSm(ReplaceSm {
                message_id,
                source,
                schedule_delivery_time,
                validity_period,
                registered_delivery,
                sm_default_msg_id,
                short_message,
            })
        },
    );
    let alert = (address(), address(), tlvs())
        .prop_map(|(source, esme, tlvs)| Pdu::AlertNotification(AlertNotification { source, esme, tlvs }));
    prop_oneof![query, query_resp, cancel, replace, alert]
}

fn small() -> impl Strategy<Value = Pdu> {
    let unknown = (any::<u32>(), status(), vec(any::<u8>(), 0..60))
        .prop_filter("a known command", |(command, ..)| {
            Command::of_id(*command).is_none()
        })
        .prop_map(|(command, status, body)| Pdu::Unknown {
            command,
            status,
            body: Bytes::from(body).into(),
        });
    prop_oneof![
        Just(Pdu::Unbind),
        Just(Pdu::EnquireLink),
        status().prop_map(Pdu::UnbindResp),
        status().prop_map(Pdu::EnquireLinkResp),
        status().prop_map(Pdu::CancelSmResp),
        status().prop_map(Pdu::ReplaceSmResp),
        status().prop_map(Pdu::GenericNack),
        unknown,
    ]
}

fn pdu() -> impl Strategy<Value = Pdu> {
    prop_oneof![
        message().prop_map(Pdu::SubmitSm),
        message().prop_map(Pdu::DeliverSm),
        message_resp().prop_map(Pdu::SubmitSmResp),
        message_resp().prop_map(Pdu::DeliverSmResp),
        message_resp().prop_map(Pdu::DataSmResp),
        data().prop_map(Pdu::DataSm),
        multi(),
        multi_resp(),
        login(),
        question(),
        small(),
    ]
}

/// What reading an encoded PDU gives, which is the PDU itself.
fn there_and_back(sequence: u32, pdu: &Pdu) -> Packet {
    let mut octets = BytesMut::new();
    encode(sequence, pdu, &mut octets).unwrap();
    assert_eq!(octets.len(), codec::encoded_len(pdu));
    decode(&octets.freeze()).unwrap()
}

proptest! {
    #[test]
    fn every_pdu_survives_the_wire(sequence in any::<u32>(), pdu in pdu()) {
        let read = there_and_back(sequence, &pdu);
        prop_assert_eq!(read, Packet { sequence, pdu });
    }

    #[test]
    fn what_is_read_at_all_is_written_so_that_it_is_read_the_same(
        command in (0..Command::ALL.len()).prop_map(|at| Command::ALL[at]),
        status in status(),
        body in vec(prop_oneof![Just(0u8), any::<u8>()], 0..200),
    ) {
        let mut octets = BytesMut::new();
        octets.extend_from_slice(&(16 + body.len() as u32).to_be_bytes());
        octets.extend_from_slice(&command.id().to_be_bytes());
        octets.extend_from_slice(&status.0.to_be_bytes());
        octets.extend_from_slice(&[0, 0, 0, 1]);
        octets.extend_from_slice(&body);
        if let Ok(Packet { sequence, pdu }) = decode(&octets.freeze()) {
            prop_assert_eq!(pdu.command_id(), command.id());
            prop_assert_eq!(there_and_back(sequence, &pdu), Packet { sequence, pdu });
        }
    }

    #[test]
    fn a_receipt_of_any_octets_can_be_read(content in vec(any::<u8>(), 0..300), udh in any::<bool>(), tlvs in tlvs()) {
        let receipt = Receipt::read(&content, udh, &tlvs);
        prop_assert!(receipt.stat().len() <= 23);
        let ids = MessageIds::new(ReceiptIdForm::Auto);
        prop_assert_eq!(ids.of_receipt(&receipt).is_some(), receipt.text_id.is_some() || receipt.receipted_id.is_some());
    }

    #[test]
    fn a_receipt_survives_its_text_and_parameters(
        id in "[0-9a-zA-Z-]{1,64}",
        state in (0..8usize).prop_map(|at| MessageState::ALL[at]),
        error in "[0-9]{1,3}",
        date in "[0-9]{10,12}",
        code in option::of(any::<u16>()),
        text in vec(any::<u8>(), 0..20),
    ) {
        let receipt = Receipt {
            receipted_id: Some(CText::new(&id).unwrap()),
            text_id: Some(CText::new(&id).unwrap()),
            message_state: Some(state),
            text_stat: CText::new(state.stat()).unwrap(),
            error: CText::new(error).unwrap(),
            network_error: code.map(|code| NetworkError { network: 3, code }),
            submit_date: CText::new(&date).unwrap(),
            done_date: CText::new(&date).unwrap(),
        };
        let read = Receipt::read(receipt.to_text(&text).as_slice(), false, &receipt.to_tlvs().unwrap());
        prop_assert_eq!(read, receipt);
    }

    #[test]
    fn an_id_means_the_same_in_either_form(number in any::<u64>(), zeros in 0..4usize, upper in any::<bool>()) {
        let hex = if upper { format!("{number:X}") } else { format!("{number:x}") };
        let decimal = format!("{}{number}", "0".repeat(zeros));
        let ids = MessageIds::new(ReceiptIdForm::Decimal);
        prop_assert_eq!(ids.of_response(hex.as_bytes()), ids.of_text(decimal.as_bytes()));
        let ids = MessageIds::new(ReceiptIdForm::Hex);
        prop_assert_eq!(ids.of_response(decimal.as_bytes()), ids.of_text(hex.as_bytes()));
        for form in [ReceiptIdForm::Same, ReceiptIdForm::Auto] {
            let ids = MessageIds::new(form);
            // The letter that teaches comes first.
            ids.of_response(b"f");
            ids.of_text(b"f");
            prop_assert_eq!(ids.of_response(hex.as_bytes()), ids.of_text(hex.to_ascii_lowercase().as_bytes()));
            let ids = MessageIds::new(form);
            prop_assert_eq!(ids.of_response(decimal.as_bytes()), ids.of_text(number.to_string().as_bytes()));
        }
    }
}
