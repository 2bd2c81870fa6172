//! What a caller is told when something is refused or fails.

use std::{borrow::Cow, error::Error, fmt, panic::Location, time::Duration};

use hongyan_proto::common::v1 as proto;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of every `google.rpc.ErrorInfo` of the mesh.
pub const ERROR_DOMAIN: &str = "hongyan";

/// One refusal or failure, as it goes to the caller: as the status of a call ([`Status`] with `ErrorInfo`, `BadRequest`
/// and `RetryInfo`), or as one item of a stream ([`proto::Problem`]). Callers branch on the reason.
///
/// Neither the message nor a field's description may hold personal data or an inner error's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The canonical code.
    pub code: Code,
    /// UPPER_SNAKE, from a small set that the proto files name.
    pub reason: Cow<'static, str>,
    /// One sentence for a person.
    pub message: String,
    /// Which fields of the request were wrong.
    pub fields: Vec<FieldProblem>,
    /// How long to wait before the same request can succeed; `None` where waiting does not help.
    pub retry_after: Option<Duration>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's path, as in the proto file.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Problem {
    /// Any problem.
    pub fn new(code: Code, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
        }
    }

    /// The request is wrong in itself: INVALID_ARGUMENT, reason `INVALID_REQUEST`. Add its fields.
    pub fn invalid() -> Self {
        Self::new(
            Code::InvalidArgument,
            "INVALID_REQUEST",
            "the request is not valid",
        )
    }

    /// What is asked about is not there: NOT_FOUND.
    pub fn not_found(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, reason, message)
    }

    /// The peer may not do that: PERMISSION_DENIED.
    pub fn denied(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, reason, message)
    }

    /// The world is not in the state that the request needs: FAILED_PRECONDITION.
    pub fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// The same id came with other content: ALREADY_EXISTS.
    pub fn conflict(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Code::AlreadyExists, reason, message)
    }

    /// A limit was reached: RESOURCE_EXHAUSTED.
    pub fn exhausted(reason: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Code::ResourceExhausted, reason, message).retry_after(retry_after)
    }

    /// Something that is needed does not answer now: UNAVAILABLE.
    pub fn unavailable(reason: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(Code::Unavailable, reason, message).retry_after(retry_after)
    }

    /// A fault of ours: INTERNAL, reason `INTERNAL`. The inner error goes to the log with the place of the call, and
    /// nowhere else.
    #[track_caller]
    pub fn internal(inner: &dyn Error) -> Self {
        let at = Location::caller();
        tracing::error!(error = %Chain(inner), at = %at, "an internal error was hidden from the caller");
        Self::new(
            Code::Internal,
            "INTERNAL",
            "an internal error; it is in the log under this trace",
        )
    }

    /// Adds a wrong field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.fields.push(FieldProblem {
            field: field.into(),
            description: description.into(),
        });
        self
    }

    /// Says how long to wait before trying again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whether any field is wrong; for checks that collect all of them before they answer.
    pub fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Reads what a server answered. A server that gives no details (a proxy, or tonic itself) gets the code's name as
    /// reason. Never fails: an answer that cannot be read is still an answer.
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let reason = details
            .error_info()
            .filter(|info| !info.reason.is_empty())
            .map_or_else(
                || Cow::Borrowed(code_name(status.code())),
                |info| Cow::Owned(info.reason.clone()),
            );
        let fields = details.bad_request().map_or_else(Vec::new, |bad| {
            let one = |violation: &tonic_types::FieldViolation| FieldProblem {
                field: violation.field.clone(),
                description: violation.description.clone(),
            };
            bad.field_violations.iter().map(one).collect()
        });
        Self {
            code: status.code(),
            reason,
            message: status.message().to_owned(),
            fields,
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }

    /// As one item of a stream.
    pub fn to_proto(&self) -> proto::Problem {
        let field = |problem: &FieldProblem| proto::FieldViolation {
            field: problem.field.clone(),
            description: problem.description.clone(),
        };
        let wait_ms = self.retry_after.unwrap_or_default().as_millis();
        proto::Problem {
            code: self.code as i32,
            reason: self.reason.clone().into_owned(),
            message: self.message.clone(),
            fields: self.fields.iter().map(field).collect(),
            retry_after_ms: u64::try_from(wait_ms).unwrap_or(u64::MAX),
        }
    }

    /// Reads an item of a stream. A code that is not one of gRPC's is UNKNOWN.
    pub fn from_proto(problem: &proto::Problem) -> Self {
        let field = |violation: &proto::FieldViolation| FieldProblem {
            field: violation.field.clone(),
            description: violation.description.clone(),
        };
        Self {
            code: Code::from_i32(problem.code),
            reason: Cow::Owned(problem.reason.clone()),
            message: problem.message.clone(),
            fields: problem.fields.iter().map(field).collect(),
            retry_after: (problem.retry_after_ms > 0).then(|| Duration::from_millis(problem.retry_after_ms)),
        }
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(problem.reason, ERROR_DOMAIN, []);
        for field in problem.fields {
            details.add_bad_request_violation(field.field, field.description);
        }
        if problem.retry_after.is_some() {
            details.set_retry_info(problem.retry_after);
        }
        Self::with_error_details(problem.code, problem.message, details)
    }
}

impl From<&Status> for Problem {
    fn from(status: &Status) -> Self {
        Self::from_status(status)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", code_name(self.code), self.reason, self.message)?;
        for problem in &self.fields {
            write!(f, "; {}: {}", problem.field, problem.description)?;
        }
        Ok(())
    }
}

impl Error for Problem {}

/// The code as the gRPC specification writes it, e.g. `DEADLINE_EXCEEDED`.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// An error with all that caused it, on one line. A cause that the error before it quotes at its end is not said twice.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DEEPEST: usize = 16;
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut source = self.0.source();
        for _ in 0..DEEPEST {
            let Some(error) = source else { break };
            let cause = error.to_string();
            if !said.ends_with(&cause) {
                write!(f, ": {cause}")?;
                said = cause;
            }
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::{Code, Status};

    use super::{Chain, Problem};

    #[derive(Debug, thiserror::Error)]
    #[error("the locks: {0}")]
    struct Quoting(#[source] std::io::Error);

    #[test]
    fn a_cause_is_said_once() {
        let quoting = Quoting(std::io::Error::other("no space"));
        assert_eq!(Chain(&quoting).to_string(), "the locks: no space");
        let around = std::io::Error::other(quoting);
        assert_eq!(Chain(&around).to_string(), "the locks: no space");
    }

    fn full() -> Problem {
        Problem::exhausted(
            "TOO_MANY",
            "too many for this number",
            Duration::from_millis(1500),
        )
        .field("phone", "was sent to a moment ago")
        .field("items[3].text", "is empty")
    }

    #[test]
    fn a_problem_survives_the_way_through_a_status_and_back() {
        for problem in [
            full(),
            Problem::invalid(),
            Problem::not_found("NO_SUCH_MESSAGE", "not here"),
        ] {
            let over_the_wire = Status::from(problem.clone()).into_http::<tonic::body::Body>();
            let status = Status::from_header_map(over_the_wire.headers()).unwrap();
            assert_eq!(Problem::from_status(&status), problem);
        }
    }

    #[test]
    fn a_problem_survives_the_way_through_a_stream_item_and_back() {
        for problem in [
            full(),
            Problem::invalid(),
            Problem::denied("NOT_YOURS", "not yours"),
        ] {
            assert_eq!(Problem::from_proto(&problem.to_proto()), problem);
        }
    }

    #[test]
    fn a_status_without_details_gets_its_codes_name_as_reason() {
        let problem = Problem::from_status(&Status::unavailable("tcp connect error"));
        assert_eq!(
            (problem.code, problem.reason.as_ref()),
            (Code::Unavailable, "UNAVAILABLE")
        );
        assert_eq!(problem.retry_after, None);
        let mut strange = full().to_proto();
        strange.code = 77;
        assert_eq!(Problem::from_proto(&strange).code, Code::Unknown);
    }

    #[test]
    fn an_internal_error_hides_what_was_inside() {
        let inner = std::io::Error::other("password wrong for redis://secret");
        let status = Status::from(Problem::internal(&inner));
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains("redis"));
    }
}
