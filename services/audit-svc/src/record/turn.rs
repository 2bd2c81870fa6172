//! The turn of a period: a log's last leaf closes it, and the first leaf of the next one says how it ended.
//!
//! Each class has one newest log. When its half-year is over, by the time that events are received at and never by a
//! clock that went back,
//!
//! | step | what happens | killed behind it |
//! |---|---|---|
//! | 1 | a leaf [`CLOSED`] goes to the end of the log; what comes for the class waits | the class is found closed, and step 2 follows |
//! | 2 | the publisher signs the log up to that leaf | its checkpoint is in the locks |
//! | 3 | a leaf [`OPENED`] begins the new log: it names the old one, its size, its root, and that last checkpoint | the class is found open |
//! | 4 | what waited goes on in the new log | it was never answered, and comes again |
//!
//! So whoever holds the newest log of a class holds the ends of all before it, and an old log cannot lose its end. A class's
//! first log has nobody before it and begins with its first event.

use std::{collections::BTreeMap, sync::Arc};

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_tlog::Hash;

use super::{Class, LogId, Period};

/// The last leaf of a log. Events about the record itself: nobody else may submit them.
pub(crate) const CLOSED: &str = "RECORD_LOG_CLOSED";
/// The first leaf of a log that follows another one.
pub(crate) const OPENED: &str = "RECORD_LOG_OPENED";

/// The entries of a log are dropped: their time is over. It stands in the record before the first one goes.
pub(crate) const PRUNED: &str = "RECORD_LOG_PRUNED";

const PREVIOUS_ORIGIN: &str = "previous_origin";
const PREVIOUS_SIZE: &str = "previous_size";
const PREVIOUS_ROOT: &str = "previous_root";
const PREVIOUS_CHECKPOINT: &str = "previous_checkpoint";

/// Whether an action says what only the record itself can know.
pub(crate) fn is_reserved(action: &str) -> bool {
    matches!(action, CLOSED | OPENED | PRUNED)
}

/// A log that has its last leaf, on disk, and no successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedLog {
    /// Which.
    pub log: LogId,
    /// Its leaves, with the one that closed it.
    pub size: u64,
}

/// The last checkpoint of a closed log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalCheckpoint {
    /// Which log.
    pub log: LogId,
    /// As its checkpoints name it.
    pub origin: String,
    /// Its leaves, with the one that closed it.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The note, signed by the log's own key alone.
    pub note: Arc<str>,
}

impl FinalCheckpoint {
    /// The log that it is the end of.
    pub(crate) fn closed(&self) -> ClosedLog {
        ClosedLog {
            log: self.log,
            size: self.size,
        }
    }
}

/// What a first leaf says about the log before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) previous_origin: String,
    pub(crate) size: u64,
    pub(crate) root: String,
}

impl Opening {
    /// Of a leaf whose action is [`OPENED`]; says what is wrong with it.
    pub(crate) fn parse(event: &AuditEvent) -> Result<Self, String> {
        let attribute = |name: &str| {
            let found = event.attributes.get(name).cloned();
            found.ok_or_else(|| format!("the leaf opens a log and does not say {name}"))
        };
        let size = attribute(PREVIOUS_SIZE)?;
        Ok(Self {
            previous_origin: attribute(PREVIOUS_ORIGIN)?,
            size: size
                .parse()
                .map_err(|_| format!("{PREVIOUS_SIZE} is {size:?}, which is no number"))?,
            root: attribute(PREVIOUS_ROOT)?,
        })
    }

    /// Whether it speaks of this log.
    pub(crate) fn is_behind(&self, log: LogId) -> bool {
        self.previous_origin.ends_with(&format!("/{log}"))
    }
}

/// The attributes of a last leaf, with which its log has so many.
pub(crate) fn closing_attributes(log: LogId, size: u64) -> [(&'static str, String); 2] {
    [("log", log.to_string()), ("size", size.to_string())]
}

/// The attributes of the first leaf behind a log.
pub(crate) fn opening_attributes(end: &FinalCheckpoint) -> [(&'static str, String); 4] {
    [
        (PREVIOUS_ORIGIN, end.origin.clone()),
        (PREVIOUS_SIZE, end.size.to_string()),
        (PREVIOUS_ROOT, end.root.to_string()),
        (PREVIOUS_CHECKPOINT, end.note.to_string()),
    ]
}

/// The attributes of [`PRUNED`], for a log that ended so and is kept for so many months.
pub(crate) fn pruned_attributes(end: &FinalCheckpoint, months: u32) -> [(&'static str, String); 4] {
    [
        ("origin", end.origin.clone()),
        ("size", end.size.to_string()),
        ("root", end.root.to_string()),
        ("kept_months", months.to_string()),
    ]
}

/// Where an event of some class goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into this log.
    Into(LogId),
    /// Nowhere before this log is closed: its period is over.
    Close(LogId),
    /// Nowhere before the log behind this one is open.
    Wait(LogId),
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    log: LogId,
    is_closed: bool,
}

/// The newest log of each class.
#[derive(Debug, Default)]
pub(crate) struct Periods(BTreeMap<Class, Newest>);

impl Periods {
    /// Where an event of the class goes that is received at this time, which never goes back.
    pub(crate) fn way(&self, class: Class, received_unix_ms: i64) -> Way {
        let period = Period::of(received_unix_ms);
        match self.0.get(&class) {
            None => Way::Into(LogId::new(class, period)),
            Some(newest) if newest.is_closed => Way::Wait(newest.log),
            Some(newest) if newest.log.period() < period => Way::Close(newest.log),
            Some(newest) => Way::Into(newest.log),
        }
    }

    /// The logs whose period is over at this time and that are not closed yet.
    pub(crate) fn due(&self, received_unix_ms: i64) -> Vec<LogId> {
        let classes = self.0.keys();
        let ways = classes.map(|class| self.way(*class, received_unix_ms));
        ways.filter_map(|way| match way {
            Way::Close(log) => Some(log),
            Way::Into(_) | Way::Wait(_) => None,
        })
        .collect()
    }

    /// The logs that are closed and have no successor.
    pub(crate) fn closed(&self) -> impl Iterator<Item = LogId> {
        let closed = self.0.values().filter(|newest| newest.is_closed);
        closed.map(|newest| newest.log)
    }

    /// Whether a log is the newest of its class, and not closed.
    pub(crate) fn is_open(&self, log: LogId) -> bool {
        let newest = self.0.get(&log.class());
        newest.is_some_and(|newest| newest.log == log && !newest.is_closed)
    }

    /// A log has a new leaf.
    pub(crate) fn placed(&mut self, log: LogId, is_closing: bool) {
        let newest = Newest {
            log,
            is_closed: is_closing,
        };
        self.0.insert(log.class(), newest);
    }

    /// Takes in a leaf that is on disk and new to its log, in the order of the record; `size_of` tells the leaves of a log
    /// before it. Says what is wrong with its place.
    pub(crate) fn replay(
        &mut self,
        log: LogId,
        log_index: u64,
        event: &AuditEvent,
        size_of: impl Fn(LogId) -> u64,
    ) -> Result<(), String> {
        let newest = self.0.get(&log.class()).copied();
        let opens = event.action == OPENED;
        match newest {
            Some(Newest { log: newest, .. }) if newest > log => {
                return Err(format!("the leaf is of {log}, and {newest} has begun"));
            }
            Some(Newest {
                log: newest,
                is_closed,
            }) if newest == log => {
                if is_closed {
                    return Err(format!("the leaf stands behind the one that closed {log}"));
                }
                if opens && log_index > 0 {
                    return Err(format!("the leaf opens {log}, which has {log_index} leaves"));
                }
            }
            Some(Newest {
                log: before,
                is_closed,
            }) => {
                if !is_closed {
                    return Err(format!("{log} begins, and {before} was not closed"));
                }
                if !opens {
                    return Err(format!("{log} does not begin with how {before} ended"));
                }
                let opening = Opening::parse(event)?;
                if !opening.is_behind(before) || opening.size != size_of(before) {
                    let (origin, size) = (&opening.previous_origin, opening.size);
                    return Err(format!(
                        "{log} begins behind {size} leaves of {origin}, and {before} has {}",
                        size_of(before)
                    ));
                }
            }
            None if opens => return Err(format!("{log} begins behind a log that is not there")),
            None => {}
        }
        self.placed(log, event.action == CLOSED);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::AuditEvent;
    use hongyan_tlog::empty_root;

    use super::{
        CLOSED, FinalCheckpoint, OPENED, Opening, PRUNED, Periods, Way, is_reserved, opening_attributes,
    };
    use crate::record::{Class, LogId, Period};

    const H1: i64 = 1_782_835_199_999;
    const H2: i64 = H1 + 1;

    fn log(received: i64) -> LogId {
        LogId::new(Class::Cdr, Period::of(received))
    }

    fn event(action: &str) -> AuditEvent {
        AuditEvent {
            action: action.to_owned(),
            ..AuditEvent::default()
        }
    }

    fn opening(log: LogId, size: u64) -> AuditEvent {
        let end = FinalCheckpoint {
            log,
            origin: log.origin("example.org"),
            size,
            root: empty_root(),
            note: "note".into(),
        };
        let attributes = opening_attributes(&end);
        AuditEvent {
            attributes: attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..event(OPENED)
        }
    }

    #[test]
    fn a_class_goes_through_its_logs_one_behind_the_other() {
        let mut periods = Periods::default();
        assert_eq!(periods.way(Class::Cdr, H1), Way::Into(log(H1)));
        periods.placed(log(H1), false);
        assert_eq!(periods.way(Class::Cdr, H1), Way::Into(log(H1)));
        assert_eq!(periods.due(H1), []);
        assert_eq!(periods.way(Class::Cdr, H2), Way::Close(log(H1)));
        assert_eq!(periods.due(H2), [log(H1)]);
        periods.placed(log(H1), true);
        assert_eq!(periods.way(Class::Cdr, H2), Way::Wait(log(H1)));
        assert_eq!(periods.due(H2), []);
        assert_eq!(periods.closed().collect::<Vec<_>>(), [log(H1)]);
        periods.placed(log(H2), false);
        assert_eq!(periods.way(Class::Cdr, H2), Way::Into(log(H2)));
        assert_eq!(periods.closed().count(), 0);
        // Another class has nothing to do with it.
        assert_eq!(
            periods.way(Class::Meta, H1),
            Way::Into(LogId::new(Class::Meta, Period::of(H1)))
        );
    }

    #[test]
    fn leaves_on_disk_are_taken_in_where_they_may_stand_and_nowhere_else() {
        let right = |leaves: &[(LogId, u64, AuditEvent)]| {
            let mut periods = Periods::default();
            leaves.iter().try_for_each(|(log, index, event)| {
                // The log before has three leaves in every case.
                periods.replay(*log, *index, event, |_| 3)
            })
        };
        let first = (log(H1), 0, event("X"));
        let closing = (log(H1), 2, event(CLOSED));
        let second = (log(H2), 0, opening(log(H1), 3));
        right(&[first.clone(), closing.clone(), second.clone()]).unwrap();
        for (leaves, why) in [
            (vec![second.clone()], "not there"),
            (vec![first.clone(), second.clone()], "was not closed"),
            (
                vec![closing.clone(), (log(H1), 3, event("X"))],
                "behind the one that closed",
            ),
            (
                vec![closing.clone(), (log(H1), 3, event(CLOSED))],
                "behind the one that closed",
            ),
            (vec![closing.clone(), (log(H2), 0, event("X"))], "does not begin"),
            (
                vec![closing.clone(), (log(H2), 0, opening(log(H1), 2))],
                "behind 2 leaves",
            ),
            (
                vec![closing.clone(), (log(H2), 0, opening(log(H2), 3))],
                "behind 3 leaves of audit.example.org/cdr/2026h2/0",
            ),
            (vec![closing.clone(), (log(H2), 0, event(OPENED))], "does not say"),
            (
                vec![first.clone(), (log(H1), 1, opening(log(H1), 3))],
                "which has 1 leaves",
            ),
            (vec![closing, second, first], "has begun"),
        ] {
            let said = right(&leaves).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn an_opening_says_what_it_was_made_of() {
        let said = Opening::parse(&opening(log(H1), 7)).unwrap();
        assert_eq!((said.size, said.root), (7, empty_root().to_string()));
        assert!(said.previous_origin == log(H1).origin("example.org"));
        assert!([CLOSED, OPENED, PRUNED].into_iter().all(is_reserved));
        assert!(!is_reserved("RECORD_QUERIED"));
    }
}
