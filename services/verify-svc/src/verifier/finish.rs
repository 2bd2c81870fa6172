//! From the beginning to the answer, whether or not the caller still waits.

use std::time::Duration;

use hongyan_chassis::Problem;
use hongyan_domain::Carrier;
use hongyan_proto::verify::v1::VerifyIdentityResponse;
use hongyan_telemetry::{TraceContext, names};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::{Parts, Verifier, Work, now_unix_ms, problems};
use crate::{
    answer::{self, Given},
    store::{Begun, Settlement, StoreError},
    upstream::Unheard,
};

/// An answer was paid for: keeping it is tried for some three seconds.
const KEEP_ATTEMPTS: u32 = 8;
const KEEP_PAUSE: Duration = Duration::from_millis(100);

/// Where a task takes a verification over.
pub(super) enum Step {
    Ask,
    Interrupted,
    Record(Box<VerifyIdentityResponse>),
}

impl Verifier {
    /// Goes the rest of the way in a task of its own.
    pub(super) async fn finish(&self, work: Work, step: Step) -> Result<VerifyIdentityResponse, Problem> {
        let (tell, told) = oneshot::channel();
        let this = self.clone();
        let span = Span::current();
        let task = async move {
            let result = this.end(&work, step).instrument(span).await;
            let is_recorded = result.is_ok();
            // A caller that went away comes again under the same id.
            let _ = tell.send(result);
            // No part of the answer's story any more.
            if is_recorded {
                this.note_recorded(&work).await;
            }
        };
        self.inner.parts.at_work.spawn(task);
        told.await.unwrap_or_else(|gone| Err(Problem::internal(&gone)))
    }

    async fn end(&self, work: &Work, step: Step) -> Result<VerifyIdentityResponse, Problem> {
        let carrier = self
            .inner
            .parts
            .catalog
            .current()
            .carrier_of(&work.question.phone);
        let (answer, attempts) = match step {
            Step::Record(answer) => (*answer, String::new()),
            Step::Interrupted => {
                tracing::warn!("a question was interrupted; its charge is not known");
                metrics::counter!("hongyan_verify_interrupted_total").increment(1);
                let answer = indeterminate(work, carrier, None, answer::INTERRUPTED);
                (self.keep(work, answer).await?, String::new())
            }
            Step::Ask => self.ask(work, carrier).await?,
        };
        self.record(work, &answer, &attempts).await?;
        whole(answer)
    }

    /// The answer as it was kept, and what the record is told of the attempts.
    async fn ask(
        &self,
        work: &Work,
        carrier: Option<Carrier>,
    ) -> Result<(VerifyIdentityResponse, String), Problem> {
        let Parts { asker, recorder, .. } = &self.inner.parts;
        // What could not be put on record need not be asked and paid for.
        if recorder.trouble().is_some_and(|trouble| trouble.is_away()) {
            self.release(work).await;
            return Err(problems::no_record());
        }
        let heard = asker.ask(&work.question, carrier, work.verification_id).await;
        let (answer, attempts) = match heard {
            Ok(heard) => {
                let answer = answer::from_heard(&work.question, work.verification_id, carrier, &heard);
                (answer, heard.attempts)
            }
            Err(Unheard::NoUpstream) => {
                let answer = indeterminate(work, carrier, Some(false), answer::NO_UPSTREAM);
                (answer, String::new())
            }
            Err(why) => {
                self.release(work).await;
                return Err(problems::unheard(why));
            }
        };
        Ok((self.keep(work, answer).await?, attempts))
    }

    /// Nobody was asked: the id can be used again.
    async fn release(&self, work: &Work) {
        let store = &self.inner.parts.store;
        if let Err(error) = store.release(work.key(), work.verification_id).await {
            // It then counts as interrupted once its lease is over.
            tracing::warn!(%error, "a request id could not be released");
        }
    }

    /// Keeps the answer and gives back the one that stands.
    async fn keep(
        &self,
        work: &Work,
        answer: VerifyIdentityResponse,
    ) -> Result<VerifyIdentityResponse, Problem> {
        let settlement = Settlement {
            verification_id: work.verification_id,
            phone: &work.question.phone,
            answer: &answer,
            lease: self.inner.lease,
        };
        let mut attempt = 1;
        loop {
            let store = &self.inner.parts.store;
            match store.settle(work.key(), &settlement, now_unix_ms()).await {
                Ok(Begun::Heard(_, stands) | Begun::Answered(stands)) => return Ok(*stands),
                Ok(_) => return Err(problems::of_store(&StoreError::Shape)),
                Err(error) if error.is_unavailable() && attempt < KEEP_ATTEMPTS => {
                    tracing::warn!(%error, attempt, "an answer could not be kept yet");
                    tokio::time::sleep(KEEP_PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(problems::of_store(&error)),
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
        let parts = &self.inner.parts;
        let event = answer::event(&work.question, answer, given, &parts.keyring.current())
            .map_err(|error| Problem::internal(&error))?;
        let span = tracing::info_span!("record", { names::VERIFICATION_ID } = %work.verification_id);
        if parts.recorder.record(event).instrument(span).await.is_ok() {
            return Ok(());
        }
        // The next one under this id need not wait for the lease.
        if let Err(error) = parts.store.give_up(work.key(), work.verification_id).await {
            tracing::warn!(%error, "a lease could not be given up");
        }
        Err(problems::not_recorded())
    }

    async fn note_recorded(&self, work: &Work) {
        let store = &self.inner.parts.store;
        if let Err(error) = store.recorded(work.key(), work.verification_id).await {
            // The next one under this id puts it on record once more.
            tracing::warn!(%error, "could not note that the answer is on record");
        }
    }
}

fn indeterminate(
    work: &Work,
    carrier: Option<Carrier>,
    charged: Option<bool>,
    reason: &str,
) -> VerifyIdentityResponse {
    answer::indeterminate(&work.question, work.verification_id, carrier, charged, reason)
}

/// Refuses an answer without an outcome, which nobody ever kept.
pub(super) fn whole(answer: VerifyIdentityResponse) -> Result<VerifyIdentityResponse, Problem> {
    if answer::is_whole(&answer) {
        Ok(answer)
    } else {
        Err(Problem::internal(&StoreError::Shape))
    }
}
