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

mod finish;
mod problems;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hongyan_catalog::LiveCatalog;
use hongyan_chassis::{LiveKeyring, Problem};
use hongyan_domain::TenantId;
use hongyan_proto::verify::v1::{VerifyIdentityRequest, VerifyIdentityResponse};
use hongyan_telemetry::names;
use time::{OffsetDateTime, UtcOffset};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, field::Empty};
use uuid::Uuid;

use crate::{
    question::Question,
    record::Recorder,
    store::{Beginning, Begun, Key, Store},
    upstream::Asker,
};
use finish::{Step, whole};

/// A lease is longer than asking, or putting on record, takes by this much. Where keeping an answer takes longer still
/// (Redis away), the question counts as interrupted, and what was heard gives way to that.
const LEASE_MARGIN: Duration = Duration::from_secs(3);
/// Whoever finds somebody else at work looks again so often, and for so long after that one's lease is over.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_secs(1);
/// Beginning again under the same verification id changes nothing, so a beginning of which nobody heard is repeated.
const BEGIN_ATTEMPTS: u32 = 3;
const BEGIN_PAUSE: Duration = Duration::from_millis(50);

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
    lease: Duration,
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

    /// The same work under the id that an earlier process gave it.
    fn taken_over(self, verification_id: Uuid) -> Self {
        Self {
            verification_id,
            ..self
        }
    }
}

impl Verifier {
    /// Puts the parts together. `record_timeout` is how long the recorder waits.
    pub fn new(parts: Parts, record_timeout: Duration) -> Self {
        let lease = parts.asker.deadline().max(record_timeout) + LEASE_MARGIN;
        Self {
            inner: Arc::new(Inner { parts, lease }),
        }
    }

    /// The tenant of a caller; PERMISSION_DENIED where the catalog names none.
    pub fn caller(&self, spiffe_id: &str) -> Result<Caller, Problem> {
        let catalog = self.inner.parts.catalog.current();
        let tenant = catalog
            .tenant_of_caller(spiffe_id)
            .ok_or_else(problems::no_tenant)?;
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
                .map_err(|error| problems::of_store(&error))?,
            lease: self.inner.lease,
            per_second: caller.per_second,
        };
        let work = Work {
            caller: caller.clone(),
            verification_id: beginning.verification_id,
            question,
        };
        let begun_at = Instant::now();
        loop {
            match self.begin(&work, &beginning).await? {
                Begun::New => return self.finish(work, Step::Ask).await,
                Begun::Lost(id) => return self.finish(work.taken_over(id), Step::Interrupted).await,
                Begun::Heard(id, answer) => {
                    return self.finish(work.taken_over(id), Step::Record(answer)).await;
                }
                Begun::Answered(answer) => return whole(*answer),
                Begun::Reused => return Err(problems::reused()),
                Begun::Limited { wait_ms } => {
                    let wait = Duration::from_millis(wait_ms);
                    if begun_at.elapsed() + wait > patience {
                        return Err(problems::rate_limited(wait));
                    }
                    tokio::time::sleep(wait).await;
                }
                Begun::AtWork { left_ms } => {
                    if begun_at.elapsed() > self.inner.lease + LAST_LOOK {
                        return Err(problems::in_progress(Duration::from_millis(left_ms)));
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    async fn begin(&self, work: &Work, beginning: &Beginning) -> Result<Begun, Problem> {
        let mut attempt = 1;
        loop {
            let begun = self
                .inner
                .parts
                .store
                .begin(work.key(), beginning, now_unix_ms())
                .await;
            match begun {
                Ok(begun) => return Ok(begun),
                Err(error) if error.is_unavailable() && attempt < BEGIN_ATTEMPTS => {
                    tokio::time::sleep(BEGIN_PAUSE).await;
                    attempt += 1;
                }
                Err(error) => return Err(problems::of_store(&error)),
            }
        }
    }
}

/// The law's clock: a birth date is in the future by the date in Beijing.
const BEIJING: UtcOffset = time::macros::offset!(+8);

fn now_unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
