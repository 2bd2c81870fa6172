//! The gateway's id of a message.

use std::fmt;

/// Ten octets that a gateway gives to each message. By the document twenty digits in BCD, see
/// [`MsgId::parts`]; gateways send others as well, so they are opaque for matching. Repeats after a year (it
/// holds no year): key it by link and day as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MsgId(pub [u8; 10]);

/// What the document puts into a [`MsgId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MsgIdParts {
    /// The gateway's code, six digits: area code, kind, index.
    pub gateway: u32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 000000 to 999999.
    pub sequence: u32,
}

impl MsgId {
    /// Octets of an id.
    pub const LEN: usize = 10;

    /// The id made of these parts; `None` when one has more digits than its place.
    pub fn from_parts(parts: MsgIdParts) -> Option<Self> {
        let [gateway_0, gateway_1, gateway_2] = six_digits(parts.gateway)?;
        let [sequence_0, sequence_1, sequence_2] = six_digits(parts.sequence)?;
        Some(Self([
            gateway_0,
            gateway_1,
            gateway_2,
            two_digits(u32::from(parts.month))?,
            two_digits(u32::from(parts.day))?,
            two_digits(u32::from(parts.hour))?,
            two_digits(u32::from(parts.minute))?,
            sequence_0,
            sequence_1,
            sequence_2,
        ]))
    }

    /// The parts of an id in BCD, without a check that they make a date; `None` when a nibble is no digit.
    pub fn parts(self) -> Option<MsgIdParts> {
        let mut digits = [0u8; Self::LEN];
        for (value, octet) in digits.iter_mut().zip(self.0) {
            *value = of_bcd(octet)?;
        }
        let [g0, g1, g2, month, day, hour, minute, s0, s1, s2] = digits;
        Some(MsgIdParts {
            gateway: joined([g0, g1, g2]),
            month,
            day,
            hour,
            minute,
            sequence: joined([s0, s1, s2]),
        })
    }
}

const fn of_bcd(octet: u8) -> Option<u8> {
    let (high, low) = (octet >> 4, octet & 0x0f);
    if high > 9 || low > 9 {
        return None;
    }
    Some(high * 10 + low)
}

fn two_digits(value: u32) -> Option<u8> {
    let value = u8::try_from(value).ok().filter(|value| *value < 100)?;
    Some(((value / 10) << 4) | (value % 10))
}

fn six_digits(value: u32) -> Option<[u8; 3]> {
    Some([
        two_digits(value / 10_000)?,
        two_digits(value / 100 % 100)?,
        two_digits(value % 100)?,
    ])
}

fn joined(pairs: [u8; 3]) -> u32 {
    pairs.into_iter().fold(0, |sum, pair| sum * 100 + u32::from(pair))
}

impl fmt::Display for MsgId {
    /// Twenty hexadecimal digits, which are the decimal ones of an id in BCD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(hex: &str) -> MsgId {
        let mut octets = [0; MsgId::LEN];
        hex::decode_to_slice(hex, &mut octets).unwrap();
        MsgId(octets)
    }

    #[test]
    fn the_documents_example() {
        let parts = MsgIdParts {
            gateway: 10_061,
            month: 1,
            day: 16,
            hour: 17,
            minute: 0,
            sequence: 12_345,
        };
        assert_eq!(id("01006101161700012345").parts(), Some(parts));
        assert_eq!(MsgId::from_parts(parts), Some(id("01006101161700012345")));
    }

    #[test]
    fn an_id_seen_in_the_field() {
        let parts = id("08616108081620020016").parts().unwrap();
        assert_eq!((parts.gateway, parts.sequence), (86_161, 20_016));
        assert_eq!((parts.month, parts.day, parts.hour, parts.minute), (8, 8, 16, 20));
    }

    #[test]
    fn an_id_that_is_no_bcd_is_shown_and_has_no_parts() {
        let other = id("6495c36ac4ea6b00000b");
        assert_eq!(other.parts(), None);
        assert_eq!(other.to_string(), "6495c36ac4ea6b00000b");
    }

    #[test]
    fn parts_that_do_not_fit_make_no_id() {
        let fits = MsgIdParts {
            gateway: 999_999,
            month: 99,
            day: 99,
            hour: 99,
            minute: 99,
            sequence: 999_999,
        };
        assert_eq!(MsgId::from_parts(fits), Some(MsgId([0x99; 10])));
        assert_eq!(
            MsgId::from_parts(MsgIdParts {
                gateway: 1_000_000,
                ..fits
            }),
            None
        );
        assert_eq!(MsgId::from_parts(MsgIdParts { month: 100, ..fits }), None);
        assert_eq!(
            MsgId::from_parts(MsgIdParts {
                sequence: u32::MAX,
                ..fits
            }),
            None
        );
    }
}
