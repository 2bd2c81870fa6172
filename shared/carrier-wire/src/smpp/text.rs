//! C-octet strings, kept inline.

use std::fmt;

/// A text that a C-octet string cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CTextError {
    /// It is too long.
    #[error("{len} octets and the NUL do not fit a field of {max}")]
    TooLong {
        /// Octets given, without the NUL.
        len: usize,
        /// Octets of the field, the NUL included.
        max: usize,
    },
    /// It holds a NUL, where the peer would end it.
    #[error("a NUL at octet {at} would end the text")]
    HoldsNul {
        /// Where it stands.
        at: usize,
    },
}

/// A C-octet string of at most `N` octets on the wire, the NUL that ends it included, as the document counts.
///
/// The octets need not be ASCII: gateways put other octets into service types and addresses, and that is no
/// reason to lose a message.
#[derive(Clone, Copy)]
pub struct CText<const N: usize> {
    len: u8,
    octets: [u8; N],
}

impl<const N: usize> CText<N> {
    /// Without a single octet.
    pub const EMPTY: Self = Self {
        len: 0,
        octets: [0; N],
    };

    /// Takes `text`, which has no NUL.
    ///
    /// # Errors
    ///
    /// [`CTextError`] when it has `N` octets or more, or holds a NUL.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, CTextError> {
        let text = text.as_ref();
        if let Some(at) = text.iter().position(|octet| *octet == 0) {
            return Err(CTextError::HoldsNul { at });
        }
        Self::before_nul(text).ok_or(CTextError::TooLong {
            len: text.len(),
            max: N,
        })
    }

    /// Takes the octets that stood before a NUL; `None` when they are too many.
    pub(in crate::smpp) fn before_nul(text: &[u8]) -> Option<Self> {
        if text.len() >= N {
            return None;
        }
        let mut octets = [0; N];
        octets.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            len: u8::try_from(text.len()).ok()?,
            octets,
        })
    }

    /// The octets, without the NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The octets with the NUL that ends them, as they stand on the wire.
    pub fn wire(&self) -> &[u8] {
        self.octets.get(..=usize::from(self.len)).unwrap_or(&[0])
    }

    /// Octets on the wire, the NUL included.
    pub const fn wire_len(&self) -> usize {
        self.len as usize + 1
    }

    /// The text, when it is UTF-8 (ASCII, as the document demands).
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The text; octets that are no UTF-8 are shown as U+FFFD.
    pub fn to_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// True without an octet before the NUL.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> PartialEq for CText<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> Eq for CText<N> {}

impl<const N: usize> Default for CText<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Debug for CText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_includes_the_nul() {
        let full = CText::<9>::new("secret08").unwrap();
        assert_eq!(full.wire(), b"secret08\0");
        assert_eq!(full.wire_len(), 9);
        assert_eq!(
            CText::<9>::new("secret008"),
            Err(CTextError::TooLong { len: 9, max: 9 })
        );
        assert_eq!(CText::<1>::new("").map(|text| text.wire().to_vec()), Ok(vec![0]));
    }

    #[test]
    fn a_nul_is_refused_where_text_is_given() {
        assert_eq!(CText::<9>::new("ab\0c"), Err(CTextError::HoldsNul { at: 2 }));
    }

    #[test]
    fn empty_text_is_one_octet_on_the_wire() {
        assert_eq!(CText::<21>::EMPTY.wire(), [0]);
        assert_eq!(CText::<21>::new(""), Ok(CText::EMPTY));
        assert!(CText::<21>::default().is_empty());
    }

    #[test]
    fn octets_beyond_ascii_are_kept() {
        let text = CText::<6>::new([b'a', 0xe9]).unwrap();
        assert_eq!(text.as_bytes(), [b'a', 0xe9]);
        assert_eq!(text.as_str(), None);
        assert_eq!(format!("{text:?}"), r#""a\xe9""#);
    }
}
