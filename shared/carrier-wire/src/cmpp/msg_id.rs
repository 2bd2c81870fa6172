//! The gateway's id of a message.

use std::fmt;

/// Eight octets that a gateway gives to each message. Repeats after a year (it holds no year) and is opaque for
/// matching: key it by link and day as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MsgId(pub u64);

/// What the document packs into a [`MsgId`]. Real gateways do not always keep to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MsgIdParts {
    /// 1 to 12 (4 bits).
    pub month: u8,
    /// 1 to 31 (5 bits).
    pub day: u8,
    /// 0 to 23 (5 bits).
    pub hour: u8,
    /// 0 to 59 (6 bits).
    pub minute: u8,
    /// 0 to 59 (6 bits).
    pub second: u8,
    /// The gateway's code, a 22-bit number and not BCD.
    pub gateway: u32,
    /// Counts within the second.
    pub sequence: u16,
}

impl MsgId {
    /// Packs the parts; each is cut to its number of bits.
    pub const fn from_parts(parts: MsgIdParts) -> Self {
        Self(
            ((parts.month as u64 & 0x0f) << 60)
                | ((parts.day as u64 & 0x1f) << 55)
                | ((parts.hour as u64 & 0x1f) << 50)
                | ((parts.minute as u64 & 0x3f) << 44)
                | ((parts.second as u64 & 0x3f) << 38)
                | ((parts.gateway as u64 & 0x3f_ffff) << 16)
                | parts.sequence as u64,
        )
    }

    /// Unpacks the parts, without a check that they make a date.
    pub const fn parts(self) -> MsgIdParts {
        let bits = self.0;
        MsgIdParts {
            month: (bits >> 60) as u8 & 0x0f,
            day: (bits >> 55) as u8 & 0x1f,
            hour: (bits >> 50) as u8 & 0x1f,
            minute: (bits >> 44) as u8 & 0x3f,
            second: (bits >> 38) as u8 & 0x3f,
            gateway: (bits >> 16) as u32 & 0x3f_ffff,
            sequence: bits as u16,
        }
    }
}

impl fmt::Display for MsgId {
    /// Sixteen hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_match_ids_seen_in_the_field() {
        let cases = [
            (0xb2b9_da80_0001_0000, (11, 5, 14, 29, 42, 1, 0)),
            (0xb4c5_5300_0001_0000, (11, 9, 17, 21, 12, 1, 0)),
            (0x7fd9_13c1_2d34_b9c9, (7, 31, 22, 17, 15, 77_108, 47_561)),
            (0x522a_4980_002a_a6cd, (5, 4, 10, 36, 38, 42, 42_701)),
            (0xc749_1681_f533_de86, (12, 14, 18, 17, 26, 128_307, 56_966)),
        ];
        for (id, (month, day, hour, minute, second, gateway, sequence)) in cases {
            let parts = MsgIdParts {
                month,
                day,
                hour,
                minute,
                second,
                gateway,
                sequence,
            };
            assert_eq!(MsgId(id).parts(), parts);
            assert_eq!(MsgId::from_parts(parts), MsgId(id));
        }
    }

    #[test]
    fn shows_sixteen_digits() {
        assert_eq!(MsgId(0x0a).to_string(), "000000000000000a");
    }
}
