//! The record: who may be sure of what, when.
//!
//! [`open`] recovers the log and starts the one thread that writes it; [`Record`] is the cheap handle that everybody else
//! has. An append answers when its events are on disk. If the disk refuses, the thread ends with the error, every waiting
//! append answers [`Stopped`], and the process has to end: a failed write is never tried again on the same file.

pub(crate) mod leaf;
mod log_id;
mod sequence;
mod sequencer;
#[cfg(test)]
mod tests;
mod writer;

use std::{collections::BTreeMap, path::Path, sync::Arc, thread};

use hongyan_proto::audit::v1::AuditEvent;
use prost::Message as _;
use tokio::sync::{mpsc, oneshot, watch};

pub use log_id::{Class, LogId, NoLogId, Period};
pub use sequence::{Gap, Refusal};
pub use sequencer::{Numbered, Place, Placed, Rejected, Submission};
pub use writer::Head;
pub(crate) use writer::now_unix_ms;

use crate::log::{self, Cut, LogError, LogReader};
use sequencer::Sequencer;
use writer::Command;

/// Appends that may wait for the disk; more wait with their callers.
const WAITING_APPENDS: usize = 1_024;

/// A handle to the record; cheap to clone. When the last one goes, the writing thread ends.
#[derive(Debug, Clone)]
pub struct Record {
    commands: mpsc::Sender<Command>,
    head: watch::Receiver<Head>,
    reader: LogReader,
}

/// The record takes nothing any more: the disk refused, or the process is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record takes no events")]
pub struct Stopped;

/// Why nothing of a request is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// See [`Stopped`]. What was on its way may be on record or not.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The producer's numbers cannot be taken in.
    #[error(transparent)]
    Refused(Refusal),
    /// An event's leaf would be too long.
    #[error("event {nth} makes a leaf of {octets} octets")]
    TooLarge {
        /// Which of the request, from 0.
        nth: usize,
        /// What the leaf would have.
        octets: usize,
    },
}

/// A record that is open.
#[derive(Debug)]
pub struct Opened {
    /// The handle.
    pub record: Record,
    /// The unfinished write that was taken off the log's end.
    pub cut: Option<Cut>,
    /// How the writing thread ended; `Err` where it died.
    pub ended: oneshot::Receiver<Result<(), LogError>>,
}

/// Recovers the log in `dir` and starts the writing thread. Blocks for as long as reading the whole log takes.
///
/// Events of the service itself are numbered under `own`: its producer name and its epoch. Every leaf that is found goes to
/// `visit` as well, with its index and its octets; what that finds wrong with one is reported as damage.
pub fn open(
    dir: &Path,
    segment_octets: u64,
    own: (Arc<str>, u64),
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<Opened, LogError> {
    let mut sequencer = Sequencer::new(own);
    let log = log::recover(dir, |index, bytes| {
        let (leaf, _) = leaf::decode(index, bytes)?;
        sequencer.replay(index, &leaf)?;
        visit(index, bytes)
    })?;
    let log = log.begin(segment_octets)?;
    let (head_sender, head) = watch::channel(Head {
        size: sequencer.size(),
    });
    let (commands, queue) = mpsc::channel(WAITING_APPENDS);
    let (end, ended) = oneshot::channel();
    let writer = log.writer;
    thread::Builder::new()
        .name("record".to_owned())
        .spawn(move || {
            // Nobody listens any more only when the process is ending anyway.
            let _ = end.send(writer::run(sequencer, writer, queue, &head_sender));
        })
        .map_err(LogError::io("starting the writing thread for", dir))?;
    Ok(Opened {
        record: Record {
            commands,
            head,
            reader: log.reader,
        },
        cut: log.cut,
        ended,
    })
}

impl Record {
    /// Puts the events of one producer on record, whose numbers follow each other: in their order and without others
    /// between them as far as they are new, and either all of them or none. Answers when they are on disk. A caller who
    /// gives up waiting does not take them back.
    pub async fn append_request(&self, submissions: Vec<Submission>) -> Result<Vec<Placed>, NotTaken> {
        let octets = submissions.iter().map(octets_of).sum();
        let (answer, answered) = oneshot::channel();
        let command = Command::Request {
            submissions,
            octets,
            answer,
        };
        self.commands.send(command).await.map_err(|_| Stopped)?;
        let placed = answered.await.map_err(|_| Stopped)?;
        placed.map_err(|rejected| match rejected {
            Rejected::Refused(refusal) => NotTaken::Refused(refusal),
            Rejected::TooLarge { nth, octets } => NotTaken::TooLarge { nth, octets },
        })
    }

    /// Puts events on record, each for itself: those that cannot go there are told, the others stand in their order and
    /// without others between them as far as they are new. Answers when they are on disk. A caller who gives up waiting
    /// does not take them back.
    pub async fn append(&self, submissions: Vec<Submission>) -> Result<Vec<Placed>, Stopped> {
        let octets = submissions.iter().map(octets_of).sum();
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(Command::Append {
                submissions,
                octets,
                answer,
            })
            .await
            .map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// Puts an event of this service on record.
    pub async fn append_own(&self, event: AuditEvent) -> Result<Placed, Stopped> {
        let placed = self.append(vec![Submission::Own(event)]).await?;
        placed.first().copied().ok_or(Stopped)
    }

    /// Numbers that have been missing for at least `age_ms`: at most `limit` gaps, and how many there are.
    pub async fn gaps(&self, age_ms: i64, limit: usize) -> Result<(Vec<Gap>, usize), Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(Command::Gaps {
                age_ms,
                limit,
                answer,
            })
            .await
            .map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// The logs of the record, and how many leaves each has.
    pub async fn logs(&self) -> Result<BTreeMap<LogId, u64>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(Command::Logs { answer })
            .await
            .map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// What is on disk now.
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// Tells when the head moves.
    pub fn watch_head(&self) -> watch::Receiver<Head> {
        self.head.clone()
    }

    /// For reading leaves.
    pub fn reader(&self) -> &LogReader {
        &self.reader
    }
}

fn octets_of(submission: &Submission) -> usize {
    match submission {
        Submission::Numbered(numbered) => numbered.event.encoded_len() + numbered.producer.len(),
        Submission::Own(event) => event.encoded_len(),
    }
}
