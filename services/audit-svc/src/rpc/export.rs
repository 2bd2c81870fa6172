//! `Export`: the leaves of a log without a hole, with what proves that they are all of them.
//!
//! The proof is made from tiles before the first leaf goes out; the leaves then come bundle by bundle. A caller that reads
//! slowly slows the reading of the disk and nothing else: at most a bundle and two messages stand in memory for it.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use hongyan_chassis::Problem;
use hongyan_identity::SpiffeId;
use hongyan_proto::audit::v1::{
    ExportLeaves, ExportProof, ExportRequest, ExportResponse, export_response::Part,
};
use hongyan_tlog::{TILE_WIDTH, Tile, range, tile::Kind};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc},
    task::{self, JoinHandle},
};
use tonic::{Code, Status};

use super::{
    AuditRpc, MAX_PAGE_OCTETS,
    proofs::{gone, log_named, unread},
    stopped,
};
use crate::{
    own,
    publish::{PublishError, Published, Subtrees, TileStore},
    record::{LogId, Stopped},
};

/// Exports at the same time; each reads the disk as fast as its caller takes what comes.
pub(super) const EXPORTS_AT_ONCE: usize = 4;
/// How long a caller may take for one message before it loses its place to others.
const READING_PATIENCE: Duration = Duration::from_mins(1);
const COME_BACK_AFTER: Duration = Duration::from_secs(10);

impl AuditRpc {
    pub(super) async fn exporting(
        &self,
        peer: &SpiffeId,
        request: ExportRequest,
    ) -> Result<impl Stream<Item = Result<ExportResponse, Status>> + Send + 'static, Problem> {
        let log = log_named(&request.log, "log")?;
        let published = self.published(log)?;
        let (from, until) = range_of(&request, published.size)?;
        if self.logs.store.is_expired(log) {
            return Err(gone());
        }
        let place = self.exports.clone().try_acquire_owned().map_err(|_| {
            let why = format!("{EXPORTS_AT_ONCE} exports are under way");
            Problem::exhausted("TOO_MANY_EXPORTS", why, COME_BACK_AFTER)
        })?;
        let asked = [
            ("asked_log", log.to_string()),
            ("asked_from", from.to_string()),
            ("asked_until", until.to_string()),
        ];
        self.put_on_record(own::event("RECORD_EXPORTED", "ASKED", peer.as_str(), asked))
            .await?;
        let proof = self.range_proof(log, &published, from, until).await?;
        let bundles = Bundles {
            store: self.logs.store.clone(),
            log,
            size: published.size,
            next: from,
            until,
            ready: VecDeque::new(),
        };
        let (sender, receiver) = mpsc::channel(1);
        let sending = task::spawn(send(proof, bundles, sender, place, READING_PATIENCE));
        Ok(stream::unfold(Some((receiver, sending)), next_part))
    }

    async fn range_proof(
        &self,
        log: LogId,
        published: &Published,
        from: u64,
        until: u64,
    ) -> Result<ExportProof, Problem> {
        let (runtime, store, size) = (Handle::current(), self.logs.store.clone(), published.size);
        let proved = task::spawn_blocking(move || {
            range::prove(&mut Subtrees::new(&store, &runtime, log, size), from, until, size)
        });
        let proof = proved
            .await
            .map_err(|_| stopped(Stopped))?
            .map_err(|error| Problem::internal(&error))?;
        let octets = |hash: &hongyan_tlog::Hash| Bytes::copy_from_slice(hash.as_bytes());
        Ok(ExportProof {
            note: published.note.to_string(),
            verifier_key: published.verifier.to_string(),
            from,
            until,
            left_hashes: proof.left.iter().map(octets).collect(),
            right_hashes: proof.right.iter().map(octets).collect(),
        })
    }
}

/// The leaves that are asked for, of a log with so many under its checkpoint.
fn range_of(request: &ExportRequest, size: u64) -> Result<(u64, u64), Problem> {
    let until = if request.until == 0 { size } else { request.until };
    let mut problem = Problem::invalid();
    if until > size {
        let why = format!("must be at most {size}, the size of the newest checkpoint");
        problem = problem.field("until", why);
    }
    if request.from >= until {
        problem = problem.field("from", format!("must be below {until}, where the leaves end"));
    }
    if problem.has_fields() {
        Err(problem)
    } else {
        Ok((request.from, until))
    }
}

/// Reads leaves in their order.
struct Bundles {
    store: TileStore,
    log: LogId,
    size: u64,
    next: u64,
    until: u64,
    /// Read, and not taken yet.
    ready: VecDeque<Bytes>,
}

impl Bundles {
    /// As many leaves as one message holds; `None` behind the last.
    async fn message(&mut self) -> Result<Option<ExportLeaves>, PublishError> {
        let first = self.next;
        let mut leaves = Vec::new();
        let mut octets = 0;
        while self.next < self.until {
            let Some(leaf) = self.ready.front() else {
                self.read().await?;
                continue;
            };
            octets += leaf.len();
            if octets > MAX_PAGE_OCTETS && !leaves.is_empty() {
                break;
            }
            leaves.extend(self.ready.pop_front());
            self.next += 1;
        }
        Ok((!leaves.is_empty()).then_some(ExportLeaves { first, leaves }))
    }

    /// The rest of the bundle that holds the next leaf: at least that leaf.
    async fn read(&mut self) -> Result<(), PublishError> {
        let Some(bundle) = Tile::holding(Kind::Entries, self.next, self.size) else {
            return Err(PublishError::RolledBack {
                log: self.log,
                locked: self.next,
                have: self.size,
            });
        };
        let entries = self.store.entries(self.log, bundle).await?;
        let passed = (self.next % u64::from(TILE_WIDTH)) as usize;
        self.ready.extend(entries.into_iter().skip(passed));
        if self.ready.is_empty() {
            return Err(PublishError::Tile {
                log: self.log,
                tile: bundle,
                reason: format!("has no entry {passed}"),
            });
        }
        Ok(())
    }
}

/// Sends proof and leaves until all are gone, the caller is, or it has not read for too long.
async fn send(
    proof: ExportProof,
    mut bundles: Bundles,
    sender: mpsc::Sender<ExportResponse>,
    _place: OwnedSemaphorePermit,
    patience: Duration,
) -> Result<(), Problem> {
    let store = bundles.store.clone();
    let mut next = Some(Part::Proof(proof));
    while let Some(part) = next {
        let response = ExportResponse { part: Some(part) };
        match sender.send_timeout(response, patience).await {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Ok(()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                let why = format!("nothing was read for {} s", patience.as_secs());
                return Err(Problem::new(Code::Aborted, "READ_TOO_SLOWLY", why));
            }
        }
        next = bundles
            .message()
            .await
            .map_err(|error| unread(&store, &error))?
            .map(Part::Leaves);
    }
    metrics::counter!("hongyan_audit_exports_total").increment(1);
    Ok(())
}

type Parts = (mpsc::Receiver<ExportResponse>, JoinHandle<Result<(), Problem>>);

/// What was sent; behind it, why no more comes.
async fn next_part(parts: Option<Parts>) -> Option<(Result<ExportResponse, Status>, Option<Parts>)> {
    let (mut receiver, sending) = parts?;
    if let Some(response) = receiver.recv().await {
        return Some((Ok(response), Some((receiver, sending))));
    }
    match sending.await {
        Ok(Ok(())) => None,
        Ok(Err(problem)) => Some((Err(problem.into()), None)),
        Err(_) => Some((Err(stopped(Stopped).into()), None)),
    }
}

#[cfg(test)]
mod tests;
