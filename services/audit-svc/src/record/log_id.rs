//! Which transparency log an event belongs to: its class, its half-year, its partition.
//!
//! Classes differ because they are kept for different times, and periods end so that what is old can go as a whole.

use std::{fmt, str::FromStr};

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Access to personal data, and what was asked about a person: kept three years.
    PdAccess,
    /// The way of a message or an uplink: kept six months.
    SmsEvent,
    /// What is billed: kept three years.
    Cdr,
    /// The record itself, and every question that it was asked: kept three years.
    Meta,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::PdAccess, Self::SmsEvent, Self::Cdr, Self::Meta];

    /// As it stands in an origin.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PdAccess => "pd-access",
            Self::SmsEvent => "sms-event",
            Self::Cdr => "cdr",
            Self::Meta => "meta",
        }
    }

    /// The class of an action. One that is not known here is an event of a message: these are most, and new ones come
    /// with new steps of its way.
    pub fn of_action(action: &str) -> Self {
        const BY_PREFIX: [(&str, Class); 8] = [
            ("VERIFY_", Class::PdAccess),
            ("CODE_REVEALED", Class::PdAccess),
            ("KEY_", Class::PdAccess),
            ("MESSAGE_FINAL", Class::Cdr),
            ("MESSAGE_CORRECTED", Class::Cdr),
            ("AUDIT_", Class::Meta),
            ("RECORD_", Class::Meta),
            ("ENTRY_REFUSED", Class::Meta),
        ];
        BY_PREFIX
            .iter()
            .find(|(prefix, _)| action.starts_with(prefix))
            .map_or(Self::SmsEvent, |(_, class)| *class)
    }
}

/// Half a year, by Beijing's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: u16,
    half: u8,
}

/// Years of four digits, which is all that an origin can say.
const YEARS: std::ops::RangeInclusive<u16> = 1970..=9999;

impl Period {
    /// The one that a time lies in; times that no calendar here knows count as the nearest that it does.
    pub fn of(unix_ms: i64) -> Self {
        const BEIJING_MS: i64 = 8 * 3_600_000;
        const DAY_MS: i64 = 24 * 3_600_000;
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

/// `2026h2`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}h{}", self.year, self.half)
    }
}

/// One transparency log of the record. Shown as `sms-event/2026h2/0`, which is also its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    class: Class,
    period: Period,
    partition: u16,
}

impl LogId {
    /// The log of an event that came at this time.
    pub fn of(action: &str, received_unix_ms: i64) -> Self {
        Self {
            class: Class::of_action(action),
            period: Period::of(received_unix_ms),
            partition: 0,
        }
    }

    /// What its events are about.
    pub const fn class(self) -> Class {
        self.class
    }

    /// The first line of its checkpoints, where the record belongs to this organisation: a domain it owns.
    pub fn origin(self, organisation: &str) -> String {
        format!("audit.{organisation}/{self}")
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.class.as_str(), self.period, self.partition)
    }
}

/// Not `<class>/<year>h<half>/<partition>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log is named <class>/<year>h<half>/<partition>, e.g. sms-event/2026h2/0")]
pub struct NoLogId;

impl FromStr for LogId {
    type Err = NoLogId;

    fn from_str(text: &str) -> Result<Self, NoLogId> {
        let mut pieces = text.split('/');
        let mut next = || pieces.next().ok_or(NoLogId);
        let (class, period, partition) = (next()?, next()?, next()?);
        let class = Class::ALL
            .into_iter()
            .find(|known| known.as_str() == class)
            .ok_or(NoLogId)?;
        let (year, half) = period.split_once('h').ok_or(NoLogId)?;
        let id = Self {
            class,
            period: Period {
                year: year.parse().map_err(|_| NoLogId)?,
                half: half.parse().map_err(|_| NoLogId)?,
            },
            partition: partition.parse().map_err(|_| NoLogId)?,
        };
        let is_real = YEARS.contains(&id.period.year) && (1..=2).contains(&id.period.half);
        // One log has one name: no leading zeros, no signs, nothing behind.
        if is_real && id.to_string() == text {
            Ok(id)
        } else {
            Err(NoLogId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, LogId, NoLogId, Period};

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
    fn a_name_is_read_as_it_is_written_and_in_no_other_way() {
        let id = LogId::of("VERIFY_ANSWERED", 1_795_293_793_000);
        assert_eq!(id.to_string(), "pd-access/2026h2/0");
        assert_eq!(id.origin("example.org"), "audit.example.org/pd-access/2026h2/0");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "pd-access",
            "pd-access/2026h2",
            "pd-access/2026h2/0/",
            "pd-access/2026h3/0",
            "pd-access/2026h0/0",
            "pd-access/02026h2/0",
            "pd-access/2026h2/00",
            "pd-access/2026h2/+0",
            "other/2026h2/0",
            "pd-access/1969h2/0",
            "../2026h2/0",
        ] {
            assert_eq!(text.parse::<LogId>(), Err(NoLogId), "{text}");
        }
    }

    #[test]
    fn every_action_has_a_class() {
        for (action, class) in [
            ("VERIFY_ANSWERED", Class::PdAccess),
            ("KEY_DESTROYED", Class::PdAccess),
            ("MESSAGE_FINAL", Class::Cdr),
            ("MESSAGE_CORRECTED", Class::Cdr),
            ("MESSAGE_ACCEPTED", Class::SmsEvent),
            ("UPLINK_RECEIVED", Class::SmsEvent),
            ("RECORD_QUERIED", Class::Meta),
            ("AUDIT_STARTED", Class::Meta),
            ("SOMETHING_NEW", Class::SmsEvent),
        ] {
            assert_eq!(Class::of_action(action), class, "{action}");
        }
    }
}
