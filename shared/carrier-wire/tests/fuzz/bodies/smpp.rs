//! SMPP.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::smpp::dialect::{Esme, LoginVerdict, Smsc};
use hongyan_carrier_wire::smpp::message_id::{MessageIds, ReceiptIdForm};
use hongyan_carrier_wire::smpp::pdu::{
    AlertNotification, Bind, BindMode, BindResp, CancelSm, DataSm, Destination, Destinations, Message,
    MessageBody, MessageId, MessageResp, Outbind, Password, QuerySm, ReplaceSm, SubmitMulti,
};
use hongyan_carrier_wire::smpp::receipt::Receipt;
use hongyan_carrier_wire::smpp::tlv::Tlvs;
use hongyan_carrier_wire::smpp::{CText, FRAME_LIMITS, Pdu, Status, codec, decode, encode};

use super::frames::each_frame;
use super::session::{Side, story};
use super::source::Source;

/// Any octets: framed, read, looked into and, whatever could be read, written so that it reads the same.
pub(crate) fn decoding(octets: &[u8]) {
    each_frame(octets, FRAME_LIMITS, check);
}

/// Any text with any parameters taken for a receipt.
pub(crate) fn receipts(octets: &[u8]) {
    let mut source = Source::new(octets);
    let udh = source.flag();
    let tlvs = Tlvs::from_wire(Bytes::copy_from_slice(source.some()));
    let receipt = Receipt::read(source.take(usize::MAX), udh, &tlvs);
    assert!(receipt.stat().len() <= 23);
    look_at_ids(&receipt);
    // What the text said is said again by the text that is made of it.
    let text = receipt.to_text(b"");
    let parameters = receipt.to_tlvs().expect("an id is short");
    let again = Receipt::read(text.as_slice(), false, &parameters);
    assert_eq!(again.receipted_id, receipt.receipted_id);
    assert_eq!(again.state(), receipt.state());
    assert_eq!(again.network_error, receipt.network_error);
}

fn look_at_ids(receipt: &Receipt) {
    for form in [
        ReceiptIdForm::Auto,
        ReceiptIdForm::Same,
        ReceiptIdForm::Decimal,
        ReceiptIdForm::Hex,
    ] {
        let ids = MessageIds::new(form);
        let first = ids.of_receipt(receipt);
        assert_eq!(
            first.is_some(),
            receipt.receipted_id.is_some() || receipt.text_id.is_some()
        );
        // Nothing was left to learn.
        assert_eq!(ids.of_receipt(receipt), first);
    }
}

/// Any events against both sides, in each mode.
pub(crate) fn sessions(octets: &[u8]) {
    story::<OfEsme>(octets);
    story::<OfSmsc>(octets);
}

fn check(frame: &Bytes) {
    let Ok(packet) = decode(frame) else {
        assert!(codec::decode_strict(frame).is_err());
        return;
    };
    look_inside(&packet.pdu);
    let mut out = BytesMut::new();
    encode(packet.sequence, &packet.pdu, &mut out).expect("what was read can be written");
    assert_eq!(codec::encoded_len(&packet.pdu), out.len());
    assert_eq!(decode(&out.freeze()).as_ref(), Ok(&packet));
}

fn look_inside(pdu: &Pdu) {
    match pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => {
            look_at_ids(&Receipt::of_message(message));
            assert!(
                message
                    .body
                    .sar()
                    .is_none_or(|part| part.number() <= part.total())
            );
            message.body.tlvs.iter().for_each(|tlv| {
                let _ = tlv.typed();
            });
        }
        Pdu::DataSm(data) => look_at_ids(&Receipt::of_data(data)),
        Pdu::SubmitMulti(multi) => {
            assert!((1..=Destinations::MAX).contains(&multi.destinations.count()));
            assert_eq!(multi.destinations.iter().count(), multi.destinations.count());
        }
        Pdu::SubmitMultiResp(resp) => {
            assert_eq!(resp.unsuccessful.iter().count(), resp.unsuccessful.count());
        }
        _ => {}
    }
    if let Some(answer) = pdu.answer(Status::RSYSERR) {
        assert_eq!(answer.command_id(), pdu.command_id() | 0x8000_0000);
    }
}

const fn mode(variant: u8) -> BindMode {
    match variant % 3 {
        0 => BindMode::Transceiver,
        1 => BindMode::Transmitter,
        _ => BindMode::Receiver,
    }
}

fn bind(mode: BindMode) -> Bind {
    Bind {
        mode,
        system_id: CText::new("esme").expect("fits"),
        password: Password::new(&Secret::new("secret")).expect("fits"),
        system_type: CText::EMPTY,
        interface_version: 0x34,
        addr_ton: 0,
        addr_npi: 0,
        address_range: CText::EMPTY,
    }
}

fn message() -> Message {
    Message {
        body: MessageBody {
            short_message: Content::from(b"text".to_vec()),
            ..MessageBody::default()
        },
        ..Message::default()
    }
}

fn multi() -> Pdu {
    let list = Destination::List(CText::new("all").expect("fits"));
    Pdu::SubmitMulti(SubmitMulti {
        destinations: Destinations::new(&[list]).expect("one is allowed"),
        ..SubmitMulti::default()
    })
}

fn requests() -> Vec<Pdu> {
    vec![
        Pdu::SubmitSm(message()),
        multi(),
        Pdu::DataSm(DataSm::default()),
        Pdu::DeliverSm(message()),
        Pdu::QuerySm(QuerySm::default()),
        Pdu::CancelSm(CancelSm::default()),
        Pdu::ReplaceSm(ReplaceSm::default()),
    ]
}

/// Every kind of PDU.
fn heard() -> Vec<Pdu> {
    let mut heard = requests();
    let answers = requests().into_iter().filter_map(|request| answer(&request));
    heard.extend(answers.collect::<Vec<_>>());
    let mut cut = message();
    cut.body.tlvs = Tlvs::from_wire(Bytes::from_static(&[0]));
    heard.extend([
        Pdu::SubmitSmResp(MessageResp::without_body(Status::RTHROTTLED)),
        Pdu::SubmitSm(cut.clone()),
        Pdu::DeliverSm(cut),
        Pdu::Bind(bind(BindMode::Transceiver)),
        Pdu::Bind(bind(BindMode::Receiver)),
        Pdu::BindResp(BindResp::without_body(BindMode::Transmitter, Status::ROK)),
        Pdu::BindResp(BindResp::without_body(BindMode::Receiver, Status::RBINDFAIL)),
        Pdu::Outbind(Outbind {
            system_id: CText::EMPTY,
            password: Password::default(),
        }),
        Pdu::AlertNotification(AlertNotification::default()),
        Pdu::EnquireLink,
        Pdu::EnquireLinkResp(Status::ROK),
        Pdu::GenericNack(Status::RINVCMDID),
        Pdu::Unbind,
        Pdu::UnbindResp(Status::ROK),
        Pdu::Unknown {
            command: 0x10a,
            status: Status::ROK,
            body: Bytes::new().into(),
        },
        Pdu::Unknown {
            command: 0x8000_010a,
            status: Status::ROK,
            body: Bytes::new().into(),
        },
    ]);
    heard
}

fn answer(to: &Pdu) -> Option<Pdu> {
    match to {
        Pdu::SubmitSm(_) => Some(Pdu::SubmitSmResp(MessageResp::with_id(
            Status::ROK,
            MessageId::new("38601fa").expect("fits"),
        ))),
        Pdu::SubmitMulti(_)
        | Pdu::DataSm(_)
        | Pdu::DeliverSm(_)
        | Pdu::QuerySm(_)
        | Pdu::CancelSm(_)
        | Pdu::ReplaceSm(_) => to.answer(Status::ROK),
        _ => None,
    }
}

struct OfEsme;

impl Side for OfEsme {
    type Dialect = Esme;

    fn dialect(variant: u8) -> Esme {
        Esme::new(bind(mode(variant)), u32::MAX)
    }

    fn welcome(variant: u8, _dialect: &Esme, _said: Option<&Pdu>) -> Pdu {
        Pdu::BindResp(BindResp::without_body(mode(variant), Status::ROK))
    }

    fn verdict() -> Option<std::convert::Infallible> {
        None
    }

    fn requests() -> Vec<Pdu> {
        requests()
    }

    fn answer(to: &Pdu) -> Option<Pdu> {
        answer(to)
    }

    fn heard() -> Vec<Pdu> {
        heard()
    }

    fn sequence(number: u8) -> u32 {
        u32::from(number)
    }
}

struct OfSmsc;

impl Side for OfSmsc {
    type Dialect = Smsc;

    fn dialect(variant: u8) -> Smsc {
        Smsc::new(CText::EMPTY, u32::from(variant))
    }

    fn welcome(variant: u8, _dialect: &Smsc, _said: Option<&Pdu>) -> Pdu {
        Pdu::Bind(bind(mode(variant)))
    }

    fn verdict() -> Option<LoginVerdict> {
        Some(LoginVerdict::Check(Secret::new("secret")))
    }

    fn requests() -> Vec<Pdu> {
        requests()
    }

    fn answer(to: &Pdu) -> Option<Pdu> {
        answer(to)
    }

    fn heard() -> Vec<Pdu> {
        heard()
    }

    fn sequence(number: u8) -> u32 {
        u32::from(number)
    }
}
