//! Limits and timeouts of a session.

use super::super::DEFAULT_MAX_LEN;
use super::super::HEADER_LEN;

/// Every bound of a session, of either side. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Requests of our own that may be without an answer (`SUBMIT` of a client, `DELIVER` of a server).
    /// The document's W = 16.
    pub window: usize,
    /// Requests of the peer that the application may leave without an answer; further ones are answered with
    /// result 8 (slow down) by the session itself.
    pub max_unanswered_inbound: usize,
    /// From `CONNECT` to its answer.
    pub login_timeout_ms: u64,
    /// Silence of the peer before an `ACTIVE_TEST`. The document's C is 180 000; at 30 000 a dead peer is found
    /// within a minute.
    pub idle_ms: u64,
    /// Wait for the answer to an `ACTIVE_TEST`. The document's T is 60 000.
    pub active_test_timeout_ms: u64,
    /// `ACTIVE_TEST`s without an answer before the peer counts as lost. The document's N = 3.
    pub active_test_attempts: u32,
    /// Wait for the answer to a request of our own. The document's T = 60 000.
    pub response_timeout_ms: u64,
    /// How long an end asked for by us waits for open answers before `TERMINATE` goes out.
    pub drain_timeout_ms: u64,
    /// Wait for `TERMINATE_RESP`.
    pub terminate_timeout_ms: u64,
    /// Unexpected, unknown and unreadable PDUs within a minute before the session is given up.
    pub max_oddities_per_minute: u32,
    /// The longest PDU accepted, in octets.
    pub max_frame_len: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            window: 16,
            max_unanswered_inbound: 256,
            login_timeout_ms: 15_000,
            idle_ms: 30_000,
            active_test_timeout_ms: 10_000,
            active_test_attempts: 3,
            response_timeout_ms: 60_000,
            drain_timeout_ms: 10_000,
            terminate_timeout_ms: 5_000,
            max_oddities_per_minute: 100,
            max_frame_len: DEFAULT_MAX_LEN,
        }
    }
}

/// A limit that makes no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {bounds}")]
pub struct SettingsError {
    /// The limit's name.
    pub field: &'static str,
    /// What it may be.
    pub bounds: &'static str,
}

impl SessionLimits {
    /// The widest window that is allowed; answers are looked up by walking it.
    pub const MAX_WINDOW: usize = 4096;

    /// Checks that the limits make sense together.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first one that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        let rules = [
            (
                (1..=Self::MAX_WINDOW).contains(&self.window),
                "window",
                "1 to 4096",
            ),
            (
                (1..=65_536).contains(&self.max_unanswered_inbound),
                "max_unanswered_inbound",
                "1 to 65536",
            ),
            (self.login_timeout_ms > 0, "login_timeout_ms", "above 0"),
            (self.idle_ms > 0, "idle_ms", "above 0"),
            (
                self.active_test_timeout_ms > 0,
                "active_test_timeout_ms",
                "above 0",
            ),
            (self.active_test_attempts > 0, "active_test_attempts", "above 0"),
            (self.response_timeout_ms > 0, "response_timeout_ms", "above 0"),
            (self.terminate_timeout_ms > 0, "terminate_timeout_ms", "above 0"),
            (
                (HEADER_LEN..=65_536).contains(&self.max_frame_len),
                "max_frame_len",
                "12 to 65536",
            ),
        ];
        match rules.into_iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, field, bounds)) => Err(SettingsError { field, bounds }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_zero_is_not() {
        assert_eq!(SessionLimits::default().check(), Ok(()));
        let bad = SessionLimits {
            window: 0,
            ..SessionLimits::default()
        };
        assert_eq!(bad.check().unwrap_err().field, "window");
        let bad = SessionLimits {
            active_test_attempts: 0,
            ..SessionLimits::default()
        };
        assert_eq!(bad.check().unwrap_err().field, "active_test_attempts");
    }
}
