//! Message classes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a message is for, highest priority first: a full queue of a later class never delays an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MessageClass {
    /// A one-time code: short-lived, and never sent a second time where it may have left.
    Otp,
    /// The answer to a subscriber's text.
    Reply,
    /// A notice that the recipient expects.
    Notice,
    /// Everything else.
    Bulk,
}

const MINUTE_MS: u64 = 60 * 1_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

impl MessageClass {
    /// All, highest priority first.
    pub const ALL: [Self; 4] = [Self::Otp, Self::Reply, Self::Notice, Self::Bulk];

    /// The name in files, keys and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::Reply => "reply",
            Self::Notice => "notice",
            Self::Bulk => "bulk",
        }
    }

    /// How long a message is worth sending where the caller does not say, in milliseconds.
    pub fn default_validity_ms(self) -> u64 {
        match self {
            Self::Otp => 5 * MINUTE_MS,
            Self::Reply => 10 * MINUTE_MS,
            Self::Notice => 24 * HOUR_MS,
            Self::Bulk => 48 * HOUR_MS,
        }
    }
}

/// A name that is no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be otp, reply, notice or bulk")]
pub struct UnknownClass;

impl FromStr for MessageClass {
    type Err = UnknownClass;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == name)
            .ok_or(UnknownClass)
    }
}

impl TryFrom<String> for MessageClass {
    type Error = UnknownClass;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<MessageClass> for String {
    fn from(class: MessageClass) -> Self {
        class.as_str().to_owned()
    }
}

impl fmt::Display for MessageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::MessageClass;

    #[test]
    fn one_time_codes_come_first_and_names_read_back() {
        assert!(MessageClass::ALL.is_sorted());
        assert_eq!(MessageClass::ALL[0], MessageClass::Otp);
        for class in MessageClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
        }
        assert!("OTP".parse::<MessageClass>().is_err());
    }

    #[test]
    fn defaults_are_five_minutes_to_two_days() {
        let validity_s = MessageClass::ALL.map(|class| class.default_validity_ms() / 1_000);
        assert_eq!(validity_s, [300, 600, 86_400, 172_800]);
    }
}
