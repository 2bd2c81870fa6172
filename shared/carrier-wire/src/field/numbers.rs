//! A list of phone numbers as a PDU carries it: fields of one width, one behind the other.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{FieldError, FixedStr, Reader, TerminalId};

/// One to `MAX` numbers of `W` octets each (`W` at most 32). Personal data; the `Debug` tells how many, no more.
///
/// What was read is a slice of its PDU and made into numbers when it is looked at, and a single number, the usual
/// case, stands inline: neither allocates. The fields are kept as they stood on the wire, padding included.
#[derive(Clone)]
pub struct Numbers<const W: usize, const MAX: usize>(Fields<W>);

#[derive(Clone)]
enum Fields<const W: usize> {
    One([u8; W]),
    /// A whole number of fields, two at least.
    Many(Bytes),
}

impl<const W: usize, const MAX: usize> Numbers<W, MAX> {
    /// The most numbers there may be.
    pub const MAX: usize = MAX;

    /// A single number; `None` when it is longer than a field of `W` octets.
    pub fn one(number: &TerminalId) -> Option<Self> {
        field(number).map(Fields::One).map(Self)
    }

    /// Several numbers, which takes one allocation; `None` when there is none, when there are more than
    /// [`Self::MAX`] or when one is longer than a field of `W` octets.
    pub fn many(numbers: &[TerminalId]) -> Option<Self> {
        if let [number] = numbers {
            return Self::one(number);
        }
        if numbers.is_empty() || numbers.len() > MAX {
            return None;
        }
        let mut fields = BytesMut::with_capacity(numbers.len().saturating_mul(W));
        for number in numbers {
            fields.extend_from_slice(&field::<W>(number)?);
        }
        Some(Self(Fields::Many(fields.freeze())))
    }

    /// Reads the count (one octet, called `count_field`) and as many fields (each called `name`) from `frame`, in
    /// which `reader` stands.
    ///
    /// # Errors
    ///
    /// [`FieldError`] when the count is none or above [`Self::MAX`], or the PDU ends among the fields.
    pub fn read(
        frame: &Bytes,
        reader: &mut Reader<'_>,
        count_field: &'static str,
        name: &'static str,
    ) -> Result<Self, FieldError> {
        let offset = reader.offset();
        let count = usize::from(reader.u8(count_field)?);
        if count == 1 {
            return reader.array(name).map(Fields::One).map(Self);
        }
        if count == 0 || count > MAX {
            return Err(FieldError::OutOfBounds {
                field: count_field,
                offset,
                why: "the number of recipients is none, or more than the protocol allows",
            });
        }
        let fields = reader.slice(name, count.saturating_mul(W))?;
        Ok(Self(Fields::Many(frame.slice_ref(fields))))
    }

    /// The fields as they stand on the wire.
    pub fn wire(&self) -> &[u8] {
        match &self.0 {
            Fields::One(field) => field,
            Fields::Many(fields) => fields,
        }
    }

    /// How many numbers; a PDU to n of them counts n towards a gateway's rate.
    pub fn count(&self) -> usize {
        self.wire().len().checked_div(W).unwrap_or_default()
    }

    /// The numbers, in the order of the PDU. Personal data.
    pub fn iter(&self) -> impl Iterator<Item = TerminalId> {
        self.wire().chunks_exact(W.max(1)).map(terminal)
    }

    /// The first number. Personal data.
    pub fn first(&self) -> TerminalId {
        self.iter().next().unwrap_or_default()
    }
}

/// The number as a field of `W` octets, when only padding is lost.
fn field<const W: usize>(number: &TerminalId) -> Option<[u8; W]> {
    let (kept, beyond) = number.wire().split_at_checked(W)?;
    if beyond.iter().any(|octet| *octet != 0) {
        return None;
    }
    kept.try_into().ok()
}

/// The field as a number. A field wider than a number cannot be made, so nothing is lost.
fn terminal(field: &[u8]) -> TerminalId {
    TerminalId::from_wire(FixedStr::new(field).unwrap_or_default())
}

impl<const W: usize, const MAX: usize> Default for Numbers<W, MAX> {
    /// One empty number.
    fn default() -> Self {
        Self(Fields::One([0; W]))
    }
}

impl<const W: usize, const MAX: usize> PartialEq for Numbers<W, MAX> {
    fn eq(&self, other: &Self) -> bool {
        self.wire() == other.wire()
    }
}

impl<const W: usize, const MAX: usize> Eq for Numbers<W, MAX> {}

impl<const W: usize, const MAX: usize> fmt::Debug for Numbers<W, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} numbers>", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Users = Numbers<21, 100>;

    fn number(text: &str) -> TerminalId {
        TerminalId::new(text).unwrap()
    }

    #[test]
    fn one_or_many_are_told_in_order() {
        let one = Users::one(&number("8613800138000")).unwrap();
        assert_eq!((one.count(), one.first()), (1, number("8613800138000")));
        assert_eq!(Users::many(&[number("8613800138000")]), Some(one));
        let two = [number("8613800138000"), number("8613800138001")];
        let many = Users::many(&two).unwrap();
        assert_eq!(many.iter().collect::<Vec<_>>(), two);
        assert_eq!(many.wire().len(), 42);
    }

    #[test]
    fn none_too_many_and_too_long_are_refused() {
        assert_eq!(Users::many(&[]), None);
        assert!(Users::many(&[number("1"); 100]).is_some());
        assert_eq!(Users::many(&[number("1"); 101]), None);
        assert!(Users::one(&number(&"1".repeat(21))).is_some());
        assert_eq!(Users::one(&number(&"1".repeat(22))), None);
        assert_eq!(Users::many(&[number("1"), number(&"1".repeat(22))]), None);
    }

    #[test]
    fn reading_checks_the_count_before_the_fields() {
        let read = |octets: &[u8]| {
            let frame = Bytes::copy_from_slice(octets);
            Users::read(&frame, &mut Reader::new(&frame), "UserCount", "UserNumber")
        };
        let mut two = vec![2];
        two.extend([b'1'; 42]);
        assert_eq!(read(&two).unwrap().wire(), &two[1..]);
        assert!(matches!(
            read(&[0]),
            Err(FieldError::OutOfBounds {
                field: "UserCount",
                offset: 0,
                ..
            })
        ));
        assert!(matches!(read(&[101]), Err(FieldError::OutOfBounds { .. })));
        assert_eq!(
            read(&two[..42]),
            Err(FieldError::Truncated {
                field: "UserNumber",
                offset: 1,
                wanted: 42,
                had: 41
            })
        );
    }

    #[test]
    fn debug_tells_no_number() {
        let one = Users::one(&number("8613800138000")).unwrap();
        assert_eq!(format!("{one:?}"), "<1 numbers>");
    }
}
