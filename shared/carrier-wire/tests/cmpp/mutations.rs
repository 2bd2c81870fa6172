//! A bounded run of what the fuzz targets do without end: vectors with octets changed at random, the same ones each
//! time. Nothing may panic, and whatever can be read must be written back the same.

use crate::common::{Chance, Vector};
use crate::sessions::{
    LOGIN_AT, accepted, account, client_settings, octets, packets, secret, server_settings,
};
use crate::support::cmpp;
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::cmpp::auth::{self, Timestamp};
use hongyan_carrier_wire::cmpp::pdu::has_udh;
use hongyan_carrier_wire::cmpp::report::Report;
use hongyan_carrier_wire::cmpp::{
    Client, FRAME_LIMITS, Packet, Pdu, Server, ServerSettings, Verdict, Version, decode, encode,
};
use hongyan_carrier_wire::concat::{Concat, Reference, Udh};
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::reassembly::{Limits, PartBody, PartKey, Reassembler};
use hongyan_carrier_wire::session::{Actions, Event, Session, SessionLimits, Up};
use hongyan_carrier_wire::text::Coding;

const INPUTS: usize = 200_000;

fn vectors() -> Vec<Bytes> {
    cmpp().iter().flat_map(Vector::frames).collect()
}

#[test]
fn mutated_pdus_are_read_or_refused_and_never_panic() {
    let vectors = vectors();
    let mut chance = Chance::new(0x6865_6e67_7961_6e01);
    let (mut read, mut refused) = (0u32, 0u32);
    for _ in 0..INPUTS {
        let mut octets = vectors[chance.below(vectors.len())].to_vec();
        chance.mutate(&mut octets);
        let frame = Bytes::from(octets);
        for version in [Version::V2, Version::V3] {
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
        let _ = Report::decode(&frame);
    }
    assert!(
        read > 10_000 && refused > 10_000,
        "both happen: {read} read, {refused} refused"
    );
}

/// Everything that an application does with what was read.
fn look_inside(pdu: &Pdu) {
    let (udhi, msg_fmt, content) = match pdu {
        Pdu::Submit(submit) => (submit.tp_udhi, submit.msg_fmt, &submit.content),
        Pdu::Deliver(deliver) => (deliver.tp_udhi, deliver.msg_fmt, &deliver.content),
        _ => return,
    };
    let content = content.as_slice();
    let text = if has_udh(udhi) {
        Udh::parse(content).map_or(content, |udh| udh.text(content))
    } else {
        content
    };
    let _ = Coding::of_msg_fmt(msg_fmt).decode(text);
    if let Ok(report) = Report::decode(content) {
        assert!(report.stat_text().len() <= 7);
        assert_eq!(report.encode().as_slice(), content);
    }
    assert!(!format!("{pdu:?}").is_empty());
}

/// A session behind its login.
fn client(version: Version) -> (Session<Client>, Actions<Up<Client>>) {
    let settings = client_settings(version);
    let connect = auth::connect(
        settings.source_addr,
        &secret(),
        version,
        Timestamp::of_unix_ms(LOGIN_AT),
    );
    let mut session = Session::new(Client::new(settings), SessionLimits::default()).unwrap();
    let mut actions = Actions::default();
    session.on(Event::Connected { unix_ms: LOGIN_AT }, 0, &mut actions);
    let welcome = accepted(version, version.octet(), &connect.authenticator_source);
    session.on(
        Event::Received(&mut octets(version, 1, &welcome)),
        0,
        &mut actions,
    );
    assert!(session.is_open());
    (session, actions)
}

fn server(version: Version) -> (Session<Server>, Actions<Up<Server>>) {
    let settings = ServerSettings {
        max_version: version,
        ..server_settings()
    };
    let mut session = Session::new(Server::new(settings), SessionLimits::default()).unwrap();
    let mut actions = Actions::default();
    session.on(Event::Connected { unix_ms: LOGIN_AT }, 0, &mut actions);
    let connect = auth::connect(account(), &secret(), version, Timestamp::from_wire(1));
    let mut login = octets(version, 1, &Pdu::Connect(connect));
    session.on(Event::Received(&mut login), 0, &mut actions);
    session.on(Event::LoginAnswered(Verdict::Check(secret())), 0, &mut actions);
    assert!(session.is_open());
    (session, actions)
}

#[test]
fn sessions_survive_mutated_streams() {
    let vectors = vectors();
    let mut chance = Chance::new(0x6865_6e67_7961_6e02);
    let mut closed = 0u32;
    for round in 0..INPUTS / 40 {
        let version = if round % 2 == 0 { Version::V2 } else { Version::V3 };
        let (mut client, mut of_client) = client(version);
        let (mut server, mut of_server) = server(version);
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
            packets(client.dialect().version(), &mut of_client.send);
            packets(server.dialect().version(), &mut of_server.send);
            of_client.up.clear();
            of_server.up.clear();
        }
        closed += u32::from(of_client.close.is_some()) + u32::from(of_server.close.is_some());
    }
    assert!(closed > 0, "some streams are beyond repair");
}

#[test]
fn reassembly_keeps_its_bounds_whatever_comes() {
    let limits = Limits {
        max_messages: 50,
        max_octets: 20_000,
        max_age_ms: 1_000,
    };
    let mut parts = Reassembler::new(limits);
    let mut chance = Chance::new(0x6865_6e67_7961_6e03);
    let mut out = Vec::new();
    for now_ms in 0..INPUTS as u64 {
        let total = 1 + chance.below(255) as u8;
        let number = 1 + chance.below(usize::from(total)) as u8;
        let reference = Reference::Bits8(chance.below(4) as u8);
        let key = PartKey::new("l", &chance.below(40).to_string(), "1", reference, total);
        let concat = Concat::new(reference, total, number).unwrap();
        let text = Bytes::from(vec![chance.next() as u8; chance.below(140)]);
        parts.add(
            &key,
            concat,
            &PartBody {
                coding: Coding::Gbk,
                text,
            },
            now_ms,
            &mut out,
        );
        if chance.below(10) == 0 {
            out.extend(parts.expire(now_ms));
            assert!(parts.deadline_ms().is_none_or(|deadline| deadline > now_ms));
        }
        for message in out.drain(..) {
            let _ = message.text("…");
        }
        assert!(parts.len() <= 50 && parts.octets() <= 20_000 + 204);
    }
    parts.expire(u64::MAX);
    assert_eq!((parts.len(), parts.octets()), (0, 0));
}
