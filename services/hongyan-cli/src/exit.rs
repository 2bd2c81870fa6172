//! What the exit status says.

use hongyan_chassis::Problem;
use tonic::Code;

/// Told in `--help`; programs branch on it.
pub(crate) const HELP: &str = "\
Exit status:
  0  done; the answer is yes
  1  the answer is no: no match, not delivered, not all links up, events missing,
     a log that is wrong, fewer messages delivered than promised
  2  wrong usage: arguments, settings, files
  3  the service refused; the reason is printed
  4  a service cannot be reached, did not answer in time, or failed
  5  what was asked about does not exist";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Yes,
    No,
    Usage,
    Refused,
    Unavailable,
    NotFound,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unavailable => 4,
            Self::NotFound => 5,
        }
    }

    /// What a service's problem means.
    pub(crate) fn of(problem: &Problem) -> Self {
        match problem.code {
            Code::NotFound => Self::NotFound,
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Internal
            | Code::Unknown
            | Code::DataLoss => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_chassis::Problem;
    use tonic::Code;

    use super::{Exit, HELP};

    #[test]
    fn every_code_has_its_exit_status() {
        for (code, expected) in [
            (Code::InvalidArgument, 3),
            (Code::FailedPrecondition, 3),
            (Code::PermissionDenied, 3),
            (Code::Unauthenticated, 3),
            (Code::ResourceExhausted, 3),
            (Code::AlreadyExists, 3),
            (Code::Unimplemented, 3),
            (Code::Unavailable, 4),
            (Code::DeadlineExceeded, 4),
            (Code::Cancelled, 4),
            (Code::Internal, 4),
            (Code::Unknown, 4),
            (Code::NotFound, 5),
        ] {
            let exit = Exit::of(&Problem::new(code, "REASON", "why"));
            assert_eq!(exit.code(), expected, "{code:?}");
        }
    }

    #[test]
    fn help_tells_every_exit_status() {
        for exit in [
            Exit::Yes,
            Exit::No,
            Exit::Usage,
            Exit::Refused,
            Exit::Unavailable,
            Exit::NotFound,
        ] {
            assert!(HELP.contains(&format!("\n  {}  ", exit.code())), "{exit:?}");
        }
    }
}
