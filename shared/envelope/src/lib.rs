//! Sealing and opening personal data under rotating keys, and keyed tags for looking it up.
//!
//! * Sealing is AES-256-GCM with a random nonce under the keyring's active key. The id of the key stands in front of
//!   the sealed octets, so that data sealed under an older key opens as long as that key is in the ring.
//! * The *context* (a short word for the kind of record, e.g. `b"uplink"`) is authenticated with the data: a record
//!   that was moved to another place does not open there.
//! * A [`Tag`] is an HMAC-SHA-256 of a canonical value under a key of its own. Equal values have equal tags, so a tag
//!   finds what belongs to a number without telling the number. The tag key does not rotate: its tags are in the keys
//!   of stored state.
//!
//! The crate does no IO: it is given the text of the key file. No error and no `Debug` shows key material, plaintext
//! or a piece of the key file.

mod file;
mod keyring;
mod sealed;
mod tag;

pub use file::KeyringError;
pub use keyring::Keyring;
pub use sealed::{OpenError, SealError, key_id};
pub use tag::Tag;

/// The purpose of the one tag by which everything about a person is found: `keyring.tag(SUBJECT, e164)`. Every service
/// uses it, in keys and in the record alike, so that one question finds them all.
pub const SUBJECT: &str = "subject";
