//! Times as the carriers write them: in China's time, UTC+8. Pure.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

fn china() -> UtcOffset {
    UtcOffset::from_hms(8, 0, 0).unwrap_or(UtcOffset::UTC)
}

/// `YYMMDDhhmmsstnnp` of SMPP: tenths 0, 32 quarters of an hour ahead of UTC. Empty where the time cannot be told: then the
/// carrier's own default holds.
pub(super) fn valid_time(unix_ms: u64) -> String {
    i64::try_from(unix_ms / 1_000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map(|at| at.to_offset(china()))
        .map(|at| {
            let (year, month, day) = (at.year().rem_euclid(100), u8::from(at.month()), at.day());
            let (hour, minute, second) = (at.hour(), at.minute(), at.second());
            format!("{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}032+")
        })
        .unwrap_or_default()
}

/// `YYMMDDhhmm` as milliseconds since 1970; `None` for garbage.
pub(super) fn minute(digits: &str) -> Option<u64> {
    if digits.len() != 10 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let month = Month::try_from(part(2)?).ok()?;
    let date = Date::from_calendar_date(2_000 + i32::from(part(0)?), month, part(4)?).ok()?;
    let time = Time::from_hms(part(6)?, part(8)?, 0).ok()?;
    let seconds = PrimitiveDateTime::new(date, time)
        .assume_offset(china())
        .unix_timestamp();
    u64::try_from(seconds).ok()?.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::{minute, valid_time};

    #[test]
    fn validity_is_told_in_the_carriers_time() {
        // 2026-11-21 20:43:13 UTC is the next day in China.
        assert_eq!(valid_time(1_795_293_793_000), "261122044313032+");
        assert_eq!(valid_time(u64::MAX), "");
    }

    #[test]
    fn times_are_chinas_and_garbage_is_none() {
        // 2026-11-21 20:43 UTC is 04:43 on the next day in China.
        assert_eq!(minute("2611220443"), Some(1_795_293_780_000));
        for garbage in [
            "",
            "0000000000",
            "2613010000",
            "2611222460",
            "261122044x",
            "26112204433",
        ] {
            assert_eq!(minute(garbage), None, "{garbage}");
        }
    }
}
