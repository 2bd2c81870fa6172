//! Who takes work.

use std::fmt;

use rand::Rng;

/// The name under which one process takes work. Unique to the process and never reused: entries that a dead process
/// held stay under its name until somebody reclaims them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Consumer(String);

impl Consumer {
    /// A new name, `<service>-<32 random hexadecimal digits>`.
    pub fn unique(service: &str) -> Self {
        let random: u128 = rand::rng().random();
        Self(format!("{service}-{random:032x}"))
    }

    /// As it stands in Redis.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Consumer;

    #[test]
    fn names_tell_processes_apart() {
        let (one, other) = (Consumer::unique("link"), Consumer::unique("link"));
        assert_ne!(one, other);
        assert!(one.as_str().starts_with("link-"));
    }
}
