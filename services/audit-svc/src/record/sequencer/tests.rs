//! Places, and the turn of a period.

use std::sync::Arc;

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_tlog::empty_root;

use super::{Numbered, Place, Placed, Rejected, Sequencer, Submission};
use crate::{
    log::MAX_LEAF_OCTETS,
    record::{FinalCheckpoint, Host, LogId, leaf, turn},
};

fn sequencer() -> Sequencer {
    Sequencer::new(Host::of_test("audit", 5))
}

fn place(sequencer: &mut Sequencer, submission: Submission, now_unix_ms: i64) -> Placed {
    let admitted = sequencer.admit(vec![submission], now_unix_ms).unwrap();
    sequencer.place_each(admitted)[0]
}

fn place_request(sequencer: &mut Sequencer, request: Vec<Submission>) -> Result<Vec<Placed>, Rejected> {
    let admitted = sequencer.admit(request, 1).unwrap();
    sequencer.place_request(admitted)
}

fn numbered(seq: u64) -> Submission {
    let event = AuditEvent {
        action: "X".into(),
        ..AuditEvent::default()
    };
    Submission::Numbered(Numbered {
        producer: Arc::from("p"),
        epoch: 1,
        seq,
        event,
    })
}

fn index(placed: Placed) -> u64 {
    match placed {
        Placed::Recorded(Place { index, .. }) => index,
        other => panic!("{other:?}"),
    }
}

#[test]
fn new_events_get_the_next_index_and_known_ones_none() {
    let mut sequencer = sequencer();
    assert_eq!(sequencer.size(), 0);
    assert_eq!(index(place(&mut sequencer, numbered(1), 10)), 0);
    assert_eq!(place(&mut sequencer, numbered(1), 11), Placed::Duplicate);
    assert_eq!(index(place(&mut sequencer, numbered(2), 12)), 1);
    assert_eq!((sequencer.take_group().len(), sequencer.size()), (2, 2));
    assert!(sequencer.take_group().is_empty());
}

#[test]
fn the_time_of_arrival_never_goes_back_and_survives_a_replay() {
    let mut first = sequencer();
    for (seq, now) in [(1, 100), (2, 50), (3, 120)] {
        place(&mut first, numbered(seq), now);
    }
    let group = first.take_group();
    let times: Vec<_> = group
        .iter()
        .zip(0..)
        .map(|(bytes, index)| leaf::decode(index, bytes).unwrap().0.received_at_unix_ms)
        .collect();
    assert_eq!(times, [100, 100, 120]);
    let mut second = sequencer();
    for (index, bytes) in (0..).zip(&group) {
        let (leaf, event) = leaf::decode(index, bytes).unwrap();
        second.replay(index, &leaf, &event).unwrap();
    }
    assert_eq!(second.size(), first.size());
    assert_eq!(place(&mut second, numbered(3), 1), Placed::Duplicate);
    place(&mut second, numbered(4), 1);
    let bytes = &second.take_group()[0];
    assert_eq!(leaf::decode(3, bytes).unwrap().0.received_at_unix_ms, 120);
}

#[test]
fn leaves_that_go_back_in_time_are_damage() {
    let mut sequencer = sequencer();
    let log = LogId::of("", 10);
    for (number, time, is_right) in [(0, 10, true), (1, 9, false)] {
        let event = AuditEvent::default();
        let bytes = leaf::encode(number, (log, number), ("p", 1, number + 1), time, event);
        let (leaf, event) = leaf::decode(number, &bytes).unwrap();
        assert_eq!(sequencer.replay(number, &leaf, &event).is_ok(), is_right);
    }
}

#[test]
fn every_log_counts_its_own_leaves_and_a_hole_is_damage() {
    let mut sequencer = sequencer();
    let mut place_as = |seq, action: &str| {
        let Submission::Numbered(mut numbered) = numbered(seq) else {
            panic!("numbered")
        };
        numbered.event.action = action.to_owned();
        place(&mut sequencer, Submission::Numbered(numbered), 1);
    };
    for (seq, action) in [
        (1, "MESSAGE_ACCEPTED"),
        (2, "MESSAGE_FINAL"),
        (3, "MESSAGE_ACCEPTED"),
    ] {
        place_as(seq, action);
    }
    let sizes: Vec<_> = sequencer
        .logs()
        .iter()
        .map(|(log, size)| (log.to_string(), *size))
        .collect();
    assert_eq!(
        sizes,
        [
            ("sms-event/1970h1/0".to_owned(), 2),
            ("cdr/1970h1/0".to_owned(), 1)
        ]
    );
    let group = sequencer.take_group();
    let mut holed = self::sequencer();
    let (leaf, event) = leaf::decode(2, &group[2]).unwrap();
    assert!(holed.replay(0, &leaf, &event).unwrap_err().contains("number 0"));
}

#[test]
fn own_events_are_numbered_from_one() {
    let mut sequencer = sequencer();
    for expected in 1..=3 {
        place(&mut sequencer, Submission::Own(AuditEvent::default()), 1);
        let bytes = sequencer.take_group().remove(0);
        let (leaf, _) = leaf::decode(expected - 1, &bytes).unwrap();
        assert_eq!(
            (leaf.producer.as_str(), leaf.epoch, leaf.seq),
            ("audit", 5, expected)
        );
    }
}

#[test]
fn a_leaf_that_is_too_large_leaves_no_trace() {
    let mut sequencer = sequencer();
    let event = AuditEvent {
        sealed: vec![0; MAX_LEAF_OCTETS].into(),
        ..AuditEvent::default()
    };
    let large = Numbered {
        producer: Arc::from("p"),
        epoch: 1,
        seq: 1,
        event,
    };
    assert!(matches!(
        place(&mut sequencer, Submission::Numbered(large), 1),
        Placed::TooLarge(_)
    ));
    assert_eq!(sequencer.size(), 0);
    assert_eq!(index(place(&mut sequencer, numbered(1), 1)), 0);
}

/// A request of this many events, whose last one makes a leaf of `octets` where all of them are new.
fn request(sequencer: &Sequencer, count: u64, octets: usize) -> Vec<Submission> {
    let mut submissions: Vec<_> = (1..=count).map(numbered).collect();
    let Some(Submission::Numbered(last)) = submissions.last_mut() else {
        panic!("numbered")
    };
    last.event.sealed = vec![0; octets - 200].into();
    let place = (
        LogId::of("X", 1),
        sequencer.logs().values().sum::<u64>() + count - 1,
    );
    let found = leaf::octets(
        sequencer.size() + count - 1,
        place,
        ("p", 1, count),
        1,
        &last.event,
    );
    last.event.sealed = vec![0; octets - 200 + octets - found].into();
    submissions
}

#[test]
fn a_leaf_of_65535_octets_is_taken_and_one_more_refuses_the_whole_request() {
    let mut sequencer = sequencer();
    let too_large = request(&sequencer, 3, MAX_LEAF_OCTETS + 1);
    assert_eq!(
        place_request(&mut sequencer, too_large),
        Err(Rejected::TooLarge {
            nth: 2,
            octets: MAX_LEAF_OCTETS + 1
        })
    );
    assert_eq!((sequencer.size(), sequencer.take_group().len()), (0, 0));
    let largest = request(&sequencer, 3, MAX_LEAF_OCTETS);
    let placed = place_request(&mut sequencer, largest.clone()).unwrap();
    assert_eq!(placed.into_iter().map(index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(sequencer.take_group()[2].len(), MAX_LEAF_OCTETS);
    // At a later place it would be longer; it is on record, so that does not matter.
    for seq in 4..400 {
        place(&mut sequencer, numbered(seq), 1);
    }
    assert_eq!(
        place_request(&mut sequencer, largest),
        Ok(vec![Placed::Duplicate; 3])
    );
}

#[test]
fn a_request_whose_numbers_are_refused_leaves_nothing_on_record() {
    let mut sequencer = sequencer();
    for nth in 0..4_096 {
        place(&mut sequencer, numbered(10 + nth * 3), 1);
    }
    let size = sequencer.size();
    let behind: Vec<_> = (50_000..50_003).map(numbered).collect();
    let refused = place_request(&mut sequencer, behind);
    assert!(matches!(refused, Err(Rejected::Refused(_))), "{refused:?}");
    // One number joins what is there: then the others join that one.
    let joined: Vec<_> = (11..16).map(numbered).collect();
    assert_eq!(place_request(&mut sequencer, joined).unwrap().len(), 5);
    assert_eq!(sequencer.size(), size + 4);
}

/// 2026-06-30 23:59:59.999 in Beijing.
const H1: i64 = 1_782_835_199_999;
const H2: i64 = H1 + 1;

fn log_of(placed: Placed) -> (String, u64) {
    match placed {
        Placed::Recorded(Place { log, log_index, .. }) => (log.to_string(), log_index),
        other => panic!("{other:?}"),
    }
}

fn end_of(sequencer: &Sequencer) -> FinalCheckpoint {
    let closed = sequencer.closed()[0];
    FinalCheckpoint {
        log: closed.log,
        origin: closed.log.origin("example.org"),
        size: closed.size,
        root: empty_root(),
        note: "note".into(),
    }
}

#[test]
fn a_log_whose_period_is_over_is_closed_and_events_wait_for_the_next_one() {
    let mut sequencer = sequencer();
    place(&mut sequencer, numbered(1), H1);
    let waiting = sequencer.admit(vec![numbered(2), numbered(3)], H2).unwrap_err();
    // Once is enough, and going back in time reopens nothing.
    let waiting = sequencer.admit(waiting, H1 - 1).unwrap_err();
    sequencer.close_due(H2);
    let end = end_of(&sequencer);
    assert_eq!(
        (end.log.to_string().as_str(), end.size),
        ("sms-event/2026h1/0", 2)
    );
    let other = FinalCheckpoint {
        size: 1,
        ..end.clone()
    };
    assert!(!sequencer.open_next(&other, H1), "another end");
    assert!(sequencer.open_next(&end, H1));
    assert!(!sequencer.open_next(&end, H1), "a log has one successor");
    let admitted = sequencer.admit(waiting, H1).unwrap();
    let placed = sequencer.place_each(admitted);
    assert_eq!(log_of(placed[1]), ("sms-event/2026h2/0".to_owned(), 2));

    let group = sequencer.take_group();
    let leaves: Vec<_> = (0..)
        .zip(&group)
        .map(|(index, bytes)| leaf::decode(index, bytes).unwrap())
        .collect();
    let seen: Vec<_> = leaves
        .iter()
        .map(|(leaf, event)| (event.action.as_str(), leaf.log.as_str(), leaf.log_index))
        .collect();
    let (h1, h2) = ("sms-event/2026h1/0", "sms-event/2026h2/0");
    assert_eq!(
        seen,
        [
            ("X", h1, 0),
            (turn::CLOSED, h1, 1),
            (turn::OPENED, h2, 0),
            ("X", h2, 1),
            ("X", h2, 2),
        ]
    );
    let said = turn::Opening::parse(&leaves[2].1).unwrap();
    assert_eq!((said.size, said.previous_origin), (2, end.origin));

    // Killed behind any of them, a new start finds the class where it was.
    for killed_behind in 1..=leaves.len() {
        let mut again = self::sequencer();
        for (index, (leaf, event)) in (0..).zip(&leaves[..killed_behind]) {
            again.replay(index, leaf, event).unwrap();
        }
        let is_closed = killed_behind == 2;
        assert_eq!(again.closed().len(), usize::from(is_closed));
        let goes_on = again.admit(vec![numbered(9)], H1).is_ok();
        // Before the closing leaf the clock, which stands before the turn again, leaves the old log open.
        assert_eq!(goes_on, !is_closed, "killed behind {killed_behind} leaves");
    }
}

#[test]
fn idle_logs_are_closed_and_a_class_without_a_log_needs_no_turn() {
    let mut sequencer = sequencer();
    place(&mut sequencer, numbered(1), H1);
    sequencer.close_due(H1);
    assert_eq!(sequencer.closed(), []);
    sequencer.close_due(H2);
    assert_eq!(sequencer.closed().len(), 1);
    let event = AuditEvent {
        action: "MESSAGE_FINAL".into(),
        ..AuditEvent::default()
    };
    let placed = place(&mut sequencer, Submission::Own(event), H2);
    assert_eq!(log_of(placed), ("cdr/2026h2/0".to_owned(), 0));
    // A batch stays together: with one event that waits, all wait.
    let own = AuditEvent {
        action: "AUDIT_X".into(),
        ..AuditEvent::default()
    };
    let batch = vec![Submission::Own(own), numbered(2)];
    assert!(sequencer.admit(batch, H2).is_err());
    assert_eq!(sequencer.size(), 3);
}
