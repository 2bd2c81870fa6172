//! Finding, against the plain answer of reading everything.

use std::{collections::BTreeMap, path::Path, slice};

use hongyan_proto::audit::v1::AuditEvent;
use proptest::{
    prelude::{ProptestConfig, any},
    prop_assert_eq, proptest,
};

use super::{
    Conditions, Course, Field, Index, IndexError, Page, Whereabouts, search,
    view::View,
    writer::{IndexWriter, open},
};
use crate::{
    publish::{Publication, TileStore, serve::Served},
    record::{LogId, leaf},
};

const ACTIONS: [&str; 4] = [
    "MESSAGE_FINAL",
    "MESSAGE_ACCEPTED",
    "VERIFY_ANSWERED",
    "RECORD_QUERIED",
];

/// Encodes leaves of these events, each in the log of its action, three producers taking turns.
fn leaves(events: impl IntoIterator<Item = (i64, AuditEvent)>) -> Vec<Vec<u8>> {
    let mut sizes: BTreeMap<LogId, u64> = BTreeMap::new();
    let leaves = (0..).zip(events).map(|(index, (received, event))| {
        let log = LogId::of(&event.action, received);
        let size = sizes.entry(log).or_default();
        let log_index = *size;
        *size += 1;
        let producer = format!("p{}", index % 3);
        let number = (producer.as_str(), 1, index / 3 + 1);
        leaf::encode(index, (log, log_index), number, received, event)
    });
    leaves.collect()
}

/// Leaves whose fields take few values, so that conditions meet and part.
fn entries(count: u64) -> Vec<Vec<u8>> {
    leaves((0..count).map(|index| {
        let event = AuditEvent {
            action: ACTIONS[(index * index % 7 % 4) as usize].to_owned(),
            actor: format!("spiffe://td/caller/{}", index % 5),
            message_id: if index % 7 == 0 {
                String::new()
            } else {
                format!("m{}", index % 11)
            },
            trace_id: format!("{:032x}", index % 13 + 1),
            subject_tag: vec![(index % 3) as u8; 32].into(),
            ..AuditEvent::default()
        };
        ((1_000 + index / 4 * 10).cast_signed(), event)
    }))
}

fn views(leaves: &[Vec<u8>]) -> Vec<View<'_>> {
    leaves.iter().map(|leaf| View::of(leaf).unwrap()).collect()
}

/// An index in `dir`, over no logs: whoever only looks for places needs none.
fn open_index(dir: &Path, size: u64) -> Result<(Index, IndexWriter), IndexError> {
    let (keyspaces, progress, writer) = open(dir, size)?;
    let logs = Served {
        publication: Publication::new().0,
        store: TileStore::open(&dir.join("tiles")).unwrap(),
    };
    Ok((Index::new(keyspaces, progress, logs), writer))
}

fn build(dir: &Path, leaves: &[Vec<u8>], batch: usize) -> (Index, IndexWriter) {
    let (index, mut writer) = open_index(dir, leaves.len() as u64).unwrap();
    let views = views(leaves);
    let lacking = &views[writer.next() as usize..];
    for batch in lacking.chunks(batch) {
        let next = batch.last().unwrap().index + 1;
        writer.take_in(batch, next).unwrap();
    }
    (index, writer)
}

fn plain(leaves: &[View<'_>], conditions: &Conditions, size: u64, newest_first: bool) -> Vec<u64> {
    let mut found: Vec<_> = leaves
        .iter()
        .filter(|leaf| leaf.index < size)
        .filter(|leaf| {
            let time = leaf.received_at_unix_ms;
            conditions
                .fields
                .iter()
                .all(|(field, value)| field.of(leaf) == value)
                && (conditions.from_unix_ms == 0 || time >= conditions.from_unix_ms)
                && (conditions.until_unix_ms == 0 || time < conditions.until_unix_ms)
        })
        .map(|leaf| leaf.index)
        .collect();
    if newest_first {
        found.reverse();
    }
    found
}

fn all_pages(index: &Index, conditions: &Conditions, size: u64, newest_first: bool, most: usize) -> Vec<u64> {
    let mut all = Vec::new();
    let mut resume = None;
    loop {
        let course = Course {
            newest_first,
            size,
            resume,
            most,
        };
        let Page { leaves, resume: next } = search(index, conditions, course).unwrap();
        assert!(leaves.len() <= most);
        all.extend(leaves.into_iter().map(|(index, _)| index));
        match next {
            None => return all,
            next => resume = next,
        }
    }
}

#[test]
fn every_condition_alone_and_with_others() {
    let dir = tempfile::tempdir().unwrap();
    let entries = entries(200);
    let (index, _writer) = build(&dir.path().join("i"), &entries, 64);
    let message = (Field::Message, b"m3".to_vec());
    let trace = (Field::Trace, format!("{:032x}", 4).into_bytes());
    let actor = (Field::Actor, b"spiffe://td/caller/2".to_vec());
    let subject = (Field::Subject, vec![1; 32]);
    let action = (Field::Action, b"MESSAGE_FINAL".to_vec());
    let unknown = (Field::Action, b"NEVER".to_vec());
    let table: [(&[_], i64, i64); 12] = [
        (&[], 0, 0),
        (slice::from_ref(&message), 0, 0),
        (slice::from_ref(&trace), 0, 0),
        (slice::from_ref(&actor), 0, 0),
        (slice::from_ref(&subject), 0, 0),
        (slice::from_ref(&action), 0, 0),
        (&[action.clone(), actor.clone()], 0, 0),
        (&[message.clone(), subject.clone()], 0, 0),
        (&[action.clone(), actor.clone(), subject.clone()], 1_200, 1_400),
        (slice::from_ref(&action), 1_205, 0),
        (&[], 0, 1_100),
        (&[action.clone(), unknown], 0, 0),
    ];
    for (fields, from_unix_ms, until_unix_ms) in table {
        let conditions = Conditions {
            fields: fields.to_vec(),
            from_unix_ms,
            until_unix_ms,
        };
        for newest_first in [false, true] {
            for most in [1, 7, 1_000] {
                let found = all_pages(&index, &conditions, 200, newest_first, most);
                assert_eq!(
                    found,
                    plain(&views(&entries), &conditions, 200, newest_first),
                    "{conditions:?}"
                );
            }
        }
    }
}

#[test]
fn times_outside_and_upside_down_find_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let entries = entries(40);
    let (index, _writer) = build(&dir.path().join("i"), &entries, 64);
    for (from_unix_ms, until_unix_ms) in [(9_999, 0), (0, 1), (1_050, 1_050), (1_060, 1_020), (i64::MAX, 0)] {
        let conditions = Conditions {
            from_unix_ms,
            until_unix_ms,
            ..Conditions::default()
        };
        for newest_first in [false, true] {
            assert!(
                all_pages(&index, &conditions, 40, newest_first, 9).is_empty(),
                "{conditions:?}"
            );
        }
    }
}

#[test]
fn an_empty_record_answers_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (index, _writer) = build(&dir.path().join("i"), &[], 1);
    for newest_first in [false, true] {
        assert!(all_pages(&index, &Conditions::default(), 0, newest_first, 9).is_empty());
    }
    assert_eq!(index.progress().indexed, 0);
}

#[test]
fn a_page_does_a_bounded_amount_of_work_and_the_next_goes_on() {
    // Two conditions that part at every leaf: each leaf costs a look and none is found.
    let entries = leaves((0..30_000).map(|index| {
        let event = if index % 2 == 0 {
            AuditEvent {
                action: "A".into(),
                ..AuditEvent::default()
            }
        } else {
            AuditEvent {
                actor: "B".into(),
                ..AuditEvent::default()
            }
        };
        (1, event)
    }));
    let dir = tempfile::tempdir().unwrap();
    let (index, _writer) = build(&dir.path().join("i"), &entries, 4_096);
    let conditions = Conditions {
        fields: vec![(Field::Action, b"A".to_vec()), (Field::Actor, b"B".to_vec())],
        ..Conditions::default()
    };
    for newest_first in [false, true] {
        let course = Course {
            newest_first,
            size: 30_000,
            resume: None,
            most: 10,
        };
        let first = search(&index, &conditions, course).unwrap();
        assert!(first.leaves.is_empty() && first.resume.is_some());
        assert!(all_pages(&index, &conditions, 30_000, newest_first, 10).is_empty());
    }
}

#[test]
fn numbers_places_and_counts_are_told_and_survive_a_restart_and_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i");
    let entries = entries(100);
    let (first, writer) = build(&path, &entries, 33);
    let told = first.progress();
    assert_eq!(told.indexed, 100);
    let mut counts = BTreeMap::new();
    for leaf in views(&entries) {
        *counts.entry(leaf.action.to_owned()).or_insert(0) += 1;
    }
    assert_eq!(*told.counts, counts);
    drop((first, writer));
    for rebuilt in [false, true] {
        if rebuilt {
            std::fs::remove_dir_all(&path).unwrap();
        }
        let (index, writer) = build(&path, &entries, 10);
        assert_eq!(index.progress(), told);
        for leaf in views(&entries) {
            let found = index.index_of(leaf.producer, leaf.epoch, leaf.seq).unwrap();
            assert_eq!(found, Some(leaf.index));
            let place = Whereabouts::At(leaf.log.parse().unwrap(), leaf.log_index);
            assert_eq!(index.place_of(leaf.index).unwrap(), place);
        }
        for (producer, epoch, seq) in [
            ("p0", 2, 1),
            ("p0", 1, 0),
            ("p0", 1, 35),
            ("p", 1, 1),
            ("p00", 1, 1),
        ] {
            assert_eq!(index.index_of(producer, epoch, seq).unwrap(), None);
        }
        assert_eq!(index.place_of(100).unwrap(), Whereabouts::NotYet);
        drop((index, writer));
    }
}

#[test]
fn an_epoch_that_began_again_is_found_in_both_lives() {
    let dir = tempfile::tempdir().unwrap();
    let log = LogId::of("A", 1);
    let leaves: Vec<_> = [1, 2, 3, 4, 5, 2, 3]
        .into_iter()
        .zip(0..)
        .map(|(seq, index)| leaf::encode(index, (log, index), ("p", 1, seq), 1, AuditEvent::default()))
        .collect();
    let (index, _writer) = build(&dir.path().join("i"), &leaves, 5);
    let found = [1, 2, 3, 4, 5, 6].map(|seq| index.index_of("p", 1, seq).unwrap());
    assert_eq!(found, [Some(0), Some(5), Some(6), Some(3), Some(4), None]);
}

#[test]
fn an_index_that_is_ahead_of_the_record_tells_that_it_lost_events() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i");
    drop(build(&path, &entries(50), 50));
    let error = open(&path, 49).map(|_| ()).unwrap_err();
    let is_told = matches!(
        error,
        IndexError::AheadOfRecord {
            indexed: 50,
            size: 49
        }
    );
    assert!(is_told, "{error}");
}

#[test]
fn a_dropped_log_is_gone_and_the_others_answer_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i");
    let entries = entries(200);
    let all = views(&entries);
    let gone = LogId::of("MESSAGE_ACCEPTED", 1_000);
    let left: Vec<_> = all
        .iter()
        .copied()
        .filter(|leaf| leaf.log != gone.to_string())
        .collect();
    assert!(left.len() > 50 && left.len() < 150);
    let check = |index: &Index| {
        for conditions in [
            Conditions::default(),
            Conditions {
                fields: vec![(Field::Actor, b"spiffe://td/caller/2".to_vec())],
                ..Conditions::default()
            },
            Conditions {
                from_unix_ms: 1_105,
                until_unix_ms: 1_350,
                ..Conditions::default()
            },
        ] {
            for newest_first in [false, true] {
                assert_eq!(
                    all_pages(index, &conditions, 200, newest_first, 7),
                    plain(&left, &conditions, 200, newest_first)
                );
            }
        }
        for leaf in &all {
            let place = if left.contains(leaf) {
                Whereabouts::At(leaf.log.parse().unwrap(), leaf.log_index)
            } else {
                Whereabouts::Gone
            };
            assert_eq!(index.place_of(leaf.index).unwrap(), place);
        }
        assert!(!index.progress().counts.contains_key("MESSAGE_ACCEPTED"));
    };
    let (index, mut writer) = build(&path, &entries, 64);
    writer.drop_log(gone).unwrap();
    writer.drop_log(gone).unwrap();
    check(&index);
    assert_eq!(writer.next_of(gone), None);
    let told = index.progress();
    // Whose number it was stays known.
    for leaf in &all {
        let found = index.index_of(leaf.producer, leaf.epoch, leaf.seq).unwrap();
        assert_eq!(found, Some(leaf.index));
    }
    drop((index, writer));
    // After a restart, and built anew from what is left.
    let (index, writer) = open_index(&path, 200).unwrap();
    check(&index);
    assert_eq!((index.progress(), writer.next_of(gone)), (told.clone(), None));
    drop((index, writer));
    std::fs::remove_dir_all(&path).unwrap();
    let (index, mut writer) = open_index(&path, 200).unwrap();
    for batch in left.chunks(30) {
        writer.take_in(batch, batch.last().unwrap().index + 1).unwrap();
    }
    writer.take_in(&[], 200).unwrap();
    check(&index);
    assert_eq!(index.progress(), told);
}

#[test]
fn a_drop_that_a_kill_broke_off_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i");
    let entries = entries(100);
    let gone = LogId::of("MESSAGE_ACCEPTED", 1_000);
    let (index, writer) = build(&path, &entries, 64);
    writer.forge_half_dropped(gone);
    drop((index, writer));
    for _ in 0..2 {
        let (index, writer) = open_index(&path, 100).unwrap();
        assert_eq!(writer.next_of(gone), None);
        assert!(!index.progress().counts.contains_key("MESSAGE_ACCEPTED"));
        let conditions = Conditions {
            fields: vec![(Field::Action, b"MESSAGE_ACCEPTED".to_vec())],
            ..Conditions::default()
        };
        assert!(all_pages(&index, &conditions, 100, true, 9).is_empty());
        for leaf in views(&entries) {
            let place = index.place_of(leaf.index).unwrap();
            assert_eq!(place == Whereabouts::Gone, leaf.log == gone.to_string());
        }
    }
}

#[test]
fn an_index_that_cannot_be_read_or_has_another_layout_is_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i");
    drop(build(&path, &entries(50), 50));
    for file in std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
    {
        std::fs::write(file, b"not what it was").unwrap();
    }
    let (index, writer) = build(&path, &entries(50), 50);
    assert_eq!(index.progress().indexed, 50);
    writer.forge_version(b"0");
    drop((index, writer));
    let (_index, writer) = open_index(&path, 50).unwrap();
    assert_eq!(writer.next(), 0);
}

#[test]
fn actions_beyond_the_limit_are_counted_together() {
    let dir = tempfile::tempdir().unwrap();
    let entries = leaves((0..600).map(|index| {
        let event = AuditEvent {
            action: format!("A{index}"),
            ..AuditEvent::default()
        };
        (1, event)
    }));
    let (index, _writer) = build(&dir.path().join("i"), &entries, 64);
    let counts = index.progress().counts;
    assert_eq!((counts.len(), counts["OTHER"]), (513, 88));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any conditions, either way, any page size, any batches while indexing: the same as reading everything.
    #[test]
    fn pages_together_are_the_plain_answer(
        picks in proptest::collection::vec((0_usize..5, 0_u64..14), 0..3),
        times in (900_i64..1_600, 900_i64..1_600, any::<bool>(), any::<bool>()),
        size in 0_u64..=150,
        newest_first in any::<bool>(),
        most in 1_usize..40,
        batch in 1_usize..80,
    ) {
        let entries = entries(150);
        let views = views(&entries);
        let dir = tempfile::tempdir().unwrap();
        let (index, _writer) = build(&dir.path().join("i"), &entries, batch);
        let fields = picks
            .into_iter()
            .map(|(field, nth)| {
                let field = Field::ALL[field];
                (field, field.of(&views[nth as usize + 1]).to_vec())
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let (from, until, open_from, open_until) = times;
        let conditions = Conditions {
            fields,
            from_unix_ms: if open_from { 0 } else { from },
            until_unix_ms: if open_until { 0 } else { until },
        };
        let found = all_pages(&index, &conditions, size, newest_first, most);
        prop_assert_eq!(found, plain(&views, &conditions, size, newest_first));
    }
}
