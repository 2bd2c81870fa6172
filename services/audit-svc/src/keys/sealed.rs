//! Personal data as it stands in a leaf. No IO.
//!
//! ```text
//! version (2) ‖ period (6 octets, "2026h2") ‖ key id (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//! ```
//!
//! AES-256-GCM under the key of subject and period. What is authenticated with it: version, period and key id as above,
//! the event's id (16 octets), and the log's origin without its partition, `audit.<organisation>/<class>/<period of the
//! key>`. So it opens in no other event, log or record. The period is the one in which the event was taken in; at the turn
//! of a half-year the leaf's own log may be the next one, which is why the period stands here.

use hongyan_proto::audit::v1::AuditEvent;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    error::KeysError,
    slot::{KEY_ID_OCTETS, KeyId},
};
use crate::record::{Class, Period};

/// Octets of a key for AES-256.
pub(crate) const KEY_OCTETS: usize = 32;
/// 1 is what producers seal with.
const VERSION: u8 = 2;
const PERIOD_OCTETS: usize = 6;
const HEAD_OCTETS: usize = 1 + PERIOD_OCTETS + KEY_ID_OCTETS;

/// A key, wiped when it is dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_OCTETS]>;

/// The key of one subject in one period.
#[derive(Clone)]
pub(crate) struct SubjectKey {
    pub(crate) period: Period,
    pub(crate) id: KeyId,
    pub(crate) key: Key,
}

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectKey")
            .field("period", &self.period)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Which key sealed octets need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) period: Period,
    pub(crate) id: KeyId,
}

/// Reads what stands in front; `None` where it is not of this form.
pub(crate) fn needed(sealed: &[u8]) -> Option<Needed> {
    let head: &[u8; HEAD_OCTETS] = sealed.first_chunk()?;
    if head[0] != VERSION || sealed.len() < HEAD_OCTETS + NONCE_LEN + MAX_TAG_LEN {
        return None;
    }
    let period = std::str::from_utf8(&head[1..=PERIOD_OCTETS]).ok()?;
    let mut id = [0; KEY_ID_OCTETS];
    id.copy_from_slice(&head[1 + PERIOD_OCTETS..]);
    Some(Needed {
        period: period.parse().ok()?,
        id: KeyId(id),
    })
}

/// Seals an event's personal data.
pub(crate) fn seal(
    key: &SubjectKey,
    organisation: &str,
    event: &AuditEvent,
    personal: &[u8],
) -> Result<Vec<u8>, KeysError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| KeysError::NoRandom)?;
    let head = head(key);
    let aad = authenticated(&head, organisation, event, key.period);
    let mut sealed = Vec::with_capacity(head.len() + NONCE_LEN + personal.len() + MAX_TAG_LEN);
    sealed.extend_from_slice(&head);
    sealed.extend_from_slice(&nonce);
    let start = sealed.len();
    sealed.extend_from_slice(personal);
    let tag = aead(&key.key)
        .and_then(|aead| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            aead.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut sealed[start..])
        })
        .map_err(|_| KeysError::Wrapping(hongyan_envelope::SealError::TooLarge))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens an event's personal data; `None` where it was not sealed under this key for this event.
pub(crate) fn open(key: &SubjectKey, organisation: &str, event: &AuditEvent) -> Option<Zeroizing<Vec<u8>>> {
    let needed = needed(&event.sealed)?;
    if (needed.period, needed.id) != (key.period, key.id) {
        return None;
    }
    let (head, rest) = event.sealed.split_first_chunk::<HEAD_OCTETS>()?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
    let aad = authenticated(head, organisation, event, key.period);
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = aead(&key.key)
        .and_then(|aead| {
            aead.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
                .map(|opened| opened.len())
        })
        .ok()?;
    buffer.truncate(length);
    Some(buffer)
}

fn aead(key: &Key) -> Result<LessSafeKey, ring::error::Unspecified> {
    UnboundKey::new(&AES_256_GCM, key.as_slice()).map(LessSafeKey::new)
}

fn head(key: &SubjectKey) -> [u8; HEAD_OCTETS] {
    let mut head = [0; HEAD_OCTETS];
    head[0] = VERSION;
    // Of six octets always: years have four digits.
    for (at, octet) in head[1..=PERIOD_OCTETS]
        .iter_mut()
        .zip(key.period.to_string().bytes())
    {
        *at = octet;
    }
    head[1 + PERIOD_OCTETS..].copy_from_slice(&key.id.0);
    head
}

/// All parts but the last are of fixed length, so that no two events have the same octets.
fn authenticated(
    head: &[u8; HEAD_OCTETS],
    organisation: &str,
    event: &AuditEvent,
    period: Period,
) -> Vec<u8> {
    let id = Uuid::try_parse(&event.event_id).unwrap_or_default();
    let class = Class::of_action(&event.action).as_str();
    let origin = format!("audit.{organisation}/{class}/{period}");
    [head.as_slice(), id.as_bytes(), origin.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::AuditEvent;
    use zeroize::Zeroizing;

    use super::{Needed, SubjectKey, needed, open, seal};
    use crate::{keys::slot::KeyId, record::Period};

    const PERSONAL: &[u8] = "张三 13800138000".as_bytes();

    fn key() -> SubjectKey {
        SubjectKey {
            period: Period::of(1_795_293_793_000),
            id: KeyId::new(17, [2; 12]),
            key: Zeroizing::new([9; 32]),
        }
    }

    fn event() -> AuditEvent {
        let mut event = AuditEvent {
            event_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            action: "VERIFY_ANSWERED".into(),
            ..AuditEvent::default()
        };
        event.sealed = seal(&key(), "hongyan.test", &event, PERSONAL).unwrap().into();
        event
    }

    #[test]
    fn sealed_octets_name_version_period_key_and_nonce() {
        let event = event();
        assert_eq!(&event.sealed[..7], b"\x022026h2");
        assert_eq!(
            needed(&event.sealed),
            Some(Needed {
                period: key().period,
                id: key().id
            })
        );
        assert_eq!(event.sealed.len(), 7 + 16 + 12 + PERSONAL.len() + 16);
        assert_eq!(*open(&key(), "hongyan.test", &event).unwrap(), PERSONAL);
        let again = seal(&key(), "hongyan.test", &event, PERSONAL).unwrap();
        assert_ne!(again[23..35], event.sealed[23..35], "a nonce of its own");
    }

    #[test]
    fn it_opens_in_no_other_event_log_record_or_period() {
        type Change = fn(&mut AuditEvent);
        let changes: [Change; 3] = [
            |event| event.event_id = "0197a1b2-c3d4-7000-8000-000000000002".into(),
            |event| event.action = "MESSAGE_FINAL".into(),
            |event| {
                let mut sealed = event.sealed.to_vec();
                sealed[6] = b'1';
                event.sealed = sealed.into();
            },
        ];
        for change in changes {
            let mut other = event();
            change(&mut other);
            assert!(open(&key(), "hongyan.test", &other).is_none());
        }
        assert!(open(&key(), "other.test", &event()).is_none());
        let wrong = SubjectKey {
            key: Zeroizing::new([8; 32]),
            ..key()
        };
        assert!(open(&wrong, "hongyan.test", &event()).is_none());
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused() {
        let whole = event();
        for bit in 0..whole.sealed.len() * 8 {
            let mut sealed = whole.sealed.to_vec();
            sealed[bit / 8] ^= 1 << (bit % 8);
            let flipped = AuditEvent {
                sealed: sealed.into(),
                ..whole.clone()
            };
            assert!(open(&key(), "hongyan.test", &flipped).is_none(), "bit {bit}");
        }
        for length in 0..whole.sealed.len() {
            let cut = AuditEvent {
                sealed: whole.sealed.slice(..length),
                ..whole.clone()
            };
            assert!(open(&key(), "hongyan.test", &cut).is_none(), "{length}");
        }
        assert_eq!(needed(b"\x01"), None);
    }
}
