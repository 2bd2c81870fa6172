use hongyan_domain::status::{
    CodeTable,
    MessageStatus::{self, Delivered, Expired, Queued, Rejected, Submitted, Undelivered, Unknown},
};
use hongyan_proto::{
    carrier::v1::{
        LinkEvent, MessageExpired, MessageUnsendable, SegmentReceipt, SegmentRefused, SegmentSubmitted,
        SubmitUncertain, link_event::Event,
    },
    dispatch::v1::MessageStatus as ProtoStatus,
};
use proptest::prelude::*;

use super::{Announcement, BadEvent, QUEUE_GRACE_MS, RECEIPT_WAIT_MS, close_if_due, conclude, note, outcome};
use crate::record::{EventKind, EventRecord, MessageRecord, RECORD_VERSION};

const ACCEPTED: i64 = 1_000_000;
const VALID_UNTIL: i64 = ACCEPTED + 300_000;

fn codes() -> &'static CodeTable {
    CodeTable::built_in()
}

fn message(segment_count: u32) -> MessageRecord {
    MessageRecord {
        version: RECORD_VERSION,
        segment_count,
        accepted_at_unix_ms: ACCEPTED,
        valid_until_unix_ms: VALID_UNTIL,
        ..MessageRecord::default()
    }
}

fn at(offset_ms: i64, segment: u32, event: Event) -> LinkEvent {
    LinkEvent {
        message_id: String::new(),
        link: "cmcc".into(),
        at_unix_ms: ACCEPTED + offset_ms,
        segment,
        event: Some(event),
        ..LinkEvent::default()
    }
}

fn submitted(offset_ms: i64, segment: u32, attempt: u32) -> LinkEvent {
    at(
        offset_ms,
        segment,
        Event::Submitted(SegmentSubmitted {
            carrier_message_id: format!("c{segment}-{attempt}"),
            sequence: 7,
            slot: 1,
            attempt,
            submitted_at_unix_ms: ACCEPTED + offset_ms,
        }),
    )
}

fn receipt(offset_ms: i64, segment: u32, stat: &str) -> LinkEvent {
    at(
        offset_ms,
        segment,
        Event::Receipt(SegmentReceipt {
            carrier_message_id: format!("c{segment}-1"),
            stat: stat.into(),
            done_time: String::new(),
        }),
    )
}

fn refused(offset_ms: i64, segment: u32) -> LinkEvent {
    at(
        offset_ms,
        segment,
        Event::Refused(SegmentRefused {
            raw_code: "CMPP:13".into(),
            attempt: 1,
        }),
    )
}

fn uncertain(offset_ms: i64, resend: bool) -> LinkEvent {
    at(
        offset_ms,
        0,
        Event::Uncertain(SubmitUncertain { resend, attempt: 1 }),
    )
}

fn expired(offset_ms: i64) -> LinkEvent {
    at(offset_ms, 0, Event::Expired(MessageExpired {}))
}

fn status(record: &MessageRecord) -> MessageStatus {
    outcome(record, codes()).detail.status
}

/// Notes the events one by one and returns what was announced on the way.
fn tell(record: &mut MessageRecord, events: &[LinkEvent]) -> Vec<(ProtoStatus, Option<ProtoStatus>)> {
    let step = |event| {
        note(record, event, codes()).expect("a good event");
        conclude(record, codes())
            .announcement
            .map(|Announcement { status, corrects }| (status, corrects))
    };
    events.iter().filter_map(step).collect()
}

#[test]
fn the_usual_way_is_queued_submitted_delivered() {
    let mut record = message(1);
    assert_eq!(status(&record), Queued);
    assert_eq!(tell(&mut record, &[submitted(10, 1, 1)]), []);
    assert_eq!(status(&record), Submitted);
    assert_eq!(
        conclude(&mut record, codes()).deadline_unix_ms,
        Some(ACCEPTED + 10 + RECEIPT_WAIT_MS)
    );
    assert_eq!(
        tell(&mut record, &[receipt(20, 1, "DELIVRD")]),
        [(ProtoStatus::Delivered, None)]
    );
    assert_eq!(conclude(&mut record, codes()).deadline_unix_ms, None);
    assert_eq!(outcome(&record, codes()).detail.raw_code, "DELIVRD");
    assert_eq!(outcome(&record, codes()).at_unix_ms, ACCEPTED + 20);
}

#[test]
fn each_kind_of_end_has_its_status() {
    let unsendable = at(
        5,
        0,
        Event::Unsendable(MessageUnsendable {
            reason: "NO_SECRET".into(),
        }),
    );
    let table: [(&str, u32, Vec<LinkEvent>, MessageStatus, &str); 14] = [
        (
            "all segments delivered",
            2,
            vec![receipt(1, 1, "DELIVRD"), receipt(2, 2, "DELIVRD")],
            Delivered,
            "DELIVRD",
        ),
        (
            "one segment missing",
            2,
            vec![submitted(1, 1, 1), receipt(1, 1, "DELIVRD")],
            Submitted,
            "",
        ),
        (
            "one segment failed",
            2,
            vec![receipt(1, 1, "DELIVRD"), receipt(2, 2, "MK:0001")],
            Undelivered,
            "MK:0001",
        ),
        (
            "receipt before its response",
            1,
            vec![receipt(1, 1, "DELIVRD"), submitted(2, 1, 1)],
            Delivered,
            "DELIVRD",
        ),
        (
            "intermediate receipt",
            1,
            vec![submitted(1, 1, 1), receipt(2, 1, "ACCEPTD")],
            Submitted,
            "",
        ),
        (
            "carrier does not know",
            1,
            vec![submitted(1, 1, 1), receipt(2, 1, "UNKNOWN")],
            Unknown,
            "UNKNOWN",
        ),
        ("refused", 1, vec![refused(1, 1)], Rejected, "CMPP:13"),
        (
            "one of two refused",
            2,
            vec![submitted(1, 1, 1), refused(2, 2), receipt(3, 1, "DELIVRD")],
            Rejected,
            "CMPP:13",
        ),
        ("refused as a whole", 2, vec![refused(1, 0)], Rejected, "CMPP:13"),
        ("unsendable", 1, vec![unsendable], Rejected, "NO_SECRET"),
        (
            "uncertain, not tried again",
            1,
            vec![uncertain(1, false)],
            Unknown,
            "UNCERTAIN",
        ),
        (
            "uncertain, tried again",
            1,
            vec![uncertain(1, true)],
            Submitted,
            "",
        ),
        (
            "expired at the link",
            1,
            vec![expired(1)],
            Expired,
            "EXPIRED_IN_QUEUE",
        ),
        (
            "expired before the second attempt",
            1,
            vec![uncertain(1, true), expired(2)],
            Unknown,
            "UNCERTAIN",
        ),
    ];
    for (case, segments, events, expected, raw_code) in table {
        let mut record = message(segments);
        tell(&mut record, &events);
        let detail = outcome(&record, codes()).detail;
        assert_eq!(
            (detail.status, detail.raw_code.as_str()),
            (expected, raw_code),
            "{case}"
        );
    }
}

#[test]
fn a_second_attempt_is_flagged_and_told_as_resent() {
    let mut record = message(1);
    tell(
        &mut record,
        &[uncertain(1, true), submitted(2, 1, 2), receipt(3, 1, "DELIVRD")],
    );
    assert!(record.possible_duplicate);
    let kinds: Vec<EventKind> = record.events.iter().map(EventRecord::kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::SubmitUncertain,
            EventKind::Resent,
            EventKind::Receipt,
            EventKind::Final
        ]
    );
    assert_eq!(status(&record), Delivered);
}

#[test]
fn the_attempt_that_was_delivered_decides_over_the_one_that_was_not() {
    for order in [["UNDELIV", "DELIVRD"], ["DELIVRD", "UNDELIV"]] {
        let mut record = message(1);
        tell(&mut record, &[receipt(1, 1, order[0]), receipt(2, 1, order[1])]);
        assert_eq!(status(&record), Delivered, "{order:?}");
    }
}

#[test]
fn a_late_receipt_corrects_what_the_deadline_closed_and_says_so() {
    let mut record = message(1);
    tell(&mut record, &[submitted(10, 1, 1)]);
    assert!(!close_if_due(
        &mut record,
        ACCEPTED + 10 + RECEIPT_WAIT_MS - 1,
        codes()
    ));
    assert!(close_if_due(
        &mut record,
        ACCEPTED + 10 + RECEIPT_WAIT_MS,
        codes()
    ));
    let closed = conclude(&mut record, codes());
    assert_eq!(
        closed.announcement,
        Some(Announcement {
            status: ProtoStatus::Unknown,
            corrects: None
        })
    );
    assert_eq!(closed.outcome.detail.raw_code, "NO_RECEIPT");
    assert!(
        !close_if_due(&mut record, i64::MAX, codes()),
        "final: nothing is due any more"
    );

    let late = tell(&mut record, &[receipt(RECEIPT_WAIT_MS * 2, 1, "DELIVRD")]);
    assert_eq!(late, [(ProtoStatus::Delivered, Some(ProtoStatus::Unknown))]);
    assert_eq!(
        tell(&mut record, &[receipt(RECEIPT_WAIT_MS * 3, 1, "DELIVRD")]),
        [],
        "the same again is no news"
    );
}

#[test]
fn a_queued_message_expires_a_minute_behind_its_validity() {
    let mut record = message(1);
    assert_eq!(
        conclude(&mut record, codes()).deadline_unix_ms,
        Some(VALID_UNTIL + QUEUE_GRACE_MS)
    );
    assert!(!close_if_due(
        &mut record,
        VALID_UNTIL + QUEUE_GRACE_MS - 1,
        codes()
    ));
    assert!(close_if_due(&mut record, VALID_UNTIL + QUEUE_GRACE_MS, codes()));
    assert_eq!(status(&record), Expired);
    conclude(&mut record, codes());
    // It had left after all: not expired, but nobody knows; and the receipt tells at last.
    let told = tell(
        &mut record,
        &[submitted(400_000, 1, 1), receipt(500_000, 1, "DELIVRD")],
    );
    assert_eq!(
        told,
        [
            (ProtoStatus::Unknown, Some(ProtoStatus::Expired)),
            (ProtoStatus::Delivered, Some(ProtoStatus::Unknown))
        ]
    );
}

#[test]
fn wrong_events_are_refused_and_change_nothing() {
    let mut no_time = submitted(0, 1, 1);
    no_time.at_unix_ms = 0;
    let mut empty = submitted(0, 1, 1);
    empty.event = None;
    for (event, expected) in [
        (no_time, BadEvent::NoTime),
        (empty, BadEvent::NoEvent),
        (submitted(1, 3, 1), BadEvent::NoSuchSegment),
        (submitted(1, 0, 1), BadEvent::NoSuchSegment),
        (receipt(1, 0, "DELIVRD"), BadEvent::NoSuchSegment),
    ] {
        let mut record = message(2);
        assert_eq!(note(&mut record, &event, codes()), Err(expected));
        assert_eq!(record, message(2));
    }
}

#[test]
fn segment_zero_of_a_message_of_one_segment_is_that_segment() {
    let mut record = message(1);
    tell(&mut record, &[submitted(1, 0, 1), receipt(2, 0, "DELIVRD")]);
    assert_eq!(status(&record), Delivered);
    assert_eq!(record.segments[0].number, 1);
}

#[test]
fn garbage_of_a_carrier_is_made_printable_and_short() {
    let mut record = message(1);
    let mut garbage = receipt(1, 1, "AF\u{1}4\0\0");
    if let Some(Event::Receipt(receipt)) = &mut garbage.event {
        receipt.carrier_message_id = "é\n".repeat(100) + &"9".repeat(100);
    }
    tell(&mut record, &[garbage]);
    assert_eq!(record.events[0].raw_code, "AF?4");
    assert_eq!(record.events[0].carrier_message_id, "9".repeat(65));
}

fn any_event(segments: u32) -> impl Strategy<Value = LinkEvent> {
    let stat = prop::sample::select(vec![
        "DELIVRD", "UNDELIV", "EXPIRED", "UNKNOWN", "ACCEPTD", "MA:0001",
    ]);
    (1..1_000_i64, 1..=segments, 0..14_u8, stat).prop_map(|(offset, segment, kind, stat)| match kind {
        0..=3 => submitted(offset, segment, 1 + u32::from(kind) / 3),
        4..=9 => receipt(offset, segment, stat),
        10 => refused(offset, segment),
        11 => uncertain(offset, false),
        12 => uncertain(offset, true),
        _ => expired(offset),
    })
}

fn history() -> impl Strategy<Value = (u32, Vec<LinkEvent>, Vec<LinkEvent>)> {
    (1..=6_u32)
        .prop_flat_map(|segments| (Just(segments), prop::collection::vec(any_event(segments), 0..20)))
        .prop_flat_map(|(segments, events)| {
            let repeated: Vec<LinkEvent> = events.iter().chain(events.iter().step_by(2)).cloned().collect();
            (Just(segments), Just(events), Just(repeated).prop_shuffle())
        })
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_end_in_the_same_place((segments, events, shuffled) in history()) {
        let (mut one, mut other) = (message(segments), message(segments));
        tell(&mut one, &events);
        tell(&mut other, &shuffled);
        prop_assert_eq!(outcome(&one, codes()), outcome(&other, codes()));
        prop_assert_eq!(&one.segments, &other.segments);
        prop_assert_eq!(one.possible_duplicate, other.possible_duplicate);
        prop_assert_eq!(one.announced, other.announced);
    }

    #[test]
    fn folding_at_once_or_one_by_one_ends_in_the_same_place((segments, events, _) in history()) {
        let (mut one, mut other) = (message(segments), message(segments));
        tell(&mut one, &events);
        for event in &events {
            note(&mut other, event, codes()).unwrap();
        }
        conclude(&mut other, codes());
        prop_assert_eq!(outcome(&one, codes()), outcome(&other, codes()));
        prop_assert_eq!(one.announced, other.announced);
    }

    #[test]
    fn what_was_final_stays_final_and_every_change_is_told((segments, events, _) in history()) {
        let mut record = message(segments);
        let mut last_told = None;
        for event in &events {
            let before = outcome(&record, codes()).detail;
            for (status, corrects) in tell(&mut record, std::slice::from_ref(event)) {
                prop_assert_eq!(corrects, last_told);
                last_told = Some(status);
            }
            let after = outcome(&record, codes()).detail;
            prop_assert!(after.is_final || !before.is_final);
            prop_assert_eq!(after.is_final, last_told.is_some());
            prop_assert!(conclude(&mut record, codes()).deadline_unix_ms.is_none() == after.is_final);
        }
    }

    #[test]
    fn a_deadline_before_the_receipts_does_not_change_the_end(at in 0..20_usize, (segments, _, _) in history()) {
        let receipts: Vec<LinkEvent> =
            (1..=segments).flat_map(|n| [submitted(i64::from(n), n, 1), receipt(50, n, "DELIVRD")]).collect();
        let mut record = message(segments);
        for (place, event) in receipts.iter().enumerate() {
            if place == at {
                close_if_due(&mut record, ACCEPTED + 10 * RECEIPT_WAIT_MS, codes());
                conclude(&mut record, codes());
            }
            tell(&mut record, std::slice::from_ref(event));
        }
        prop_assert_eq!(status(&record), Delivered);
    }
}

#[test]
fn a_link_that_needs_more_segments_says_so() {
    let mut record = message(2);
    let third = |segments| LinkEvent {
        segments,
        ..submitted(10, 3, 1)
    };
    assert_eq!(
        note(&mut record, &third(0), codes()),
        Err(BadEvent::NoSuchSegment)
    );
    note(&mut record, &third(3), codes()).unwrap();
    for segment in 1..=2 {
        note(&mut record, &receipt(20, segment, "DELIVRD"), codes()).unwrap();
    }
    assert_eq!(outcome(&record, codes()).detail.status, Submitted);
    note(&mut record, &receipt(20, 3, "DELIVRD"), codes()).unwrap();
    assert_eq!(outcome(&record, codes()).detail.status, Delivered);
}

#[test]
fn a_receipt_of_a_segment_that_nobody_has_told_of_yet_is_kept() {
    let mut record = message(2);
    note(&mut record, &receipt(20, 3, "DELIVRD"), codes()).unwrap();
    for segment in 1..=2 {
        note(&mut record, &receipt(20, segment, "DELIVRD"), codes()).unwrap();
    }
    assert_eq!(outcome(&record, codes()).detail.status, Delivered);
    assert_eq!(
        note(&mut record, &receipt(20, 17, "DELIVRD"), codes()),
        Err(BadEvent::NoSuchSegment)
    );
}
