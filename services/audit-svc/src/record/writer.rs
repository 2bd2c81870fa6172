//! The one thread that writes: collects what waits, gives it places, one write and one sync, then answers everybody.
//!
//! A group is whatever waits when the disk is free, up to [`GROUP_EVENTS`] or [`GROUP_OCTETS`]: a lone caller waits for no
//! timer, and under load the time of one sync is the time in which the next group gathers.

use std::{
    collections::BTreeMap,
    time::{Instant, SystemTime},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    log_id::LogId,
    sequence::Gap,
    sequencer::{Placed, Rejected, Sequencer, Submission},
};
use crate::log::{LogError, LogWriter};

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
    /// Each event for itself.
    Append {
        submissions: Vec<Submission>,
        /// About, to limit the group.
        octets: usize,
        answer: oneshot::Sender<Vec<Placed>>,
    },
    /// All of them or none.
    Request {
        submissions: Vec<Submission>,
        /// About, to limit the group.
        octets: usize,
        answer: oneshot::Sender<Result<Vec<Placed>, Rejected>>,
    },
    /// The gaps of that age.
    Gaps {
        age_ms: i64,
        limit: usize,
        answer: oneshot::Sender<(Vec<Gap>, usize)>,
    },
    /// The logs and their sizes.
    Logs {
        answer: oneshot::Sender<BTreeMap<LogId, u64>>,
    },
}

/// An answer that waits for the disk.
enum Answer {
    Each(oneshot::Sender<Vec<Placed>>, Vec<Placed>),
    Request(
        oneshot::Sender<Result<Vec<Placed>, Rejected>>,
        Result<Vec<Placed>, Rejected>,
    ),
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

/// Works until every handle is gone. After an error the caller must end the process: nobody knows what is on disk.
pub(crate) fn run(
    mut sequencer: Sequencer,
    mut log: LogWriter,
    mut commands: mpsc::Receiver<Command>,
    head: &watch::Sender<Head>,
) -> Result<(), LogError> {
    while let Some(mut command) = commands.blocking_recv() {
        let now = now_unix_ms();
        let (mut events, mut octets) = (0, 0);
        let mut answers = Vec::new();
        loop {
            match command {
                Command::Append {
                    submissions,
                    octets: more,
                    answer,
                } => {
                    events += submissions.len();
                    octets += more;
                    let placed: Vec<_> = submissions
                        .into_iter()
                        .map(|submission| sequencer.place(submission, now))
                        .collect();
                    answers.push(Answer::Each(answer, placed));
                }
                Command::Request {
                    submissions,
                    octets: more,
                    answer,
                } => {
                    events += submissions.len();
                    octets += more;
                    let placed = sequencer.place_request(submissions, now);
                    answers.push(Answer::Request(answer, placed));
                }
                Command::Gaps {
                    age_ms,
                    limit,
                    answer,
                } => {
                    // Nobody may wait for it any more.
                    let _ = answer.send(sequencer.sequences().gaps(now, age_ms, limit));
                }
                Command::Logs { answer } => {
                    let _ = answer.send(sequencer.logs().clone());
                }
            }
            if events >= GROUP_EVENTS || octets >= GROUP_OCTETS {
                break;
            }
            match commands.try_recv() {
                Ok(next) => command = next,
                Err(_) => break,
            }
        }
        let group = sequencer.take_group();
        if !group.is_empty() {
            let started = Instant::now();
            log.append(&group)?;
            metrics::histogram!("hongyan_audit_group_commit_seconds").record(started.elapsed());
            metrics::histogram!("hongyan_audit_group_events").record(group.len() as f64);
            metrics::counter!("hongyan_audit_events_total").increment(group.len() as u64);
            let size = sequencer.size();
            metrics::gauge!("hongyan_audit_size").set(size as f64);
            head.send_replace(Head { size });
        }
        for answer in answers {
            answer.give();
        }
    }
    Ok(())
}

/// Milliseconds since 1970; 0 on a machine whose clock stands before.
pub(crate) fn now_unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
