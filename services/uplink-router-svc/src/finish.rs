//! The last step of an uplink: feed, record and acknowledgement.

use hongyan_domain::TenantId;
use hongyan_telemetry::{TraceContext, names};
use tracing::Span;

use crate::{
    decide::{Routed, Step},
    end::{End, Story, label},
    router::{Router, Unfinished, Work, alarm, now_unix_ms},
    store::Settlement,
};

impl Router {
    pub(crate) async fn settle(
        &self,
        work: &Work<'_>,
        routed: &Routed<'_>,
        end: &End,
    ) -> Result<(), Unfinished> {
        let (command, handler) = match &routed.step {
            Step::Rule { rule, .. } => (rule.name.as_str(), rule.handler.as_deref().unwrap_or_default()),
            Step::OptOut | Step::Help => ("", ""),
        };
        let story = Story {
            received: &work.received,
            tenant: Some(&routed.tenant.id),
            command,
            handler,
            kept_text: &routed.kept_text,
            end: Some(end),
        };
        let feed = story.feed_entry(&work.keyring)?;
        self.finish(work, &story, Some((&routed.tenant.id, feed))).await?;
        Span::current().record(names::OUTCOME, label(end.disposition));
        metrics::counter!(
            "hongyan_uplinks_total",
            "tenant" => routed.tenant.id.as_str().to_owned(),
            "disposition" => label(end.disposition)
        )
        .increment(1);
        Ok(())
    }

    pub(crate) async fn settle_unrouted(&self, work: &Work<'_>) -> Result<(), Unfinished> {
        alarm("unrouted");
        tracing::warn!(
            uplink_id = work.received.uplink_id,
            link = work.received.link,
            "an uplink to an access number of nobody"
        );
        let story = Story {
            received: &work.received,
            tenant: None,
            command: "",
            handler: "",
            kept_text: "",
            end: None,
        };
        Span::current().record(names::OUTCOME, "UNROUTED");
        self.finish(work, &story, None).await
    }

    async fn finish(
        &self,
        work: &Work<'_>,
        story: &Story<'_>,
        feed: Option<(&TenantId, Vec<u8>)>,
    ) -> Result<(), Unfinished> {
        let now_ms = now_unix_ms();
        let trace = TraceContext::current();
        let settlement = Settlement {
            partition: work.partition,
            uplink_id: &work.received.uplink_id,
            feed,
            audit: story.audit_event(
                &work.keyring,
                &self.actor,
                trace.map(|trace| trace.trace_id()),
                i64::try_from(now_ms).unwrap_or(i64::MAX),
            ),
            traceparent: trace.map(|trace| trace.to_string()).unwrap_or_default(),
        };
        if !self.store.settle(work.entry, &settlement, now_ms).await? {
            tracing::debug!(uplink_id = work.received.uplink_id, "settled by another consumer");
        }
        Ok(())
    }
}
