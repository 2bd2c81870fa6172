//! What SMPP alone has.

use std::sync::Arc;

use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::session::{Outcome, Up};
use hongyan_carrier_wire::smpp::dialect::Esme;
use hongyan_carrier_wire::smpp::message_id::{MessageIds, ReceiptIdForm};
use hongyan_carrier_wire::smpp::pdu::{
    BindMode, CancelSm, DataSm, Destination, Destinations, MessageId, QuerySm, ReplaceSm, SubmitMulti,
};
use hongyan_carrier_wire::smpp::receipt::{MessageState, Receipt};
use hongyan_carrier_wire::smpp::tlv::{Tag, Tlvs};
use hongyan_carrier_wire::smpp::{Pdu, Status, VERSION_3_4};
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{Client, Sent};
use super::links::{Link as _, Smpp, gateway_of, open};
use super::speakers::{Delivered, Speaker as _, esme, smpp_address};
use crate::gateway_sim::{Answer, Code};
use crate::gateway_sim::{
    Config, Damage, Effects, Faults, GatewaySim, Meaning, ProtocolChoice, ReceiptChange, ReceiptPlan, Rule,
    TlsFiles, Uplink,
};

const NUMBER: &str = "13800138000";

async fn centre(decimal_receipts: bool, tls: Option<TlsFiles>, delay_ms: u64) -> GatewaySim {
    GatewaySim::start(Config {
        protocol: ProtocolChoice::Smpp {
            decimal_receipts,
            tls,
        },
        receipt: ReceiptPlan {
            delay_ms,
            ..ReceiptPlan::default()
        },
        ..Config::default()
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_transmitter_submits_and_a_receiver_hears_the_receipt() {
    let gateway = gateway_of::<Smpp>().await;
    let mut transmitter = Client::log_in(gateway.addr(), esme(BindMode::Transmitter)).await;
    let mut receiver = Client::log_in(gateway.addr(), esme(BindMode::Receiver)).await;
    let Sent::Accepted { id } = transmitter.send(NUMBER, "x").await else {
        panic!("not accepted")
    };
    receiver
        .turn_until(|receiver| !receiver.delivers().is_empty())
        .await;
    assert!(matches!(
        Esme::read(receiver.delivers()[0]),
        Delivered::Receipt { id: told, .. } if told == id
    ));
    assert!(transmitter.delivers().is_empty());
    assert_eq!(
        receiver.send(NUMBER, "x").await,
        Sent::Refused {
            result: Status::RINVBNDSTS.0
        }
    );
    let versions: Vec<_> = gateway
        .stats()
        .connections
        .into_values()
        .filter_map(|one| one.version)
        .collect();
    assert_eq!(versions, ["3.4 transmitter", "3.4 receiver"]);
}

#[tokio::test]
async fn receipts_may_name_the_message_in_decimal() {
    let gateway = centre(true, None, 1).await;
    let mut client = Client::log_in(gateway.addr(), esme(BindMode::Transceiver)).await;
    let Sent::Accepted { id } = client.send(NUMBER, "x").await else {
        panic!("not accepted")
    };
    client.turn_until(|client| !client.delivers().is_empty()).await;
    let Pdu::DeliverSm(message) = client.delivers()[0] else {
        panic!("no receipt")
    };
    let receipt = Receipt::of_message(message);
    let text_id = receipt.text_id.unwrap();
    assert_ne!(text_id.as_str(), Some(id.as_str()));
    let ids = MessageIds::new(ReceiptIdForm::Decimal);
    assert_eq!(ids.of_text(text_id.as_bytes()), ids.of_response(id.as_bytes()));
}

/// Asks, and gives the answer.
async fn ask(client: &mut Client<Esme>, pdu: &Pdu) -> Pdu {
    client.submit(7, pdu);
    client.outcome().await;
    let is_outcome = |up: &Up<Esme>| matches!(up, Up::Outcome { .. });
    let outcome = client.told.iter().position(is_outcome).unwrap();
    match client.told.remove(outcome) {
        Up::Outcome {
            outcome: Outcome::Answered(answer),
            ..
        } => answer,
        other => panic!("no answer: {other:?}"),
    }
}

#[tokio::test]
async fn messages_are_asked_about_changed_and_taken_back() {
    let gateway = centre(false, None, 600_000).await;
    let mut client = Client::log_in(gateway.addr(), esme(BindMode::Transceiver)).await;
    let Sent::Accepted { id } = client.send(NUMBER, "first").await else {
        panic!("not accepted")
    };
    client.told.clear();
    let message_id = MessageId::new(&id).unwrap();
    let query = Pdu::QuerySm(QuerySm {
        message_id,
        source: smpp_address("10690001"),
    });
    let state = |answer: Pdu| match answer {
        Pdu::QuerySmResp(resp) => resp
            .state
            .and_then(|state| MessageState::of_octet(state.message_state)),
        other => panic!("{other:?}"),
    };
    assert_eq!(state(ask(&mut client, &query).await), Some(MessageState::Enroute));
    let replace = Pdu::ReplaceSm(ReplaceSm {
        message_id,
        short_message: Content::from(b"second".to_vec()),
        ..ReplaceSm::default()
    });
    assert_eq!(ask(&mut client, &replace).await.status(), Status::ROK);
    assert_eq!(gateway.texts(NUMBER), ["second"]);
    let cancel = Pdu::CancelSm(CancelSm {
        message_id,
        ..CancelSm::default()
    });
    assert_eq!(ask(&mut client, &cancel).await.status(), Status::ROK);
    assert_eq!(state(ask(&mut client, &query).await), Some(MessageState::Deleted));
    client.turn_until(|client| !client.delivers().is_empty()).await;
    assert!(matches!(
        Esme::read(client.delivers()[0]),
        Delivered::Receipt { stat, .. } if stat == "DELETED"
    ));
    // Too late, and of nobody.
    assert_eq!(ask(&mut client, &cancel).await.status(), Status::RCANCELFAIL);
    assert_eq!(ask(&mut client, &replace).await.status(), Status::RREPLACEFAIL);
    let unknown = Pdu::QuerySm(QuerySm {
        message_id: MessageId::new("nobody's").unwrap(),
        ..QuerySm::default()
    });
    assert_eq!(ask(&mut client, &unknown).await.status(), Status::RQUERYFAIL);
}

#[tokio::test]
async fn a_message_may_go_to_several_or_by_parameters_alone() {
    let (gateway, mut link) = open::<Smpp>().await;
    let Pdu::SubmitSm(message) = Esme::message(NUMBER, "to all") else {
        panic!("no message")
    };
    let destinations: Vec<_> = ["8613800138000", "8613900139000"]
        .map(|number| Destination::Address(smpp_address(number)))
        .into();
    let multi = Pdu::SubmitMulti(SubmitMulti {
        service_type: message.service_type,
        source: message.source,
        destinations: Destinations::new(&destinations).unwrap(),
        body: message.body,
    });
    let answer = ask(link.submitter(), &multi).await;
    assert!(
        matches!(&answer, Pdu::SubmitMultiResp(resp) if resp.status.is_ok() && resp.message_id.is_some()),
        "{answer:?}"
    );
    assert_eq!(gateway.texts("13900139000"), ["to all"]);
    assert_eq!(link.delivered(2).await.len(), 2, "a receipt of each");

    let long = vec![b'x'; 400];
    let data = Pdu::DataSm(DataSm {
        destination: hongyan_carrier_wire::smpp::pdu::Address {
            ton: 1,
            npi: 1,
            number: hongyan_carrier_wire::smpp::CText::new("8613700137000").unwrap(),
        },
        registered_delivery: 1,
        data_coding: 1,
        tlvs: Tlvs::builder()
            .octets(Tag::MESSAGE_PAYLOAD, &long)
            .unwrap()
            .build(),
        ..DataSm::default()
    });
    assert!(matches!(ask(link.submitter(), &data).await, Pdu::DataSmResp(resp) if resp.status.is_ok()));
    assert_eq!(gateway.texts("13700137000")[0].len(), 400);
}

#[tokio::test]
async fn parts_may_be_numbered_by_parameters() {
    let (gateway, mut link) = open::<Smpp>().await;
    for (number, text) in [(2, "world"), (1, "hello ")] {
        let Pdu::SubmitSm(mut message) = Esme::message(NUMBER, text) else {
            panic!("no message")
        };
        message.body.tlvs = Tlvs::builder()
            .u16(Tag::SAR_MSG_REF_NUM, 9)
            .u8(Tag::SAR_TOTAL_SEGMENTS, 2)
            .u8(Tag::SAR_SEGMENT_SEQNUM, number)
            .build();
        link.submitter()
            .submit(u64::from(number), &Pdu::SubmitSm(message));
    }
    link.submitter()
        .turn_until(|client| client.outcomes().len() == 2)
        .await;
    assert_eq!(gateway.texts(NUMBER), ["hello world"]);
}

#[tokio::test]
async fn errors_come_without_a_body_and_receipts_with_wrong_lengths() {
    let (gateway, mut link) = open::<Smpp>().await;
    let rule = |then| Faults {
        rules: vec![Rule {
            then,
            ..Rule::default()
        }],
        ..Faults::default()
    };
    gateway
        .set_faults(rule(Effects {
            result: Some(Code::Meaning(Meaning::Throttle)),
            answer: Some(Answer::WithoutBody),
            ..Effects::default()
        }))
        .unwrap();
    assert_eq!(
        link.submitter().send(NUMBER, "x").await,
        Sent::Refused {
            result: Status::RTHROTTLED.0
        }
    );
    for damage in [
        Damage::ContentLengthMore,
        Damage::ContentLengthLess,
        Damage::UnknownTlv,
        Damage::CutTlv,
    ] {
        gateway
            .set_faults(rule(Effects {
                receipt: Some(ReceiptChange {
                    damage: Some(vec![damage]),
                    ..ReceiptChange::default()
                }),
                ..Effects::default()
            }))
            .unwrap();
        assert!(matches!(
            link.submitter().send(NUMBER, "x").await,
            Sent::Accepted { .. }
        ));
        // Read or not: something is told, and the session lives on.
        link.submitter()
            .turn_until(|client| {
                client
                    .told
                    .iter()
                    .any(|up| matches!(up, Up::Request { .. } | Up::Oddity(_)))
            })
            .await;
    }
    gateway.set_faults(Faults::default()).unwrap();
    assert!(matches!(
        link.submitter().send(NUMBER, "x").await,
        Sent::Accepted { .. }
    ));
    let uplink = Uplink {
        damage: vec![Damage::Udhi64],
        ..Uplink::default()
    };
    assert!(gateway.uplink(&uplink).is_err(), "SMPP's own bit is 0x40");
}

#[tokio::test]
async fn encrypted_where_there_is_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert_file, key_file) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert_file, signed.cert.pem()).unwrap();
    std::fs::write(&key_file, signed.signing_key.serialize_pem()).unwrap();
    let files = TlsFiles {
        cert_file: cert_file.clone(),
        key_file,
        client_roots_file: None,
    };
    let gateway = centre(false, Some(files), 1).await;

    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_file(&cert_file).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
    let mut stream = connector
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap();
    let mut octets = bytes::BytesMut::new();
    let bind = Pdu::Bind(*esme(BindMode::Transceiver).bind());
    hongyan_carrier_wire::smpp::encode(1, &bind, &mut octets).unwrap();
    stream.write_all(&octets).await.unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.unwrap();
    let mut answer = length.to_vec();
    answer.resize(u32::from_be_bytes(length) as usize, 0);
    stream.read_exact(&mut answer[4..]).await.unwrap();
    let packet = hongyan_carrier_wire::smpp::decode(&answer.into()).unwrap();
    assert!(
        matches!(&packet.pdu, Pdu::BindResp(resp)
            if resp.status.is_ok() && resp.interface_version() == Some(VERSION_3_4)),
        "{packet:?}"
    );
    // In clear nobody comes in.
    let mut clear = Client::connect(gateway.addr(), esme(BindMode::Transceiver)).await;
    clear.turn_until_closed().await;
    assert_eq!(gateway.stats().accounts["900001"].accepted, 1);
}
