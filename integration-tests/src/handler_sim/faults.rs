//! Being slow, failing, hanging.

use serde::{Deserialize, Serialize};
use tonic::Code;

/// What goes wrong with the next questions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Each answer waits so long.
    pub delay_ms: u64,
    /// Each question is answered with this gRPC code, e.g. `UNAVAILABLE`.
    pub fail: Option<String>,
    /// No question is answered at all.
    pub hang: bool,
    /// Only so many questions; `null` for all.
    pub times: Option<u64>,
}

impl Faults {
    /// Whether the code is one.
    pub fn check(&self) -> Result<(), String> {
        match &self.fail {
            Some(name) if code(name).is_none() => {
                Err(format!("{name:?} is no gRPC code such as UNAVAILABLE"))
            }
            _ => Ok(()),
        }
    }

    /// The code to fail with.
    pub(super) fn code(&self) -> Option<Code> {
        code(self.fail.as_deref()?)
    }

    /// What holds for one question, which is then used up.
    pub(super) fn take(&mut self) -> Self {
        match &mut self.times {
            None => self.clone(),
            Some(0) => Self::default(),
            Some(times) => {
                *times -= 1;
                self.clone()
            }
        }
    }
}

fn code(name: &str) -> Option<Code> {
    Some(match name {
        "CANCELLED" => Code::Cancelled,
        "UNKNOWN" => Code::Unknown,
        "INVALID_ARGUMENT" => Code::InvalidArgument,
        "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
        "NOT_FOUND" => Code::NotFound,
        "PERMISSION_DENIED" => Code::PermissionDenied,
        "RESOURCE_EXHAUSTED" => Code::ResourceExhausted,
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "ABORTED" => Code::Aborted,
        "UNIMPLEMENTED" => Code::Unimplemented,
        "INTERNAL" => Code::Internal,
        "UNAVAILABLE" => Code::Unavailable,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::Faults;

    #[test]
    fn faults_are_used_up() {
        let mut faults = Faults {
            fail: Some("UNAVAILABLE".to_owned()),
            times: Some(2),
            ..Faults::default()
        };
        faults.check().unwrap();
        assert_eq!(
            [(); 3].map(|()| faults.take().code()),
            [Some(Code::Unavailable), Some(Code::Unavailable), None]
        );
        let wrong = Faults {
            fail: Some("SLEEPY".to_owned()),
            ..Faults::default()
        };
        assert!(wrong.check().is_err());
    }
}
