//! What can go wrong between a service and Redis.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::cursor::CursorError;

/// Why a step on Redis did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The server did not answer, or answered that it cannot serve now (loading, read-only, out of memory).
    #[error("Redis is unavailable ({detail})")]
    Unavailable {
        /// The step certainly had no effect. Where this is false it may have happened: repeat only what is idempotent.
        retry_is_safe: bool,
        /// The cause, without any value that was sent.
        detail: String,
    },
    /// The server refused or could not execute a command or a script: a mistake of ours.
    #[error("Redis refused `{operation}`: {detail}")]
    Script {
        /// The name of the script or command.
        operation: String,
        /// The server's words.
        detail: String,
    },
    /// The server is configured such that it may lose what it acknowledged.
    #[error(
        "Redis has `{setting} {found}` but durable work needs `{setting} {needed}`; \
         change it, or set redis.accept_loss if loss is acceptable"
    )]
    Refused {
        /// The name of the setting in redis.conf.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it has to be.
        needed: &'static str,
    },
    /// The settings of this service do not make a connection.
    #[error("{key}: {reason}")]
    Settings {
        /// The dotted key.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The server's answer does not have the shape that the command promises.
    #[error("unexpected answer of Redis to `{operation}`: {detail}")]
    Answer {
        /// The name of the script or command.
        operation: String,
        /// Which part was unexpected.
        detail: String,
    },
    /// A reader's cursor is not one that was given out for this feed.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A feed has its most subscriptions already.
    #[error("the feed has {0} subscriptions already")]
    TooManySubscriptions(usize),
}

impl QueueError {
    /// Waiting may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Sorts what the client library reports.
    pub fn from_redis(operation: &str, error: &RedisError) -> Self {
        let detail = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.category()),
            None => error.to_string(),
        };
        match error.kind() {
            ErrorKind::Server(kind) => Self::from_server(operation, Some(kind), kind_code(error), &detail),
            ErrorKind::Extension => Self::from_server(operation, None, kind_code(error), &detail),
            ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed => Self::Unavailable {
                retry_is_safe: error.is_connection_refusal()
                    || error.kind() == ErrorKind::AuthenticationFailed,
                detail,
            },
            ErrorKind::UnexpectedReturnType => Self::Answer {
                operation: operation.to_owned(),
                detail,
            },
            _ => Self::Script {
                operation: operation.to_owned(),
                detail,
            },
        }
    }

    pub(crate) fn from_server(
        operation: &str,
        kind: Option<ServerErrorKind>,
        code: &str,
        detail: &str,
    ) -> Self {
        let is_state = matches!(
            kind,
            Some(
                ServerErrorKind::BusyLoading
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly
                    // A step was refused while it was queued, so none was executed.
                    | ServerErrorKind::ExecAbort
            )
        ) || matches!(code, "OOM" | "MISCONF" | "NOREPLICAS" | "BUSY");
        if is_state {
            return Self::Unavailable {
                retry_is_safe: true,
                detail: format!("{code}: {detail}"),
            };
        }
        Self::Script {
            operation: operation.to_owned(),
            detail: format!("{code}: {detail}"),
        }
    }

    pub(crate) fn answer(operation: &str, detail: impl Into<String>) -> Self {
        Self::Answer {
            operation: operation.to_owned(),
            detail: detail.into(),
        }
    }
}

fn kind_code(error: &RedisError) -> &str {
    error.code().unwrap_or("ERR")
}

#[cfg(test)]
mod tests {
    use std::io;

    use redis::{ErrorKind, RedisError, ServerErrorKind};

    use super::QueueError;

    #[test]
    fn what_the_server_cannot_do_now_is_unavailable_and_safe_to_repeat() {
        for (kind, code) in [
            (Some(ServerErrorKind::BusyLoading), "LOADING"),
            (Some(ServerErrorKind::ReadOnly), "READONLY"),
            (Some(ServerErrorKind::MasterDown), "MASTERDOWN"),
            (None, "OOM"),
            (None, "MISCONF"),
        ] {
            let error = QueueError::from_server("x", kind, code, "why");
            assert!(
                matches!(
                    error,
                    QueueError::Unavailable {
                        retry_is_safe: true,
                        ..
                    }
                ),
                "{code}: {error:?}"
            );
        }
    }

    #[test]
    fn a_cut_connection_may_have_had_its_effect_and_a_refused_one_not() {
        for (kind, safe) in [
            (io::ErrorKind::ConnectionReset, false),
            (io::ErrorKind::TimedOut, false),
            (io::ErrorKind::ConnectionRefused, true),
        ] {
            let error = QueueError::from_redis("x", &RedisError::from(io::Error::from(kind)));
            assert!(
                matches!(error, QueueError::Unavailable { retry_is_safe, .. } if retry_is_safe == safe),
                "{kind}: {error:?}"
            );
        }
    }

    #[test]
    fn a_mistake_of_ours_is_not_an_outage() {
        let error = RedisError::from((
            ErrorKind::Server(ServerErrorKind::ResponseError),
            "wrong",
            "type".into(),
        ));
        let sorted = QueueError::from_redis("audit", &error);
        assert!(!sorted.is_unavailable());
        assert!(sorted.to_string().contains("`audit`"), "{sorted}");
    }
}
