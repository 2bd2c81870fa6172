//! The key file.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use zeroize::{Zeroize, Zeroizing};

use crate::sealed::is_key_id;

/// Octets of a key, for AES-256 and for HMAC-SHA-256 alike.
pub(crate) const KEY_OCTETS: usize = 32;
/// More keys than a rotation ever needs at a time.
const MAX_KEYS: usize = 64;

pub(crate) type KeyOctets = Zeroizing<[u8; KEY_OCTETS]>;

/// What is wrong with a key file. Names the field, never what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// Not JSON, or not of the expected shape.
    #[error(
        "line {line}, column {column}: is not a key file: {{\"active\": id, \"keys\": {{id: key}}, \"tag_key\": key}}, each id once, nothing else"
    )]
    NotAKeyFile {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// No key at all, or too many.
    #[error("keys: must hold 1 to {MAX_KEYS} keys")]
    Count,
    /// The n-th id, from 1 in the order of the ids, is not one.
    #[error(
        "keys: id {position} (in the order of the ids) must be 1 to 32 of A-Z, a-z, 0-9, '.', '_' and hyphen"
    )]
    KeyId {
        /// From 1.
        position: usize,
    },
    /// Not base64 of 32 octets.
    #[error("{field}: must be base64 of {KEY_OCTETS} octets")]
    Key {
        /// `keys.<id>` or `tag_key`.
        field: String,
    },
    /// The active id is not among the keys.
    #[error("active: must be the id of one of the keys")]
    Active,
    /// One key twice: a second id would promise a rotation that is none, and the tag key must not seal.
    #[error("{field}: is the same key as {other}")]
    SameKey {
        /// `keys.<id>` or `tag_key`.
        field: String,
        /// `keys.<id>`.
        other: String,
    },
}

/// A key file whose keys are decoded.
pub(crate) struct KeyFile {
    pub(crate) active: String,
    pub(crate) keys: BTreeMap<String, KeyOctets>,
    pub(crate) tag_key: KeyOctets,
}

impl KeyFile {
    pub(crate) fn parse(json: &str) -> Result<Self, KeyringError> {
        // The parser's own message may quote the file, so only its place is kept.
        let raw: RawFile = serde_json::from_str(json).map_err(|error| KeyringError::NotAKeyFile {
            line: error.line(),
            column: error.column(),
        })?;
        if !(1..=MAX_KEYS).contains(&raw.keys.0.len()) {
            return Err(KeyringError::Count);
        }
        let mut keys: BTreeMap<String, KeyOctets> = BTreeMap::new();
        for (index, (id, text)) in raw.keys.0.iter().enumerate() {
            if !is_key_id(id) {
                return Err(KeyringError::KeyId { position: index + 1 });
            }
            let field = format!("keys.{id}");
            let key = decode(&field, text)?;
            refuse_same(&field, &key, &keys)?;
            keys.insert(id.clone(), key);
        }
        let tag_key = decode("tag_key", &raw.tag_key)?;
        refuse_same("tag_key", &tag_key, &keys)?;
        if !keys.contains_key(&raw.active) {
            return Err(KeyringError::Active);
        }
        Ok(Self {
            active: raw.active,
            keys,
            tag_key,
        })
    }
}

fn decode(field: &str, text: &SecretText) -> Result<KeyOctets, KeyringError> {
    let refuse = || KeyringError::Key {
        field: field.to_owned(),
    };
    let octets = STANDARD.decode(text.0.as_bytes()).map(Zeroizing::new);
    let octets = octets.map_err(|_| refuse())?;
    let mut key = KeyOctets::default();
    if octets.len() != key.len() {
        return Err(refuse());
    }
    key.copy_from_slice(&octets);
    Ok(key)
}

fn refuse_same(field: &str, key: &KeyOctets, keys: &BTreeMap<String, KeyOctets>) -> Result<(), KeyringError> {
    match keys.iter().find(|(_, other)| *other == key) {
        None => Ok(()),
        Some((other, _)) => Err(KeyringError::SameKey {
            field: field.to_owned(),
            other: format!("keys.{other}"),
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    active: String,
    keys: RawKeys,
    tag_key: SecretText,
}

/// Text that is wiped when it is dropped.
struct SecretText(String);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The map of keys; an id that stands twice is refused, where a plain map would keep the last one silently.
struct RawKeys(BTreeMap<String, SecretText>);

impl<'de> Deserialize<'de> for RawKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;

        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = RawKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of key ids to keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKeys, A::Error> {
                let mut keys = BTreeMap::new();
                while let Some((id, key)) = map.next_entry::<String, SecretText>()? {
                    if keys.insert(id, key).is_some() {
                        return Err(A::Error::custom("a key id stands twice"));
                    }
                }
                Ok(RawKeys(keys))
            }
        }

        deserializer.deserialize_map(KeysVisitor)
    }
}
