//! Fields that only SMPP has: C-octet strings and addresses.

use crate::field::{FieldError, Reader};
use crate::smpp::pdu::Address;
use crate::smpp::text::CText;

/// The names of an address's three fields.
#[derive(Debug, Clone, Copy)]
pub(in crate::smpp) struct AddressNames {
    ton: &'static str,
    npi: &'static str,
    number: &'static str,
}

pub(in crate::smpp) const SOURCE: AddressNames = AddressNames {
    ton: "source_addr_ton",
    npi: "source_addr_npi",
    number: "source_addr",
};

pub(in crate::smpp) const DEST: AddressNames = AddressNames {
    ton: "dest_addr_ton",
    npi: "dest_addr_npi",
    number: "destination_addr",
};

pub(in crate::smpp) const ESME: AddressNames = AddressNames {
    ton: "esme_addr_ton",
    npi: "esme_addr_npi",
    number: "esme_addr",
};

/// A C-octet string of at most `N` octets. `octets` is what `reader` reads from.
pub(in crate::smpp) fn text<const N: usize>(
    octets: &[u8],
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<CText<N>, FieldError> {
    let offset = reader.offset();
    let rest = octets.get(offset..).unwrap_or_default();
    let Some(len) = rest.iter().take(N).position(|octet| *octet == 0) else {
        return Err(unterminated(field, offset, N, rest.len()));
    };
    let before = reader.slice(field, len)?;
    let text = CText::before_nul(before).ok_or(unterminated(field, offset, N, rest.len()))?;
    reader.u8(field)?;
    Ok(text)
}

/// The last C-octet string of a response. Some SMSCs leave out the NUL there.
pub(in crate::smpp) fn last_text<const N: usize>(
    octets: &[u8],
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<CText<N>, FieldError> {
    let offset = reader.offset();
    let rest = octets.get(offset..).unwrap_or_default();
    if rest.len() < N && !rest.contains(&0) {
        let before = reader.slice(field, rest.len())?;
        return CText::before_nul(before).ok_or(unterminated(field, offset, N, rest.len()));
    }
    text(octets, reader, field)
}

const fn unterminated(field: &'static str, offset: usize, max: usize, had: usize) -> FieldError {
    if had < max {
        FieldError::Truncated {
            field,
            offset,
            wanted: had.saturating_add(1),
            had,
        }
    } else {
        FieldError::OutOfBounds {
            field,
            offset,
            why: "there is no NUL within the field's length",
        }
    }
}

/// An address: type, plan and number.
pub(in crate::smpp) fn address<const N: usize>(
    octets: &[u8],
    reader: &mut Reader<'_>,
    names: AddressNames,
) -> Result<Address<N>, FieldError> {
    Ok(Address {
        ton: reader.u8(names.ton)?,
        npi: reader.u8(names.npi)?,
        number: text(octets, reader, names.number)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_nul_within_its_length() {
        let octets = b"abc\0d\0";
        let mut reader = Reader::new(octets);
        assert_eq!(
            text::<4>(octets, &mut reader, "a"),
            Ok(CText::new("abc").unwrap())
        );
        assert_eq!(text::<2>(octets, &mut reader, "b"), Ok(CText::new("d").unwrap()));
        assert_eq!(reader.left(), 0);
    }

    #[test]
    fn a_text_without_nul_says_whether_it_is_cut_or_too_long() {
        let octets = b"abcd";
        let cut = text::<6>(octets, &mut Reader::new(octets), "a").unwrap_err();
        assert!(matches!(
            cut,
            FieldError::Truncated {
                had: 4,
                wanted: 5,
                ..
            }
        ));
        let long = text::<4>(octets, &mut Reader::new(octets), "a").unwrap_err();
        assert!(matches!(
            long,
            FieldError::OutOfBounds {
                field: "a",
                offset: 0,
                ..
            }
        ));
    }

    #[test]
    fn the_last_text_needs_no_nul_but_keeps_its_limit() {
        let read = |octets: &'static [u8]| {
            let mut reader = Reader::new(octets);
            let text = last_text::<4>(octets, &mut reader, "a");
            text.map(|text| (text.to_text().into_owned(), reader.left()))
        };
        assert_eq!(read(b"abc"), Ok(("abc".to_owned(), 0)));
        assert_eq!(read(b"abc\0"), Ok(("abc".to_owned(), 0)));
        assert_eq!(read(b"ab\0zz"), Ok(("ab".to_owned(), 2)));
        assert_eq!(read(b""), Ok((String::new(), 0)));
        assert!(read(b"abcd").is_err());
    }
}
