//! A subject's key under the key-encryption key. No IO.

use std::path::Path;

use hongyan_envelope::Keyring;
use zeroize::Zeroizing;

use super::{
    error::KeysError,
    sealed::{KEY_OCTETS, Key, SubjectKey},
    slot::{KeyId, Slot, State, SubjectTag},
};
use crate::record::Period;

/// A key opens in no other slot, period or subject.
fn context(period: Period, id: KeyId, tag: &SubjectTag) -> Vec<u8> {
    let period = period.to_string();
    [b"audit-subject-key".as_slice(), period.as_bytes(), &id.0, tag].concat()
}

/// Wraps the key of a subject.
pub(super) fn wrap(kek: &Keyring, key: &SubjectKey, tag: &SubjectTag) -> Result<Vec<u8>, KeysError> {
    Ok(kek.seal(&context(key.period, key.id, tag), key.key.as_slice())?)
}

/// The key in a living slot.
pub(super) fn unwrap(
    kek: &Keyring,
    period: Period,
    path: &Path,
    slot: &Slot,
) -> Result<SubjectKey, KeysError> {
    let wrong = |source| KeysError::Wrapped {
        path: path.to_owned(),
        slot: slot.id.slot(),
        source,
    };
    let State::Live { wrapped } = &slot.state else {
        return Err(wrong(hongyan_envelope::OpenError::Malformed));
    };
    let opened = kek
        .open(&context(period, slot.id, &slot.tag), wrapped)
        .map_err(wrong)?;
    let mut key: Key = Zeroizing::new([0; KEY_OCTETS]);
    if opened.len() != key.len() {
        return Err(wrong(hongyan_envelope::OpenError::Malformed));
    }
    key.copy_from_slice(&opened);
    Ok(SubjectKey {
        period,
        id: slot.id,
        key,
    })
}
