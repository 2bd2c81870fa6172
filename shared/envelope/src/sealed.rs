//! The form of sealed octets: version ‖ length of the key id ‖ key id ‖ nonce ‖ ciphertext and tag.

use ring::aead::{AES_256_GCM, NONCE_LEN};

/// The only version so far: AES-256-GCM.
pub(crate) const VERSION: u8 = 1;
const MAX_KEY_ID_OCTETS: usize = 32;
/// Octets of the authentication tag at the end.
const TAG_OCTETS: usize = 16;

/// Why nothing could be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gave no random octets.
    #[error("the system gave no random octets for a nonce")]
    NoRandom,
    /// More than AES-GCM can seal at once (64 GiB).
    #[error("the data is too large to be sealed")]
    TooLarge,
}

/// Why sealed octets do not open. Shows nothing of what is inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or no valid key id in front.
    #[error("the sealed data is cut off or is no sealed data")]
    Malformed,
    /// Sealed by a later version of this crate.
    #[error("the sealed data is of version {version}, which is not known")]
    UnknownVersion {
        /// The first octet.
        version: u8,
    },
    /// The key was taken out of the ring, or never was in it.
    #[error("the sealed data needs key {key_id}, which is not in the keyring")]
    UnknownKey {
        /// Its id.
        key_id: String,
    },
    /// Changed on the way, sealed for another context, or sealed under another key with the same id.
    #[error("the sealed data was changed, or sealed in another context")]
    NotAuthentic,
}

/// Sealed octets, taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) key_id: &'a str,
    /// All in front of the nonce; authenticated together with the context.
    pub(crate) header: &'a [u8],
    pub(crate) nonce: [u8; NONCE_LEN],
    pub(crate) ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn of(sealed: &'a [u8]) -> Result<Self, OpenError> {
        let (&version, rest) = sealed.split_first().ok_or(OpenError::Malformed)?;
        if version != VERSION {
            return Err(OpenError::UnknownVersion { version });
        }
        let (&id_octets, rest) = rest.split_first().ok_or(OpenError::Malformed)?;
        let (key_id, rest) = rest
            .split_at_checked(usize::from(id_octets))
            .ok_or(OpenError::Malformed)?;
        let key_id = std::str::from_utf8(key_id)
            .ok()
            .filter(|id| is_key_id(id))
            .ok_or(OpenError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        if ciphertext.len() < TAG_OCTETS {
            return Err(OpenError::Malformed);
        }
        Ok(Self {
            key_id,
            header: &sealed[..2 + usize::from(id_octets)],
            nonce: *nonce,
            ciphertext,
        })
    }
}

/// The id of the key that these octets say they were sealed under. Says nothing about whether they open.
pub fn key_id(sealed: &[u8]) -> Result<&str, OpenError> {
    Ok(Parts::of(sealed)?.key_id)
}

/// A key id: 1 to 32 of A-Z, a-z, 0-9, '.', '_' and hyphen. It stands readable in front of sealed data and in errors.
pub(crate) fn is_key_id(id: &str) -> bool {
    (1..=MAX_KEY_ID_OCTETS).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// What stands in front of the nonce.
pub(crate) fn header(key_id: &str) -> Vec<u8> {
    let mut header = vec![VERSION, key_id.len() as u8];
    header.extend_from_slice(key_id.as_bytes());
    header
}

/// What is authenticated besides the ciphertext. The header tells its own length, so no header and context can be
/// read as another header and context.
pub(crate) fn authenticated(header: &[u8], context: &[u8]) -> Vec<u8> {
    [header, context].concat()
}

/// Octets that sealing adds behind the header.
pub(crate) fn overhead() -> usize {
    NONCE_LEN + AES_256_GCM.tag_len()
}
