//! Which transparency log an event belongs to: its class, its half-year, its partition.
//!
//! Classes differ because they are kept for different times, and periods end so that what is old can go as a whole.

use std::{fmt, str::FromStr};

use super::period::Period;

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

/// One transparency log of the record. Shown as `sms-event/2026h2/0`, which is also its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    class: Class,
    period: Period,
    partition: u16,
}

impl LogId {
    /// The log of an event that came at this time.
    #[cfg(test)]
    pub(crate) fn of(action: &str, received_unix_ms: i64) -> Self {
        Self::of_class(Class::of_action(action), received_unix_ms)
    }

    /// The log that a class has for the period that a time lies in.
    pub(crate) fn of_class(class: Class, unix_ms: i64) -> Self {
        Self::new(class, Period::of(unix_ms))
    }

    /// The log of a class and a period.
    pub(crate) const fn new(class: Class, period: Period) -> Self {
        Self {
            class,
            period,
            partition: 0,
        }
    }

    /// What its events are about.
    pub const fn class(self) -> Class {
        self.class
    }

    /// When its events came, but for the one that closed it.
    pub const fn period(self) -> Period {
        self.period
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
            period: Period::new(
                year.parse().map_err(|_| NoLogId)?,
                half.parse().map_err(|_| NoLogId)?,
            )
            .ok_or(NoLogId)?,
            partition: partition.parse().map_err(|_| NoLogId)?,
        };
        // One log has one name: no leading zeros, no signs, nothing behind.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(NoLogId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, LogId, NoLogId};

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
