//! Messages and what becomes of them, receipts and uplinks.

use hongyan_carrier_wire::cmpp::pdu::{ActiveTestResp, DeliverResp, Submit};
use hongyan_carrier_wire::cmpp::{MsgId, Pdu, Version};
use hongyan_carrier_wire::field::Content;
use hongyan_carrier_wire::session::{Event, NotSent, Oddity, Outcome, Repeat, SessionLimits, Uncertain, Up};

use super::client::Table;
use super::{deliver, message, octets, outcome, packet, submit_resp};

fn deliver_resp(msg_id: u64, result: u32) -> Pdu {
    let msg_id = MsgId(msg_id);
    Pdu::DeliverResp(DeliverResp { msg_id, result })
}

#[test]
fn the_window_is_kept() {
    let mut table = Table::logged_in();
    for token in 0..17 {
        table.submit(token);
    }
    assert_eq!(table.sent().len(), 16);
    assert_eq!(
        table.up(),
        [outcome(16, None, Outcome::NotSent(NotSent::WindowFull))]
    );
}

#[test]
fn a_message_that_does_not_fit_the_version_takes_no_slot() {
    let mut table = Table::logged_in();
    let long = Pdu::Submit(Submit {
        content: Content::from(vec![0; 256]),
        ..message()
    });
    table.request(1, &long, Repeat::Never);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Outcome {
            token: 1,
            sequence: None,
            outcome: Outcome::NotSent(NotSent::Encode(_)),
            late: false
        }]
    ));
    assert_eq!((table.client.free_slots(), table.actions.send.len()), (16, 0));
}

#[test]
fn refusals_carry_the_code() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.receive(Version::V3, 2, &submit_resp(0, 8));
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), Outcome::Answered(submit_resp(0, 8)))]
    );
}

#[test]
fn an_unanswered_message_is_uncertain_and_a_late_answer_corrects_it() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.sent();
    // The gateway stays awake, so only the answer is missing.
    while table.now_ms < 61_000 {
        table.wait_for_deadline();
        for packet in table.sent() {
            table.receive(
                Version::V3,
                packet.sequence,
                &Pdu::ActiveTestResp(ActiveTestResp::default()),
            );
        }
    }
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), Outcome::Uncertain(Uncertain::TimedOut))]
    );
    assert_eq!(table.client.free_slots(), 16);
    table.receive(Version::V3, 2, &submit_resp(5, 0));
    assert_eq!(
        table.up(),
        [Up::Outcome {
            token: 1,
            sequence: Some(2),
            outcome: Outcome::Answered(submit_resp(5, 0)),
            late: true
        }]
    );
    table.receive(Version::V3, 2, &submit_resp(5, 0));
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::UnmatchedResponse { sequence: 2, .. })]
    ));
}

#[test]
fn an_unreadable_answer_settles_its_message_at_once() {
    let mut table = Table::logged_in();
    table.submit(1);
    // A SUBMIT_RESP without a body.
    table.receive_octets(&[0, 0, 0, 12, 0x80, 0, 0, 4, 0, 0, 0, 2]);
    let up = table.up();
    let [told, Up::Oddity(Oddity::Undecodable(malformed))] = up.as_slice() else {
        panic!("expected an outcome and an oddity, saw {up:?}")
    };
    assert_eq!(
        *told,
        outcome(1, Some(2), Outcome::Uncertain(Uncertain::Unreadable))
    );
    assert_eq!((malformed.command, malformed.sequence), (0x8000_0004, 2));
    assert_eq!(table.client.free_slots(), 16);
    assert!(table.client.is_open());
    // And one that can be read corrects it.
    table.receive(Version::V3, 2, &submit_resp(5, 0));
    assert!(matches!(
        table.up().as_slice(),
        [Up::Outcome {
            token: 1,
            late: true,
            ..
        }]
    ));
}

#[test]
fn delivers_go_up_once_and_are_answered_when_the_application_says_so() {
    let mut table = Table::logged_in();
    table.receive(Version::V3, 9, &deliver(42));
    assert_eq!(
        table.up(),
        [Up::Request {
            sequence: 9,
            pdu: deliver(42)
        }]
    );
    assert_eq!(
        table.sent(),
        [],
        "nothing is answered before the application has it safe"
    );
    table.receive(Version::V3, 9, &deliver(42));
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::RepeatedRequest { .. })]
    ));
    // The same number with another id is another one.
    table.receive(Version::V3, 9, &deliver(43));
    assert!(matches!(table.up().as_slice(), [Up::Request { sequence: 9, .. }]));

    let resp = deliver_resp(42, 0);
    table.on(Event::Answer {
        sequence: 9,
        pdu: &resp,
    });
    assert_eq!(table.sent(), [packet(9, deliver_resp(42, 0))]);
    table.on(Event::Answer {
        sequence: 9,
        pdu: &resp,
    });
    assert_eq!(table.sent(), [], "a second answer is not sent");
    table.on(Event::Answer {
        sequence: 9,
        pdu: &submit_resp(43, 0),
    });
    assert_eq!(table.sent(), [], "an answer to something else is none");
}

#[test]
fn a_flood_of_delivers_is_slowed_down() {
    let mut table = Table::logged_in_with(SessionLimits {
        max_unanswered_inbound: 2,
        ..SessionLimits::default()
    });
    for id in 1..=3u32 {
        table.receive(Version::V3, id, &deliver(u64::from(id)));
    }
    assert_eq!(table.sent(), [packet(3, deliver_resp(3, 8))]);
    assert_eq!(
        table.up().last(),
        Some(&Up::Oddity(Oddity::Overrun { command: 5 }))
    );
}

#[test]
fn an_unreadable_deliver_is_answered_and_the_session_lives() {
    let mut table = Table::logged_in();
    table.receive_octets(&octets(Version::V2, 5, &deliver(42)));
    assert_eq!(table.sent(), [packet(5, deliver_resp(42, 1))]);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::Undecodable(_))]
    ));
    assert!(table.client.is_open());
}
