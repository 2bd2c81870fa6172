//! From noted facts to a change of the store. Pure.

use hongyan_domain::{
    MessageClass, MessageId, TenantId,
    status::{CodeTable, MessageStatus},
};
use hongyan_queue::StreamId;
use prost::Message as _;

use crate::{
    audit,
    convert::class_of,
    keys,
    lifecycle::{Announcement, Outcome, conclude, outcome},
    record::MessageRecord,
    routing::Lesson,
    store::{Beside, Change, Claim, Stored, Waiting},
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
    /// The queue that the message goes to by this, and how it is sealed for that.
    pub goes: Option<(String, Vec<u8>)>,
    /// What nobody else may have worked on.
    pub claim: Option<Claim>,
    /// What is learned of where the number is.
    pub lesson: Option<Lesson>,
}

/// For whom and when a change is made.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Now, by this service's clock.
    pub now_ms: i64,
    /// The service's own id, as it stands on record.
    pub actor: &'a str,
    /// What the carriers' codes mean.
    pub codes: &'a CodeTable,
    /// How long a lesson holds.
    pub lesson_kept_ms: u64,
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
    /// The links that it goes from and to, and why, where it goes another way by this.
    pub rerouted: Option<Rerouted>,
    /// What is learned, where that changes anything.
    pub lesson: Option<Lesson>,
}

/// That a message went another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rerouted {
    /// The link that it was queued for.
    pub from: String,
    /// The link that it is queued for now.
    pub to: String,
    /// UPPER_SNAKE.
    pub reason: &'static str,
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
            goes: None,
            claim: None,
            lesson: None,
        }
    }

    /// Whether nothing new was learned.
    pub fn is_unchanged(&self) -> bool {
        self.record == self.before && self.goes.is_none() && self.lesson.is_none()
    }

    /// The change that stores what was learned and tells whoever must be told, and settles these entries.
    pub fn into_change(
        mut self,
        entries: Vec<StreamId>,
        terms: Terms<'_>,
    ) -> Result<(Change, Meaning), BadRecord> {
        let Terms {
            now_ms, actor, codes, ..
        } = terms;
        let class = class_of(self.record.class)
            .map(MessageClass::as_str)
            .ok_or(BadRecord)?;
        let tenant = TenantId::parse(&self.record.tenant).map_err(|_| BadRecord)?;
        let message_id = self.id.to_string();
        let was_queued = outcome(&self.before, codes).detail.status == MessageStatus::Queued;
        let conclusion = conclude(&mut self.record, codes);
        let is_queued = conclusion.outcome.detail.status == MessageStatus::Queued;
        let told = conclusion.announcement.as_ref();
        let receipt = told.map(|told| {
            view::receipt(&message_id, &self.record, &conclusion.outcome, told, codes).encode_to_vec()
        });
        let rerouted = self.rerouted();
        let mut audit_events = Vec::new();
        if rerouted.is_some() {
            audit_events.extend(audit::rerouted(&message_id, &self.before, &self.record, actor));
        }
        audit_events.extend(told.map(|told| {
            let code_before = &self.before.announced_code;
            audit::settled(
                &message_id,
                &self.record,
                &conclusion.outcome,
                told,
                code_before,
                actor,
            )
        }));
        // The text is for one thing alone: another way. Where there is none any more it goes.
        let drops_body = self.record.body_kept
            && (conclusion.deadline_unix_ms.is_none() || self.record.rerouted.is_some());
        self.record.body_kept &= !drops_body;
        let beside = self.beside(terms);
        let change = Change {
            id: self.id,
            version: self.version,
            record: self.record.to_octets(),
            deadline_ms: conclusion.deadline_unix_ms,
            receipt,
            waiting_field: keys::waiting_field(tenant.as_str(), class),
            waiting: match (was_queued, is_queued) {
                (true, false) => Waiting::Leaves,
                (false, true) => Waiting::Enters,
                _ => Waiting::Same,
            },
            drops_body,
            beside,
            tenant,
            now_ms,
            traceparent: self.record.traceparent,
            audit_events,
            entries,
        };
        Ok((
            change,
            Meaning {
                outcome: conclusion.outcome,
                announcement: conclusion.announcement,
                class,
                rerouted,
                lesson: self.lesson,
            },
        ))
    }

    fn rerouted(&self) -> Option<Rerouted> {
        let reroute = self.record.rerouted.as_ref()?;
        self.before.rerouted.is_none().then(|| Rerouted {
            from: reroute.from_link.clone(),
            to: self.record.link.clone(),
            reason: crate::convert::reason_name(reroute.reason()),
        })
    }

    fn beside(&mut self, terms: Terms<'_>) -> Option<Beside> {
        let (goes, claim) = (self.goes.take(), self.claim.take());
        if goes.is_none() && claim.is_none() && self.lesson.is_none() {
            return None;
        }
        let record = &self.record;
        // A record without a tag has no lesson either: it is of no number that could be looked up.
        let tag = record.tag().unwrap_or_default();
        let lesson = self.lesson.filter(|_| !tag.is_empty()).map(|lesson| {
            let event = audit::lesson(
                &lesson,
                &record.subject_tag,
                record.trace_id(),
                terms.now_ms,
                terms.actor,
            );
            (lesson, event)
        });
        Some(Beside {
            tag,
            goes,
            claim,
            lesson,
            lesson_kept_ms: terms.lesson_kept_ms,
        })
    }
}
