//! The one thread that writes: collects what waits, gives it places, one write and one sync, then answers everybody.
//!
//! A group is whatever waits when the disk is free, up to [`GROUP_EVENTS`] or [`GROUP_OCTETS`]: a lone caller waits for no
//! timer, and under load the time of one sync is the time in which the next group gathers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, OnceLock},
    time::Instant,
};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::{
    Clock, Taken,
    log_id::LogId,
    sequence::Gap,
    sequencer::{Admitted, Placed, Rejected, Sequencer, Submission},
    turn::{ClosedLog, FinalCheckpoint},
};
use crate::{
    log::{LogError, LogWriter},
    point::point,
};

/// A group is closed when it holds so many events. One request may carry it above.
const GROUP_EVENTS: usize = 1_024;
/// A group is closed when its events have so many octets.
const GROUP_OCTETS: usize = 4 << 20;

/// The record as far as it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many leaves.
    pub size: u64,
}

/// What the thread is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Append),
    /// Closes the logs whose period is over.
    CloseDue,
    /// Opens the log behind a closed one.
    OpenNext {
        end: Box<FinalCheckpoint>,
    },
    /// The gaps of that age.
    Gaps {
        age_ms: i64,
        limit: usize,
        answer: oneshot::Sender<(Vec<Gap>, usize)>,
    },
    /// The numbers of one epoch that are missing.
    Missing {
        of: (Arc<str>, u64),
        age_ms: i64,
        up_to: Option<u64>,
        limit: usize,
        answer: oneshot::Sender<Vec<(u64, u64)>>,
    },
    /// The logs and their sizes.
    Logs {
        answer: oneshot::Sender<BTreeMap<LogId, u64>>,
    },
}

/// Events that are to go on record.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) submissions: Vec<Submission>,
    /// About, to limit the group.
    pub(crate) octets: usize,
    pub(crate) asker: Asker,
    /// Bounds how many appends wait here.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Who waits for an append, and how it is taken.
#[derive(Debug)]
pub(crate) enum Asker {
    /// Each event for itself.
    Each(oneshot::Sender<Vec<Placed>>),
    /// All of them or none.
    Request(oneshot::Sender<Result<Vec<Placed>, Rejected>>),
}

/// An answer that waits for the disk.
enum Answer {
    Each(oneshot::Sender<Vec<Placed>>, Vec<Placed>),
    Request(
        oneshot::Sender<Result<Vec<Placed>, Rejected>>,
        Result<Vec<Placed>, Rejected>,
    ),
}

impl Asker {
    fn place(self, sequencer: &mut Sequencer, admitted: Admitted) -> Answer {
        match self {
            Self::Each(answer) => Answer::Each(answer, sequencer.place_each(admitted)),
            Self::Request(answer) => Answer::Request(answer, sequencer.place_request(admitted)),
        }
    }
}

impl Answer {
    /// A caller who has gone away asks again, and gets the same place.
    fn give(self) {
        match self {
            Self::Each(answer, placed) => drop(answer.send(placed)),
            Self::Request(answer, placed) => drop(answer.send(placed)),
        }
    }
}

/// What the thread tells everybody.
#[derive(Debug)]
pub(crate) struct Told {
    head: watch::Sender<Head>,
    closed: watch::Sender<Vec<ClosedLog>>,
    /// What the disk said when it refused a write.
    pub(crate) refused_write: Arc<OnceLock<String>>,
}

impl Told {
    /// As the record was found, and the ends for those who listen.
    pub(crate) fn new(
        sequencer: &Sequencer,
    ) -> (Self, watch::Receiver<Head>, watch::Receiver<Vec<ClosedLog>>) {
        let size = sequencer.size();
        let (head, head_seen) = watch::channel(Head { size });
        let (closed, closed_seen) = watch::channel(sequencer.closed());
        let told = Self {
            head,
            closed,
            refused_write: Arc::default(),
        };
        (told, head_seen, closed_seen)
    }

    /// Everything placed is on disk.
    fn tell(&self, sequencer: &Sequencer) {
        let size = sequencer.size();
        metrics::gauge!("hongyan_audit_size").set(size as f64);
        self.head.send_replace(Head { size });
        let closed = sequencer.closed();
        self.closed.send_if_modified(|told| {
            let is_new = *told != closed;
            *told = closed;
            is_new
        });
    }
}

/// Works until every handle is gone. After an error the caller must end the process: nobody knows what is on disk.
pub(crate) fn run(
    mut sequencer: Sequencer,
    mut log: LogWriter,
    mut commands: mpsc::Receiver<Command>,
    told: &Told,
    clock: &Clock,
    snapshots: &mpsc::Sender<Taken>,
) -> Result<(), LogError> {
    // The first one is due at once: where there was none, the next start must not need to read all logs again.
    let mut snapshot_of = None;
    // Appends that wait for the turn of a period, and those that waited and can be tried again.
    let (mut waiting, mut ready) = (VecDeque::new(), VecDeque::new());
    while let Some(mut command) = ready.pop_front().or_else(|| commands.blocking_recv()) {
        let (mut events, mut octets) = (0, 0);
        let mut answers = Vec::new();
        loop {
            let now = clock();
            match command {
                Command::Append(append) => match sequencer.admit(append.submissions, now) {
                    Ok(admitted) => {
                        events += admitted.len();
                        octets += append.octets;
                        let answer = append.asker.place(&mut sequencer, admitted);
                        answers.push((answer, append.permit));
                    }
                    Err(submissions) => waiting.push_back(Command::Append(Append {
                        submissions,
                        ..append
                    })),
                },
                Command::CloseDue => sequencer.close_due(now),
                Command::OpenNext { end } => {
                    if sequencer.open_next(&end, now) {
                        ready.append(&mut waiting);
                    }
                }
                Command::Gaps {
                    age_ms,
                    limit,
                    answer,
                } => {
                    // Nobody may wait for it any more.
                    let _ = answer.send(sequencer.sequences().gaps(now, age_ms, limit));
                }
                Command::Missing {
                    of: (producer, epoch),
                    age_ms,
                    up_to,
                    limit,
                    answer,
                } => {
                    let of = (&*producer, epoch);
                    let missing = sequencer.sequences().missing(of, (now, age_ms), up_to, limit);
                    let _ = answer.send(missing);
                }
                Command::Logs { answer } => {
                    let _ = answer.send(sequencer.logs().clone());
                }
            }
            if events >= GROUP_EVENTS || octets >= GROUP_OCTETS {
                break;
            }
            match ready.pop_front().or_else(|| commands.try_recv().ok()) {
                Some(next) => command = next,
                None => break,
            }
        }
        let group = sequencer.take_group();
        if !group.is_empty() {
            point!("group-placed");
            let started = Instant::now();
            if let Err(error) = log.append(&group) {
                // Known before those who wait are told that the record takes nothing any more.
                let _ = told.refused_write.set(error.to_string());
                return Err(error);
            }
            metrics::histogram!("hongyan_audit_group_commit_seconds").record(started.elapsed());
            metrics::histogram!("hongyan_audit_group_events").record(group.len() as f64);
            metrics::counter!("hongyan_audit_events_total").increment(group.len() as u64);
            told.tell(&sequencer);
            point!("group-told");
        }
        for (answer, permit) in answers {
            answer.give();
            drop(permit);
        }
        point!("group-answered");
        // Everything placed is on disk now. One whose predecessor is still on its way to the disk waits for a later group.
        if snapshot_of != Some(log.closed_segments())
            && let Ok(place) = snapshots.try_reserve()
        {
            place.send(Taken {
                size: sequencer.size(),
                octets: sequencer.snapshot(),
            });
            point!("snapshot-taken");
            snapshot_of = Some(log.closed_segments());
        }
    }
    Ok(())
}
