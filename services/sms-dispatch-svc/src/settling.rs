//! From noted facts to a change of the store. Pure.

use hongyan_domain::{MessageClass, MessageId, TenantId, status::MessageStatus};
use hongyan_queue::StreamId;
use prost::Message as _;

use crate::{
    audit,
    convert::class_of,
    keys,
    lifecycle::{Announcement, Outcome, conclude, outcome},
    record::MessageRecord,
    store::{Change, Stored},
    view,
};

/// A message that is being worked on.
pub struct Open {
    /// Which message.
    pub id: MessageId,
    /// As it was read.
    version: u64,
    before: MessageRecord,
    /// The facts; what is learned is noted here.
    pub record: MessageRecord,
}

/// What a change means, beside the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Where the message stands by it.
    pub outcome: Outcome,
    /// What the caller is told by it.
    pub announcement: Option<Announcement>,
    /// The message's class, as a label.
    pub class: &'static str,
}

/// A record whose tenant or class cannot be one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored record names no tenant or class")]
pub struct BadRecord;

impl Open {
    /// Begins to work on a message.
    pub fn new(id: MessageId, stored: Stored) -> Self {
        Self {
            id,
            version: stored.version,
            before: stored.record.clone(),
            record: stored.record,
        }
    }

    /// Whether nothing new was learned.
    pub fn is_unchanged(&self) -> bool {
        self.record == self.before
    }

    /// The change that stores what was learned and tells whoever must be told, and settles these entries.
    pub fn into_change(
        mut self,
        entries: Vec<StreamId>,
        now_ms: i64,
        actor: &str,
    ) -> Result<(Change, Meaning), BadRecord> {
        let class = class_of(self.record.class)
            .map(MessageClass::as_str)
            .ok_or(BadRecord)?;
        let tenant = TenantId::parse(&self.record.tenant).map_err(|_| BadRecord)?;
        let message_id = self.id.to_string();
        let was_queued = outcome(&self.before).detail.status == MessageStatus::Queued;
        let conclusion = conclude(&mut self.record);
        let told = conclusion.announcement.as_ref();
        let receipt = told
            .map(|told| view::receipt(&message_id, &self.record, &conclusion.outcome, told).encode_to_vec());
        let audit_event =
            told.map(|told| audit::settled(&message_id, &self.record, &conclusion.outcome, told, actor));
        let leaves_queue = was_queued && conclusion.outcome.detail.status != MessageStatus::Queued;
        let change = Change {
            id: self.id,
            version: self.version,
            record: self.record.to_octets(),
            deadline_ms: conclusion.deadline_unix_ms,
            receipt,
            leaves_queue: leaves_queue.then(|| keys::waiting_field(tenant.as_str(), class)),
            tenant,
            now_ms,
            traceparent: self.record.traceparent,
            audit_events: audit_event.into_iter().collect(),
            entries,
        };
        Ok((
            change,
            Meaning {
                outcome: conclusion.outcome,
                announcement: conclusion.announcement,
                class,
            },
        ))
    }
}
