//! What a caller is told when a message is not accepted. Pure.

use std::time::Duration;

use hongyan_chassis::Problem;
use hongyan_domain::MessageClass;
use hongyan_queue::QueueError;

use crate::store::Accepted;

/// How long to wait for room in a queue, or for Redis to come back.
const TRY_AGAIN_IN: Duration = Duration::from_secs(1);

/// What the accept script refused.
pub fn of_verdict(verdict: &Accepted, class: MessageClass) -> Problem {
    match verdict {
        Accepted::Reused => Problem::conflict(
            "REQUEST_ID_REUSED",
            "the request id was used for another request within the last 24 hours; a new request needs a new id",
        ),
        Accepted::OptedOut => Problem::precondition(
            "OPTED_OUT",
            "the subscriber has opted out of this tenant's notices and bulk messages",
        ),
        Accepted::Throttled(wait_ms) => {
            let what = if class == MessageClass::Otp {
                "one-time codes"
            } else {
                "notices"
            };
            let message = format!(
                "this number has had as many {what} as it may have; the next one can be sent in {}",
                in_words(*wait_ms)
            );
            Problem::exhausted("THROTTLED", message, Duration::from_millis(*wait_ms))
        }
        Accepted::TenantFull => Problem::exhausted(
            "TENANT_QUEUE_FULL",
            format!("as many {class} messages of the tenant as may wait are waiting for the carriers"),
            TRY_AGAIN_IN,
        ),
        Accepted::QueueFull => Problem::exhausted(
            "QUEUE_FULL",
            "the send queue to the number's carrier is full",
            TRY_AGAIN_IN,
        ),
        Accepted::New | Accepted::Before(_) | Accepted::Ported(_) => of_missing_verdict(),
    }
}

/// What Redis did not do.
pub fn of_store(error: &QueueError) -> Problem {
    if error.is_unavailable() {
        tracing::debug!(%error, "Redis is unavailable");
        return Problem::unavailable(
            "STORE_UNAVAILABLE",
            "the message store does not answer; ask again with the same request id",
            TRY_AGAIN_IN,
        );
    }
    Problem::internal(error)
}

/// Fewer verdicts than drafts: nothing is known of the rest.
pub fn of_missing_verdict() -> Problem {
    of_store(&QueueError::Answer {
        operation: "accept".to_owned(),
        detail: "no verdict".to_owned(),
    })
}

/// Rounded up, so that nobody comes back too early.
fn in_words(wait_ms: u64) -> String {
    match wait_ms.div_ceil(1_000) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hongyan_domain::MessageClass;
    use hongyan_queue::QueueError;
    use tonic::Code;

    use super::{in_words, of_store, of_verdict};
    use crate::store::Accepted;

    #[test]
    fn a_throttled_caller_is_told_how_long_to_wait_in_words_and_in_figures() {
        let problem = of_verdict(&Accepted::Throttled(41_250), MessageClass::Otp);
        assert_eq!(
            (problem.code, problem.reason.as_ref()),
            (Code::ResourceExhausted, "THROTTLED")
        );
        assert_eq!(problem.retry_after, Some(Duration::from_millis(41_250)));
        assert!(
            problem.message.contains("one-time codes") && problem.message.ends_with("in 42 s"),
            "{problem}"
        );
    }

    #[test]
    fn each_refusal_has_its_reason_and_code() {
        let table = [
            (Accepted::Reused, Code::AlreadyExists, "REQUEST_ID_REUSED", false),
            (Accepted::OptedOut, Code::FailedPrecondition, "OPTED_OUT", false),
            (
                Accepted::TenantFull,
                Code::ResourceExhausted,
                "TENANT_QUEUE_FULL",
                true,
            ),
            (Accepted::QueueFull, Code::ResourceExhausted, "QUEUE_FULL", true),
        ];
        for (verdict, code, reason, waits) in table {
            let problem = of_verdict(&verdict, MessageClass::Bulk);
            assert_eq!((problem.code, problem.reason.as_ref()), (code, reason));
            assert_eq!(problem.retry_after.is_some(), waits, "{reason}");
        }
    }

    #[test]
    fn an_outage_is_the_callers_to_repeat_and_a_mistake_is_ours() {
        let outage = QueueError::Unavailable {
            retry_is_safe: false,
            detail: "cut".into(),
        };
        assert_eq!(of_store(&outage).code, Code::Unavailable);
        let mistake = QueueError::Script {
            operation: "accept".into(),
            detail: "secret".into(),
        };
        let problem = of_store(&mistake);
        assert_eq!(problem.code, Code::Internal);
        assert!(!problem.to_string().contains("secret"));
    }

    #[test]
    fn waits_are_rounded_up() {
        let words = [1, 1_000, 1_001, 119_000, 119_001, 7_200_000, 86_400_000].map(in_words);
        assert_eq!(words, ["1 s", "1 s", "2 s", "119 s", "2 min", "2 h", "24 h"]);
    }
}
