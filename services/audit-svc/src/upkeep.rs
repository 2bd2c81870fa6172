//! What is done beside the writing thread: snapshots go to the disk, and segments of the journal go when nobody needs them
//! any more. That is when everything in them is published and a snapshot covers it: whoever asks for a leaf finds it in the
//! logs' files, and a producer that sends again is known.

use std::sync::Arc;

use tokio::task;
use tokio_util::sync::CancellationToken;

use crate::{
    log::LogError,
    publish::Publication,
    record::{Upkeep, write_snapshot},
};

/// Works until the token is cancelled. Where the record or the publisher has stopped it waits for that, so that what ends
/// the process is who knows why. An error must end the process: a disk that refuses here is full or broken.
pub async fn run(upkeep: Upkeep, publication: Publication, end: CancellationToken) -> Result<(), LogError> {
    let Upkeep {
        dir,
        pruner,
        mut snapshots,
    } = upkeep;
    let pruner = Arc::new(pruner);
    let mut published = publication.watch();
    // Leaves that the snapshot on disk covers. One that an earlier process wrote may do so too; the first of this one
    // comes with its first event.
    let mut covered = 0;
    loop {
        tokio::select! {
            () = end.cancelled() => return Ok(()),
            taken = snapshots.recv() => {
                let Some(taken) = taken else {
                    break;
                };
                let dir = dir.clone();
                blocking(move || write_snapshot(&dir, &taken.octets)).await?;
                covered = taken.size;
            }
            moved = published.changed() => if moved.is_err() {
                break;
            },
        }
        let needed_from = covered.min(published.borrow_and_update().through);
        if pruner.has_below(needed_from) {
            let pruner = Arc::clone(&pruner);
            let gone = blocking(move || pruner.prune_below(needed_from)).await?;
            metrics::counter!("hongyan_audit_segments_pruned_total").increment(gone);
        }
        metrics::gauge!("hongyan_audit_journal_segments").set(pruner.segments() as f64);
    }
    end.cancelled().await;
    Ok(())
}

/// The runtime going down is no error: the next start does what is left.
async fn blocking<T: Default + Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Ok(T::default()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::runtime::Handle;
    use tokio_util::sync::CancellationToken;

    use super::run;
    use crate::{record::Host, recovery::Recovered, testing::open_record};

    #[tokio::test]
    async fn a_publisher_that_died_tells_so_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (place, runtime) = (dir.path().to_owned(), Handle::current());
        let opened = tokio::task::spawn_blocking(move || {
            open_record(&place, Host::of_test("audit-svc-test", 1), runtime).unwrap()
        });
        let Recovered {
            opened,
            publisher,
            logs,
        } = opened.await.unwrap();
        drop(publisher);
        let end = CancellationToken::new();
        let mut upkeep = Box::pin(run(opened.upkeep, logs.publication, end.clone()));
        // Whoever ends first is taken for the cause of the process's end.
        assert!((&mut upkeep).now_or_never().is_none());
        end.cancel();
        upkeep.await.unwrap();
    }
}
