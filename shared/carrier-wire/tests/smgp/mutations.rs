//! A bounded run of what the fuzz targets do without end: vectors with octets changed at random, the same ones each
//! time. Nothing may panic, and whatever can be read must be written back the same.

use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::concat::Udh;
use hongyan_carrier_wire::field::FixedStr;
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::{Actions, Event, Session, SessionLimits, Up};
use hongyan_carrier_wire::smgp::pdu::{LoginMode, has_udh};
use hongyan_carrier_wire::smgp::report::Report;
use hongyan_carrier_wire::smgp::{
    Client, ClientSettings, FRAME_LIMITS, HigherVersion, Packet, Pdu, Server, ServerCheck, ServerSettings,
    Verdict, Version, decode, encode,
};

use crate::common::{Chance, Vector};
use crate::smgp;

const INPUTS: usize = 200_000;

fn vectors() -> Vec<Bytes> {
    smgp().iter().flat_map(Vector::frames).collect()
}

#[test]
fn mutated_pdus_are_read_or_refused_and_never_panic() {
    let vectors = vectors();
    let mut chance = Chance::new(0x6865_6e67_7961_6e04);
    let (mut read, mut refused, mut reports) = (0u32, 0u32, 0u32);
    for _ in 0..INPUTS {
        let mut octets = vectors[chance.below(vectors.len())].to_vec();
        chance.mutate(&mut octets);
        let frame = Bytes::from(octets);
        for version in [Version::V1, Version::V3] {
            match decode(version, &frame) {
                Err(_) => refused += 1,
                Ok(Packet { sequence, pdu }) => {
                    read += 1;
                    look_inside(&pdu);
                    let mut out = BytesMut::new();
                    encode(version, sequence, &pdu, &mut out).unwrap();
                    assert_eq!(out, frame);
                }
            }
        }
        let mut buffer = BytesMut::from(&frame[..]);
        // Each turn takes a PDU off or ends.
        while let Ok(Some(_)) = next_frame(&mut buffer, FRAME_LIMITS) {}
        reports += u32::from(Report::decode(&frame).is_ok());
    }
    assert!(
        read > 10_000 && refused > 10_000 && reports > 1_000,
        "all happen: {read} read, {refused} refused, {reports} reports"
    );
}

/// Everything that an application does with what was read.
fn look_inside(pdu: &Pdu) {
    let (tlvs, content) = match pdu {
        Pdu::Submit(submit) => (&submit.tlvs, &submit.content),
        Pdu::Deliver(deliver) => (&deliver.tlvs, &deliver.content),
        _ => return,
    };
    if tlvs.tp_udhi().is_some_and(has_udh)
        && let Ok(udh) = Udh::parse(content.as_slice())
    {
        assert!(udh.text(content.as_slice()).len() < content.len());
    }
    let octets: usize = tlvs.iter().map(|tlv| 4 + tlv.value().len()).sum();
    assert_eq!(octets, tlvs.len(), "all of them are gone through");
    let _ = (tlvs.pk_total(), tlvs.pk_number(), tlvs.link_id());
    if let Ok(report) = Report::decode(content.as_slice()) {
        assert!(report.stat_text().len() <= 7 && report.err_text().len() <= 3);
    }
    assert!(!format!("{pdu:?}").is_empty());
}

fn secret() -> Secret {
    Secret::new("12345678")
}

type Both = (
    Session<Client>,
    Actions<Up<Client>>,
    Session<Server>,
    Actions<Up<Server>>,
);

/// Both sides behind a login.
fn in_session(version: Version) -> Both {
    let client = Client::new(ClientSettings {
        client_id: FixedStr::new("10000001").unwrap(),
        secret: secret(),
        mode: LoginMode::Both,
        version,
        server_check: ServerCheck::Required,
        first_sequence: 1,
    });
    let server = Server::new(ServerSettings {
        max_version: version,
        on_higher_version: HigherVersion::AnswerOwn,
    });
    let mut client = Session::new(client, SessionLimits::default()).unwrap();
    let mut server = Session::new(server, SessionLimits::default()).unwrap();
    let (mut of_client, mut of_server) = (Actions::default(), Actions::default());
    client.on(Event::Connected { unix_ms: 0 }, 0, &mut of_client);
    server.on(Event::Connected { unix_ms: 0 }, 0, &mut of_server);
    server.on(Event::Received(&mut of_client.send), 0, &mut of_server);
    server.on(Event::LoginAnswered(Verdict::Check(secret())), 0, &mut of_server);
    client.on(Event::Received(&mut of_server.send), 0, &mut of_client);
    assert!(client.is_open() && server.is_open());
    (client, of_client, server, of_server)
}

#[test]
fn sessions_survive_mutated_streams() {
    let vectors = vectors();
    let mut chance = Chance::new(0x6865_6e67_7961_6e05);
    let mut closed = 0u32;
    for round in 0..INPUTS / 40 {
        let version = if round % 2 == 0 { Version::V1 } else { Version::V3 };
        let (mut client, mut of_client, mut server, mut of_server) = in_session(version);
        let (mut to_client, mut to_server) = (BytesMut::new(), BytesMut::new());
        let mut now_ms = 0;
        for _ in 0..20 {
            let mut octets = vectors[chance.below(vectors.len())].to_vec();
            if chance.below(3) == 0 {
                chance.mutate(&mut octets);
            }
            to_client.extend_from_slice(&octets);
            to_server.extend_from_slice(&octets);
            client.on(Event::Received(&mut to_client), now_ms, &mut of_client);
            server.on(Event::Received(&mut to_server), now_ms, &mut of_server);
            now_ms += chance.below(20_000) as u64;
            client.on(Event::Tick, now_ms, &mut of_client);
            server.on(Event::Tick, now_ms, &mut of_server);
            // Whatever came in, what goes out is whole PDUs of the session's layout.
            check_output(version, &mut of_client.send);
            check_output(version, &mut of_server.send);
            of_client.up.clear();
            of_server.up.clear();
        }
        closed += u32::from(of_client.close.is_some()) + u32::from(of_server.close.is_some());
    }
    assert!(closed > 0, "some streams are beyond repair");
}

fn check_output(version: Version, send: &mut BytesMut) {
    while let Some(frame) = next_frame(send, FRAME_LIMITS).unwrap() {
        decode(version, &frame).unwrap();
    }
    assert!(send.is_empty());
}
