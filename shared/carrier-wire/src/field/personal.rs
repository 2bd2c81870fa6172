//! Fields that hold personal data. Their `Debug` shows no value, so a PDU can be logged by mistake without
//! telling whose it was or what it said.

use std::fmt;

use bytes::Bytes;

use super::{FixedStr, TooLong};

/// A phone number of a PDU: 21 octets on the wire of CMPP 2.x, SGIP and SMGP, 32 on that of CMPP 3.0. May carry
/// `86` or `+86`, or a pseudo code instead of a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TerminalId(FixedStr<32>);

impl TerminalId {
    /// Takes a number as it shall stand on the wire.
    ///
    /// # Errors
    ///
    /// [`TooLong`] above 32 octets. That the narrower field of a protocol is kept is checked on encoding.
    pub fn new(number: impl AsRef<[u8]>) -> Result<Self, TooLong> {
        FixedStr::new(number).map(Self)
    }

    /// The field as it stood on the wire, widened to 32 octets.
    pub const fn from_wire(field: FixedStr<32>) -> Self {
        Self(field)
    }

    /// The whole field.
    pub const fn wire(&self) -> &[u8; 32] {
        self.0.wire()
    }

    /// The octets before the first NUL. Personal data.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The number, when it is text. Personal data.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }

    /// The number without a leading `+86` or `86`, when what remains has the eleven digits of a mobile number;
    /// otherwise the number as it is. Personal data.
    pub fn national(&self) -> Option<&str> {
        let number = self.as_str()?;
        let rest = number.strip_prefix("+86").or_else(|| number.strip_prefix("86"));
        Some(rest.filter(|rest| rest.len() == 11).unwrap_or(number))
    }
}

impl fmt::Debug for TerminalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.as_bytes().len())
    }
}

/// The content of a message as octets. Personal data.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Content(Bytes);

impl Content {
    /// Wraps octets without copying them.
    pub const fn new(octets: Bytes) -> Self {
        Self(octets)
    }

    /// The octets, shared.
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// The octets.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Number of octets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without an octet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Bytes> for Content {
    fn from(octets: Bytes) -> Self {
        Self(octets)
    }
}

impl From<Vec<u8>> for Content {
    fn from(octets: Vec<u8>) -> Self {
        Self(Bytes::from(octets))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets>", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_no_number_and_no_text() {
        let number = TerminalId::new("13800138000").unwrap();
        assert_eq!(format!("{number:?}"), "<11 octets>");
        assert_eq!(
            format!("{:?}", Content::from(b"code 1234".to_vec())),
            "<9 octets>"
        );
    }

    #[test]
    fn national_strips_the_country_prefix_of_mobile_numbers_only() {
        let national = |number: &str| TerminalId::new(number).unwrap().national().map(str::to_owned);
        assert_eq!(national("8613800138000").as_deref(), Some("13800138000"));
        assert_eq!(national("+8613800138000").as_deref(), Some("13800138000"));
        assert_eq!(national("13800138000").as_deref(), Some("13800138000"));
        assert_eq!(national("861234").as_deref(), Some("861234"));
    }
}
