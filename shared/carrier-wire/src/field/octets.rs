//! Fixed-width octet strings, kept inline.

use std::fmt;

/// A text does not fit the field of a PDU that it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} octets do not fit a field of {max}")]
pub struct TooLong {
    /// Octets given.
    pub len: usize,
    /// Octets the field has.
    pub max: usize,
}

/// A string of a fixed-width field: right-padded with NUL, with no NUL at all when it fills the field.
///
/// The field is kept as it stood on the wire, octets after the first NUL included, so that decoding and
/// encoding give back the same octets even from a peer that pads with garbage. The text is what stands before
/// the first NUL.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FixedStr<const N: usize>([u8; N]);

impl<const N: usize> FixedStr<N> {
    /// Takes `text` and pads it with NUL.
    ///
    /// # Errors
    ///
    /// [`TooLong`] when it has more than `N` octets.
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, TooLong> {
        let text = text.as_ref();
        let mut field = [0u8; N];
        match field.get_mut(..text.len()) {
            Some(start) => start.copy_from_slice(text),
            None => {
                return Err(TooLong {
                    len: text.len(),
                    max: N,
                });
            }
        }
        Ok(Self(field))
    }

    /// The field as it stands on the wire.
    pub const fn from_wire(field: [u8; N]) -> Self {
        Self(field)
    }

    /// The whole field, padding included.
    pub const fn wire(&self) -> &[u8; N] {
        &self.0
    }

    /// The octets before the first NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|octet| *octet == 0).next().unwrap_or_default()
    }

    /// The text before the first NUL, when it is UTF-8 (ASCII, as the protocols demand).
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The text before the first NUL; octets that are no UTF-8 are shown as U+FFFD.
    pub fn to_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// True when the text is empty.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl<const N: usize> Default for FixedStr<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Debug for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_with_nul_and_reads_back() {
        let field = FixedStr::<21>::new("1069009010053").unwrap();
        assert_eq!(
            hex::encode(field.wire()),
            "313036393030393031303035330000000000000000"
        );
        assert_eq!(field.as_str(), Some("1069009010053"));
    }

    #[test]
    fn a_full_field_has_no_nul() {
        let field = FixedStr::<6>::new("900001").unwrap();
        assert_eq!(field.as_str(), Some("900001"));
        assert_eq!(FixedStr::<6>::new("9000012"), Err(TooLong { len: 7, max: 6 }));
    }

    #[test]
    fn octets_after_the_first_nul_survive_but_are_no_text() {
        let field = FixedStr::from_wire(*b"ab\0cd\0");
        assert_eq!(field.as_bytes(), b"ab");
        assert_eq!(field.wire(), b"ab\0cd\0");
    }

    #[test]
    fn debug_escapes() {
        assert_eq!(
            format!("{:?}", FixedStr::from_wire([b'a', 0xff, 0])),
            r#""a\xff""#
        );
    }
}
