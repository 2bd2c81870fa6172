//! What a caller is told when there is no answer.

use std::time::Duration;

use hongyan_chassis::Problem;
use tonic::Code;

use crate::{store::StoreError, upstream::Unheard};

/// How long to wait where a neighbour is away.
const OUTAGE_WAIT: Duration = Duration::from_secs(1);
/// And where the upstreams have too much to do.
const BUSY_WAIT: Duration = Duration::from_millis(200);

pub(super) fn no_tenant() -> Problem {
    Problem::denied(
        "NO_TENANT",
        "the catalog names no tenant that this caller speaks for",
    )
}

pub(super) fn reused() -> Problem {
    Problem::conflict(
        "REQUEST_ID_REUSED",
        "this request_id stands for another question of the last 24 hours",
    )
}

pub(super) fn rate_limited(wait: Duration) -> Problem {
    Problem::exhausted(
        "VERIFY_RATE_LIMITED",
        "the tenant asks faster than its verify_per_second",
        wait,
    )
}

pub(super) fn in_progress(wait: Duration) -> Problem {
    Problem::unavailable(
        "IN_PROGRESS",
        "this request_id is being verified by another call",
        wait,
    )
}

/// Nobody was asked. `NoUpstream` is not among these: that is an answer.
pub(super) fn unheard(why: Unheard) -> Problem {
    match why {
        Unheard::Busy => Problem::unavailable(
            "UPSTREAMS_BUSY",
            "the identity upstreams have no room for another question; nothing was asked or charged",
            BUSY_WAIT,
        ),
        Unheard::Unreachable | Unheard::NoUpstream => Problem::unavailable(
            "UPSTREAMS_UNREACHABLE",
            "no identity upstream could be reached; nothing was asked or charged",
            OUTAGE_WAIT,
        ),
    }
}

pub(super) fn not_recorded() -> Problem {
    Problem::unavailable(
        "RECORD_UNAVAILABLE",
        "the answer is not known to be on record, so it is not given; the same request_id gets it later without charge",
        OUTAGE_WAIT,
    )
}

/// As [`not_recorded`], known before anybody was asked.
pub(super) fn no_record() -> Problem {
    Problem::unavailable(
        "RECORD_UNAVAILABLE",
        "the record takes no events, and no answer is given that is not on record; nothing was asked or charged",
        OUTAGE_WAIT,
    )
}

pub(super) fn of_store(error: &StoreError) -> Problem {
    if error.is_unavailable() {
        tracing::warn!(%error, "the store of verifications does not answer");
        return Problem::unavailable(
            "STATE_UNAVAILABLE",
            "what was asked before cannot be looked up or kept; the same request_id tells later",
            OUTAGE_WAIT,
        );
    }
    if matches!(error, StoreError::Gone) {
        return Problem::new(
            Code::Aborted,
            "STATE_LOST",
            "the state of this verification was lost while it was at work",
        );
    }
    Problem::internal(error)
}
