//! `Watch`: events as they are published, from an index of the record on.
//!
//! A watcher reads what every question reads: the index, and leaves from their bundles. Nothing is sent to it that it did
//! not take yet, and nothing is kept for it: one that is slow lags, and reads from the disk what it missed.

use std::time::Duration;

use futures_util::{Stream, stream};
use hongyan_chassis::Problem;
use hongyan_identity::SpiffeId;
use hongyan_proto::audit::v1::{QueryRequest, WatchRequest, WatchResponse};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    task,
    time::{Instant, timeout_at},
};
use tonic::Status;

use super::{AuditRpc, read_page, stopped};
use crate::{
    index::{self, Conditions, Course, Index, Progress},
    own,
    question::Question,
    record::Stopped,
};

/// Watchers at the same time.
pub(super) const WATCHERS_AT_ONCE: usize = 64;
/// Events of one answer, at most.
const MOST_LEAVES: usize = 256;
/// A watcher whom no event concerns is told so often how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);
const COME_BACK_AFTER: Duration = Duration::from_secs(10);

impl AuditRpc {
    pub(super) async fn watching(
        &self,
        peer: &SpiffeId,
        request: WatchRequest,
    ) -> Result<impl Stream<Item = Result<WatchResponse, Status>> + Send + 'static, Problem> {
        let asked = QueryRequest {
            message_id: request.message_id,
            trace_id: request.trace_id,
            actor: request.actor,
            subject_tag: request.subject_tag,
            action: request.action,
            ..QueryRequest::default()
        };
        let question = Question::parse(&asked)?;
        let size = self.record.head().size;
        if let Some(from) = request.from_index
            && from > size
        {
            let why = format!("must be at most {size}, the size of the record");
            return Err(Problem::invalid().field("from_index", why));
        }
        let place = self.watchers.clone().try_acquire_owned().map_err(|_| {
            let why = format!("{WATCHERS_AT_ONCE} watchers are there");
            Problem::exhausted("TOO_MANY_WATCHERS", why, COME_BACK_AFTER)
        })?;
        let from = request.from_index.map(|from| from.to_string());
        let named = [
            ("asked_message_id", asked.message_id),
            ("asked_trace_id", asked.trace_id),
            ("asked_actor", asked.actor),
            ("asked_action", asked.action),
            ("asked_from_index", from.unwrap_or_default()),
        ];
        let named = named.into_iter().filter(|(_, value)| !value.is_empty());
        let mut event = own::event("RECORD_WATCHED", "ASKED", peer.as_str(), named);
        // Whose data was looked at is to be found by that person's tag.
        event.subject_tag = asked.subject_tag;
        self.put_on_record(event).await?;
        let watcher = Watcher {
            progress: self.index.watch_progress(),
            index: self.index.clone(),
            conditions: question.conditions,
            // Behind the newest one is behind the event about this watcher too.
            next: request.from_index.unwrap_or(self.record.head().size),
            told_at: request.from_index.map(|_| Instant::now()),
            _place: place,
        };
        Ok(stream::unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            match watcher.answer().await {
                Ok(answer) => Some((Ok(answer), Some(watcher))),
                Err(problem) => Some((Err(problem.into()), None)),
            }
        }))
    }
}

/// One caller who watches.
struct Watcher {
    index: Index,
    progress: watch::Receiver<Progress>,
    conditions: Conditions,
    /// The first index that was not looked at.
    next: u64,
    /// `None` where the caller did not say where the watch begins: that is told at once, so that whose stream breaks off
    /// before the first event misses nothing either.
    told_at: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// Waits for events, or until it is time to say that there are none.
    async fn answer(&mut self) -> Result<WatchResponse, Problem> {
        let tell_at = self
            .told_at
            .map_or_else(Instant::now, |told_at| told_at + TELL_EVERY);
        loop {
            let next = self.next;
            let moved = self.progress.wait_for(|progress| progress.indexed > next);
            let size = match timeout_at(tell_at, moved).await {
                Ok(Ok(progress)) => Some(progress.indexed),
                Ok(Err(_)) => return Err(stopped(Stopped)),
                Err(_) => None,
            };
            let leaves = match size {
                Some(size) => self.look(size).await?,
                None => Vec::new(),
            };
            if !leaves.is_empty() || Instant::now() >= tell_at {
                self.told_at = Some(Instant::now());
                return Ok(WatchResponse {
                    leaves,
                    next_index: self.next,
                });
            }
        }
    }

    /// The next events below `size`, a bounded number of them, found with a bounded amount of work.
    async fn look(&mut self, size: u64) -> Result<Vec<hongyan_proto::audit::v1::Leaf>, Problem> {
        let course = Course {
            newest_first: false,
            size,
            resume: Some(self.next),
            most: MOST_LEAVES,
        };
        let (index, conditions) = (self.index.clone(), self.conditions.clone());
        let searched = task::spawn_blocking(move || index::search(&index, &conditions, course));
        let page = searched
            .await
            .map_err(|_| stopped(Stopped))?
            .map_err(|error| Problem::internal(&error))?;
        let (leaves, resume) = read_page(&self.index, &self.conditions, page)
            .await
            .map_err(|error| Problem::internal(&error))?;
        self.next = resume.unwrap_or(size);
        Ok(leaves)
    }
}

#[cfg(test)]
mod tests;
