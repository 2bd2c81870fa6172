//! Watches a thread that alone writes some files: the record's, and that of the keys.

use std::error::Error;

use hongyan_chassis::{BuildError, HealthFlag};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Ends with an error when the thread dies, which ends the process: after a failed write nobody knows what is on disk, and
/// only a new start can tell. `appends` says first what the disk refused (`of`: "a write", say).
pub(crate) async fn watch<E: Error + Send + Sync + 'static>(
    of: &'static str,
    ended: oneshot::Receiver<Result<(), E>>,
    appends: HealthFlag,
    calls_ended: CancellationToken,
) -> Result<(), BuildError> {
    let ended = tokio::select! {
        // Appends of calls in flight are answered until here.
        () = calls_ended.cancelled() => return Ok(()),
        ended = ended => ended,
    };
    match ended {
        // Every handle is gone: the process is ending. Were it not, a task that ends is death enough.
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            appends.down(&format!("the disk refused {of}: {error}"));
            Err(error.into())
        }
        Err(_) => {
            let why = format!("the thread that makes {of} panicked");
            appends.down(&why);
            Err(why.into())
        }
    }
}
