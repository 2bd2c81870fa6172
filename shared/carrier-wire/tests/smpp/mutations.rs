//! A bounded run of what the fuzz targets do without end: vectors with octets changed at random, the same ones each
//! time. Nothing may panic, and whatever can be read must mean the same when it is written back.

use crate::common::Chance;
use crate::vectors::{is_whole, smpp};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::{Actions, Dialect, Event, Session, SessionLimits, Up};
use hongyan_carrier_wire::smpp::dialect::{Esme, LoginVerdict, Smsc};
use hongyan_carrier_wire::smpp::message_id::{MessageIds, ReceiptIdForm};
use hongyan_carrier_wire::smpp::pdu::{
    Address, Bind, BindMode, CancelSm, DataSm, Destination, Destinations, MessageBody, Password, QuerySm,
    QuerySmResp, QueryState, ReplaceSm, SubmitMulti, SubmitMultiResp, Unsuccessful, UnsuccessfulList,
};
use hongyan_carrier_wire::smpp::receipt::Receipt;
use hongyan_carrier_wire::smpp::tlv::{Tag, Tlvs};
use hongyan_carrier_wire::smpp::{CText, FRAME_LIMITS, Packet, Pdu, Status, decode, encode};

const INPUTS: usize = 200_000;

fn bind() -> Bind {
    Bind {
        mode: BindMode::Transceiver,
        system_id: CText::new("hongyan").unwrap(),
        password: Password::new(&Secret::new("secret08")).unwrap(),
        system_type: CText::EMPTY,
        interface_version: 0x34,
        addr_ton: 0,
        addr_npi: 0,
        address_range: CText::EMPTY,
    }
}

/// The vectors, and of the PDUs that no vector has, one each.
fn seeds() -> Vec<Bytes> {
    let number = Address {
        ton: 1,
        npi: 1,
        number: CText::new("8613800138000").unwrap(),
    };
    let list = Destination::List(CText::new("all").unwrap());
    let refused = Unsuccessful {
        destination: number,
        status: Status::RINVDSTADR,
    };
    let payload = Tlvs::builder().octets(Tag::MESSAGE_PAYLOAD, b"text").unwrap();
    let made = [
        Pdu::SubmitMulti(SubmitMulti {
            destinations: Destinations::new(&[Destination::Address(number), list]).unwrap(),
            body: MessageBody {
                short_message: Content::from(b"text".to_vec()),
                ..MessageBody::default()
            },
            ..SubmitMulti::default()
        }),
        Pdu::SubmitMultiResp(SubmitMultiResp {
            message_id: Some(CText::new("38601fa").unwrap()),
            unsuccessful: UnsuccessfulList::new(&[refused; 2]).unwrap(),
            ..SubmitMultiResp::without_body(Status::ROK)
        }),
        Pdu::DataSm(DataSm {
            tlvs: payload.build(),
            ..DataSm::default()
        }),
        Pdu::QuerySm(QuerySm::default()),
        Pdu::QuerySmResp(QuerySmResp {
            status: Status::ROK,
            state: Some(QueryState::default()),
        }),
        Pdu::CancelSm(CancelSm::default()),
        Pdu::ReplaceSm(ReplaceSm::default()),
        Pdu::Unbind,
        Pdu::Unknown {
            command: 0x10a,
            status: Status::ROK,
            body: Bytes::from_static(&[7; 21]).into(),
        },
    ];
    let made = made.iter().map(|pdu| {
        let mut out = BytesMut::new();
        encode(1, pdu, &mut out).unwrap();
        out.freeze()
    });
    let whole = smpp().into_iter().filter(is_whole);
    whole.flat_map(|vector| vector.frames()).chain(made).collect()
}

#[test]
fn mutated_pdus_are_read_or_refused_and_never_panic() {
    let seeds = seeds();
    let mut chance = Chance::new(0x736d_7070_0000_0001);
    let (mut read, mut refused) = (0u32, 0u32);
    for _ in 0..INPUTS {
        let mut octets = seeds[chance.below(seeds.len())].to_vec();
        chance.mutate(&mut octets);
        let frame = Bytes::from(octets);
        match decode(&frame) {
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty() && !error.status().is_ok());
            }
            Ok(packet) => {
                read += 1;
                look_inside(&packet.pdu);
                let mut out = BytesMut::new();
                encode(packet.sequence, &packet.pdu, &mut out).unwrap();
                assert_eq!(decode(&out.freeze()).unwrap(), packet);
            }
        }
        let mut buffer = BytesMut::from(&frame[..]);
        // Each turn takes a PDU off or ends.
        while let Ok(Some(_)) = next_frame(&mut buffer, FRAME_LIMITS) {}
    }
    assert!(
        read > 10_000 && refused > 10_000,
        "both happen: {read} read, {refused} refused"
    );
}

/// Everything that an application does with what was read.
fn look_inside(pdu: &Pdu) {
    let ids = MessageIds::new(ReceiptIdForm::Auto);
    match pdu {
        Pdu::SubmitSm(message) | Pdu::DeliverSm(message) => {
            let receipt = Receipt::of_message(message);
            let _ = (receipt.stat(), ids.of_receipt(&receipt), message.body.sar());
            assert!(message.body.content().len() <= message.body.short_message.len().max(0xffff));
            for tlv in &message.body.tlvs {
                let _ = tlv.typed();
            }
        }
        Pdu::DataSm(data) => {
            let _ = (Receipt::of_data(data).stat(), data.sar());
        }
        Pdu::SubmitMulti(multi) => {
            assert_eq!(multi.destinations.iter().count(), multi.destinations.count());
        }
        Pdu::SubmitMultiResp(resp) => {
            assert_eq!(resp.unsuccessful.iter().count(), resp.unsuccessful.count());
        }
        Pdu::SubmitSmResp(resp) => {
            let _ = resp.message_id.map(|id| ids.of_response(id.as_bytes()));
        }
        _ => {}
    }
    assert!(!format!("{pdu:?}").is_empty());
    let _ = pdu.answer(Status::RSYSERR);
}

fn hear<D: Dialect>(session: &mut Session<D>, pdu: &Pdu, actions: &mut Actions<Up<D>>) {
    let mut octets = BytesMut::new();
    encode(1, pdu, &mut octets).unwrap();
    session.on(Event::Received(&mut octets), 0, actions);
}

fn esme() -> (Session<Esme>, Actions<Up<Esme>>) {
    let mut session = Session::new(Esme::new(bind(), 1), SessionLimits::default()).unwrap();
    let mut actions = Actions::default();
    session.on(Event::Connected { unix_ms: 0 }, 0, &mut actions);
    let answer = Pdu::Bind(bind()).answer(Status::ROK).unwrap();
    hear(&mut session, &answer, &mut actions);
    assert!(session.is_open());
    (session, actions)
}

fn smsc() -> (Session<Smsc>, Actions<Up<Smsc>>) {
    let mut session = Session::new(Smsc::new(CText::EMPTY, 1), SessionLimits::default()).unwrap();
    let mut actions = Actions::default();
    session.on(Event::Connected { unix_ms: 0 }, 0, &mut actions);
    hear(&mut session, &Pdu::Bind(bind()), &mut actions);
    let verdict = LoginVerdict::Check(Secret::new("secret08"));
    session.on(Event::LoginAnswered(verdict), 0, &mut actions);
    assert!(session.is_open());
    (session, actions)
}

#[test]
fn sessions_survive_mutated_streams() {
    let seeds = seeds();
    let mut chance = Chance::new(0x736d_7070_0000_0002);
    let mut closed = 0u32;
    for _ in 0..INPUTS / 40 {
        let (mut esme, mut of_esme) = esme();
        let (mut smsc, mut of_smsc) = smsc();
        let (mut to_esme, mut to_smsc) = (BytesMut::new(), BytesMut::new());
        let mut now_ms = 0;
        for _ in 0..20 {
            let mut octets = seeds[chance.below(seeds.len())].to_vec();
            if chance.below(3) == 0 {
                chance.mutate(&mut octets);
            }
            to_esme.extend_from_slice(&octets);
            to_smsc.extend_from_slice(&octets);
            esme.on(Event::Received(&mut to_esme), now_ms, &mut of_esme);
            smsc.on(Event::Received(&mut to_smsc), now_ms, &mut of_smsc);
            now_ms += chance.below(20_000) as u64;
            esme.on(Event::Tick, now_ms, &mut of_esme);
            smsc.on(Event::Tick, now_ms, &mut of_smsc);
            // Whatever came in, what goes out is whole PDUs.
            check_output(&mut of_esme.send);
            check_output(&mut of_smsc.send);
            of_esme.up.clear();
            of_smsc.up.clear();
        }
        closed += u32::from(of_esme.close.is_some()) + u32::from(of_smsc.close.is_some());
    }
    assert!(closed > 0, "some streams are beyond repair");
}

fn check_output(send: &mut BytesMut) {
    while let Some(frame) = next_frame(send, FRAME_LIMITS).unwrap() {
        let Packet { .. } = decode(&frame).unwrap();
    }
    assert!(send.is_empty());
}
