//! Gives events their place: the next index, the time of arrival, the leaf and its hash. Touches no disk.

use std::{collections::BTreeMap, sync::Arc};

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_tlog::{Hash, leaf_hash};

use super::{
    Host, leaf,
    log_id::{Class, LogId},
    sequence::{Refusal, Sequences, Sighting},
    turn::{self, ClosedLog, FinalCheckpoint, Periods, Way},
};
use crate::{log::MAX_LEAF_OCTETS, own};

mod restore;

use restore::Restored;

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

impl Submission {
    fn event(&self) -> &AuditEvent {
        match self {
            Self::Numbered(numbered) => &numbered.event,
            Self::Own(event) => event,
        }
    }
}

/// Events with the log that each goes to: none of these is at its turn.
#[derive(Debug)]
pub(crate) struct Admitted {
    submissions: Vec<(Submission, LogId)>,
    received_unix_ms: i64,
}

impl Admitted {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.submissions.len()
    }
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
    /// Which of them is the newest of its class.
    periods: Periods,
    last_received_unix_ms: i64,
    host: Host,
    own_seq: u64,
    /// Leaves placed and not yet taken to the disk.
    group: Vec<Vec<u8>>,
    restored: Restored,
}

impl Sequencer {
    /// Before the first leaf.
    pub(crate) fn new(host: Host) -> Self {
        Self {
            sequences: Sequences::default(),
            size: 0,
            logs: BTreeMap::new(),
            periods: Periods::default(),
            last_received_unix_ms: 0,
            host,
            own_seq: 0,
            group: Vec::new(),
            restored: Restored::default(),
        }
    }

    /// Takes in events to be placed, or gives them back where the log of one is at its turn: they wait together then, until
    /// no log is. A log whose period is over is closed by this.
    pub(crate) fn admit(
        &mut self,
        submissions: Vec<Submission>,
        now_unix_ms: i64,
    ) -> Result<Admitted, Vec<Submission>> {
        let received_unix_ms = self.received(now_unix_ms);
        let mut logs = Vec::with_capacity(submissions.len());
        for submission in &submissions {
            match self.log_now(Class::of_action(&submission.event().action), received_unix_ms) {
                Some(log) => logs.push(log),
                None => return Err(submissions),
            }
        }
        Ok(Admitted {
            submissions: submissions.into_iter().zip(logs).collect(),
            received_unix_ms,
        })
    }

    /// Places events, each for itself, behind everything placed before.
    pub(crate) fn place_each(&mut self, admitted: Admitted) -> Vec<Placed> {
        let submissions = admitted.submissions.into_iter();
        submissions
            .map(|(submission, log)| self.place(submission, log, admitted.received_unix_ms))
            .collect()
    }

    /// Places the events of one request of one producer, whose numbers follow each other: all that are new, or none.
    pub(crate) fn place_request(&mut self, admitted: Admitted) -> Result<Vec<Placed>, Rejected> {
        self.check_octets(&admitted)?;
        let mut placed = Vec::with_capacity(admitted.submissions.len());
        for (nth, (submission, log)) in admitted.submissions.into_iter().enumerate() {
            match self.place(submission, log, admitted.received_unix_ms) {
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
    fn check_octets(&self, admitted: &Admitted) -> Result<(), Rejected> {
        let Admitted {
            submissions,
            received_unix_ms,
        } = admitted;
        let fits_anywhere = |(submission, _): &(Submission, LogId)| match submission {
            Submission::Numbered(numbered) => leaf::fits_anywhere(&numbered.producer, &numbered.event),
            Submission::Own(event) => leaf::fits_anywhere(&self.host.producer, event),
        };
        if submissions.iter().all(fits_anywhere) {
            return Ok(());
        }
        let mut size = self.size;
        let mut own_seq = self.own_seq;
        let mut logs = self.logs.clone();
        for (nth, (submission, log)) in submissions.iter().enumerate() {
            let (producer, epoch, seq, event) = match submission {
                Submission::Numbered(numbered) => {
                    (&numbered.producer, numbered.epoch, numbered.seq, &numbered.event)
                }
                Submission::Own(event) => {
                    own_seq += 1;
                    (&self.host.producer, self.host.epoch, own_seq, event)
                }
            };
            if self.sequences.knows(producer, epoch, seq) {
                continue;
            }
            let log_index = logs.entry(*log).or_default();
            let number = (&**producer, epoch, seq);
            let octets = leaf::octets(size, (*log, *log_index), number, *received_unix_ms, event);
            if octets > MAX_LEAF_OCTETS {
                return Err(Rejected::TooLarge { nth, octets });
            }
            *log_index += 1;
            size += 1;
        }
        Ok(())
    }

    /// Closes the logs whose period is over.
    pub(crate) fn close_due(&mut self, now_unix_ms: i64) {
        let received_unix_ms = self.received(now_unix_ms);
        for log in self.periods.due(received_unix_ms) {
            self.close(log, received_unix_ms);
        }
    }

    /// Opens the log behind one that is closed, and says whether it did: one that has a successor, or another end, is left
    /// alone.
    pub(crate) fn open_next(&mut self, end: &FinalCheckpoint, now_unix_ms: i64) -> bool {
        if !self.closed().contains(&end.closed()) {
            return false;
        }
        let received_unix_ms = self.received(now_unix_ms);
        let next = LogId::of_class(end.log.class(), received_unix_ms);
        let event = own::event(
            turn::OPENED,
            "OK",
            &self.host.actor,
            turn::opening_attributes(end),
        );
        self.turn(next, event, received_unix_ms)
    }

    /// The logs that are closed and have no successor, with everything placed.
    pub(crate) fn closed(&self) -> Vec<ClosedLog> {
        let closed = self.periods.closed().map(|log| ClosedLog {
            log,
            size: self.size_of(log),
        });
        closed.collect()
    }

    /// The log that events of a class go to at this time; `None` while it is at its turn.
    fn log_now(&mut self, class: Class, received_unix_ms: i64) -> Option<LogId> {
        match self.periods.way(class, received_unix_ms) {
            Way::Into(log) => Some(log),
            Way::Close(log) => {
                self.close(log, received_unix_ms);
                None
            }
            Way::Wait(_) => None,
        }
    }

    fn close(&mut self, log: LogId, received_unix_ms: i64) {
        let attributes = turn::closing_attributes(log, self.size_of(log) + 1);
        let event = own::event(turn::CLOSED, "OK", &self.host.actor, attributes);
        self.turn(log, event, received_unix_ms);
    }

    /// Places a leaf that closes or opens a log. It cannot be refused but where this process is forgotten among too many
    /// others; then the turn waits with everybody else.
    fn turn(&mut self, log: LogId, event: AuditEvent, received_unix_ms: i64) -> bool {
        match self.place(Submission::Own(event), log, received_unix_ms) {
            Placed::Recorded(_) => true,
            other => {
                tracing::error!(%log, ?other, "a log cannot turn; it is tried again");
                false
            }
        }
    }

    /// The newest stamp; 0 where nothing is on record.
    pub(crate) fn last_received_unix_ms(&self) -> i64 {
        self.last_received_unix_ms
    }

    fn received(&self, now_unix_ms: i64) -> i64 {
        now_unix_ms.max(self.last_received_unix_ms)
    }

    fn size_of(&self, log: LogId) -> u64 {
        self.logs.get(&log).copied().unwrap_or_default()
    }

    /// Places one event behind everything placed before.
    fn place(&mut self, submission: Submission, log: LogId, received_unix_ms: i64) -> Placed {
        let (producer, epoch, seq, event) = match submission {
            Submission::Numbered(Numbered {
                producer,
                epoch,
                seq,
                event,
            }) => (producer, epoch, seq, event),
            Submission::Own(event) => (
                Arc::clone(&self.host.producer),
                self.host.epoch,
                self.own_seq + 1,
                event,
            ),
        };
        let is_closing = event.action == turn::CLOSED;
        let log_index = self.size_of(log);
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
        if producer == self.host.producer && epoch == self.host.epoch {
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
        self.periods.placed(log, is_closing);
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
mod tests;
