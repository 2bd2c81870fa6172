//! One verification from beginning to end.
//!
//! 1. Every field is checked; nothing wrong costs money.
//! 2. The beginning is written down *before* anybody is asked, under the tenant and its request id.
//! 3. The upstreams are asked, in a task of its own: a caller who goes away does not turn a charged question into an
//!    unknown one.
//! 4. The answer is kept; the first one stands.
//! 5. The audit event is put on record.
//! 6. Only then the answer leaves.
//!
//! Whoever comes again under the same id gets the same answer, at whichever point the first attempt ended. Where a process
//! died between 2 and 4 nobody can know what was said or charged: the answer is then INDETERMINATE, reason INTERRUPTED, for
//! good, and the caller decides whether a new id is worth a second charge.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{LiveKeyring, Problem};
use hongyan_domain::TenantId;
use hongyan_proto::verify::v1::{VerifyIdentityRequest, VerifyIdentityResponse};
use hongyan_telemetry::{TraceContext, names};
use time::{OffsetDateTime, UtcOffset};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::task::TaskTracker;
use tonic::Code;
use tracing::{Instrument as _, Span, field::Empty};
use uuid::Uuid;

use crate::{
    answer::{self, Given},
    question::Question,
    record::Recorder,
    store::{Beginning, Begun, Key, Store, StoreError},
    upstream::{Asker, Unheard},
};

/// A lease is longer than asking takes by this much. Where keeping an answer takes longer still (Redis away), the question
/// counts as interrupted, and what was heard gives way to that.
const LEASE_MARGIN: Duration = Duration::from_secs(3);
/// Whoever finds somebody else asking looks again so often.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const KEEP_ATTEMPTS: u32 = 4;
const KEEP_PAUSE: Duration = Duration::from_millis(100);
/// What a caller is told to wait where a neighbour is away.
const OUTAGE_WAIT: Duration = Duration::from_secs(1);

/// Verifies. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

/// What a verifier works with.
pub struct Parts {
    /// Who asks the upstreams.
    pub asker: Asker,
    /// What is remembered.
    pub store: Store,
    /// The way to the record.
    pub recorder: Recorder,
    /// Tenants and carriers.
    pub catalog: LiveCatalog,
    /// The keys.
    pub keyring: LiveKeyring,
    /// Verifications at work, whether or not their callers still wait.
    pub at_work: TaskTracker,
}

struct Inner {
    parts: Parts,
    lease_ms: u64,
    /// Longer than that nobody waits for another's question.
    longest_wait: Duration,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The SPIFFE id.
    pub actor: Arc<str>,
    /// The tenant that it speaks for.
    pub tenant: TenantId,
    /// Questions a second that the tenant may ask.
    pub per_second: u32,
}

/// A verification under way, with all that its end needs.
#[derive(Clone)]
struct Work {
    caller: Caller,
    question: Question,
    verification_id: Uuid,
}

impl Work {
    fn key(&self) -> Key<'_> {
        Key {
            tenant: &self.caller.tenant,
            request_id: &self.question.request_id,
        }
    }
}

impl Verifier {
    /// Puts the parts together.
    pub fn new(parts: Parts, record_timeout: Duration) -> Self {
        let asking = parts.asker.deadline();
        let lease = asking + LEASE_MARGIN;
        let inner = Inner {
            lease_ms: millis(lease),
            longest_wait: asking + record_timeout,
            parts,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The tenant of a caller; PERMISSION_DENIED where the catalog names none.
    pub fn caller(&self, spiffe_id: &str) -> Result<Caller, Problem> {
        let catalog = self.inner.parts.catalog.current();
        let tenant = catalog.tenant_of_caller(spiffe_id).ok_or_else(|| {
            Problem::denied(
                "NO_TENANT",
                "the catalog names no tenant that this caller speaks for",
            )
        })?;
        Ok(Caller {
            actor: Arc::from(spiffe_id),
            tenant: tenant.id.clone(),
            per_second: tenant.limits.verify_per_second,
        })
    }

    /// Verifies one person. `patience` is how long to wait for room under the tenant's rate before RESOURCE_EXHAUSTED.
    pub async fn verify(
        &self,
        caller: &Caller,
        request: &VerifyIdentityRequest,
        patience: Duration,
    ) -> Result<VerifyIdentityResponse, Problem> {
        let span = tracing::info_span!(
            "verify",
            { names::TENANT } = %caller.tenant,
            { names::VERIFICATION_ID } = Empty,
            { names::OUTCOME } = Empty,
            { names::REASON } = Empty,
        );
        let result = self
            .verify_in_span(caller, request, patience)
            .instrument(span.clone())
            .await;
        let label = match &result {
            Ok(answer) => {
                span.record(names::VERIFICATION_ID, answer.verification_id.as_str());
                let name = answer.outcome().as_str_name();
                name.strip_prefix("OUTCOME_").unwrap_or(name).to_owned()
            }
            Err(problem) => {
                span.record(names::REASON, problem.reason.as_ref());
                problem.reason.clone().into_owned()
            }
        };
        span.record(names::OUTCOME, label.as_str());
        metrics::counter!(
            "hongyan_verify_answers_total",
            "tenant" => caller.tenant.to_string(),
            "outcome" => label
        )
        .increment(1);
        result
    }

    async fn verify_in_span(
        &self,
        caller: &Caller,
        request: &VerifyIdentityRequest,
        patience: Duration,
    ) -> Result<VerifyIdentityResponse, Problem> {
        let parts = &self.inner.parts;
        let question = Question::read(request, OffsetDateTime::now_utc().to_offset(BEIJING).date())?;
        let keyring = parts.keyring.current();
        let beginning = Beginning {
            fingerprint: question.fingerprint(&keyring),
            verification_id: Uuid::now_v7(),
            sealed_question: parts
                .store
                .seal_question(&question.canonical())
                .map_err(|error| store_problem(&error))?,
            lease_ms: self.inner.lease_ms,
            per_second: caller.per_second,
        };
        let work = Work {
            caller: caller.clone(),
            verification_id: beginning.verification_id,
            question,
        };
        let begun_at = Instant::now();
        loop {
            let begun = parts
                .store
                .begin(work.key(), &beginning, now_unix_ms())
                .await
                .map_err(|error| store_problem(&error))?;
            match begun {
                Begun::New => return self.finish(work, Step::Ask).await,
                Begun::Lost(verification_id) => {
                    return self
                        .finish(
                            Work {
                                verification_id,
                                ..work
                            },
                            Step::Interrupted,
                        )
                        .await;
                }
                Begun::Heard(verification_id, answer) => {
                    return self
                        .finish(
                            Work {
                                verification_id,
                                ..work
                            },
                            Step::Record(answer),
                        )
                        .await;
                }
                Begun::Answered(answer) => return whole(*answer),
                Begun::Reused => {
                    return Err(Problem::conflict(
                        "REQUEST_ID_REUSED",
                        "this request_id stands for another question of the last 24 hours",
                    ));
                }
                Begun::Limited { wait_ms } => {
                    let wait = Duration::from_millis(wait_ms);
                    if begun_at.elapsed() + wait > patience {
                        return Err(Problem::exhausted(
                            "VERIFY_RATE_LIMITED",
                            "the tenant asks faster than its verify_per_second",
                            wait,
                        ));
                    }
                    tokio::time::sleep(wait).await;
                }
                Begun::Asking { left_ms } => {
                    if begun_at.elapsed() > self.inner.longest_wait {
                        return Err(Problem::unavailable(
                            "IN_PROGRESS",
                            "this request_id is being asked by another process",
                            Duration::from_millis(left_ms),
                        ));
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Goes the rest of the way in a task of its own, which ends whether or not the caller waits.
    async fn finish(&self, work: Work, step: Step) -> Result<VerifyIdentityResponse, Problem> {
        let (tell, told) = oneshot::channel();
        let this = self.clone();
        let task = async move {
            let result = this.end(&work, step).await;
            let answered = result.is_ok();
            // A caller that went away comes again under the same id.
            let _ = tell.send(result);
            if answered
                && let Err(error) = this
                    .inner
                    .parts
                    .store
                    .recorded(work.key(), work.verification_id)
                    .await
            {
                // The next one under this id puts it on record once more.
                tracing::warn!(%error, "could not note that the answer is on record");
            }
        };
        self.inner.parts.at_work.spawn(task.instrument(Span::current()));
        told.await.unwrap_or_else(|gone| Err(Problem::internal(&gone)))
    }

    async fn end(&self, work: &Work, step: Step) -> Result<VerifyIdentityResponse, Problem> {
        let parts = &self.inner.parts;
        let carrier = parts.catalog.current().carrier_of(&work.question.phone);
        let (answer, attempts) = match step {
            Step::Record(answer) => (*answer, String::new()),
            Step::Interrupted => {
                tracing::warn!("a question was interrupted; its charge is not known");
                metrics::counter!("hongyan_verify_interrupted_total").increment(1);
                let answer = answer::indeterminate(
                    &work.question,
                    work.verification_id,
                    carrier,
                    None,
                    answer::INTERRUPTED,
                );
                (self.keep(work, answer).await?, String::new())
            }
            Step::Ask => match parts
                .asker
                .ask(&work.question, carrier, work.verification_id)
                .await
            {
                Ok(heard) => {
                    let answer = answer::from_heard(&work.question, work.verification_id, carrier, &heard);
                    (self.keep(work, answer).await?, heard.attempts)
                }
                Err(Unheard::NoUpstream) => {
                    let answer = answer::indeterminate(
                        &work.question,
                        work.verification_id,
                        carrier,
                        Some(false),
                        answer::NO_UPSTREAM,
                    );
                    (self.keep(work, answer).await?, String::new())
                }
                Err(Unheard::Unreachable) => {
                    // Without it the id would count as interrupted once its lease is over.
                    if let Err(error) = parts.store.release(work.key(), work.verification_id).await {
                        tracing::warn!(%error, "a request id could not be released");
                    }
                    return Err(Problem::unavailable(
                        "UPSTREAMS_UNREACHABLE",
                        "no identity upstream could be reached; nothing was asked or charged",
                        OUTAGE_WAIT,
                    ));
                }
            },
        };
        self.record(work, &answer, &attempts).await?;
        whole(answer)
    }

    /// Keeps the answer, with some patience: it was paid for. Gives back the one that stands.
    async fn keep(
        &self,
        work: &Work,
        answer: VerifyIdentityResponse,
    ) -> Result<VerifyIdentityResponse, Problem> {
        let mut attempt = 1;
        loop {
            let kept = self
                .inner
                .parts
                .store
                .settle(work.key(), &work.question.phone, work.verification_id, &answer)
                .await;
            match kept {
                Ok(Begun::Heard(_, stands) | Begun::Answered(stands)) => return Ok(*stands),
                Ok(_) => return Err(store_problem(&StoreError::Shape)),
                Err(error) if error.is_unavailable() && attempt < KEEP_ATTEMPTS => {
                    tracing::warn!(%error, attempt, "an answer could not be kept yet");
                    tokio::time::sleep(KEEP_PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(store_problem(&error)),
            }
        }
    }

    async fn record(
        &self,
        work: &Work,
        answer: &VerifyIdentityResponse,
        attempts: &str,
    ) -> Result<(), Problem> {
        let trace_id = TraceContext::current()
            .map(|context| context.trace_id())
            .unwrap_or_default();
        let given = Given {
            actor: &work.caller.actor,
            tenant: work.caller.tenant.as_str(),
            trace_id: &trace_id,
            now_unix_ms: i64::try_from(now_unix_ms()).unwrap_or(i64::MAX),
            attempts,
        };
        let keyring = self.inner.parts.keyring.current();
        let event = answer::event(&work.question, answer, given, &keyring)
            .map_err(|error| Problem::internal(&error))?;
        let span = tracing::info_span!("record", { names::VERIFICATION_ID } = %work.verification_id);
        self.inner.parts.recorder.record(event).instrument(span).await.map_err(|_| {
            Problem::unavailable(
                "RECORD_UNAVAILABLE",
                "the answer is not known to be on record, so it is not given; the same request_id asks again without charge",
                OUTAGE_WAIT,
            )
        })
    }
}

/// Where a task takes a verification over.
enum Step {
    Ask,
    Interrupted,
    Record(Box<VerifyIdentityResponse>),
}

/// The law's clock: a birth date is in the future by the date in Beijing.
const BEIJING: UtcOffset = time::macros::offset!(+8);

fn whole(answer: VerifyIdentityResponse) -> Result<VerifyIdentityResponse, Problem> {
    if answer::is_whole(&answer) {
        Ok(answer)
    } else {
        Err(Problem::internal(&StoreError::Shape))
    }
}

fn store_problem(error: &StoreError) -> Problem {
    if error.is_unavailable() {
        tracing::warn!(%error, "the store of verifications does not answer");
        return Problem::unavailable(
            "STATE_UNAVAILABLE",
            "what was asked before cannot be looked up, so nothing is asked",
            OUTAGE_WAIT,
        );
    }
    if matches!(error, StoreError::Gone) {
        return Problem::new(
            Code::Aborted,
            "STATE_LOST",
            "the state of this verification was lost while it was asked",
        );
    }
    Problem::internal(error)
}

fn now_unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
