//! Brings the index up to the published logs, again and again.

use std::path::Path;

use tokio::task;
use tokio_util::sync::CancellationToken;

use super::{
    bundles::Shelf,
    feed::Feed,
    reader::Index,
    store::IndexError,
    writer::{self, IndexWriter},
};
use crate::publish::{PublishError, serve::Served};

/// How long a store over a network that does not answer is left alone.
const STORE_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Keeps an index up to its logs.
pub struct Follower {
    writer: IndexWriter,
    logs: Served,
    shelf: Shelf,
}

impl Index {
    /// Opens the index in `dir` over the published logs of a record that has `size` leaves. One that cannot be opened, or
    /// has another layout, is built anew. It stays as it is until the follower runs. Blocks on the disk.
    pub fn open(dir: &Path, size: u64, logs: Served) -> Result<(Self, Follower), IndexError> {
        let (keyspaces, progress, writer) = writer::open(dir, size)?;
        let index = Self::new(keyspaces, progress, logs.clone());
        let shelf = index.shelf().clone();
        Ok((index, Follower { writer, logs, shelf }))
    }
}

impl Follower {
    /// Follows the logs until the token is cancelled or nothing is published any more. An error ends it: the index stands
    /// still then.
    pub async fn run(self, end: CancellationToken) -> Result<(), IndexError> {
        let Self {
            mut writer,
            logs,
            shelf,
        } = self;
        let mut states = logs.publication.watch();
        let mut feed = Feed::default();
        loop {
            let state = states.borrow_and_update().clone();
            if state.through > 0 {
                for log in &*state.pruned {
                    writer.drop_log(*log)?;
                    shelf.forget(*log);
                }
                feed.update(&state, &writer)?;
            }
            while writer.next() < feed.through() {
                match feed.read_ahead(&logs.store).await {
                    Ok(()) => {}
                    // Its entries are being dropped: that it is gone is published next.
                    Err(IndexError::Published(PublishError::Expired { .. })) => break,
                    Err(IndexError::Published(error)) if logs.store.may_recover(&error) => {
                        tracing::warn!(%error, "the index waits for the store of the logs");
                        tokio::select! {
                            () = end.cancelled() => return Ok(()),
                            () = tokio::time::sleep(STORE_PAUSE) => continue,
                        }
                    }
                    Err(other) => return Err(other),
                }
                let advanced = task::spawn_blocking(move || {
                    let before = writer.next();
                    let result = feed.advance(&mut writer).and_then(|()| {
                        if writer.next() > before {
                            return Ok(());
                        }
                        Err(IndexError::Hole {
                            index: before,
                            next: feed.through(),
                        })
                    });
                    (writer, feed, result)
                });
                let Ok((the_writer, the_feed, result)) = advanced.await else {
                    // The runtime is going down, and the position is on disk.
                    return Ok(());
                };
                (writer, feed) = (the_writer, the_feed);
                result?;
                metrics::gauge!("hongyan_audit_indexed").set(writer.next() as f64);
                if end.is_cancelled() {
                    return Ok(());
                }
            }
            tokio::select! {
                () = end.cancelled() => return Ok(()),
                moved = states.changed() => if moved.is_err() {
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
