//! The user data header.
//!
//! One octet of length, then elements of identifier, length, data. Element 0 numbers parts with an 8-bit
//! reference, element 8 with a 16-bit one. The element need be neither alone nor first.

use crate::field::Reader;

/// Identifier of the element with an 8-bit reference.
const ELEMENT_CONCAT_8: u8 = 0x00;
/// Identifier of the element with a 16-bit reference.
const ELEMENT_CONCAT_16: u8 = 0x08;

/// What tells the parts of one message from those of another of the same sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// One octet; comes round after 256 messages.
    Bits8(u8),
    /// Two octets.
    Bits16(u16),
}

impl Reference {
    /// Octets of a header that holds nothing but the numbering: 6 or 7.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Bits8(_) => 6,
            Self::Bits16(_) => 7,
        }
    }
}

/// Which part of which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concat {
    pub(super) reference: Reference,
    pub(super) total: u8,
    pub(super) number: u8,
}

impl Concat {
    /// Part `number` of `total`; `None` unless `1 <= number <= total`.
    pub const fn new(reference: Reference, total: u8, number: u8) -> Option<Self> {
        if number >= 1 && number <= total {
            Some(Self {
                reference,
                total,
                number,
            })
        } else {
            None
        }
    }

    /// The numbering of a part that may be numbered twice, by the header of its content and by parameters of the PDU
    /// (SMPP's `sar_*`). The header wins: it is what the handset wrote.
    pub const fn of_part(header: Option<Self>, parameters: Option<Self>) -> Option<Self> {
        match header {
            Some(header) => Some(header),
            None => parameters,
        }
    }

    /// The message's reference.
    pub const fn reference(self) -> Reference {
        self.reference
    }

    /// How many parts, at least 1.
    pub const fn total(self) -> u8 {
        self.total
    }

    /// Which one, 1 to `total`.
    pub const fn number(self) -> u8 {
        self.number
    }

    /// Appends a header with this element alone.
    pub fn write(self, content: &mut Vec<u8>) {
        match self.reference {
            Reference::Bits8(reference) => {
                content.extend_from_slice(&[5, ELEMENT_CONCAT_8, 3, reference, self.total, self.number]);
            }
            Reference::Bits16(reference) => {
                let [high, low] = reference.to_be_bytes();
                content.extend_from_slice(&[6, ELEMENT_CONCAT_16, 4, high, low, self.total, self.number]);
            }
        }
    }
}

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udh {
    /// Octets of the header, its length octet included: where the text begins.
    pub len: usize,
    /// The parts' numbering, when there is one that makes sense.
    pub concat: Option<Concat>,
}

/// A header that does not fit its content, or elements that do not fit the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user data header runs over its end")]
pub struct UdhError;

impl Udh {
    /// Reads the header that opens `content`. A numbering that cannot be (part 0, part above the total, no
    /// part at all) is left out as if there were none; of several the last one counts.
    ///
    /// # Errors
    ///
    /// [`UdhError`]; the content is then best passed on as a whole.
    pub fn parse(content: &[u8]) -> Result<Self, UdhError> {
        let mut reader = Reader::new(content);
        let elements_len = usize::from(reader.u8("UDHL").map_err(|_| UdhError)?);
        let elements = reader.slice("UDH", elements_len).map_err(|_| UdhError)?;
        let mut elements = Reader::new(elements);
        let mut concat = None;
        // Each turn takes at least two octets of at most 255.
        while elements.left() > 0 {
            let identifier = elements.u8("IEI").map_err(|_| UdhError)?;
            let len = usize::from(elements.u8("IEDL").map_err(|_| UdhError)?);
            let data = elements.slice("IED", len).map_err(|_| UdhError)?;
            concat = match (identifier, data) {
                (ELEMENT_CONCAT_8, [reference, total, number]) => {
                    Concat::new(Reference::Bits8(*reference), *total, *number)
                }
                (ELEMENT_CONCAT_16, [high, low, total, number]) => Concat::new(
                    Reference::Bits16(u16::from_be_bytes([*high, *low])),
                    *total,
                    *number,
                ),
                _ => concat,
            };
        }
        Ok(Self {
            len: reader.offset(),
            concat,
        })
    }

    /// The content after the header.
    pub fn text<'a>(&self, content: &'a [u8]) -> &'a [u8] {
        content.get(self.len..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(octets: &str) -> Result<Udh, UdhError> {
        Udh::parse(&hex::decode(octets).unwrap())
    }

    #[test]
    fn reads_both_widths() {
        let eight = parse("0500032e0301").unwrap();
        assert_eq!(
            eight,
            Udh {
                len: 6,
                concat: Concat::new(Reference::Bits8(0x2e), 3, 1)
            }
        );
        let sixteen = parse("060804123402020041").unwrap();
        assert_eq!(
            sixteen,
            Udh {
                len: 7,
                concat: Concat::new(Reference::Bits16(0x1234), 2, 2)
            }
        );
    }

    #[test]
    fn the_element_may_stand_anywhere() {
        let first = parse("0b0003ba01010504158a0000ff").unwrap();
        assert_eq!(
            first,
            Udh {
                len: 12,
                concat: Concat::new(Reference::Bits8(0xba), 1, 1)
            }
        );
        let second = parse("0b0504158a00000003ba0201ff").unwrap();
        assert_eq!(
            second,
            Udh {
                len: 12,
                concat: Concat::new(Reference::Bits8(0xba), 2, 1)
            }
        );
    }

    #[test]
    fn headers_without_numbering_are_headers_still() {
        assert_eq!(parse("0270000000"), Ok(Udh { len: 3, concat: None }));
        assert_eq!(parse("060504c34f000001"), Ok(Udh { len: 7, concat: None }));
        assert_eq!(parse("00"), Ok(Udh { len: 1, concat: None }));
    }

    #[test]
    fn impossible_numberings_are_left_out() {
        for octets in ["050003010300", "050003010304", "050003010000", "0400020103ff"] {
            assert_eq!(parse(octets).unwrap().concat, None, "{octets}");
        }
    }

    #[test]
    fn overruns_are_errors() {
        for octets in ["", "05", "0500032e03", "0500042e0301", "0100"] {
            assert_eq!(parse(octets), Err(UdhError), "{octets}");
        }
    }

    #[test]
    fn the_header_wins_over_parameters() {
        let header = Concat::new(Reference::Bits8(1), 2, 1);
        let parameters = Concat::new(Reference::Bits16(9), 3, 3);
        assert_eq!(Concat::of_part(header, parameters), header);
        assert_eq!(Concat::of_part(None, parameters), parameters);
        assert_eq!(Concat::of_part(None, None), None);
    }

    #[test]
    fn writes_what_it_reads() {
        for reference in [Reference::Bits8(7), Reference::Bits16(0xabcd)] {
            let concat = Concat::new(reference, 6, 4).unwrap();
            let mut content = Vec::new();
            concat.write(&mut content);
            assert_eq!(content.len(), reference.header_len());
            assert_eq!(
                Udh::parse(&content),
                Ok(Udh {
                    len: content.len(),
                    concat: Some(concat)
                })
            );
        }
    }
}
