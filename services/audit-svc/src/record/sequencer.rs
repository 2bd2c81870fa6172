//! Gives events their place: the next index, the time of arrival, the leaf and its hash. Touches no disk.

use std::{collections::BTreeMap, sync::Arc};

use hongyan_proto::audit::v1::{AuditEvent, Leaf};
use hongyan_tlog::{Frontier, Hash, leaf_hash};

use super::{
    leaf,
    log_id::LogId,
    sequence::{Refusal, Sequences, Sighting},
};
use crate::log::MAX_LEAF_OCTETS;

/// An event with the number that its producer gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbered {
    /// Who numbers.
    pub producer: Arc<str>,
    /// Larger at every start of the producer.
    pub epoch: u64,
    /// From 1.
    pub seq: u64,
    /// The event, already checked.
    pub event: AuditEvent,
}

/// What is to go on record.
#[derive(Debug, Clone, PartialEq)]
pub enum Submission {
    /// A producer's event; once, however often it is submitted.
    Numbered(Numbered),
    /// An event of this service, numbered here.
    Own(AuditEvent),
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// In the record, from 0.
    pub index: u64,
    /// Its log.
    pub log: LogId,
    /// Where it stands there, from 0.
    pub log_index: u64,
    /// SHA-256 (0x00 ‖ leaf).
    pub leaf_hash: Hash,
}

/// What became of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// On record now.
    Recorded(Place),
    /// This number was on record before; the index knows where.
    Duplicate,
    /// Not on record.
    Refused(Refusal),
    /// Not on record: the leaf would have this many octets.
    TooLarge(usize),
}

/// The log's state as far as it decides about places.
#[derive(Debug)]
pub(crate) struct Sequencer {
    sequences: Sequences,
    frontier: Frontier,
    /// How many leaves each log has.
    logs: BTreeMap<LogId, u64>,
    last_received_unix_ms: i64,
    own: (Arc<str>, u64),
    own_seq: u64,
    /// Leaves placed and not yet taken to the disk.
    group: Vec<Vec<u8>>,
}

impl Sequencer {
    /// Before the first leaf. Events of the service itself are numbered under `own`: its producer name and its epoch.
    pub(crate) fn new(own: (Arc<str>, u64)) -> Self {
        Self {
            sequences: Sequences::default(),
            frontier: Frontier::new(),
            logs: BTreeMap::new(),
            last_received_unix_ms: 0,
            own,
            own_seq: 0,
            group: Vec::new(),
        }
    }

    /// Takes in a leaf that is on disk, in the order of the log. `Err` says what is wrong with it.
    pub(crate) fn replay(&mut self, index: u64, leaf: &Leaf, bytes: &[u8]) -> Result<(), String> {
        let log = leaf::log_of(leaf)?;
        let size = self.logs.entry(log).or_default();
        if leaf.log_index != *size {
            return Err(format!("leaf {index} should be number {size} of {log}"));
        }
        *size += 1;
        let Leaf {
            epoch,
            seq,
            received_at_unix_ms,
            ..
        } = *leaf;
        if received_at_unix_ms < self.last_received_unix_ms {
            return Err("the leaf came before the one in front of it".to_owned());
        }
        self.last_received_unix_ms = received_at_unix_ms;
        self.frontier.push(leaf_hash(bytes));
        // What is on record is on record, whatever today's limits would say to it.
        let _ = self.sequences.see(
            &Arc::from(leaf.producer.as_str()),
            epoch,
            seq,
            received_at_unix_ms,
        );
        Ok(())
    }

    /// Places one event behind everything placed before.
    pub(crate) fn place(&mut self, submission: Submission, now_unix_ms: i64) -> Placed {
        let received_unix_ms = now_unix_ms.max(self.last_received_unix_ms);
        let (producer, epoch, seq, event) = match submission {
            Submission::Numbered(Numbered {
                producer,
                epoch,
                seq,
                event,
            }) => (producer, epoch, seq, event),
            Submission::Own(event) => (Arc::clone(&self.own.0), self.own.1, self.own_seq + 1, event),
        };
        let log = LogId::of(&event.action, received_unix_ms);
        let log_index = self.logs.get(&log).copied().unwrap_or_default();
        let bytes = leaf::encode(
            self.frontier.size(),
            (log, log_index),
            (&producer, epoch, seq),
            received_unix_ms,
            event,
        );
        if bytes.len() > MAX_LEAF_OCTETS {
            return Placed::TooLarge(bytes.len());
        }
        match self.sequences.see(&producer, epoch, seq, received_unix_ms) {
            Ok(Sighting::New) => {}
            Ok(Sighting::Seen) => return Placed::Duplicate,
            Err(refusal) => return Placed::Refused(refusal),
        }
        if producer == self.own.0 && epoch == self.own.1 {
            self.own_seq = self.own_seq.max(seq);
        }
        self.last_received_unix_ms = received_unix_ms;
        let place = Place {
            index: self.frontier.size(),
            log,
            log_index,
            leaf_hash: leaf_hash(&bytes),
        };
        self.frontier.push(place.leaf_hash);
        self.logs.insert(log, log_index + 1);
        self.group.push(bytes);
        Placed::Recorded(place)
    }

    /// The leaves placed since the last call, for the disk.
    pub(crate) fn take_group(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.group)
    }

    pub(crate) fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// The logs with everything placed, and how many leaves each has.
    pub(crate) fn logs(&self) -> &BTreeMap<LogId, u64> {
        &self.logs
    }

    /// Size and root with everything placed.
    pub(crate) fn head(&self) -> (u64, Hash) {
        (self.frontier.size(), self.frontier.root())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hongyan_proto::audit::v1::AuditEvent;
    use hongyan_tlog::{empty_root, leaf_hash, node_hash};

    use super::{Numbered, Place, Placed, Sequencer, Submission};
    use crate::{
        log::MAX_LEAF_OCTETS,
        record::{LogId, leaf},
    };

    fn sequencer() -> Sequencer {
        Sequencer::new((Arc::from("audit"), 5))
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
        assert_eq!(sequencer.head(), (0, empty_root()));
        assert_eq!(index(sequencer.place(numbered(1), 10)), 0);
        assert_eq!(sequencer.place(numbered(1), 11), Placed::Duplicate);
        assert_eq!(index(sequencer.place(numbered(2), 12)), 1);
        let group = sequencer.take_group();
        assert_eq!(group.len(), 2);
        assert_eq!(
            sequencer.head(),
            (2, node_hash(&leaf_hash(&group[0]), &leaf_hash(&group[1])))
        );
        assert!(sequencer.take_group().is_empty());
    }

    #[test]
    fn the_time_of_arrival_never_goes_back_and_survives_a_replay() {
        let mut first = sequencer();
        for (seq, now) in [(1, 100), (2, 50), (3, 120)] {
            first.place(numbered(seq), now);
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
            let (leaf, _) = leaf::decode(index, bytes).unwrap();
            second.replay(index, &leaf, bytes).unwrap();
        }
        assert_eq!(second.head(), first.head());
        assert_eq!(second.place(numbered(3), 1), Placed::Duplicate);
        second.place(numbered(4), 1);
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
            let (leaf, _) = leaf::decode(number, &bytes).unwrap();
            assert_eq!(sequencer.replay(number, &leaf, &bytes).is_ok(), is_right);
        }
    }

    #[test]
    fn every_log_counts_its_own_leaves_and_a_hole_is_damage() {
        let mut sequencer = sequencer();
        let mut place = |seq, action: &str| {
            let Submission::Numbered(mut numbered) = numbered(seq) else {
                panic!("numbered")
            };
            numbered.event.action = action.to_owned();
            sequencer.place(Submission::Numbered(numbered), 1);
        };
        for (seq, action) in [
            (1, "MESSAGE_ACCEPTED"),
            (2, "MESSAGE_FINAL"),
            (3, "MESSAGE_ACCEPTED"),
        ] {
            place(seq, action);
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
        let (leaf, _) = leaf::decode(2, &group[2]).unwrap();
        assert!(
            holed
                .replay(0, &leaf, &group[2])
                .unwrap_err()
                .contains("number 0")
        );
    }

    #[test]
    fn own_events_are_numbered_from_one() {
        let mut sequencer = sequencer();
        for expected in 1..=3 {
            sequencer.place(Submission::Own(AuditEvent::default()), 1);
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
            sequencer.place(Submission::Numbered(large), 1),
            Placed::TooLarge(_)
        ));
        assert_eq!(sequencer.head().0, 0);
        assert_eq!(index(sequencer.place(numbered(1), 1)), 0);
    }
}
