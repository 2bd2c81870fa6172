//! On the way in: what the producer sealed is opened and sealed again under the subject's own key.

use bytes::Bytes;
use hongyan_envelope::Keyring;
use hongyan_proto::audit::v1::AuditEvent;
use zeroize::Zeroizing;

use super::{SubjectKeys, error::KeysError, keeper::Command, sealed, slot::SubjectTag};
use crate::record::Period;

/// What producers bind personal data to the record with.
pub(crate) const PRODUCERS_CONTEXT: &[u8] = b"audit-personal";

/// Why an event's `sealed` cannot go on record. Holds nothing of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("must come with a subject_tag of 32 octets")]
    NoSubject,
    #[error("must be sealed under a key of the mesh's keyring, for the record")]
    NotOurs,
    /// A new key reaches one machine before another; so this can be true now and not in a minute.
    #[error("is sealed under a key that the mesh's keyring does not hold here yet")]
    UnknownKey,
}

impl Refused {
    /// Whether the same event may be taken in a minute.
    pub(crate) fn may_pass(self) -> bool {
        self == Self::UnknownKey
    }
}

/// An event whose personal data is in clear for a moment.
struct Open<'a> {
    event: &'a mut AuditEvent,
    tag: SubjectTag,
    personal: Zeroizing<Vec<u8>>,
}

/// Whether an event names a key that is not in the keyring; one that names none is damaged.
fn is_unknown(mesh: &Keyring, event: &AuditEvent) -> bool {
    hongyan_envelope::key_id(&event.sealed).is_ok_and(|id| !mesh.has(id))
}

impl SubjectKeys {
    /// Seals the personal data of these events under their subjects' keys; the new keys are on disk when it answers.
    /// Answers which events cannot go on record, by their place in the iterator, and why; those are left as they came.
    pub(crate) async fn take_in<'a>(
        &self,
        events: impl Iterator<Item = &'a mut AuditEvent>,
    ) -> Result<Vec<(usize, Refused)>, KeysError> {
        let with_personal: Vec<_> = events
            .enumerate()
            .filter(|(_, event)| !event.sealed.is_empty())
            .collect();
        if with_personal.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.mesh.current();
        if with_personal.iter().any(|(_, event)| is_unknown(&before, event)) {
            self.follow_rotation().await;
        }
        let mesh = self.mesh.current();
        let mut open = Vec::with_capacity(with_personal.len());
        let mut refused = Vec::new();
        for (nth, event) in with_personal {
            let Ok(tag) = SubjectTag::try_from(event.subject_tag.as_ref()) else {
                refused.push((nth, Refused::NoSubject));
                continue;
            };
            match mesh.open(PRODUCERS_CONTEXT, &event.sealed) {
                Ok(personal) => open.push(Open { event, tag, personal }),
                Err(_) if is_unknown(&mesh, event) => refused.push((nth, Refused::UnknownKey)),
                Err(_) => refused.push((nth, Refused::NotOurs)),
            }
        }
        let tags = open.iter().map(|open| open.tag).collect();
        let period = Period::of((self.clock)());
        let keys = self.ask(|answer| Command::Keys { period, tags, answer }).await?;
        for (Open { event, personal, .. }, key) in open.into_iter().zip(keys) {
            event.sealed = Bytes::from(sealed::seal(&key, &self.organisation, event, &personal)?);
        }
        Ok(refused)
    }

    /// A producer may have met a new key of the mesh a moment before this process.
    async fn follow_rotation(&self) {
        if let Err(error) = self.mesh.reload().await {
            tracing::warn!(%error, "new keys of the mesh cannot be used; the old ones stay in force");
        }
    }
}
