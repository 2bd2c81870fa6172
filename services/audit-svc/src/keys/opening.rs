//! On the way out: what is sealed in a leaf, and whether it can be opened.

use hongyan_proto::audit::v1::AuditEvent;
use zeroize::Zeroizing;

use super::{
    SubjectKeys, blocking,
    error::KeysError,
    file::{self, KeyFile},
    sealed::{self, Needed},
    slot::{Slot, State},
    wrapping,
};

/// What is known of an event's sealed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// There is none.
    None,
    /// It can be opened; what was asked for, the opened data or nothing.
    Open(Option<Zeroizing<Vec<u8>>>),
    /// Its key was destroyed.
    Erased,
    /// Nobody destroyed its key, and yet it does not open: damaged, missing, or of a form that is not known here. The log
    /// tells which.
    Unreadable,
}

impl SubjectKeys {
    /// Says what is known of an event's sealed part, and opens it if it is asked for. Whoever asks for that must have put
    /// it on record before.
    pub(crate) async fn look_into(&self, event: &AuditEvent, open: bool) -> Result<Sealed, KeysError> {
        if event.sealed.is_empty() {
            return Ok(Sealed::None);
        }
        let Some(needed) = sealed::needed(&event.sealed) else {
            tracing::error!("an event holds personal data that is sealed in a form that is not known");
            return Ok(Sealed::Unreadable);
        };
        if open {
            self.wait_compared().await?;
        }
        let (keys, event) = (self.clone(), event.clone());
        let looked = blocking(move || keys.look(&event, needed, open)).await;
        match looked {
            Err(error @ (KeysError::Io { .. } | KeysError::Damaged { .. } | KeysError::Missing { .. })) => {
                metrics::counter!("hongyan_audit_keys_unreadable_total").increment(1);
                tracing::error!(%error, "the key of a sealed event cannot be read");
                Ok(Sealed::Unreadable)
            }
            looked => looked,
        }
    }

    fn look(&self, event: &AuditEvent, needed: Needed, open: bool) -> Result<Sealed, KeysError> {
        let file = KeyFile::open_earlier(&self.dir, needed.period)?;
        let slot = self.slot(&file, event, needed)?;
        match slot.state {
            State::Live { .. } if !open => Ok(Sealed::Open(None)),
            State::Live { .. } => {
                let kek = self.kek.current();
                let key = wrapping::unwrap(&kek, needed.period, file.path(), &slot)?;
                let personal = sealed::open(&key, &self.organisation, event);
                if personal.is_none() {
                    tracing::error!("an event holds personal data that was sealed for another event");
                }
                Ok(personal.map_or(Sealed::Unreadable, |personal| Sealed::Open(Some(personal))))
            }
            State::Destroyed { .. } => Ok(Sealed::Erased),
            State::Void => Err(self.missing(needed)),
        }
    }

    /// The slot of the key, if the key that stands there is the one, and of this subject.
    fn slot(&self, file: &KeyFile, event: &AuditEvent, needed: Needed) -> Result<Slot, KeysError> {
        let slot = file.read_beside_writer(needed.id.slot())?;
        if slot.id == needed.id && slot.tag[..] == event.subject_tag[..] {
            Ok(slot)
        } else {
            Err(self.missing(needed))
        }
    }

    fn missing(&self, needed: Needed) -> KeysError {
        KeysError::Missing {
            path: file::path(&self.dir, needed.period),
            slot: needed.id.slot(),
        }
    }
}
