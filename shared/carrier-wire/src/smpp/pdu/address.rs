//! Addresses: a type of number, a numbering plan and the number itself.

use std::fmt;

use crate::smpp::text::CText;

/// A number or name with its type and plan; `N` octets at most, the NUL included. Personal data.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Address<const N: usize = 21> {
    /// Type of number: 0 unknown, 1 international, 2 national, 3 network, 4 subscriber, 5 alphanumeric,
    /// 6 abbreviated.
    pub ton: u8,
    /// Numbering plan: 0 unknown, 1 E.164, 3 data, 4 telex, 6 land mobile, 8 national, 9 private, 10 ERMES,
    /// 14 internet, 18 WAP.
    pub npi: u8,
    /// The number. Personal data.
    pub number: CText<N>,
}

impl<const N: usize> Address<N> {
    /// Without type, plan and number.
    pub const EMPTY: Self = Self {
        ton: 0,
        npi: 0,
        number: CText::EMPTY,
    };

    /// The number as text, when it is UTF-8. Personal data.
    pub fn as_str(&self) -> Option<&str> {
        self.number.as_str()
    }

    /// The number without a leading `+86` or `86`, when what remains has the eleven digits of a mobile number;
    /// otherwise the number as it is. Personal data.
    pub fn national(&self) -> Option<&str> {
        let number = self.as_str()?;
        let rest = number.strip_prefix("+86").or_else(|| number.strip_prefix("86"));
        Some(rest.filter(|rest| rest.len() == 11).unwrap_or(number))
    }

    /// Octets on the wire.
    pub(in crate::smpp) const fn wire_len(&self) -> usize {
        2 + self.number.wire_len()
    }
}

impl<const N: usize> fmt::Debug for Address<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{} <{} octets>",
            self.ton,
            self.npi,
            self.number.as_bytes().len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: &str) -> Address {
        Address {
            ton: 1,
            npi: 1,
            number: CText::new(number).unwrap(),
        }
    }

    #[test]
    fn debug_shows_no_number() {
        assert_eq!(format!("{:?}", address("8613800138000")), "1/1 <13 octets>");
    }

    #[test]
    fn national_strips_the_country_prefix_of_mobile_numbers_only() {
        assert_eq!(address("8613800138000").national(), Some("13800138000"));
        assert_eq!(address("+8613800138000").national(), Some("13800138000"));
        assert_eq!(address("13800138000").national(), Some("13800138000"));
        assert_eq!(address("861234").national(), Some("861234"));
    }
}
