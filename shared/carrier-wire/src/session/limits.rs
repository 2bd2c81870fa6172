//! Limits and timeouts of a session.

/// Every bound of a session, of either side and any protocol. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Requests of our own that may be without an answer. CMPP and SMGP: W = 16; SGIP: 32; SMPP advises 10.
    pub window: usize,
    /// Requests of the peer that the application may leave without an answer; further ones are answered with the
    /// protocol's "slow down" by the session itself.
    pub max_unanswered_inbound: usize,
    /// From the connection to the end of the login.
    pub login_timeout_ms: u64,
    /// Silence of the peer before it is asked whether it lives. CMPP's and SMGP's C is 180 000; at 30 000 a dead
    /// peer is found within a minute. Without a keep-alive (SGIP): how long nothing happens before the session is
    /// ended by its initiator, closed by its acceptor.
    pub idle_ms: u64,
    /// Wait for the answer to a keep-alive. The documents' T is 60 000.
    pub keep_alive_timeout_ms: u64,
    /// Keep-alives without an answer before the peer counts as lost. The documents' N = 3.
    pub keep_alive_attempts: u32,
    /// Wait for the answer to a request of our own. CMPP and SMGP: T = 60 000; SGIP: 30 000.
    pub response_timeout_ms: u64,
    /// How often a request with [`super::Repeat::OnSilence`] is sent in all. CMPP and SMGP: N = 3.
    pub attempts: u32,
    /// How long an end asked for by us waits for open answers before the wish to end goes out; 0 to not wait.
    pub drain_timeout_ms: u64,
    /// Wait for the agreement to end.
    pub terminate_timeout_ms: u64,
    /// Unexpected, unknown and unreadable PDUs within a minute before the session is given up.
    pub max_oddities_per_minute: u32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            window: 16,
            max_unanswered_inbound: 256,
            login_timeout_ms: 15_000,
            idle_ms: 30_000,
            keep_alive_timeout_ms: 10_000,
            keep_alive_attempts: 3,
            response_timeout_ms: 60_000,
            attempts: 3,
            drain_timeout_ms: 10_000,
            terminate_timeout_ms: 5_000,
            max_oddities_per_minute: 100,
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
            (self.keep_alive_timeout_ms > 0, "keep_alive_timeout_ms", "above 0"),
            (self.keep_alive_attempts > 0, "keep_alive_attempts", "above 0"),
            (self.response_timeout_ms > 0, "response_timeout_ms", "above 0"),
            (self.attempts > 0, "attempts", "above 0"),
            (self.terminate_timeout_ms > 0, "terminate_timeout_ms", "above 0"),
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
            keep_alive_attempts: 0,
            ..SessionLimits::default()
        };
        assert_eq!(bad.check().unwrap_err().field, "keep_alive_attempts");
        let bad = SessionLimits {
            attempts: 0,
            ..SessionLimits::default()
        };
        assert_eq!(bad.check().unwrap_err().field, "attempts");
    }
}
