//! Times, as people read and write them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::{
    Duration, OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem,
    format_description::well_known::Rfc3339, macros::format_description,
};

const SHOWN: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");
const OFFSET: &[BorrowedFormatItem<'_>] = format_description!("[offset_hour sign:mandatory]:[offset_minute]");

/// Milliseconds since 1970.
pub(crate) fn now_unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `2026-11-21 20:43:28.123`, where the operator's clock is; a dash for 0.
pub(crate) fn show(unix_ms: i64, offset: UtcOffset) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    match moment {
        Ok(moment) if unix_ms != 0 => moment
            .to_offset(offset)
            .format(SHOWN)
            .unwrap_or_else(|_| unix_ms.to_string()),
        _ => "-".to_owned(),
    }
}

/// `+0.123 s`, `+2 min 03 s`, `+1 h 05 min`, as far as it matters at that length.
pub(crate) fn elapsed(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { '-' } else { '+' }, ms.unsigned_abs());
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{sign}{seconds}.{:03} s", ms % 1_000),
        60..3_600 => format!("{sign}{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{sign}{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// `+08:00`.
pub(crate) fn parse_offset(text: &str) -> Result<UtcOffset, String> {
    UtcOffset::parse(text, OFFSET).map_err(|_| "must be an offset such as +08:00".to_owned())
}

/// A moment: `2026-11-21T20:43:28+08:00`, milliseconds since 1970, or so long ago: `90s`, `15m`, `2h`, `7d`.
pub(crate) fn parse(text: &str, now_unix_ms: i64) -> Result<i64, String> {
    const EXPECTED: &str = "must be a time such as 2026-11-21T20:43:28+08:00, milliseconds since 1970, or so long \
                            ago: 90s, 15m, 2h, 7d";
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(|_| EXPECTED.to_owned());
    }
    if let Ok(unix_ms) = text.parse::<i64>() {
        return if unix_ms > 0 {
            Ok(unix_ms)
        } else {
            Err(EXPECTED.to_owned())
        };
    }
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(EXPECTED)?;
    let count: i64 = digits.parse().ok().filter(|count| *count >= 0).ok_or(EXPECTED)?;
    let ago = match unit {
        "s" => Duration::SECOND,
        "m" => Duration::MINUTE,
        "h" => Duration::HOUR,
        "d" => Duration::DAY,
        _ => return Err(EXPECTED.to_owned()),
    };
    let ago_ms = i64::try_from(ago.whole_milliseconds())
        .ok()
        .and_then(|ms| ms.checked_mul(count));
    ago_ms
        .map(|ms| now_unix_ms.saturating_sub(ms).max(1))
        .ok_or_else(|| EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use time::macros::offset;

    use super::{elapsed, parse, parse_offset, show};

    #[test]
    fn times_are_shown_where_the_operator_is() {
        assert_eq!(show(1_763_729_008_123, offset!(+8)), "2025-11-21 20:43:28.123");
        assert_eq!(show(1_763_729_008_123, offset!(UTC)), "2025-11-21 12:43:28.123");
        assert_eq!(show(0, offset!(UTC)), "-");
        assert_eq!(show(i64::MAX, offset!(UTC)), "-");
    }

    #[test]
    fn elapsed_times_are_as_fine_as_they_are_short() {
        for (ms, expected) in [
            (0, "+0.000 s"),
            (1_234, "+1.234 s"),
            (123_456, "+2 min 03 s"),
            (7_500_000, "+2 h 05 min"),
            (-50, "-0.050 s"),
        ] {
            assert_eq!(elapsed(ms), expected);
        }
    }

    #[test]
    fn moments_are_read_in_three_writings() {
        let now = 1_763_729_008_123;
        assert_eq!(parse("2025-11-21T20:43:28.123+08:00", now), Ok(now));
        assert_eq!(parse("1763729008123", now), Ok(now));
        for (text, ago) in [
            ("90s", 90_000),
            ("15m", 900_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(parse(text, now), Ok(now - ago), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "0",
            "yesterday",
            "-5h",
            "2025-11-21",
            "1时",
            "99999999999999999d",
        ] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn offsets_are_read() {
        assert_eq!(parse_offset("+08:00"), Ok(offset!(+8)));
        assert_eq!(parse_offset("-03:30"), Ok(offset!(-3:30)));
        assert!(parse_offset("8").is_err());
    }
}
