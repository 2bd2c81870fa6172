//! Whether the journal, the snapshot beside it and the published logs are those of one record. No IO.
//!
//! Each of the three can be brought back from an older copy, or lost, while the others stay. What cannot be told from
//! here is all three together brought back from one moment: for that somebody outside has to hold a newer checkpoint.

use std::collections::BTreeMap;

use super::log_id::LogId;

/// What is known of a published log when the process starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Leaves whose files are there.
    pub leaves: u64,
    /// Whether the last of them closed the log.
    pub is_closed: bool,
    /// The index in the record of the last of them; `None` where its entries are not kept any more.
    pub last_index: Option<u64>,
}

/// The leaves that the journal holds, as indices of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// The first one; the next one to come where it holds none.
    pub(crate) first: u64,
    /// The one behind the last.
    pub(crate) end: u64,
}

/// What does not fit. Nothing is repaired, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Nothing is there of what was on record.
    #[error(
        "the journal is empty, and {published} leaves are published (leaf {index} of the record stands in {log}): \
         the journal is lost, or was rolled back"
    )]
    JournalEmpty {
        /// Leaves of all logs.
        published: u64,
        /// The last one of them.
        index: u64,
        /// Where it stands.
        log: LogId,
    },
    /// It ends before a leaf that others have seen.
    #[error(
        "the journal ends before leaf {end} of the record, and leaf {index} is published in {log}: the journal was rolled back"
    )]
    JournalBehindLogs {
        /// The index behind the journal's last leaf.
        end: u64,
        /// The last leaf of the log.
        index: u64,
        /// Which log.
        log: LogId,
    },
    /// It ends before what the snapshot covers, and the snapshot covers only what was on disk.
    #[error(
        "the journal ends before leaf {end} of the record, and the snapshot covers {snapshot} leaves: the journal was rolled back"
    )]
    JournalBehindSnapshot {
        /// The index behind the journal's last leaf.
        end: u64,
        /// Leaves that the snapshot covers.
        snapshot: u64,
    },
    /// Leaves between snapshot and journal are in neither.
    #[error(
        "the journal begins with leaf {first} of the record, and the snapshot covers {snapshot} leaves: the snapshot was \
         rolled back, or segments of the journal are missing. If the logs are whole, delete the snapshot: it is then made \
         anew from them"
    )]
    SnapshotBehind {
        /// The journal's first leaf.
        first: u64,
        /// Leaves that the snapshot covers.
        snapshot: u64,
    },
    /// Journal and logs do not make a whole.
    #[error(
        "{log} has {published} leaves in its files and the journal leads to {recorded}: leaves between them are in neither"
    )]
    Hole {
        /// Which log.
        log: LogId,
        /// Leaves of its files, and those of the journal that follow them.
        published: u64,
        /// Leaves that the record counts.
        recorded: u64,
    },
    /// The logs together have more or fewer leaves than the record.
    #[error("the logs have {logs} leaves together, and the record ends before leaf {end}")]
    Sum {
        /// Of all logs.
        logs: u64,
        /// The index behind the journal's last leaf.
        end: u64,
    },
}

/// Whether a snapshot and a journal that begins with this leaf make a whole.
pub(crate) fn joins(snapshot: u64, first: u64) -> Result<(), Misfit> {
    if first > snapshot {
        return Err(Misfit::SnapshotBehind { first, snapshot });
    }
    Ok(())
}

/// Whether the journal has everything that others have seen or that the snapshot covers.
pub(crate) fn reaches(
    held: Held,
    snapshot: Option<u64>,
    bases: &BTreeMap<LogId, Base>,
) -> Result<(), Misfit> {
    let Held { first, end } = held;
    let last = bases
        .iter()
        .filter_map(|(log, base)| Some((base.last_index?, *log)))
        .max();
    if let Some((index, log)) = last
        && index >= end
    {
        let published = bases.values().map(|base| base.leaves).sum();
        return Err(if first == end && end == 0 {
            Misfit::JournalEmpty {
                published,
                index,
                log,
            }
        } else {
            Misfit::JournalBehindLogs { end, index, log }
        });
    }
    match snapshot {
        Some(snapshot) if snapshot > end => Err(Misfit::JournalBehindSnapshot { end, snapshot }),
        _ => Ok(()),
    }
}

/// Whether every leaf of the record is in one log: `recorded` counts them by log, from the snapshot or the files on and
/// through the journal; `published` from the files on and through the journal.
pub(crate) fn is_whole(
    end: u64,
    recorded: impl Iterator<Item = (LogId, u64)>,
    published: &BTreeMap<LogId, u64>,
) -> Result<(), Misfit> {
    let mut logs: u64 = 0;
    for (log, recorded) in recorded {
        logs = logs.saturating_add(recorded);
        let published = published.get(&log).copied().unwrap_or_default();
        if published != recorded {
            return Err(Misfit::Hole {
                log,
                published,
                recorded,
            });
        }
    }
    if logs == end {
        Ok(())
    } else {
        Err(Misfit::Sum { logs, end })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Base, Held, LogId, Misfit, is_whole, joins, reaches};

    fn log(class: &str) -> LogId {
        format!("{class}/2026h2/0").parse().unwrap()
    }

    fn base(leaves: u64, last_index: u64) -> Base {
        Base {
            leaves,
            is_closed: false,
            last_index: Some(last_index),
        }
    }

    fn bases() -> BTreeMap<LogId, Base> {
        [(log("cdr"), base(3, 40)), (log("meta"), base(38, 39))].into()
    }

    #[test]
    fn a_journal_must_have_what_is_published() {
        let held = |first, end| Held { first, end };
        let (cdr, bases) = (log("cdr"), bases());
        for (found, snapshot, expected) in [
            (held(0, 41), Some(41), Ok(())),
            (held(30, 50), None, Ok(())),
            // Everything published, and the segment behind it as yet without a leaf.
            (held(41, 41), Some(41), Ok(())),
            (
                held(0, 0),
                None,
                Err(Misfit::JournalEmpty {
                    published: 41,
                    index: 40,
                    log: cdr,
                }),
            ),
            (
                held(7, 40),
                None,
                Err(Misfit::JournalBehindLogs {
                    end: 40,
                    index: 40,
                    log: cdr,
                }),
            ),
            (
                held(0, 41),
                Some(42),
                Err(Misfit::JournalBehindSnapshot {
                    end: 41,
                    snapshot: 42,
                }),
            ),
        ] {
            assert_eq!(reaches(found, snapshot, &bases), expected);
        }
        assert_eq!(reaches(held(0, 0), None, &BTreeMap::new()), Ok(()));
    }

    #[test]
    fn a_snapshot_must_reach_the_journal() {
        assert_eq!(joins(5, 5), Ok(()));
        assert_eq!(joins(9, 5), Ok(()));
        assert_eq!(
            joins(4, 5),
            Err(Misfit::SnapshotBehind {
                first: 5,
                snapshot: 4
            })
        );
    }

    #[test]
    fn every_leaf_is_in_one_log() {
        let (cdr, meta) = (log("cdr"), log("meta"));
        let recorded = [(cdr, 3), (meta, 4)];
        let check = |end, published: &[(LogId, u64)]| {
            is_whole(end, recorded.into_iter(), &published.iter().copied().collect())
        };
        assert_eq!(check(7, &recorded), Ok(()));
        assert_eq!(check(8, &recorded), Err(Misfit::Sum { logs: 7, end: 8 }));
        for (published, found) in [(&[(cdr, 3), (meta, 3)][..], 3), (&[(cdr, 3)], 0)] {
            let expected = Misfit::Hole {
                log: meta,
                published: found,
                recorded: 4,
            };
            assert_eq!(check(7, published), Err(expected));
        }
    }
}
