//! One uplink from the stream to its end.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hongyan_catalog::Tenant;
use hongyan_chassis::LiveKeyring;
use hongyan_domain::{Msisdn, Partition};
use hongyan_envelope::{Keyring, SealError};
use hongyan_proto::uplink::v1::UplinkDisposition;
use hongyan_queue::{Entry, QueueError};
use hongyan_telemetry::names;
use tracing::Span;

use crate::{
    decide::{Plan, Routed, Step, decide},
    dispatch::{Dispatch, DispatchFailure, Reply},
    end::End,
    grammar::{Folded, fold},
    handlers::Handlers,
    loop_guard::Verdict,
    received::{Received, Unreadable},
    reply,
    rules::World,
    settings::RouterSettings,
    store::{Draft, GuardQuestion, Store},
};

/// The context under which a reply is sealed until it is sent.
const REPLY_SEALED_AS: &[u8] = b"uplink-reply";

/// All that it takes to work on uplinks.
pub struct Router {
    /// The catalog and its rules.
    pub world: World,
    /// The keys in force.
    pub keyring: LiveKeyring,
    /// State in Redis.
    pub store: Store,
    /// The way out.
    pub dispatch: Dispatch,
    /// The businesses' own programs.
    pub handlers: Handlers,
    /// Limits.
    pub settings: RouterSettings,
    /// This service's SPIFFE id, for the record.
    pub actor: String,
}

/// Why an entry is not settled.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// Left pending: tried again when its lease has run out.
    #[error("{0}")]
    Later(String),
    /// To the dead letters: UPPER_SNAKE, why.
    #[error("{0}")]
    Never(&'static str),
    /// The work panicked; what it said is not kept, because a panic may quote what it stumbled over.
    #[error("the work panicked")]
    Panicked,
}

impl From<QueueError> for Unfinished {
    fn from(error: QueueError) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<SealError> for Unfinished {
    fn from(error: SealError) -> Self {
        Self::Later(error.to_string())
    }
}

/// One uplink at work, with the world as it was when the work began.
pub(crate) struct Work<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) partition: Partition,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) received: Received,
}

impl Router {
    /// Works on one entry until it is settled, or cannot be now, or never.
    pub async fn work(&self, partition: Partition, entry: &Entry) -> Result<(), Unfinished> {
        let keyring = self.keyring.current();
        let received = match Received::open(&keyring, entry) {
            Ok(received) => received,
            Err(Unreadable::KeyMissing) if self.is_too_old(entry) => {
                return Err(Unfinished::Never("KEY_MISSING"));
            }
            Err(Unreadable::KeyMissing) => {
                return Err(Unfinished::Later("its key is not in the keyring".to_owned()));
            }
            Err(Unreadable::Never(why)) => return Err(Unfinished::Never(why)),
        };
        let work = Work {
            entry,
            partition,
            keyring,
            received,
        };
        Span::current().record(names::UPLINK_ID, &work.received.uplink_id);
        let (catalog, rules) = self.world.current();
        let folded = fold(&work.received.text);
        match decide(
            &catalog,
            &rules,
            &work.received.access_number,
            &work.received.text,
            &folded,
        ) {
            Plan::Unrouted => self.settle_unrouted(&work).await,
            Plan::Routed(routed) => {
                Span::current().record(names::TENANT, routed.tenant.id.as_str());
                Span::current().record(names::RULE, routed.step.command());
                let end = self.answer(&work, &routed, &folded).await?;
                self.settle(&work, &routed, &end).await
            }
        }
    }

    async fn answer(&self, work: &Work<'_>, routed: &Routed<'_>, folded: &Folded) -> Result<End, Unfinished> {
        let uplink_id = work.received.uplink_id.as_str();
        let Some(sender) = work.received.sender else {
            return Ok(End::silent(
                UplinkDisposition::ReplyRefused,
                "SENDER_IS_NO_MOBILE_NUMBER",
            ));
        };
        if matches!(routed.step, Step::OptOut) {
            self.opt_out(routed.tenant, sender).await?;
            if reply::opt_out_confirmation(routed.tenant).is_none() {
                return Ok(End::silent(
                    UplinkDisposition::OptedOut,
                    "NO_CONFIRMATION_DECLARED",
                ));
            }
        }
        // Only an earlier attempt can have left a note.
        if work.entry.delivery_count > 1
            && let Some(draft) = self.store.draft(work.partition, uplink_id).await?
        {
            return self.send(work, routed, sender, &draft, "").await;
        }
        let verdict = self.guard(work, routed, sender, folded).await?;
        if verdict != Verdict::Reply {
            alarm("loop_suppressed");
            tracing::warn!(
                tenant = routed.tenant.id.as_str(),
                uplink_id,
                verdict = verdict.as_str(),
                "no reply: two automata seem to talk to each other"
            );
            let disposition = match routed.step {
                Step::OptOut => UplinkDisposition::OptedOut,
                _ => UplinkDisposition::LoopSuppressed,
            };
            return Ok(End::silent(disposition, &verdict.as_str().to_uppercase()));
        }
        let composed = self.compose(work, routed, sender).await;
        let draft = Draft {
            disposition: composed.disposition.into(),
            sealed_text: work.keyring.seal(REPLY_SEALED_AS, composed.text.as_bytes())?,
        };
        let draft = self.store.keep_draft(work.partition, uplink_id, &draft).await?;
        self.send(work, routed, sender, &draft, &composed.detail).await
    }

    /// An opt-out is never given up: it is asked for again until dispatch has it.
    async fn opt_out(&self, tenant: &Tenant, sender: Msisdn) -> Result<(), Unfinished> {
        let failure = match self.dispatch.opt_out(&tenant.id, sender).await {
            Ok(()) | Err(DispatchFailure::SentBefore) => return Ok(()),
            Err(failure) => failure,
        };
        alarm("opt_out_not_set");
        tracing::warn!(tenant = tenant.id.as_str(), %failure, "an opt-out is not in force yet");
        Err(Unfinished::Later(failure.to_string()))
    }

    async fn guard(
        &self,
        work: &Work<'_>,
        routed: &Routed<'_>,
        sender: Msisdn,
        folded: &Folded,
    ) -> Result<Verdict, Unfinished> {
        let pair = format!("{}|{}", sender.e164(), work.received.access_number);
        let canonical = zeroize::Zeroizing::new(folded.canonical());
        let question = GuardQuestion {
            partition: work.partition,
            tenant: &routed.tenant.id,
            pair: &work.keyring.tag("uplink-loop", &pair).short(),
            text: &work.keyring.tag("uplink-text", &canonical).short(),
            uplink_id: &work.received.uplink_id,
        };
        Ok(self
            .store
            .may_reply(question, self.settings.loops, now_unix_ms())
            .await?)
    }

    /// Sends what the note says. A text that dispatch refuses for good is replaced by the apology, under a request id of
    /// its own.
    async fn send(
        &self,
        work: &Work<'_>,
        routed: &Routed<'_>,
        sender: Msisdn,
        draft: &Draft,
        detail: &str,
    ) -> Result<End, Unfinished> {
        let uplink_id = &work.received.uplink_id;
        let disposition =
            UplinkDisposition::try_from(draft.disposition).unwrap_or(UplinkDisposition::Unspecified);
        let text = work
            .keyring
            .open(REPLY_SEALED_AS, &draft.sealed_text)
            .map_err(|error| Unfinished::Later(error.to_string()))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let first = self
            .post(routed, sender, format!("uplink-{uplink_id}"), text)
            .await;
        let (sent, disposition, detail) = match first {
            Err(DispatchFailure::Refused { reason }) if disposition == UplinkDisposition::Answered => {
                Self::refusal_alarm(work, routed, &reason);
                let apology = reply::apology(routed.tenant);
                let request_id = format!("uplink-apology-{uplink_id}");
                let second = self.post(routed, sender, request_id, apology).await;
                (second, UplinkDisposition::Apology, reason)
            }
            first => (first, disposition, detail.to_owned()),
        };
        match sent {
            Ok(reply_message_id) => Ok(End {
                disposition,
                reply_message_id,
                detail,
            }),
            // Only if the note was lost: an earlier attempt said something else. It was answered all the same.
            Err(DispatchFailure::SentBefore) => Ok(End::silent(disposition, "SENT_BEFORE")),
            Err(DispatchFailure::Later { .. }) if !self.is_too_old(work.entry) => {
                Err(Unfinished::Later("dispatch does not answer now".to_owned()))
            }
            Err(DispatchFailure::Later { reason } | DispatchFailure::Refused { reason }) => {
                Self::refusal_alarm(work, routed, &reason);
                let ended = match disposition {
                    UplinkDisposition::OptedOut => UplinkDisposition::OptedOut,
                    _ => UplinkDisposition::ReplyRefused,
                };
                Ok(End::silent(ended, &reason))
            }
        }
    }

    async fn post(
        &self,
        routed: &Routed<'_>,
        sender: Msisdn,
        request_id: String,
        text: String,
    ) -> Result<String, DispatchFailure> {
        let reply = Reply {
            request_id,
            tenant: &routed.tenant.id,
            sender,
            extension: &routed.extension,
            text,
        };
        self.dispatch.send(reply).await
    }

    fn refusal_alarm(work: &Work<'_>, routed: &Routed<'_>, reason: &str) {
        alarm("reply_refused");
        tracing::warn!(
            tenant = routed.tenant.id.as_str(),
            uplink_id = work.received.uplink_id,
            reason,
            "a reply could not be sent"
        );
    }

    /// Whether a reply is worth no more attempts.
    fn is_too_old(&self, entry: &Entry) -> bool {
        let age = now_unix_ms().saturating_sub(entry.id.unix_ms);
        Duration::from_millis(age) > self.settings.give_up_after
    }
}

/// Something that a human should look at; the alert rules watch this counter.
pub(crate) fn alarm(kind: &'static str) {
    metrics::counter!("hongyan_uplink_alarms_total", "kind" => kind).increment(1);
}

/// Now, in milliseconds since 1970.
pub(crate) fn now_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
