//! What the upstream does wrong.

use serde::{Deserialize, Serialize};

/// The default is an upstream without a fault. Several may hold at once: the delay comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Only the next so many questions; then the upstream is well again. Without it until further notice.
    pub next: Option<u64>,
    /// Every answer comes so many milliseconds later.
    pub delay_ms: u64,
    /// Never answers.
    pub hang: bool,
    /// Answers with this HTTP status and no body.
    pub http_status: Option<u16>,
    /// Answers 200 with half an answer.
    pub malformed: bool,
    /// Answers with this code in place of the right one, not charged.
    pub code: Option<String>,
    /// Says the opposite of what it charges.
    pub wrong_charge: bool,
}

impl Faults {
    /// What the next question meets; counts it.
    pub(super) fn take(&mut self) -> Self {
        match &mut self.next {
            None => self.clone(),
            Some(0) => Self::default(),
            Some(left) => {
                *left -= 1;
                self.clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Faults;

    #[test]
    fn faults_end_after_as_many_questions_as_said() {
        let mut twice = Faults {
            next: Some(2),
            hang: true,
            ..Faults::default()
        };
        assert_eq!([(); 4].map(|()| twice.take().hang), [true, true, false, false]);
        let mut always = Faults {
            malformed: true,
            ..Faults::default()
        };
        assert!(always.take().malformed && always.take().malformed);
    }
}
