//! The events that this service itself puts on record.

use std::collections::BTreeMap;

use hongyan_proto::audit::v1::AuditEvent;
use hongyan_telemetry::TraceContext;
use uuid::Uuid;

use crate::record::now_unix_ms;

/// An event of this service, in the current trace.
pub(crate) fn event(
    action: &str,
    outcome: &str,
    actor: &str,
    attributes: impl IntoIterator<Item = (&'static str, String)>,
) -> AuditEvent {
    AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        occurred_at_unix_ms: now_unix_ms(),
        action: action.to_owned(),
        outcome: outcome.to_owned(),
        actor: actor.to_owned(),
        trace_id: TraceContext::current()
            .map(|context| context.trace_id())
            .unwrap_or_default(),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
        ..AuditEvent::default()
    }
}
