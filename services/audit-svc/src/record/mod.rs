//! The record: who may be sure of what, when.
//!
//! [`open`] recovers the log and starts the one thread that writes it; [`Record`] is the cheap handle that everybody else
//! has. An append answers when its events are on disk. If the disk refuses, the thread ends with the error, every waiting
//! append answers [`Stopped`], and the process has to end: a failed write is never tried again on the same file.

mod clock;
mod fit;
pub(crate) mod leaf;
mod log_id;
mod open;
mod period;
mod sequence;
mod sequencer;
mod snapshot;
mod snapshot_file;
#[cfg(test)]
mod tests;
pub(crate) mod turn;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread,
};

use hongyan_proto::audit::v1::AuditEvent;
use prost::Message as _;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

pub(crate) use clock::now_unix_ms;
pub use clock::{Clock, ClockLeapt, WatchedClock};
pub use fit::{Base, Misfit};
pub use log_id::{Class, LogId, NoLogId};
pub use open::{Alone, OpenError, Outside};
pub use period::Period;
pub(crate) use sequence::ONCE;
pub use sequence::{Gap, Refusal};
pub use sequencer::{Numbered, Place, Placed, Rejected, Submission};
pub(crate) use snapshot_file::write as write_snapshot;
pub use turn::{ClosedLog, FinalCheckpoint};
pub use writer::Head;

use crate::log::{Cut, LogError, LogReader, Pruner};
use writer::{Append, Asker, Command};

/// Appends that may wait for the disk, or for the turn of a period; more wait with their callers.
const WAITING_APPENDS: usize = 1_024;
/// Other questions and orders to the writing thread that may wait.
const WAITING_OTHERS: usize = 64;

/// What the record must know of the process that keeps it.
#[derive(Clone)]
pub struct Host {
    /// Under which events of the process itself are numbered,
    pub producer: Arc<str>,
    /// with an epoch that is larger at every start.
    pub epoch: u64,
    /// The SPIFFE id that stands in them.
    pub actor: Arc<str>,
    /// What stamps the arrival of events. It may jump: the stamps never go back.
    pub clock: Clock,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("producer", &self.producer)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// A process that goes by the system's clock.
    pub fn new(producer: Arc<str>, epoch: u64, actor: &str) -> Self {
        Self {
            producer,
            epoch,
            actor: Arc::from(actor),
            clock: Arc::new(now_unix_ms),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_test(producer: &str, epoch: u64) -> Self {
        Self::new(Arc::from(producer), epoch, "spiffe://hongyan.test/svc/audit")
    }
}

/// A handle to the record; cheap to clone. When the last one goes, the writing thread ends.
#[derive(Debug, Clone)]
pub struct Record {
    commands: mpsc::Sender<Command>,
    /// One permit for each append that may be on its way: the thread takes what is sent at any time, and holds what must
    /// wait for a turn.
    appends: Arc<Semaphore>,
    head: watch::Receiver<Head>,
    closed: watch::Receiver<Vec<ClosedLog>>,
    refused_write: Arc<OnceLock<String>>,
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
    /// The newest stamp on record, in milliseconds since 1970; 0 where there is none.
    pub last_received_unix_ms: i64,
    /// The unfinished write that was taken off the log's end.
    pub cut: Option<Cut>,
    /// How the writing thread ended; `Err` where it died.
    pub ended: oneshot::Receiver<Result<(), LogError>>,
    /// What is left to do beside the writing thread.
    pub upkeep: Upkeep,
}

/// The work beside the writing thread, for [`crate::upkeep::run`].
#[derive(Debug)]
pub struct Upkeep {
    /// The journal's directory.
    pub(crate) dir: PathBuf,
    /// Deletes segments.
    pub(crate) pruner: Pruner,
    pub(crate) snapshots: mpsc::Receiver<Taken>,
}

/// A snapshot on its way to the disk.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Leaves that it covers, all of which are on disk.
    pub(crate) size: u64,
    pub(crate) octets: Vec<u8>,
}

/// Recovers the record whose journal is in `dir` and starts the writing thread. Blocks for as long as reading the journal
/// takes; where the snapshot beside it is lost, for as long as reading all published entries takes.
pub fn open(
    dir: &Path,
    segment_octets: u64,
    host: Host,
    outside: &mut impl Outside,
) -> Result<Opened, OpenError> {
    let clock = Arc::clone(&host.clock);
    let (sequencer, log) = open::read(dir, host, outside)?;
    let last_received_unix_ms = sequencer.last_received_unix_ms();
    let log = log.begin(segment_octets)?;
    let (told, head, closed) = writer::Told::new(&sequencer);
    let (commands, queue) = mpsc::channel(WAITING_APPENDS + WAITING_OTHERS);
    let (end, ended) = oneshot::channel();
    let (snapshots, taken) = mpsc::channel(1);
    let writer = log.writer;
    let refused_write = Arc::clone(&told.refused_write);
    thread::Builder::new()
        .name("record".to_owned())
        .spawn(move || {
            // Nobody listens any more only when the process is ending anyway.
            let _ = end.send(writer::run(sequencer, writer, queue, &told, &clock, &snapshots));
        })
        .map_err(LogError::io("starting the writing thread for", dir))?;
    let upkeep = Upkeep {
        dir: dir.to_owned(),
        pruner: log.pruner,
        snapshots: taken,
    };
    Ok(Opened {
        record: Record {
            commands,
            appends: Arc::new(Semaphore::new(WAITING_APPENDS)),
            head,
            closed,
            refused_write,
            reader: log.reader,
        },
        last_received_unix_ms,
        cut: log.cut,
        ended,
        upkeep,
    })
}

impl Record {
    /// Puts the events of one producer on record, whose numbers follow each other: in their order and without others
    /// between them as far as they are new, and either all of them or none. Answers when they are on disk, which at the
    /// turn of a period is when the new log of their class has been opened. A caller who gives up waiting does not take
    /// them back.
    pub async fn append_request(&self, submissions: Vec<Submission>) -> Result<Vec<Placed>, NotTaken> {
        let (answer, answered) = oneshot::channel();
        self.submit(submissions, Asker::Request(answer)).await?;
        let placed = answered.await.map_err(|_| Stopped)?;
        placed.map_err(|rejected| match rejected {
            Rejected::Refused(refusal) => NotTaken::Refused(refusal),
            Rejected::TooLarge { nth, octets } => NotTaken::TooLarge { nth, octets },
        })
    }

    /// Puts events on record, each for itself: those that cannot go there are told, the others stand in their order and
    /// without others between them as far as they are new. Answers as [`Record::append_request`] does.
    pub async fn append(&self, submissions: Vec<Submission>) -> Result<Vec<Placed>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.submit(submissions, Asker::Each(answer)).await?;
        answered.await.map_err(|_| Stopped)
    }

    async fn submit(&self, submissions: Vec<Submission>, asker: Asker) -> Result<(), Stopped> {
        let permit = Arc::clone(&self.appends).acquire_owned().await;
        let append = Append {
            octets: submissions.iter().map(octets_of).sum(),
            submissions,
            asker,
            permit: permit.map_err(|_| Stopped)?,
        };
        let sent = self.commands.send(Command::Append(append)).await;
        sent.map_err(|_| Stopped)
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

    /// The numbers of one producer's epoch that are missing, as ranges, at most `limit`: all up to `up_to` where that is
    /// given, else those that have been missing for at least `age_ms`.
    pub(crate) async fn missing(
        &self,
        of: (Arc<str>, u64),
        age_ms: i64,
        up_to: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(Command::Missing {
                of,
                age_ms,
                up_to,
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

    /// Closes the logs whose period is over; answers nothing, [`Record::watch_closed`] tells.
    pub async fn close_due(&self) -> Result<(), Stopped> {
        self.commands.send(Command::CloseDue).await.map_err(|_| Stopped)
    }

    /// Opens the log behind one that is closed. What waited for it goes on then.
    pub async fn open_next(&self, end: FinalCheckpoint) -> Result<(), Stopped> {
        self.commands
            .send(Command::OpenNext { end: Box::new(end) })
            .await
            .map_err(|_| Stopped)
    }

    /// Tells of logs that are closed, on disk, and have no successor.
    pub fn watch_closed(&self) -> watch::Receiver<Vec<ClosedLog>> {
        self.closed.clone()
    }

    /// What the disk said when it refused a write; nothing is taken any more then.
    pub fn refused_write(&self) -> Option<&str> {
        self.refused_write.get().map(String::as_str)
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
