//! Messages and what becomes of them, receipts and uplinks.

use super::*;

#[test]
fn the_window_is_kept() {
    let mut table = Table::logged_in();
    for token in 0..17 {
        table.submit(token);
    }
    assert_eq!(table.sent().len(), 16);
    assert_eq!(
        table.up(),
        [outcome(16, None, SubmitOutcome::NotSent(NotSent::WindowFull))]
    );
}

#[test]
fn a_message_that_does_not_fit_the_version_takes_no_slot() {
    let mut table = Table::logged_in();
    let long = Submit {
        content: Content::from(vec![0; 256]),
        ..message()
    };
    table.on(Event::Submit {
        token: 1,
        submit: &long,
    });
    assert!(matches!(
        table.up().as_slice(),
        [Up::SubmitOutcome {
            token: 1,
            outcome: SubmitOutcome::NotSent(NotSent::Encode(_)),
            ..
        }]
    ));
    assert_eq!((table.client.free_slots(), table.actions.send.len()), (16, 0));
}

#[test]
fn refusals_carry_the_code() {
    let mut table = Table::logged_in();
    table.submit(1);
    table.receive(
        Version::V3,
        2,
        &Pdu::SubmitResp(SubmitResp {
            msg_id: MsgId(0),
            result: 8,
        }),
    );
    assert_eq!(
        table.up(),
        [outcome(1, Some(2), SubmitOutcome::Refused { result: 8 })]
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
        [outcome(1, Some(2), SubmitOutcome::Uncertain(Uncertain::TimedOut))]
    );
    assert_eq!(table.client.free_slots(), 16);
    let resp = Pdu::SubmitResp(SubmitResp {
        msg_id: MsgId(5),
        result: 0,
    });
    table.receive(Version::V3, 2, &resp);
    let corrected = SubmitOutcome::Accepted { msg_id: MsgId(5) };
    assert_eq!(
        table.up(),
        [Up::SubmitOutcome {
            token: 1,
            sequence: Some(2),
            outcome: corrected,
            late: true
        }]
    );
    table.receive(Version::V3, 2, &resp);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::UnmatchedResponse { sequence: 2, .. })]
    ));
}

#[test]
fn delivers_go_up_once_and_are_answered_when_the_application_says_so() {
    let mut table = Table::logged_in();
    let deliver = Deliver {
        msg_id: MsgId(42),
        ..Deliver::default()
    };
    let pdu = Pdu::Deliver(deliver.clone());
    table.receive(Version::V3, 9, &pdu);
    assert_eq!(
        table.up(),
        [Up::Deliver {
            sequence: 9,
            deliver: Box::new(deliver)
        }]
    );
    assert_eq!(
        table.sent(),
        [],
        "nothing is answered before the application has it safe"
    );
    table.receive(Version::V3, 9, &pdu);
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::RepeatedRequest { .. })]
    ));

    table.on(Event::DeliverAnswered {
        sequence: 9,
        msg_id: MsgId(42),
        result: 0,
    });
    let resp = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(42),
        result: 0,
    });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 9,
            pdu: resp
        }]
    );
    table.on(Event::DeliverAnswered {
        sequence: 9,
        msg_id: MsgId(42),
        result: 0,
    });
    assert_eq!(table.sent(), [], "a second answer is not sent");
}

#[test]
fn a_flood_of_delivers_is_slowed_down() {
    let mut limited = settings(Version::V3);
    limited.limits.max_unanswered_inbound = 2;
    let mut table = Table::new(limited);
    let source = table.connect();
    table.receive(Version::V3, 1, &accepted(Version::V3, 0x30, &source));
    for id in 1..=3u64 {
        let deliver = Deliver {
            msg_id: MsgId(id),
            ..Deliver::default()
        };
        table.receive(Version::V3, id as u32, &Pdu::Deliver(deliver));
    }
    let resp = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(3),
        result: 8,
    });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 3,
            pdu: resp
        }]
    );
}

#[test]
fn an_unreadable_deliver_is_answered_and_the_session_lives() {
    let mut table = Table::logged_in();
    let mut octets = BytesMut::new();
    let deliver = Deliver {
        msg_id: MsgId(42),
        ..Deliver::default()
    };
    encode(Version::V2, 5, &Pdu::Deliver(deliver), &mut octets).unwrap();
    table.on(Event::Received(&mut octets));
    let resp = Pdu::DeliverResp(DeliverResp {
        msg_id: MsgId(42),
        result: 1,
    });
    assert_eq!(
        table.sent(),
        [Packet {
            sequence: 5,
            pdu: resp
        }]
    );
    assert!(matches!(
        table.up().as_slice(),
        [Up::Oddity(Oddity::Undecodable(_))]
    ));
    assert!(table.client.is_open());
}
