//! Keys that sign notes, and keys that check them (C2SP `signed-note`, "Signatures" and "Verifier keys").
//!
//! A verifier's key is public text, `<name>+<id>+<base64>`; a signer's is `PRIVATE+KEY+<name>+<id>+<base64>`, as the Go
//! project's `sumdb/note` writes both.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    digest::{Context, SHA256},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use zeroize::Zeroizing;

use crate::note::Signature;

const ED25519_OCTETS: usize = 32;
/// Octets of an Ed25519 signature.
const SIGNATURE_OCTETS: usize = 64;
/// Octets of the time in front of a cosignature.
const TIME_OCTETS: usize = 8;
const PRIVATE: &str = "PRIVATE+KEY+";
/// What a cosignature's signed message begins with.
const COSIGNATURE: &str = "cosignature/v1";

/// The longest name of a key, in octets.
pub const MAX_NAME_OCTETS: usize = 255;

/// What a key signs with; the identifier octets of `signed-note`, "Signature types".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub enum Algorithm {
    /// Ed25519 over the note's text.
    Ed25519,
    /// Ed25519 over a time and a checkpoint, by a witness (C2SP `tlog-cosignature`).
    CosignatureV1,
}

impl Algorithm {
    const fn octet(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }

    const fn of(octet: u8) -> Option<Self> {
        match octet {
            0x01 => Some(Self::Ed25519),
            0x04 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not three pieces with `+` between, or not the words in front.
    #[error("a verifier's key is <name>+<id>+<base64>, a signer's PRIVATE+KEY+<name>+<id>+<base64>")]
    Shape,
    /// Empty, too long, or with spaces, control characters or `+`.
    #[error("a key's name is 1 to {MAX_NAME_OCTETS} octets without spaces, control characters and +")]
    Name,
    /// Not eight hexadecimal digits, or not the ones that the key has.
    #[error("the key's id is not that of the key")]
    Id,
    /// The key's octets are not base64, or not as many as the algorithm wants.
    #[error("the key's octets are not an algorithm and {ED25519_OCTETS} octets in base64")]
    Octets,
    /// An algorithm that is not supported, or one that this kind of key cannot have.
    #[error("the key's algorithm is not supported")]
    Algorithm,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature of {0} octets does not hold")]
pub struct BadSignature(usize);

/// Checks the signatures of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    algorithm: Algorithm,
    public: [u8; ED25519_OCTETS],
}

/// What a signature that holds says besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// When a witness cosigned, in seconds since 1970; `None` for a plain signature.
    pub cosigned_at_unix_s: Option<u64>,
}

impl Verifier {
    /// A verifier from a key's octets.
    pub fn new(name: &str, algorithm: Algorithm, public: [u8; ED25519_OCTETS]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name);
        }
        Ok(Self {
            name: name.to_owned(),
            id: id_of(name, algorithm, &public),
            algorithm,
            public,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first octets of a hash over name, algorithm and key: with the name it tells which key signed.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The same key under another name.
    pub fn named(&self, name: &str) -> Result<Self, KeyError> {
        Self::new(name, self.algorithm, self.public)
    }

    /// Whether this key is the one that a signature says it is of.
    pub fn knows(&self, signature: &Signature) -> bool {
        signature.name() == self.name && signature.id() == self.id
    }

    /// Checks a signature of this key over a note's text.
    pub fn verify(&self, text: &str, signature: &Signature) -> Result<Signed, BadSignature> {
        let octets = signature.octets();
        let bad = BadSignature(octets.len());
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        match self.algorithm {
            Algorithm::Ed25519 => {
                key.verify(text.as_bytes(), octets).map_err(|_| bad)?;
                Ok(Signed {
                    cosigned_at_unix_s: None,
                })
            }
            Algorithm::CosignatureV1 => {
                let (time, octets) = octets.split_first_chunk::<TIME_OCTETS>().ok_or(bad)?;
                let time = u64::from_be_bytes(*time);
                // A time that no POSIX clock can show is none (`tlog-cosignature`, "Format").
                if time > i64::MAX.unsigned_abs() {
                    return Err(bad);
                }
                key.verify(cosigned(time, text).as_bytes(), octets)
                    .map_err(|_| bad)?;
                Ok(Signed {
                    cosigned_at_unix_s: Some(time),
                })
            }
        }
    }
}

/// The text of the public key.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = [&[self.algorithm.octet()][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, Id(self.id), STANDARD.encode(octets))
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, algorithm, id, octets) = pieces(text)?;
        let verifier = Self::new(name, algorithm, *octets)?;
        if id == verifier.id {
            Ok(verifier)
        } else {
            Err(KeyError::Id)
        }
    }
}

/// Signs notes. `Debug` shows the name alone.
pub struct Signer {
    seed: Zeroizing<[u8; ED25519_OCTETS]>,
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl Signer {
    /// A signer from an Ed25519 seed of 32 octets.
    pub fn from_seed(
        name: &str,
        algorithm: Algorithm,
        seed: &[u8; ED25519_OCTETS],
    ) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Octets)?;
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| KeyError::Octets)?;
        let verifier = Verifier::new(name, algorithm, public)?;
        let seed = Zeroizing::new(*seed);
        Ok(Self { seed, pair, verifier })
    }

    /// The same key under another name. A log's key bears the log's origin (C2SP `tlog-checkpoint`); this lets one
    /// secret sign for all logs of an operator, and its ids differ from log to log.
    pub fn named(&self, name: &str) -> Result<Self, KeyError> {
        Self::from_seed(name, self.verifier.algorithm, &self.seed)
    }

    /// Reads the text of a private key. Spaces and line ends around it do not count.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim().strip_prefix(PRIVATE).ok_or(KeyError::Shape)?;
        let (name, algorithm, id, seed) = pieces(text)?;
        let signer = Self::from_seed(name, algorithm, &seed)?;
        if id == signer.verifier.id {
            Ok(signer)
        } else {
            Err(KeyError::Id)
        }
    }

    /// The text of the private key made from a seed: to be kept in a secret file.
    pub fn private_text(
        name: &str,
        algorithm: Algorithm,
        seed: &[u8; ED25519_OCTETS],
    ) -> Result<Zeroizing<String>, KeyError> {
        let signer = Self::from_seed(name, algorithm, seed)?;
        let mut octets = Zeroizing::new(vec![algorithm.octet()]);
        octets.extend_from_slice(seed);
        let encoded = Zeroizing::new(STANDARD.encode(&*octets));
        let id = Id(signer.verifier.id);
        Ok(Zeroizing::new(format!("{PRIVATE}{name}+{id}+{}", *encoded)))
    }

    /// Who checks what this signs.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs a note's text. `unix_s` is the time that a cosignature states; a plain signature has none.
    pub fn sign(&self, text: &str, unix_s: u64) -> Signature {
        let octets = match self.verifier.algorithm {
            Algorithm::Ed25519 => self.pair.sign(text.as_bytes()).as_ref().to_vec(),
            Algorithm::CosignatureV1 => {
                let mut octets = Vec::with_capacity(TIME_OCTETS + SIGNATURE_OCTETS);
                octets.extend_from_slice(&unix_s.to_be_bytes());
                octets.extend_from_slice(self.pair.sign(cosigned(unix_s, text).as_bytes()).as_ref());
                octets
            }
        };
        Signature::new(self.verifier.name.clone(), self.verifier.id, octets)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("name", &self.verifier.name)
            .finish_non_exhaustive()
    }
}

/// What a witness signs.
fn cosigned(unix_s: u64, text: &str) -> String {
    format!("{COSIGNATURE}\ntime {unix_s}\n{text}")
}

struct Id([u8; 4]);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// Whether a key may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_OCTETS).contains(&name.len())
        && !name
            .chars()
            .any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

fn id_of(name: &str, algorithm: Algorithm, public: &[u8; ED25519_OCTETS]) -> [u8; 4] {
    let mut context = Context::new(&SHA256);
    for piece in [name.as_bytes(), b"\n", &[algorithm.octet()], public] {
        context.update(piece);
    }
    let hash = context.finish();
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

type Pieces<'a> = (&'a str, Algorithm, [u8; 4], Zeroizing<[u8; ED25519_OCTETS]>);

/// Name, algorithm, id and key of `<name>+<id>+<base64>`; base64 may hold a `+`, the other two may not.
fn pieces(text: &str) -> Result<Pieces<'_>, KeyError> {
    let (name, rest) = text.split_once('+').ok_or(KeyError::Shape)?;
    let (id, key) = rest.split_once('+').ok_or(KeyError::Shape)?;
    if !is_name(name) {
        return Err(KeyError::Name);
    }
    let digits = id.len() == 8 && id.bytes().all(|octet| octet.is_ascii_hexdigit());
    let id = u32::from_str_radix(id, 16)
        .ok()
        .filter(|_| digits)
        .ok_or(KeyError::Id)?;
    let octets = Zeroizing::new(STANDARD.decode(key).map_err(|_| KeyError::Octets)?);
    let (algorithm, key) = octets.split_first().ok_or(KeyError::Octets)?;
    let algorithm = Algorithm::of(*algorithm).ok_or(KeyError::Algorithm)?;
    let key = <[u8; ED25519_OCTETS]>::try_from(key).map_err(|_| KeyError::Octets)?;
    Ok((name, algorithm, id.to_be_bytes(), Zeroizing::new(key)))
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, KeyError, Signer, Verifier};

    /// The key pair of the examples in the documentation of Go's `sumdb/note`.
    const PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn the_published_key_pair_belongs_together() {
        let signer = Signer::parse(&format!("{PRIVATE}\n")).unwrap();
        assert_eq!(signer.verifier().to_string(), PUBLIC);
        assert_eq!(signer.verifier(), &PUBLIC.parse::<Verifier>().unwrap());
        assert!(!format!("{signer:?}").contains("AYEK"));
    }

    #[test]
    fn a_private_key_is_written_as_it_is_read() {
        let seed = [9; 32];
        let text = Signer::private_text("example.org/log", Algorithm::Ed25519, &seed).unwrap();
        let signer = Signer::parse(&text).unwrap();
        let same = Signer::from_seed("example.org/log", Algorithm::Ed25519, &seed).unwrap();
        assert_eq!(signer.verifier(), same.verifier());
        let renamed = Signer::from_seed("other", Algorithm::Ed25519, &seed)
            .and_then(|other| other.named("example.org/log"))
            .unwrap();
        assert_eq!(renamed.verifier(), signer.verifier());
        let other = signer.verifier().named("other").unwrap();
        assert_ne!(other.id(), signer.verifier().id());
    }

    #[test]
    fn what_is_no_key_says_why() {
        for (text, why) in [
            ("", KeyError::Shape),
            ("name", KeyError::Shape),
            ("name+c74f20a3", KeyError::Shape),
            (
                "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Name,
            ),
            (
                "two words+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Name,
            ),
            (
                "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Id,
            ),
            (
                "PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Id,
            ),
            (
                "PeterNeumann++74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Id,
            ),
            (
                "Peter+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Id,
            ),
            ("PeterNeumann+c74f20a3+", KeyError::Octets),
            ("PeterNeumann+c74f20a3+AR", KeyError::Octets),
            ("PeterNeumann+c74f20a3+ARpc2Q==", KeyError::Octets),
            (
                "PeterNeumann+c74f20a3+Axpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
                KeyError::Algorithm,
            ),
        ] {
            assert_eq!(text.parse::<Verifier>(), Err(why), "{text}");
        }
        assert_eq!(Signer::parse(PUBLIC).unwrap_err(), KeyError::Shape);
    }
}
