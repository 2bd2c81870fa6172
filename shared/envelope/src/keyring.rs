//! The keyring.

use std::{collections::BTreeMap, fmt};

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use crate::{
    file::{KeyFile, KeyOctets, KeyringError},
    sealed::{OpenError, Parts, SealError, authenticated, header, overhead},
    tag::Tag,
};

/// Keys to seal and open with, and the key of tags.
///
/// A random nonce of 96 bits is safe for about four thousand million records under one key (NIST SP 800-38D, 8.3):
/// rotate before that. To rotate, add a key to the file, make it the active one when every process has it, and take
/// the old one out when nothing sealed under it is kept any more.
pub struct Keyring {
    active: String,
    sealing: LessSafeKey,
    keys: BTreeMap<String, LessSafeKey>,
    tag_key: hmac::Key,
    random: SystemRandom,
}

impl Keyring {
    /// Reads a key file: `{"active": "k2", "keys": {"k1": "<base64 of 32 octets>", …}, "tag_key": "<the same>"}`.
    pub fn parse(json: &str) -> Result<Self, KeyringError> {
        let file = KeyFile::parse(json)?;
        let mut keys = BTreeMap::new();
        for (id, octets) in &file.keys {
            let key = aead_key(id, octets)?;
            keys.insert(id.clone(), key);
        }
        let sealing = keys.get(&file.active).cloned().ok_or(KeyringError::Active)?;
        Ok(Self {
            active: file.active,
            sealing,
            keys,
            tag_key: hmac::Key::new(hmac::HMAC_SHA256, file.tag_key.as_slice()),
            random: SystemRandom::new(),
        })
    }

    /// The id of the key that seals.
    pub fn active(&self) -> &str {
        &self.active
    }

    /// Whether a key of this id is in the ring.
    pub fn has(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// Seals under the active key, for one context.
    pub fn seal(&self, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        let header = header(&self.active);
        let aad = Aad::from(authenticated(&header, context));
        let mut sealed = Vec::with_capacity(header.len() + plaintext.len() + overhead());
        sealed.extend_from_slice(&header);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plaintext);
        let tag = self
            .sealing
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed[start..])
            .map_err(|_| SealError::TooLarge)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for the same context under any key of the ring. The plaintext is wiped when dropped.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let parts = Parts::of(sealed)?;
        let key = self.keys.get(parts.key_id).ok_or_else(|| OpenError::UnknownKey {
            key_id: parts.key_id.to_owned(),
        })?;
        let aad = Aad::from(authenticated(parts.header, context));
        let mut buffer = Zeroizing::new(parts.ciphertext.to_vec());
        let length = key
            .open_in_place(Nonce::assume_unique_for_key(parts.nonce), aad, &mut buffer)
            .map_err(|_| OpenError::NotAuthentic)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The tag of a value in its one canonical form (a number in E.164). Tags of different purposes do not compare.
    pub fn tag(&self, purpose: &str, canonical: &str) -> Tag {
        let mut mac = hmac::Context::with_key(&self.tag_key);
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        mac.update(&(purpose.len() as u64).to_be_bytes());
        mac.update(purpose.as_bytes());
        mac.update(canonical.as_bytes());
        Tag::of(&mac.sign())
    }
}

fn aead_key(id: &str, octets: &KeyOctets) -> Result<LessSafeKey, KeyringError> {
    UnboundKey::new(&AES_256_GCM, octets.as_slice())
        .map(LessSafeKey::new)
        .map_err(|_| KeyringError::Key {
            field: format!("keys.{id}"),
        })
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("active", &self.active)
            .field("keys", &self.keys.keys())
            .finish_non_exhaustive()
    }
}
