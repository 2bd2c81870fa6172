//! Keyed tags.

use std::fmt;

use ring::hmac;

const TAG_OCTETS: usize = 32;
const SHORT_OCTETS: usize = 16;

/// An HMAC-SHA-256: finds what belongs to a value without telling the value. Printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag([u8; TAG_OCTETS]);

impl Tag {
    pub(crate) fn of(mac: &hmac::Tag) -> Self {
        let mut octets = [0; TAG_OCTETS];
        octets.copy_from_slice(mac.as_ref());
        Self(octets)
    }

    /// All 32 octets.
    pub fn as_bytes(&self) -> &[u8; TAG_OCTETS] {
        &self.0
    }

    /// The first 16 octets as 32 hexadecimal digits: long enough for keys, half the memory.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..SHORT_OCTETS])
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.short())
    }
}
