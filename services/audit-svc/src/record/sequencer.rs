//! Gives events their place: the next index, the time of arrival, the leaf and its hash. Touches no disk.

use std::{collections::BTreeMap, sync::Arc};

use hongyan_proto::audit::v1::{AuditEvent, Leaf};
use hongyan_tlog::{Hash, leaf_hash};

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

/// Why nothing of a request was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// Its numbers cannot be taken in.
    Refused(Refusal),
    /// A leaf would be too long.
    TooLarge {
        /// Which event of the request, from 0.
        nth: usize,
        /// What its leaf would have.
        octets: usize,
    },
}

/// The log's state as far as it decides about places.
#[derive(Debug)]
pub(crate) struct Sequencer {
    sequences: Sequences,
    /// How many leaves there are, all logs together.
    size: u64,
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
            size: 0,
            logs: BTreeMap::new(),
            last_received_unix_ms: 0,
            own,
            own_seq: 0,
            group: Vec::new(),
        }
    }

    /// Takes in a leaf that is on disk, in the order of the log. `Err` says what is wrong with it.
    pub(crate) fn replay(&mut self, index: u64, leaf: &Leaf) -> Result<(), String> {
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
        self.size = index.saturating_add(1);
        // What is on record is on record, whatever today's limits would say to it.
        let _ = self.sequences.see(
            &Arc::from(leaf.producer.as_str()),
            epoch,
            seq,
            received_at_unix_ms,
        );
        Ok(())
    }

    /// Places the events of one request of one producer, whose numbers follow each other: all that are new, or none.
    pub(crate) fn place_request(
        &mut self,
        submissions: Vec<Submission>,
        now_unix_ms: i64,
    ) -> Result<Vec<Placed>, Rejected> {
        self.check_octets(&submissions, now_unix_ms)?;
        let mut placed = Vec::with_capacity(submissions.len());
        for (nth, submission) in submissions.into_iter().enumerate() {
            match self.place(submission, now_unix_ms) {
                // Nothing was placed before: a number that follows one on record makes no new run, so if any is
                // refused, it is the first that is new.
                Placed::Refused(refusal) => return Err(Rejected::Refused(refusal)),
                Placed::TooLarge(octets) => return Err(Rejected::TooLarge { nth, octets }),
                other => placed.push(other),
            }
        }
        Ok(placed)
    }

    /// Sees that the leaves of all new events of a request can be written.
    fn check_octets(&self, submissions: &[Submission], now_unix_ms: i64) -> Result<(), Rejected> {
        let fits_anywhere = |submission: &Submission| match submission {
            Submission::Numbered(numbered) => leaf::fits_anywhere(&numbered.producer, &numbered.event),
            Submission::Own(event) => leaf::fits_anywhere(&self.own.0, event),
        };
        if submissions.iter().all(fits_anywhere) {
            return Ok(());
        }
        let received_unix_ms = now_unix_ms.max(self.last_received_unix_ms);
        let mut size = self.size;
        let mut own_seq = self.own_seq;
        let mut logs = self.logs.clone();
        for (nth, submission) in submissions.iter().enumerate() {
            let (producer, epoch, seq, event) = match submission {
                Submission::Numbered(numbered) => {
                    (&numbered.producer, numbered.epoch, numbered.seq, &numbered.event)
                }
                Submission::Own(event) => {
                    own_seq += 1;
                    (&self.own.0, self.own.1, own_seq, event)
                }
            };
            if self.sequences.knows(producer, epoch, seq) {
                continue;
            }
            let log = LogId::of(&event.action, received_unix_ms);
            let log_index = logs.entry(log).or_default();
            let number = (&**producer, epoch, seq);
            let octets = leaf::octets(size, (log, *log_index), number, received_unix_ms, event);
            if octets > MAX_LEAF_OCTETS {
                return Err(Rejected::TooLarge { nth, octets });
            }
            *log_index += 1;
            size += 1;
        }
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
            self.size,
            (log, log_index),
            (&producer, epoch, seq),
            received_unix_ms,
            event,
        );
        if bytes.len() > MAX_LEAF_OCTETS {
            // One that is on record had a place with smaller numbers.
            return if self.sequences.knows(&producer, epoch, seq) {
                Placed::Duplicate
            } else {
                Placed::TooLarge(bytes.len())
            };
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
            index: self.size,
            log,
            log_index,
            leaf_hash: leaf_hash(&bytes),
        };
        self.size += 1;
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

    /// How many leaves with everything placed.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hongyan_proto::audit::v1::AuditEvent;

    use super::{Numbered, Place, Placed, Rejected, Sequencer, Submission};
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
        assert_eq!(sequencer.size(), 0);
        assert_eq!(index(sequencer.place(numbered(1), 10)), 0);
        assert_eq!(sequencer.place(numbered(1), 11), Placed::Duplicate);
        assert_eq!(index(sequencer.place(numbered(2), 12)), 1);
        assert_eq!((sequencer.take_group().len(), sequencer.size()), (2, 2));
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
            second.replay(index, &leaf).unwrap();
        }
        assert_eq!(second.size(), first.size());
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
            assert_eq!(sequencer.replay(number, &leaf).is_ok(), is_right);
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
        assert!(holed.replay(0, &leaf).unwrap_err().contains("number 0"));
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
        assert_eq!(sequencer.size(), 0);
        assert_eq!(index(sequencer.place(numbered(1), 1)), 0);
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
            sequencer.place_request(too_large, 1),
            Err(Rejected::TooLarge {
                nth: 2,
                octets: MAX_LEAF_OCTETS + 1
            })
        );
        assert_eq!((sequencer.size(), sequencer.take_group().len()), (0, 0));
        let largest = request(&sequencer, 3, MAX_LEAF_OCTETS);
        let placed = sequencer.place_request(largest.clone(), 1).unwrap();
        assert_eq!(placed.into_iter().map(index).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(sequencer.take_group()[2].len(), MAX_LEAF_OCTETS);
        // At a later place it would be longer; it is on record, so that does not matter.
        for seq in 4..400 {
            sequencer.place(numbered(seq), 1);
        }
        assert_eq!(
            sequencer.place_request(largest, 1),
            Ok(vec![Placed::Duplicate; 3])
        );
    }

    #[test]
    fn a_request_whose_numbers_are_refused_leaves_nothing_on_record() {
        let mut sequencer = sequencer();
        for nth in 0..4_096 {
            sequencer.place(numbered(10 + nth * 3), 1);
        }
        let size = sequencer.size();
        let behind: Vec<_> = (50_000..50_003).map(numbered).collect();
        let refused = sequencer.place_request(behind, 1);
        assert!(matches!(refused, Err(Rejected::Refused(_))), "{refused:?}");
        // One number joins what is there: then the others join that one.
        let joined: Vec<_> = (11..16).map(numbered).collect();
        assert_eq!(sequencer.place_request(joined, 1).unwrap().len(), 5);
        assert_eq!(sequencer.size(), size + 4);
    }
}
