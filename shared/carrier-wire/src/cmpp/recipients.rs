//! The recipients of a `SUBMIT`.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::Version;
use crate::field::{FieldError, FixedStr, Reader, TerminalId};

/// The recipients of a `SUBMIT`: 1 to 99. Personal data; the `Debug` tells how many, no more.
///
/// Neither one, the usual case, nor several that were read take an allocation: one stands inline, several are a
/// slice of their PDU, made into numbers when they are looked at.
#[derive(Clone)]
pub struct Recipients(Fields);

#[derive(Clone)]
enum Fields {
    One(TerminalId),
    /// A whole number of fields in the width of `layout`.
    Many {
        layout: Version,
        octets: Bytes,
    },
}

impl Recipients {
    /// The most recipients that a `SUBMIT` may have.
    pub const MAX: usize = 99;

    /// A single recipient.
    pub const fn one(number: TerminalId) -> Self {
        Self(Fields::One(number))
    }

    /// Several recipients, which takes one allocation; `None` when there is none or more than [`Self::MAX`].
    pub fn many(numbers: &[TerminalId]) -> Option<Self> {
        if let [number] = numbers {
            return Some(Self::one(*number));
        }
        if !(1..=Self::MAX).contains(&numbers.len()) {
            return None;
        }
        // The wider layout holds every number.
        let layout = Version::V3;
        let mut octets = BytesMut::with_capacity(numbers.len().saturating_mul(layout.terminal_len()));
        for number in numbers {
            octets.put_slice(number.wire());
        }
        let octets = octets.freeze();
        Some(Self(Fields::Many { layout, octets }))
    }

    /// Reads the count and the fields from `frame`, in which `reader` stands.
    pub(super) fn read(layout: Version, frame: &Bytes, reader: &mut Reader<'_>) -> Result<Self, FieldError> {
        let offset = reader.offset();
        let count = usize::from(reader.u8("DestUsr_tl")?);
        if !(1..=Self::MAX).contains(&count) {
            return Err(FieldError::OutOfBounds {
                field: "DestUsr_tl",
                offset,
                why: "1 to 99 recipients are allowed",
            });
        }
        if count == 1 {
            return reader
                .widened("Dest_terminal_Id", layout.terminal_len())
                .map(|field| Self::one(TerminalId::from_wire(field)));
        }
        let fields = reader.slice("Dest_terminal_Id", count.saturating_mul(layout.terminal_len()))?;
        let octets = frame.slice_ref(fields);
        Ok(Self(Fields::Many { layout, octets }))
    }

    /// The fields in the order of the PDU, each in the width it has here.
    pub(super) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let (octets, width): (&[u8], usize) = match &self.0 {
            Fields::One(number) => (number.wire(), number.wire().len()),
            Fields::Many { layout, octets } => (octets, layout.terminal_len()),
        };
        octets.chunks_exact(width)
    }

    /// All recipients, in the order of the PDU. Personal data.
    pub fn iter(&self) -> impl Iterator<Item = TerminalId> {
        self.fields()
            .map(|field| TerminalId::from_wire(FixedStr::new(field).unwrap_or_default()))
    }

    /// The first recipient. Personal data.
    pub fn first(&self) -> TerminalId {
        self.iter().next().unwrap_or_default()
    }

    /// How many; a PDU with n recipients counts n towards a gateway's rate.
    pub fn count(&self) -> usize {
        match &self.0 {
            Fields::One(_) => 1,
            Fields::Many { layout, octets } => octets
                .len()
                .checked_div(layout.terminal_len())
                .unwrap_or_default(),
        }
    }
}

impl Default for Recipients {
    /// One empty number.
    fn default() -> Self {
        Self::one(TerminalId::default())
    }
}

impl PartialEq for Recipients {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Recipients {}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} numbers>", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> TerminalId {
        TerminalId::new(text).unwrap()
    }

    #[test]
    fn one_or_many_are_told_in_order() {
        let two = [number("13800138000"), number("13800138001")];
        let many = Recipients::many(&two).unwrap();
        assert_eq!((many.count(), many.first()), (2, number("13800138000")));
        assert_eq!(many.iter().collect::<Vec<_>>(), two);
        assert_eq!(
            Recipients::many(&[number("13800138000")]),
            Some(Recipients::one(number("13800138000")))
        );
        assert_ne!(many, Recipients::one(number("13800138000")));
    }

    #[test]
    fn none_and_too_many_are_refused() {
        assert_eq!(Recipients::many(&[]), None);
        assert!(Recipients::many(&[number("1"); 99]).is_some());
        assert_eq!(Recipients::many(&[number("1"); 100]), None);
    }

    #[test]
    fn what_was_read_in_either_width_is_the_same() {
        let read = |layout: Version| {
            let mut octets = vec![2];
            for text in ["13800138000", "13800138001"] {
                octets.extend(&number(text).wire()[..layout.terminal_len()]);
            }
            let frame = Bytes::from(octets);
            Recipients::read(layout, &frame, &mut Reader::new(&frame)).unwrap()
        };
        assert_eq!(read(Version::V2), read(Version::V3));
        assert_eq!(
            Recipients::many(&[number("13800138000"), number("13800138001")]),
            Some(read(Version::V2))
        );
    }

    #[test]
    fn debug_tells_no_number() {
        assert_eq!(
            format!("{:?}", Recipients::one(number("13800138000"))),
            "<1 numbers>"
        );
    }
}
