//! Half-years by Beijing's calendar: where they begin, and where they ended long enough ago.

use std::{fmt, str::FromStr};

/// Half a year, by Beijing's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: u16,
    half: u8,
}

/// Years of four digits, which is all that an origin can say.
const YEARS: std::ops::RangeInclusive<u16> = 1970..=9999;

const HOUR_MS: i64 = 3_600_000;
const BEIJING_MS: i64 = 8 * HOUR_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

impl Period {
    /// A half (1 or 2) of a year from 1970 to 9999.
    pub(crate) fn new(year: u16, half: u8) -> Option<Self> {
        (YEARS.contains(&year) && (1..=2).contains(&half)).then_some(Self { year, half })
    }

    /// When the period has been over for so many whole months of Beijing's calendar: with 0 the first millisecond behind it.
    /// Milliseconds since 1970.
    pub fn ended_unix_ms(self, months: u32) -> i64 {
        let month = i64::from(self.half) * 6 + i64::from(months);
        let day = day_of(
            i64::from(self.year) + month.div_euclid(12),
            month.rem_euclid(12) + 1,
        );
        day.saturating_mul(DAY_MS) - BEIJING_MS
    }

    /// The one that a time lies in; times that no calendar here knows count as the nearest that it does.
    pub fn of(unix_ms: i64) -> Self {
        let day = unix_ms.saturating_add(BEIJING_MS).div_euclid(DAY_MS);
        let (year, month) = civil(day.clamp(0, 2_932_896));
        Self {
            year,
            half: if month <= 6 { 1 } else { 2 },
        }
    }
}

/// Year and month of a day counted from 1970-01-01, by the proleptic Gregorian calendar. (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", civil_from_days; days of 1970 to 9999.)
fn civil(day: i64) -> (u16, u8) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March, so that the leap day is a year's last.
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        u16::try_from(year).unwrap_or(*YEARS.end()),
        u8::try_from(month).unwrap_or(12),
    )
}

/// The day, counted from 1970-01-01, of a month's first. (The same, days_from_civil.)
fn day_of(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

/// `2026h2`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}h{}", self.year, self.half)
    }
}

/// Not `<year>h<half>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period is named <year>h<half>, e.g. 2026h2")]
pub struct NoPeriod;

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let (year, half) = text.split_once('h').ok_or(NoPeriod)?;
        let (year, half) = (year.parse(), half.parse());
        let period = year
            .ok()
            .zip(half.ok())
            .and_then(|(year, half)| Self::new(year, half));
        // One period has one name: no leading zeros, no signs.
        period.filter(|period| period.to_string() == text).ok_or(NoPeriod)
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, NoPeriod, Period, civil, day_of};

    #[test]
    fn periods_turn_at_midnight_in_beijing() {
        for (unix_ms, period) in [
            (0, "1970h1"),
            (-1, "1970h1"),
            // 2026-06-30 23:59:59.999 and 2026-07-01 00:00 in Beijing.
            (1_782_835_199_999, "2026h1"),
            (1_782_835_200_000, "2026h2"),
            // 2026-12-31 23:59:59.999 and 2027-01-01 00:00 in Beijing.
            (1_798_732_799_999, "2026h2"),
            (1_798_732_800_000, "2027h1"),
            // 2028-02-29 12:00 in Beijing, a leap day.
            (1_835_409_600_000, "2028h1"),
            (i64::MAX, "9999h2"),
        ] {
            assert_eq!(Period::of(unix_ms).to_string(), period, "{unix_ms}");
        }
    }

    #[test]
    fn months_behind_a_period_are_whole_ones_of_beijing() {
        for (period, months, unix_ms) in [
            // 2026-07-01, 2027-01-01 00:00 in Beijing.
            ((2026, 1), 0, 1_782_835_200_000),
            ((2026, 2), 0, 1_798_732_800_000),
            ((2026, 1), 6, 1_798_732_800_000),
            // 2027-03-01 and 2030-01-01 00:00 in Beijing.
            ((2026, 2), 2, 1_803_830_400_000),
            ((2026, 2), 36, 1_893_427_200_000),
        ] {
            let (year, half) = period;
            let period = Period::new(year, half).unwrap();
            assert_eq!(period.ended_unix_ms(months), unix_ms, "{period} and {months}");
        }
        let period = Period::of(1_782_835_200_000);
        assert_eq!(Period::of(period.ended_unix_ms(0) - 1), period);
        assert!(Period::of(period.ended_unix_ms(0)) > period);
        assert!(Period::new(9999, 2).unwrap().ended_unix_ms(u32::MAX) > 0);
    }

    #[test]
    fn a_period_is_read_as_it_is_written_and_in_no_other_way() {
        assert_eq!("2026h2".parse(), Period::new(2026, 2).ok_or(NoPeriod));
        for text in [
            "", "2026", "2026h", "2026h3", "02026h2", "2026h+2", "1969h1", "2026h2 ", "h2",
        ] {
            assert_eq!(text.parse::<Period>(), Err(NoPeriod), "{text}");
        }
    }

    #[test]
    fn days_and_months_are_each_others_inverse() {
        for year in [1970, 1999, 2000, 2026, 2028, 2100, 9999] {
            for month in 1..=12_u8 {
                let day = day_of(i64::from(year), i64::from(month));
                assert_eq!(civil(day), (year, month));
                assert_ne!(civil(day - 1).1, month, "the first day of {year}-{month}");
            }
        }
        assert_eq!(day_of(1970, 1) * DAY_MS, 0);
    }
}
