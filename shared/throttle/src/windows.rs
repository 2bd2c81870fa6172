//! The text form of sliding windows.

use std::{fmt, str::FromStr};

/// At most `max` in any half-open span of `period_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From 1 to [`Windows::MOST_ADMISSIONS`].
    pub max: u32,
    /// In milliseconds, from 1 to seven days.
    pub period_ms: u64,
}

/// Several windows that must all have room. None at all admits everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows(Vec<Window>);

/// The windows cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("windows: {0}")]
pub struct InvalidWindows(String);

impl Windows {
    /// Redis keeps one time for each admission of the largest window of each number.
    pub const MOST_ADMISSIONS: u32 = 1_000;
    /// Windows on one key.
    pub const MOST_WINDOWS: usize = 8;
    const LONGEST_MS: u64 = 7 * 24 * 3_600_000;

    /// Checks the limits.
    pub fn new(windows: Vec<Window>) -> Result<Self, InvalidWindows> {
        if windows.len() > Self::MOST_WINDOWS {
            return Err(InvalidWindows(format!("at most {} windows", Self::MOST_WINDOWS)));
        }
        for Window { max, period_ms } in &windows {
            if !(1..=Self::MOST_ADMISSIONS).contains(max) {
                return Err(InvalidWindows(format!(
                    "max must be 1 to {}",
                    Self::MOST_ADMISSIONS
                )));
            }
            if !(1..=Self::LONGEST_MS).contains(period_ms) {
                return Err(InvalidWindows(format!(
                    "period must be 1 to {} ms",
                    Self::LONGEST_MS
                )));
            }
        }
        Ok(Self(windows))
    }

    /// The windows.
    pub fn windows(&self) -> &[Window] {
        &self.0
    }
}

/// As [`crate::lua::WINDOWS`] reads it: `max:period_ms` joined by commas.
impl fmt::Display for Windows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Window { max, period_ms }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{max}:{period_ms}")?;
        }
        Ok(())
    }
}

impl FromStr for Windows {
    type Err = InvalidWindows;

    fn from_str(text: &str) -> Result<Self, InvalidWindows> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let wrong = || InvalidWindows("must be max:period_ms joined by commas".to_owned());
        let windows = text.split(',').map(|window| {
            let (max, period_ms) = window.split_once(':').ok_or_else(wrong)?;
            Ok(Window {
                max: max.parse().map_err(|_| wrong())?,
                period_ms: period_ms.parse().map_err(|_| wrong())?,
            })
        });
        Self::new(windows.collect::<Result<_, InvalidWindows>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::Windows;

    #[test]
    fn windows_survive_their_text() {
        for text in ["", "1:60000", "1:60000,5:3600000,10:86400000"] {
            assert_eq!(text.parse::<Windows>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn windows_that_cannot_be_kept_are_refused() {
        for text in [
            "0:1000",
            "1:0",
            "1001:1000",
            "1",
            "1:",
            "a:b",
            "1:999999999999",
            ",",
            "1:1,",
        ] {
            assert!(text.parse::<Windows>().is_err(), "{text}");
        }
        assert!(["1:1"; 9].join(",").parse::<Windows>().is_err());
    }
}
