//! What a command gives: for people and for programs at once.

use std::io::{self, Write as _};

use hongyan_chassis::{FieldProblem, Problem, code_name};
use serde_json::{Value, json};

use crate::exit::Exit;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// For people; ends without a line break. Empty, with `json` null, where everything was said as it came.
    pub(crate) text: String,
    /// For programs: an object whose field names do not change.
    pub(crate) json: Value,
    pub(crate) exit: Exit,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The operator can mend it: arguments, settings, files.
    #[error("{0}")]
    Usage(String),
    /// A service said no, or nothing.
    #[error("{service}: {problem}")]
    Service { service: &'static str, problem: Problem },
}

impl Failure {
    /// For `map_err` behind a call.
    pub(crate) fn of(service: &'static str) -> impl Fn(tonic::Status) -> Self {
        move |status| Self::Service {
            service,
            problem: Problem::from_status(&status),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Service { problem, .. } => Exit::of(problem),
        }
    }

    /// For people, with what helps.
    fn text(&self) -> String {
        match self {
            Self::Usage(why) => format!("hongyan: {why}"),
            Self::Service { service, problem } => {
                let mut lines = vec![format!("{service}: {} ({})", problem.message, problem.reason)];
                let field = |field: &FieldProblem| format!("  {}: {}", field.field, field.description);
                lines.extend(problem.fields.iter().map(field));
                lines.extend(
                    problem
                        .retry_after
                        .map(|wait| format!("  try again in {:.1} s", wait.as_secs_f64())),
                );
                lines.join("\n")
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Usage(why) => json!({"error": {"code": "USAGE", "reason": "USAGE", "message": why}}),
            Self::Service { service, problem } => {
                json!({"error": problem_json(service, problem)})
            }
        }
    }
}

/// A problem with stable names.
pub(crate) fn problem_json(service: &str, problem: &Problem) -> Value {
    let fields = problem
        .fields
        .iter()
        .map(|field| json!({"field": field.field, "description": field.description}));
    json!({
        "service": service,
        "code": code_name(problem.code),
        "reason": problem.reason,
        "message": problem.message,
        "fields": fields.collect::<Vec<_>>(),
        "retry_after_ms": problem.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// Prints what came out: answers on standard output; why there is none on standard error, or with `--json` as an object
/// on standard output too, so that a program reads one place.
pub(crate) fn tell(result: &Result<Answer, Failure>, as_json: bool) -> Exit {
    let (text, exit, is_answer) = match result {
        Ok(answer) if as_json => (answer.json.to_string(), answer.exit, true),
        Ok(answer) => (answer.text.clone(), answer.exit, true),
        Err(failure) if as_json => (failure.json().to_string(), failure.exit(), true),
        Err(failure) => (failure.text(), failure.exit(), false),
    };
    // A command that said everything as it came has nothing to add.
    let said_all = matches!(result, Ok(answer) if answer.text.is_empty() && answer.json.is_null());
    if said_all {
        return exit;
    }
    let told = if is_answer {
        writeln!(io::stdout().lock(), "{text}")
    } else {
        writeln!(io::stderr().lock(), "{text}")
    };
    // Whoever closed the pipe wants no more; that is no failure of the command.
    drop(told);
    exit
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hongyan_chassis::Problem;

    use super::Failure;
    use crate::exit::Exit;

    fn refused() -> Failure {
        let problem = Problem::exhausted("OTP_TOO_SOON", "one code a minute", Duration::from_millis(41_500))
            .field("phone", "had a code just now");
        Failure::Service {
            service: "dispatch",
            problem,
        }
    }

    #[test]
    fn a_refusal_tells_reason_fields_and_the_time_to_wait() {
        let failure = refused();
        assert_eq!(
            failure.text(),
            "dispatch: one code a minute (OTP_TOO_SOON)\n  phone: had a code just now\n  try again in 41.5 s"
        );
        assert_eq!(failure.exit(), Exit::Refused);
    }

    #[test]
    fn programs_get_the_same_under_stable_names() {
        let error = &refused().json()["error"];
        assert_eq!(error["code"], "RESOURCE_EXHAUSTED");
        assert_eq!(error["reason"], "OTP_TOO_SOON");
        assert_eq!(error["retry_after_ms"], 41_500);
        assert_eq!(error["fields"][0]["field"], "phone");
        assert_eq!(Failure::Usage("why".into()).json()["error"]["message"], "why");
    }
}
