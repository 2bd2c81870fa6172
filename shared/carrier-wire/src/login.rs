//! What the logins of the protocols have in common: a shared secret, and a time of ten digits.

use std::fmt;

/// The secret shared with the gateway. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the secret's octets.
    pub fn new(octets: impl AsRef<[u8]>) -> Self {
        Self(octets.as_ref().into())
    }

    /// The octets, for a digest or a field.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// The time of a login, MMDDHHMMSS as a number. On the wire the number, in the digest ten digits, so that the
/// leading zero of January to September counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timestamp(u32);

impl Timestamp {
    /// Ten digits hold at most this.
    const MAX: u32 = 1_231_235_959;

    /// Of the parts of a local time (the gateway's, UTC+8); `None` when one is out of range.
    pub fn new(month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let in_range = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour <= 23
            && minute <= 59
            // A leap second is written 60 by some clocks; it does not fit the protocol's digits any worse.
            && second <= 60;
        in_range.then(|| {
            [month, day, hour, minute, second]
                .into_iter()
                .fold(Self(0), |Self(sum), part| {
                    Self(sum.saturating_mul(100).saturating_add(u32::from(part)))
                })
        })
    }

    /// Of a Unix time in milliseconds, as the wall clock of UTC+8 shows it.
    pub fn of_unix_ms(unix_ms: u64) -> Self {
        const CHINA_OFFSET_S: u64 = 8 * 3_600;
        let seconds = (unix_ms / 1_000).saturating_add(CHINA_OFFSET_S);
        let (month, day) = month_and_day(seconds / 86_400);
        let of_day = (seconds % 86_400) as u32;
        Self(
            (month * 100 + day) * 1_000_000
                + (of_day / 3_600) * 10_000
                + (of_day / 60 % 60) * 100
                + of_day % 60,
        )
    }

    /// The number as it stands on the wire; unchecked, a peer may send anything.
    pub const fn from_wire(number: u32) -> Self {
        Self(number)
    }

    /// The number for the wire.
    pub const fn wire(self) -> u32 {
        self.0
    }

    /// The ten digits that are hashed; numbers above ten digits cannot occur in a `u32`.
    pub fn digits(self) -> String {
        format!("{:010}", self.0)
    }

    /// True when the number can be a date at all.
    pub const fn is_plausible(self) -> bool {
        self.0 <= Self::MAX
    }
}

/// Month and day of a day counted from 1970-01-01 (the civil calendar, after H. Hinnant's `civil_from_days`).
fn month_and_day(days: u64) -> (u32, u32) {
    let shifted = days.saturating_add(719_468);
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (month as u32, day as u32)
}

/// Compares without telling by its duration where the first difference is.
pub(crate) fn same<const N: usize>(left: &[u8; N], right: &[u8; N]) -> bool {
    left.iter()
        .zip(right)
        .fold(0u8, |difference, (left, right)| difference | (left ^ right))
        == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_of_unix_time_is_the_clock_of_china() {
        // 2026-01-08T07:55:48Z is 15:55:48 in China.
        assert_eq!(Timestamp::of_unix_ms(1_767_858_948_000).digits(), "0108155548");
        // 2024-02-29T16:00:00Z is already March there.
        assert_eq!(Timestamp::of_unix_ms(1_709_222_400_000).digits(), "0301000000");
        // 1970-12-31T15:59:59Z, the last second of the year.
        assert_eq!(Timestamp::of_unix_ms(31_507_199_000).digits(), "1231235959");
        assert_eq!(Timestamp::new(13, 1, 0, 0, 0), None);
    }

    #[test]
    fn secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("888888")), "<secret>");
    }

    #[test]
    fn compares_every_octet() {
        assert!(same(b"abcd", b"abcd"));
        assert!(!same(b"abcd", b"bbcd"));
        assert!(!same(b"abcd", b"abce"));
    }
}
