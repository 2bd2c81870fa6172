//! A bounded run of what the fuzz targets do without end: vectors with octets changed at random, the same ones each
//! time. Nothing may panic, and whatever can be read must be written back the same.

use crate::common::{Chance, Vector, of_protocol};
use crate::session::{acceptor, initiator, open};
use bytes::{Bytes, BytesMut};
use hongyan_carrier_wire::field::{Content, FixedStr, TerminalId};
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::session::{Dialect, Event, Session};
use hongyan_carrier_wire::sgip::pdu::{Submit, UserRpt, Users};
use hongyan_carrier_wire::sgip::trace::{Hop, Hops, Trace};
use hongyan_carrier_wire::sgip::{
    Direction, FRAME_LIMITS, Packet, Pdu, Sequence, command_name, decode, encode,
};

const INPUTS: usize = 200_000;

/// The vectors, and of the PDUs that no vector has, one each.
fn seeds() -> Vec<Bytes> {
    let number = TerminalId::new("8613800138000").unwrap();
    let made = [
        Pdu::Submit(Submit {
            users: Users::many(&[number; 3]).unwrap(),
            tp_udhi: 1,
            content: Content::from(vec![5, 0, 3, 1, 2, 1, 0x4f, 0x60]),
            ..Submit::default()
        }),
        Pdu::UserRpt(UserRpt {
            user_number: number,
            ..UserRpt::default()
        }),
        Pdu::Trace(Trace {
            user_number: number,
            ..Trace::default()
        }),
        Pdu::TraceResp(
            Hops::new(
                &[Hop {
                    node_id: FixedStr::new("101000").unwrap(),
                    ..Hop::default()
                }; 2],
            )
            .unwrap(),
        ),
        Pdu::Unknown {
            command: 0x10,
            body: Bytes::from_static(&[7; 21]).into(),
        },
    ];
    let made = made.iter().map(|pdu| {
        let mut out = BytesMut::new();
        encode(Sequence::default(), pdu, &mut out).unwrap();
        out.freeze()
    });
    let vectors = of_protocol("SGIP", 10);
    vectors.iter().flat_map(Vector::frames).chain(made).collect()
}

#[test]
fn mutated_pdus_are_read_or_refused_and_never_panic() {
    let seeds = seeds();
    let mut chance = Chance::new(0x7367_6970_0000_0001);
    let (mut read, mut refused) = (0u32, 0u32);
    for _ in 0..INPUTS {
        let mut octets = seeds[chance.below(seeds.len())].to_vec();
        chance.mutate(&mut octets);
        let frame = Bytes::from(octets);
        match decode(&frame) {
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
            Ok(Packet { sequence, pdu }) => {
                read += 1;
                look_inside(&pdu);
                let mut out = BytesMut::new();
                encode(sequence, &pdu, &mut out).unwrap();
                assert_eq!(out, frame);
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
    match pdu {
        Pdu::Submit(submit) => {
            assert!((1..=100).contains(&submit.users.count()));
            assert_eq!(submit.users.iter().count(), submit.users.count());
        }
        Pdu::Report(report) => {
            let _ = report.state();
        }
        Pdu::TraceResp(hops) => assert_eq!(hops.iter().count(), usize::from(hops.count())),
        Pdu::Unknown { command, .. } => {
            let _ = command_name(*command);
        }
        _ => {}
    }
    assert!(!format!("{pdu:?}").is_empty());
}

/// Sends the same damaged stream to an open session of either side; true when it ended by itself.
fn survives<D: Dialect>(session: &mut Session<D>, pieces: &[(Vec<u8>, u64)]) -> bool {
    let mut actions = hongyan_carrier_wire::session::Actions::default();
    let (mut buffer, mut now_ms) = (BytesMut::new(), 0);
    for (octets, later_ms) in pieces {
        buffer.extend_from_slice(octets);
        session.on(Event::Received(&mut buffer), now_ms, &mut actions);
        now_ms += later_ms;
        session.on(Event::Tick, now_ms, &mut actions);
        // Whatever came in, what goes out is whole PDUs.
        while let Some(frame) = next_frame(&mut actions.send, FRAME_LIMITS).unwrap() {
            decode(&frame).unwrap();
        }
        assert!(actions.send.is_empty());
        assert!(
            actions
                .deadline_ms
                .is_none_or(|due| due >= now_ms || actions.close.is_some())
        );
        actions.up.clear();
    }
    actions.close.is_some()
}

#[test]
fn sessions_survive_mutated_streams() {
    let seeds = seeds();
    let mut chance = Chance::new(0x7367_6970_0000_0002);
    let mut closed = 0u32;
    for round in 0..INPUTS / 40 {
        let direction = if round % 2 == 0 {
            Direction::Submitting
        } else {
            Direction::Delivering
        };
        let (mut asks, mut answers) = (initiator(direction), acceptor(direction));
        open(&mut asks, &mut answers);
        let pieces: Vec<(Vec<u8>, u64)> = (0..20)
            .map(|_| {
                let mut octets = seeds[chance.below(seeds.len())].to_vec();
                if chance.below(3) == 0 {
                    chance.mutate(&mut octets);
                }
                (octets, chance.below(5_000) as u64)
            })
            .collect();
        closed += u32::from(survives(&mut asks, &pieces));
        closed += u32::from(survives(&mut answers, &pieces));
    }
    assert!(closed > 0, "some streams are beyond repair");
}
