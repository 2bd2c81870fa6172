//! Checkpoints and proofs: what others need to check the record without this service.

use std::time::Duration;

use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetConsistencyRequest, GetConsistencyResponse,
    GetProofRequest, GetProofResponse, LogHead, LogPlace, get_proof_request::By,
};
use hongyan_tlog::{
    Hash, leaf_hash,
    note::Note,
    proof::{self, MakeError, ProofError as Impossible},
    proof_text::TlogProof,
};
use tokio::{runtime::Handle, task};

use super::{AuditRpc, behind, stopped};
use crate::{
    publish::{ProofError, PublishError, Published, Subtrees, TileStore},
    record::{LogId, Stopped},
};

/// How long a caller waits for an event's checkpoint before it is sent away.
const PATIENCE: Duration = Duration::from_secs(5);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl AuditRpc {
    pub(super) fn checkpoint(
        &self,
        request: &GetCheckpointRequest,
    ) -> Result<GetCheckpointResponse, Problem> {
        let log = log_named(&request.log, "log")?;
        let published = self.published(log)?;
        Ok(GetCheckpointResponse {
            note: published.note.to_string(),
            verifier_key: published.verifier.to_string(),
        })
    }

    /// Every log of the record, published or not.
    pub(super) async fn log_heads(&self) -> Result<Vec<LogHead>, Problem> {
        let sizes = self.record.logs().await.map_err(stopped)?;
        let published = self.logs.publication.state().logs;
        let heads = sizes.into_iter().map(|(log, size)| {
            let published = published.get(&log);
            LogHead {
                log: log.to_string(),
                origin: published.map_or_else(String::new, |published| published.verifier.name().to_owned()),
                size,
                published: published.map_or(0, |published| published.size),
                root_hash: published
                    .map(|published| published.root.as_bytes().to_vec())
                    .unwrap_or_default()
                    .into(),
                verifier_key: published.map_or_else(String::new, |published| published.verifier.to_string()),
            }
        });
        Ok(heads.collect())
    }

    pub(super) async fn proof(&self, request: GetProofRequest) -> Result<GetProofResponse, Problem> {
        let (log, log_index, octets) = match request.by {
            None => return Err(Problem::invalid().field("by", "must be an index or a place")),
            Some(By::Index(index)) => self.leaf_of_record(index).await?,
            Some(By::Place(place)) => self.leaf_of_log(place).await?,
        };
        let published = self.published(log)?;
        let runtime = Handle::current();
        let store = self.logs.store.clone();
        let size = published.size;
        let made = task::spawn_blocking(move || {
            proof::inclusion(&mut Subtrees::new(&store, &runtime, log, size), log_index, size)
        });
        let hashes = made
            .await
            .map_err(|_| stopped(Stopped))?
            .map_err(|error| problem(&error))?;
        // What a damaged file made is no proof, and is not given for one.
        proof::verify_inclusion(&leaf_hash(&octets), log_index, size, &hashes, &published.root)
            .map_err(|error| Problem::internal(&error))?;
        let checkpoint = Note::parse(published.note.as_bytes()).map_err(|error| Problem::internal(&error))?;
        let proof = TlogProof {
            index: log_index,
            hashes,
            checkpoint,
            extra: Vec::new(),
        };
        Ok(GetProofResponse {
            leaf: octets.into(),
            proof: proof.to_string(),
            verifier_key: published.verifier.to_string(),
            log: log.to_string(),
        })
    }

    pub(super) async fn consistency(
        &self,
        request: GetConsistencyRequest,
    ) -> Result<GetConsistencyResponse, Problem> {
        let log = log_named(&request.log, "log")?;
        let published = self.published(log)?;
        let (old, new) = match request.new_size {
            0 => (request.old_size, published.size),
            new => (request.old_size, new),
        };
        if new > published.size {
            let why = format!(
                "must be at most {}, the size of the newest checkpoint",
                published.size
            );
            return Err(Problem::invalid().field("new_size", why));
        }
        if old == 0 || old > new {
            return Err(Problem::invalid().field("old_size", "must be 1 to the new size"));
        }
        let (runtime, store) = (Handle::current(), self.logs.store.clone());
        let made = task::spawn_blocking(move || {
            // Sizes between two checkpoints have no partial tiles of their own; those of the newest hold their hashes.
            let mut subtrees = Subtrees::new(&store, &runtime, log, published.size);
            let hashes = proof::consistency(&mut subtrees, old, new)?;
            let roots = [old, new].map(|size| proof::root(&mut subtrees, size));
            let [old_root, new_root] = roots;
            let to_newest = proof::consistency(&mut subtrees, new, published.size)?;
            Ok::<_, ProofError>((hashes, old_root?, new_root?, to_newest))
        });
        let (hashes, old_root, new_root, to_newest) = made
            .await
            .map_err(|_| stopped(Stopped))?
            .map_err(|error| problem(&error))?;
        // What a damaged file made is no proof, and is not given for one: both lead to what was signed.
        proof::verify_consistency(old, &old_root, new, &new_root, &hashes)
            .and_then(|()| {
                proof::verify_consistency(new, &new_root, published.size, &published.root, &to_newest)
            })
            .map_err(|error| Problem::internal(&error))?;
        let octets = |hash: &Hash| hash.as_bytes().to_vec().into();
        Ok(GetConsistencyResponse {
            hashes: hashes.iter().map(octets).collect(),
            old_root_hash: octets(&old_root),
            new_root_hash: octets(&new_root),
            new_size: new,
        })
    }

    pub(super) fn published(&self, log: LogId) -> Result<Published, Problem> {
        self.logs.publication.of(log).ok_or_else(|| {
            Problem::not_found("NO_SUCH_LOG", format!("the record has no published log {log}"))
        })
    }

    /// A leaf by its index in the record, when it is under a checkpoint.
    pub(super) async fn leaf_of_record(&self, index: u64) -> Result<(LogId, u64, Vec<u8>), Problem> {
        let size = self.record.head().size;
        if index >= size {
            let why = format!("must be below {size}, the size of the record");
            return Err(Problem::invalid().field("index", why));
        }
        self.wait_published(index + 1).await?;
        if !self.index.reaches(index + 1).await {
            return Err(behind());
        }
        let found = self.index.leaf(index).await;
        let found = found
            .map_err(|error| Problem::internal(&error))?
            .ok_or_else(gone)?;
        Ok((found.log, found.log_index, found.octets))
    }

    /// A leaf by its place in its log, from the published bundle.
    pub(super) async fn leaf_of_log(&self, place: LogPlace) -> Result<(LogId, u64, Vec<u8>), Problem> {
        let log = log_named(&place.log, "place.log")?;
        let size = self.published(log)?.size;
        if place.log_index >= size {
            let why = format!("must be below {size}, the size of the newest checkpoint");
            return Err(Problem::invalid().field("place.log_index", why));
        }
        let octets = self
            .logs
            .store
            .entry(log, place.log_index, size)
            .await
            .map_err(|error| unread(&self.logs.store, &error))?;
        Ok((log, place.log_index, octets))
    }

    /// Waits until so many leaves of the record are under a checkpoint.
    pub(super) async fn wait_published(&self, through: u64) -> Result<(), Problem> {
        match tokio::time::timeout(PATIENCE, self.logs.publication.reaches(through)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(stopped(Stopped)),
            Err(_) => Err(Problem::unavailable(
                "NOT_PUBLISHED_YET",
                "the event is on record; its checkpoint is late",
                TRY_AGAIN_AFTER,
            )),
        }
    }
}

/// A leaf that was on record, for as long as its log was kept.
pub(super) fn gone() -> Problem {
    Problem::not_found(
        "ENTRY_EXPIRED",
        "the event was on record; its entry was dropped when the time of its log was over",
    )
}

/// Why an entry of a published log is not given.
pub(super) fn unread(store: &TileStore, error: &PublishError) -> Problem {
    match error {
        PublishError::Expired { .. } => gone(),
        away if store.may_recover(away) => Problem::unavailable(
            "LOGS_UNAVAILABLE",
            "the store of the published logs does not answer; appends are not affected",
            TRY_AGAIN_AFTER,
        ),
        other => Problem::internal(other),
    }
}

pub(super) fn log_named(name: &str, field: &str) -> Result<LogId, Problem> {
    name.parse()
        .map_err(|error: crate::record::NoLogId| Problem::invalid().field(field, error.to_string()))
}

fn problem(error: &ProofError) -> Problem {
    match error {
        MakeError::Proof(impossible @ (Impossible::NoSuchLeaf { .. } | Impossible::NotABeginning { .. })) => {
            Problem::invalid().field("size", impossible.to_string())
        }
        other => Problem::internal(other),
    }
}
