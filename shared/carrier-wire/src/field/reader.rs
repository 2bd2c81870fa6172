//! Reading a PDU front to back.

use super::FixedStr;

/// What is wrong with a field. Says where, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The PDU ends inside the field.
    #[error("ends inside {field} at offset {offset}: {wanted} octets wanted, {had} left")]
    Truncated {
        /// The field's name in the protocol's document.
        field: &'static str,
        /// Where the field begins, counted from the start of the PDU.
        offset: usize,
        /// Octets the field has.
        wanted: usize,
        /// Octets that were left.
        had: usize,
    },
    /// The field holds a count or length that is out of bounds.
    #[error("{field} at offset {offset} is out of bounds: {why}")]
    OutOfBounds {
        /// The field's name in the protocol's document.
        field: &'static str,
        /// Where the field begins, counted from the start of the PDU.
        offset: usize,
        /// The bound.
        why: &'static str,
    },
    /// Octets are left after the last field: another version's layout, or a wrong length.
    #[error("{extra} octets are left after the last field, from offset {offset}")]
    Trailing {
        /// Where the last field ends.
        offset: usize,
        /// Octets left.
        extra: usize,
    },
}

/// Reads fields front to back out of one PDU. Nothing in it can panic, whatever the octets.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `octets`.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            offset: 0,
        }
    }

    /// Where the next field begins.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Octets not read yet.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    const fn truncated(&self, field: &'static str, wanted: usize) -> FieldError {
        FieldError::Truncated {
            field,
            offset: self.offset,
            wanted,
            had: self.rest.len(),
        }
    }

    /// The next `N` octets.
    ///
    /// # Errors
    ///
    /// [`FieldError::Truncated`] when fewer are left; as for every other reading function here.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], FieldError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(field, N));
        };
        self.rest = rest;
        self.offset += N;
        Ok(*head)
    }

    /// The next `len` octets.
    pub fn slice(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], FieldError> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.truncated(field, len));
        };
        self.rest = rest;
        self.offset += len;
        Ok(head)
    }

    /// One octet.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, FieldError> {
        self.array::<1>(field).map(|[octet]| octet)
    }

    /// Four octets, big-endian.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, FieldError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// The length that opens a PDU, which must be that of the whole of it.
    ///
    /// # Errors
    ///
    /// [`FieldError::OutOfBounds`] when it is not.
    pub fn total_length(&mut self, field: &'static str) -> Result<(), FieldError> {
        let offset = self.offset;
        let whole = self.offset.saturating_add(self.left());
        let announced = self.u32(field)?;
        if usize::try_from(announced) == Ok(whole) {
            Ok(())
        } else {
            Err(FieldError::OutOfBounds {
                field,
                offset,
                why: "it is not the length of the PDU",
            })
        }
    }

    /// Eight octets, big-endian.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, FieldError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// A string that has the width of its field.
    pub fn fixed<const N: usize>(&mut self, field: &'static str) -> Result<FixedStr<N>, FieldError> {
        self.array(field).map(FixedStr::from_wire)
    }

    /// A string of `width` octets, widened with NUL to `N`.
    pub fn widened<const N: usize>(
        &mut self,
        field: &'static str,
        width: usize,
    ) -> Result<FixedStr<N>, FieldError> {
        let offset = self.offset;
        let octets = self.slice(field, width)?;
        FixedStr::new(octets).map_err(|_| FieldError::OutOfBounds {
            field,
            offset,
            why: "the field is wider than what holds it",
        })
    }

    /// Says that the PDU ends here.
    ///
    /// # Errors
    ///
    /// [`FieldError::Trailing`] when it does not.
    pub const fn end(&self) -> Result<(), FieldError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(FieldError::Trailing {
                offset: self.offset,
                extra: self.rest.len(),
            })
        }
    }
}
