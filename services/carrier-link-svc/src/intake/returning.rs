//! What a link that is down gives back, so that it goes another way.

use hongyan_envelope::SUBJECT;
use hongyan_proto::carrier::v1::ReturnReason;
use tokio_util::sync::CancellationToken;

use super::{Intake, LEAST_RECLAIMED, NotTaken, Opened};
use crate::{
    clock,
    events::About,
    policy::{Intent, Resume},
    store::{Hold, Job, Reply},
    work::traceparent,
};

/// So many turns at most, before it is looked again whether the link is down.
const MOST_TURNS: usize = 64;

impl Intake {
    /// Gives back what lies in the group unsent: what this process has released, and what dead ones have left behind. A
    /// message of which a segment may be with the carrier stays, for when the link comes up again.
    pub(super) async fn return_all(&self, shutdown: &CancellationToken) {
        let lease_ms = u64::try_from(self.link.tuning.lease.as_millis()).unwrap_or(u64::MAX);
        for _ in 0..MOST_TURNS {
            let entries = match self.group.reclaim(lease_ms, LEAST_RECLAIMED).await {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::debug!(link = self.link.name(), %error, "nothing was given back");
                    return;
                }
            };
            if entries.is_empty() || shutdown.is_cancelled() {
                return;
            }
            let mut held = Vec::new();
            for entry in &entries {
                match self.open(entry) {
                    Ok(Some(opened)) => held.push(opened),
                    Ok(None) | Err(NotTaken::Later) => {}
                    Err(NotTaken::Dead(reason)) => {
                        if let Err(error) = self.group.dead_letter(entry, reason).await {
                            tracing::warn!(link = self.link.name(), id = %entry.id, reason, %error, "not put aside yet");
                        }
                    }
                    Err(NotTaken::Unsendable(place, why, carried)) => {
                        self.unsendable(place, why, carried, shutdown).await;
                    }
                }
            }
            let Ok(intents) = self.intents(&held).await else {
                return;
            };
            for (opened, intent) in held.into_iter().zip(intents) {
                self.return_one(&opened, &intent, shutdown).await;
                self.link.desk.let_go(&opened.place);
            }
        }
    }

    async fn return_one(&self, opened: &Opened, intent: &Intent, shutdown: &CancellationToken) {
        let is_untouched = intent.resume() == Resume::Fresh && intent.attempt <= 1;
        if !is_untouched {
            return;
        }
        let now_ms = clock::unix_ms();
        let subject = self
            .link
            .keyring
            .current()
            .tag(SUBJECT, &opened.outbound.phone.e164());
        let about = About {
            message_id: opened.place.message_id,
            segment: 0,
            segments: 0,
            subject: Some(&subject),
            trace: opened.carried,
        };
        let told = self.link.teller.returned(
            &about,
            ReturnReason::LinkDown,
            "",
            opened.sealed.clone(),
            0,
            now_ms,
        );
        let job = Job::Settle {
            place: opened.place.clone(),
            goes_on_after: None,
            told,
            traceparent: traceparent(opened.carried),
            doubt: None,
            hold: Hold::OursOnce,
            now_ms,
        };
        if self.settle(&job, shutdown).await == Some(Reply::Done) {
            metrics::counter!(
                "hongyan_link_returned_total", "link" => self.link.name().to_owned(), "reason" => "LINK_DOWN"
            )
            .increment(1);
        }
    }
}
