//! Brings the index up to the log, again and again.

use std::{ops::ControlFlow, path::Path};

use tokio::{sync::watch, task};
use tokio_util::sync::CancellationToken;

use super::store::{self, Index, IndexError, IndexWriter};
use crate::{
    log::LogReader,
    record::{Head, Record, leaf},
};

/// Leaves taken in at once, at most,
const BATCH_LEAVES: u64 = 2_048;
/// and their octets, about.
const BATCH_OCTETS: usize = 8 << 20;

/// Keeps an index up to its log.
pub struct Follower {
    writer: IndexWriter,
    reader: LogReader,
    head: watch::Receiver<Head>,
}

impl Index {
    /// Opens the index in `dir` over a record. One that cannot be opened, or has another layout, is built anew. It stays
    /// as it is until the follower runs.
    pub fn open(dir: &Path, record: &Record) -> Result<(Self, Follower), IndexError> {
        let head = record.watch_head();
        let (index, writer) = store::open(dir, record.head().size)?;
        let reader = record.reader().clone();
        Ok((index, Follower { writer, reader, head }))
    }
}

impl Follower {
    /// Follows the record until the token is cancelled or nobody can append any more. An error ends it: the index stands
    /// still then.
    pub async fn run(self, end: CancellationToken) -> Result<(), IndexError> {
        let Self {
            mut writer,
            reader,
            mut head,
        } = self;
        loop {
            let size = head.borrow_and_update().size;
            while writer.next() < size {
                let reader = reader.clone();
                let advanced = task::spawn_blocking(move || {
                    let result = advance(&mut writer, &reader);
                    (writer, result)
                });
                let Ok((returned, result)) = advanced.await else {
                    // The runtime is going down, and the position is on disk.
                    return Ok(());
                };
                writer = returned;
                result?;
                metrics::gauge!("hongyan_audit_indexed").set(writer.next() as f64);
                if end.is_cancelled() {
                    return Ok(());
                }
            }
            tokio::select! {
                () = end.cancelled() => return Ok(()),
                moved = head.changed() => if moved.is_err() {
                    return Ok(());
                },
            }
        }
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("next", &self.writer.next())
            .finish_non_exhaustive()
    }
}

/// One batch.
fn advance(writer: &mut IndexWriter, reader: &LogReader) -> Result<(), IndexError> {
    let next = writer.next();
    let mut leaves = Vec::new();
    let mut octets = 0;
    let mut wrong = None;
    reader.read_range(
        next..next.saturating_add(BATCH_LEAVES),
        |index, bytes| match leaf::decode(index, bytes) {
            Ok(found) => {
                leaves.push(found);
                octets += bytes.len();
                if octets < BATCH_OCTETS {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            }
            Err(reason) => {
                wrong = Some(IndexError::Leaf { index, reason });
                ControlFlow::Break(())
            }
        },
    )?;
    writer.take_in(&leaves)?;
    wrong.map_or(Ok(()), Err)
}
