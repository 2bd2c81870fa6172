//! What a broken connection means to the caller, said once for all clients.
//!
//! tonic tells a refused connection as UNAVAILABLE, a call cut in flight as UNKNOWN, a call on a connection that was closing as
//! CANCELLED. To a caller all three are the same news: the service cannot be reached now.

use std::{error::Error, time::Duration};

use tonic::{Code, ConnectError, Status, TimeoutExpired};

use crate::problem::{Chain, Problem};

const COME_BACK_AFTER: Duration = Duration::from_millis(200);

/// Whether the call certainly never left this process: the connection could not be made, or was closing before the request was
/// written. Then it can be repeated without asking anybody.
pub(super) fn never_sent(error: &(dyn Error + 'static)) -> bool {
    any_cause(error, |cause| {
        cause.is::<ConnectError>()
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(hyper::Error::is_canceled)
    })
}

/// What a call's failure in its transport means.
pub(super) fn of(error: &(dyn Error + 'static), limit: Duration) -> Status {
    // tonic's own channel reads `grpc-timeout` too, and its timer may ring in the same instant as ours.
    if any_cause(error, <dyn Error>::is::<TimeoutExpired>) {
        too_late(limit)
    } else {
        unreachable(error)
    }
}

fn any_cause(error: &(dyn Error + 'static), is: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if is(cause) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// UNAVAILABLE, reason `UNREACHABLE`. The inner text stays in the log.
pub(super) fn unreachable(error: &(dyn Error + 'static)) -> Status {
    tracing::debug!(error = %Chain(error), "a call failed in its transport");
    Problem::unavailable(
        "UNREACHABLE",
        "the service cannot be reached now",
        COME_BACK_AFTER,
    )
    .into()
}

/// Own time-out.
pub(super) fn too_late(limit: Duration) -> Status {
    let message = format!("no answer within {} ms", limit.as_millis());
    Problem::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message).into()
}

#[cfg(test)]
mod tests {
    use std::{fmt, io, time::Duration};

    use tonic::{Code, ConnectError};

    use super::{never_sent, of};
    use crate::problem::Problem;

    #[derive(Debug)]
    struct Around(ConnectError);

    impl fmt::Display for Around {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("transport error")
        }
    }

    impl std::error::Error for Around {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn only_what_was_never_sent_may_be_repeated() {
        let refused = || ConnectError(io::Error::from(io::ErrorKind::ConnectionRefused).into());
        assert!(never_sent(&refused()));
        assert!(never_sent(&Around(refused())));
        assert!(!never_sent(&io::Error::from(io::ErrorKind::BrokenPipe)));
    }

    #[test]
    fn a_broken_connection_is_unavailable_and_says_no_more() {
        let limit = Duration::from_millis(5);
        assert_eq!(
            of(&tonic::TimeoutExpired(()), limit).code(),
            Code::DeadlineExceeded
        );
        let status = of(&io::Error::other("10.0.0.7 broke"), limit);
        let problem = Problem::from_status(&status);
        assert_eq!(
            (problem.code, problem.reason.as_ref()),
            (Code::Unavailable, "UNREACHABLE")
        );
        assert!(problem.retry_after.is_some());
        assert!(!format!("{status:?}").contains("10.0.0.7"));
    }
}
