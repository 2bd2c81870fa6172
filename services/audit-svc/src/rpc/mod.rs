//! The service's methods: parse, ask, answer.

mod append;
mod entry;
pub(crate) mod erase;
#[cfg(test)]
mod erasure_kills;
#[cfg(test)]
mod erasure_tests;
mod export;
mod proofs;
mod statistics;
#[cfg(test)]
mod tests;
mod watch;

use std::{sync::Arc, time::Duration};

use hongyan_chassis::Problem;
use hongyan_identity::{Peer, SpiffeId};
use hongyan_proto::audit::v1::{
    AppendRequest, AppendResponse, AppendedEvent, AuditEvent, EraseSubjectRequest, EraseSubjectResponse,
    ExportRequest, ExportResponse, GetCheckpointRequest, GetCheckpointResponse, GetConsistencyRequest,
    GetConsistencyResponse, GetEntryRequest, GetEntryResponse, GetHeadRequest, GetHeadResponse,
    GetProofRequest, GetProofResponse, GetStatisticsRequest, GetStatisticsResponse, Leaf, QueryRequest,
    QueryResponse, RevealEntryRequest, RevealEntryResponse, SequenceGap, WatchRequest, WatchResponse,
    audit_service_server::AuditService,
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::{
    index::{self, Conditions, Course, Index, IndexError},
    keys::{KeysError, SubjectKeys},
    known::{self, Again, Known, Unknown},
    own,
    publish::serve::Served,
    question::{Question, Resume, token},
    record::{Place, Placed, Record, Stopped, Submission},
};

/// A missing number is told as a gap after a minute: until then it may be on its way.
pub(crate) const GAP_AGE_MS: i64 = 60_000;
const MAX_GAPS: usize = 256;
/// Leaves of one answer together, well below the largest message of the mesh.
const MAX_PAGE_OCTETS: usize = 900_000;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// `AuditService`.
#[derive(Debug, Clone)]
pub struct AuditRpc {
    record: Record,
    index: Index,
    logs: Served,
    keys: SubjectKeys,
    /// Places for exports.
    exports: Arc<Semaphore>,
    /// Places for watchers.
    watchers: Arc<Semaphore>,
}

impl AuditRpc {
    /// Answers from this record, its index, its logs as they are published, and the keys of its subjects.
    pub fn new(record: Record, index: Index, logs: Served, keys: SubjectKeys) -> Self {
        Self {
            record,
            index,
            logs,
            keys,
            exports: Arc::new(Semaphore::new(export::EXPORTS_AT_ONCE)),
            watchers: Arc::new(Semaphore::new(watch::WATCHERS_AT_ONCE)),
        }
    }

    /// Seals personal data under its subjects' own keys.
    async fn take_in(&self, submissions: &mut [Submission]) -> Result<(), Problem> {
        let events = submissions.iter_mut().map(|submission| match submission {
            Submission::Numbered(numbered) => &mut numbered.event,
            Submission::Own(event) => event,
        });
        let refused = self
            .keys
            .take_in(events)
            .await
            .map_err(|error| keys_problem(&error))?;
        if refused.is_empty() {
            return Ok(());
        }
        let problem = if refused.iter().all(|(_, why)| why.may_pass()) {
            Problem::unavailable("KEY_NOT_HERE", "the mesh's keys differ", TRY_AGAIN_AFTER)
        } else {
            Problem::invalid()
        };
        Err(refused
            .into_iter()
            .take(append::MAX_VIOLATIONS)
            .fold(problem, |problem, (nth, why)| {
                problem.field(format!("events[{nth}].sealed"), why.to_string())
            }))
    }

    async fn place(&self, submissions: Vec<Submission>) -> Result<Vec<Place>, Problem> {
        let given: Vec<_> = submissions.iter().filter_map(again).collect();
        let placed = self
            .record
            .append_request(submissions)
            .await
            .map_err(|why| append::not_taken(why, self.record.refused_write()))?;
        let mut duplicates = Vec::new();
        for (placed, again) in placed.iter().zip(given) {
            match placed {
                Placed::Duplicate => duplicates.push(again),
                // A request that is refused is refused as a whole, above.
                Placed::Recorded(_) | Placed::Refused(_) | Placed::TooLarge(_) => {}
            }
        }
        metrics::counter!("hongyan_audit_duplicates_total").increment(duplicates.len() as u64);
        let known = known::look_up(&self.record, &self.index, duplicates)
            .await
            .map_err(unknown)?;
        let mut known = known.into_iter();
        let mut found = Vec::with_capacity(placed.len());
        for placed in placed {
            match placed {
                Placed::Recorded(place) => found.push(place),
                _ => match known.next() {
                    Some(Known::Here(place)) => found.push(place),
                    Some(Known::Gone) => {
                        return Err(Problem::precondition(
                            "EVENT_GONE",
                            "an event is on record under this producer, epoch and seq, and its entry was dropped \
                             when the time of its log was over",
                        ));
                    }
                    Some(Known::Reused(_)) | None => {
                        return Err(Problem::conflict(
                            "SEQUENCE_REUSED",
                            "another event is on record under this producer, epoch and seq",
                        ));
                    }
                },
            }
        }
        Ok(found)
    }

    async fn answer(&self, peer: &SpiffeId, request: QueryRequest) -> Result<QueryResponse, Problem> {
        let question = Question::parse(&request)?;
        let size = match question.resume {
            Some(resume) => resume.size.min(self.record.head().size),
            None => self.record.head().size,
        };
        self.record_question(peer, &request).await?;
        if !self.index.reaches(size).await {
            return Err(behind());
        }
        let course = Course {
            newest_first: question.newest_first,
            size,
            resume: question.resume.map(|resume| resume.index),
            most: question.page_size,
        };
        let (index, conditions) = (self.index.clone(), question.conditions.clone());
        let searched = tokio::task::spawn_blocking(move || index::search(&index, &conditions, course));
        let page = match searched.await {
            Ok(page) => page.map_err(|error| Problem::internal(&error))?,
            Err(_) => return Err(stopped(Stopped)),
        };
        let (leaves, resume) = read_page(&self.index, &question.conditions, page)
            .await
            .map_err(|error| Problem::internal(&error))?;
        let next_page_token = resume.map(|index| token(&request, Resume { index, size }));
        Ok(QueryResponse {
            leaves,
            next_page_token: next_page_token.unwrap_or_default(),
        })
    }

    /// Nobody looks into the record unseen.
    async fn record_question(&self, peer: &SpiffeId, request: &QueryRequest) -> Result<(), Problem> {
        let time = |unix_ms: i64| {
            if unix_ms == 0 {
                String::new()
            } else {
                unix_ms.to_string()
            }
        };
        let asked = [
            ("asked_message_id", request.message_id.clone()),
            ("asked_trace_id", request.trace_id.clone()),
            ("asked_actor", request.actor.clone()),
            ("asked_action", request.action.clone()),
            ("asked_from_unix_ms", time(request.from_unix_ms)),
            ("asked_until_unix_ms", time(request.until_unix_ms)),
            (
                "later_page",
                if request.page_token.is_empty() {
                    String::new()
                } else {
                    "true".to_owned()
                },
            ),
        ];
        let asked = asked.into_iter().filter(|(_, value)| !value.is_empty());
        let mut event = own::event("RECORD_QUERIED", "ASKED", peer.as_str(), asked);
        // Whose data was looked at is to be found by that person's tag.
        event.subject_tag = request.subject_tag.clone();
        self.put_on_record(event).await.map(drop)
    }

    /// An event of this service; nothing that it is about may happen before it is on disk.
    async fn put_on_record(&self, event: AuditEvent) -> Result<Place, Problem> {
        match self.record.append_own(event).await.map_err(stopped)? {
            Placed::Recorded(place) => Ok(place),
            other => Err(Problem::internal(&Unrecorded(other))),
        }
    }
}

type BoxStream<T> = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AuditService for AuditRpc {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let peer = peer(&request)?;
        let request = request.into_inner();
        let wait_published = request.wait_published;
        let mut submissions = append::parse(&peer, request)?;
        self.take_in(&mut submissions).await?;
        let places = self.place(submissions).await?;
        if wait_published && let Some(last) = places.iter().map(|place| place.index).max() {
            self.wait_published(last + 1).await?;
        }
        let appended = places.into_iter().map(|place| AppendedEvent {
            index: place.index,
            leaf_hash: place.leaf_hash.as_bytes().to_vec().into(),
            log: place.log.to_string(),
            log_index: place.log_index,
        });
        Ok(Response::new(AppendResponse {
            appended: appended.collect(),
        }))
    }

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<QueryResponse>, Status> {
        let peer = peer(&request)?;
        Ok(Response::new(self.answer(&peer, request.into_inner()).await?))
    }

    async fn get_head(&self, _: Request<GetHeadRequest>) -> Result<Response<GetHeadResponse>, Status> {
        let (gaps, _) = self.record.gaps(GAP_AGE_MS, MAX_GAPS).await.map_err(stopped)?;
        let head = self.record.head();
        let progress = self.index.progress();
        let gaps = gaps.into_iter().map(|gap| SequenceGap {
            producer: gap.producer.to_string(),
            epoch: gap.epoch,
            first_missing: gap.first,
            last_missing: gap.last,
        });
        Ok(Response::new(GetHeadResponse {
            size: head.size,
            indexed: progress.indexed,
            events_by_action: (*progress.counts).clone(),
            gaps: gaps.collect(),
            logs: self.log_heads().await?,
        }))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        Ok(Response::new(self.checkpoint(request.get_ref())?))
    }

    async fn get_proof(
        &self,
        request: Request<GetProofRequest>,
    ) -> Result<Response<GetProofResponse>, Status> {
        Ok(Response::new(self.proof(request.into_inner()).await?))
    }

    async fn get_consistency(
        &self,
        request: Request<GetConsistencyRequest>,
    ) -> Result<Response<GetConsistencyResponse>, Status> {
        Ok(Response::new(self.consistency(request.into_inner()).await?))
    }

    async fn get_entry(
        &self,
        request: Request<GetEntryRequest>,
    ) -> Result<Response<GetEntryResponse>, Status> {
        Ok(Response::new(self.entry(request.into_inner()).await?))
    }

    async fn reveal_entry(
        &self,
        request: Request<RevealEntryRequest>,
    ) -> Result<Response<RevealEntryResponse>, Status> {
        let peer = peer(&request)?;
        Ok(Response::new(self.reveal(&peer, request.into_inner()).await?))
    }

    type ExportStream = BoxStream<ExportResponse>;

    async fn export(&self, request: Request<ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let peer = peer(&request)?;
        let parts = self.exporting(&peer, request.into_inner()).await?;
        Ok(Response::new(Box::pin(parts)))
    }

    type WatchStream = BoxStream<WatchResponse>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let peer = peer(&request)?;
        let answers = self.watching(&peer, request.into_inner()).await?;
        Ok(Response::new(Box::pin(answers)))
    }

    async fn erase_subject(
        &self,
        request: Request<EraseSubjectRequest>,
    ) -> Result<Response<EraseSubjectResponse>, Status> {
        let peer = peer(&request)?;
        Ok(Response::new(self.erase(&peer, request.into_inner()).await?))
    }

    async fn get_statistics(
        &self,
        request: Request<GetStatisticsRequest>,
    ) -> Result<Response<GetStatisticsResponse>, Status> {
        let peer = peer(&request)?;
        let counted = self.statistics(&peer, request.into_inner()).await?;
        Ok(Response::new(counted))
    }
}

/// The leaves of a page as far as one answer holds them, and where the next page begins.
async fn read_page(
    index: &Index,
    conditions: &Conditions,
    page: index::Page,
) -> Result<(Vec<Leaf>, Option<u64>), IndexError> {
    let mut leaves = Vec::with_capacity(page.leaves.len());
    let mut octets = 0;
    for (wanted, place) in page.leaves {
        // A log may go, by its time, between the search and the reading.
        let Some(found) = index.leaf_of(wanted, place).await? else {
            continue;
        };
        if !conditions.are_met_by(&found)? {
            continue;
        }
        octets += found.octets.len();
        if octets > MAX_PAGE_OCTETS && !leaves.is_empty() {
            return Ok((leaves, Some(wanted)));
        }
        leaves.push(found.leaf);
    }
    Ok((leaves, page.resume))
}

#[derive(Debug, thiserror::Error)]
#[error("an event of this service was not recorded: {0:?}")]
pub(crate) struct Unrecorded(Placed);

fn peer<T>(request: &Request<T>) -> Result<SpiffeId, Problem> {
    match request.extensions().get::<Peer>() {
        Some(peer) => Ok(peer.id.clone()),
        None => Err(Problem::denied(
            "NO_IDENTITY",
            "the caller has proven no identity",
        )),
    }
}

fn again(submission: &Submission) -> Option<Again> {
    match submission {
        Submission::Numbered(numbered) => Some(Again {
            producer: numbered.producer.clone(),
            epoch: numbered.epoch,
            seq: numbered.seq,
            event_id: numbered.event.event_id.clone(),
        }),
        Submission::Own(_) => None,
    }
}

fn stopped(stopped: Stopped) -> Problem {
    Problem::unavailable("RECORD_STOPPED", stopped.to_string(), TRY_AGAIN_AFTER)
}

/// The files and numbers that the error names are for the log, not for callers.
fn keys_problem(error: &KeysError) -> Problem {
    if matches!(error, KeysError::Stopped) {
        return stopped(Stopped);
    }
    if matches!(error, KeysError::Uncompared) {
        return Problem::unavailable("KEYS_NOT_USABLE", error.to_string(), TRY_AGAIN_AFTER);
    }
    tracing::error!(%error, "the keys of subjects cannot be used");
    if let KeysError::Io { source, .. } = error {
        return Problem::unavailable(
            "KEYS_NOT_USABLE",
            format!("the disk refused the key of a subject: {source}"),
            TRY_AGAIN_AFTER,
        );
    }
    Problem::unavailable(
        "KEYS_NOT_USABLE",
        "the keys of subjects cannot be used; the log of audit-svc says why",
        TRY_AGAIN_AFTER,
    )
}

fn behind() -> Problem {
    Problem::unavailable(
        "INDEX_BEHIND",
        "the index is not up to the record yet; appends are not affected",
        TRY_AGAIN_AFTER,
    )
}

fn unknown(unknown: Unknown) -> Problem {
    match unknown {
        Unknown::Behind => behind(),
        Unknown::Interrupted => stopped(Stopped),
        other => Problem::internal(&other),
    }
}
