//! `Append`: parses, and says what became of each event. No IO.

use std::{sync::Arc, time::Duration};

use hongyan_chassis::Problem;
use hongyan_identity::SpiffeId;
use hongyan_proto::audit::v1::AppendRequest;

use crate::{
    event::{self, MAX_EVENTS},
    log::MAX_LEAF_OCTETS,
    record::{NotTaken, Numbered, Refusal, Submission},
};

/// The attribute that says who brought an event.
pub(crate) const RECORDED_BY: &str = "recorded_by";
/// The most violations that one answer lists.
pub(super) const MAX_VIOLATIONS: usize = 32;

/// What is to go on record, or every field that is wrong.
pub(crate) fn parse(peer: &SpiffeId, request: AppendRequest) -> Result<Vec<Submission>, Problem> {
    let mut problem = Problem::invalid();
    if !event::is_producer(&request.producer) {
        problem = problem.field("producer", "must be 1 to 128 visible ASCII characters");
    }
    let count = request.events.len();
    if count == 0 || count > MAX_EVENTS {
        problem = problem.field("events", format!("must be 1 to {MAX_EVENTS} events"));
    } else if request.first_seq.checked_add(count as u64).is_none() {
        problem = problem.field("first_seq", "leaves no room for the numbers of all events");
    } else {
        problem = check_events(problem, &request);
    }
    if problem.has_fields() {
        return Err(problem);
    }
    if !may_produce(peer, &request.producer) {
        let expected = peer.path().rsplit('/').next().unwrap_or_default();
        return Err(Problem::denied(
            "PRODUCER_NOT_OWN",
            format!(
                "the producer must be an instance of the calling service: `{expected}-…` or `{expected}/…`"
            ),
        ));
    }
    let producer: Arc<str> = Arc::from(request.producer);
    let numbered = (request.first_seq..).zip(request.events).map(|(seq, mut event)| {
        event
            .attributes
            .insert(RECORDED_BY.to_owned(), peer.as_str().to_owned());
        Submission::Numbered(Numbered {
            producer: Arc::clone(&producer),
            epoch: request.epoch,
            seq,
            event,
        })
    });
    Ok(numbered.collect())
}

fn check_events(mut problem: Problem, request: &AppendRequest) -> Problem {
    for (nth, event) in request.events.iter().enumerate() {
        for (field, why) in event::check(event) {
            if problem.fields.len() >= MAX_VIOLATIONS {
                return problem;
            }
            let dot = if field.is_empty() { "" } else { "." };
            problem = problem.field(format!("events[{nth}]{dot}{field}"), why);
        }
    }
    problem
}

/// `svc/verify` may write as `verify-svc-…` and `verify/…`, and as nobody else.
fn may_produce(peer: &SpiffeId, producer: &str) -> bool {
    let Some(name) = peer.path().strip_prefix("svc/") else {
        return false;
    };
    // Events of this service come by no call.
    name != "audit"
        && producer
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['-', '/']))
}

/// A request that the record does not take; `refused_write` is what the disk said where it takes nothing any more.
pub(super) fn not_taken(not_taken: NotTaken, refused_write: Option<&str>) -> Problem {
    match not_taken {
        NotTaken::Stopped(stopped) => match refused_write {
            Some(error) => Problem::unavailable(
                "RECORD_STOPPED",
                format!("{stopped}, the disk refused a write: {error}"),
                super::TRY_AGAIN_AFTER,
            ),
            None => super::stopped(stopped),
        },
        NotTaken::Refused(refusal) => refused(refusal),
        NotTaken::TooLarge { nth, octets } => Problem::invalid().field(
            format!("events[{nth}]"),
            format!("makes a leaf of {octets} octets; at most {MAX_LEAF_OCTETS}"),
        ),
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::TooSparse => Problem::precondition("SEQUENCE_TOO_SPARSE", refusal.to_string()),
        Refusal::TooManyProducers => {
            Problem::exhausted("TOO_MANY_PRODUCERS", refusal.to_string(), Duration::from_hours(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_identity::SpiffeId;
    use hongyan_proto::audit::v1::{AppendRequest, AuditEvent};
    use tonic::Code;

    use super::parse;
    use crate::record::Submission;

    fn peer(path: &str) -> SpiffeId {
        format!("spiffe://hongyan.test/{path}").parse().unwrap()
    }

    fn event() -> AuditEvent {
        AuditEvent {
            event_id: "0197a1b2-c3d4-7000-8000-000000000001".into(),
            occurred_at_unix_ms: 1,
            action: "VERIFY_ANSWERED".into(),
            ..AuditEvent::default()
        }
    }

    fn request(count: usize) -> AppendRequest {
        AppendRequest {
            producer: "verify-svc-1".into(),
            epoch: 3,
            first_seq: 10,
            events: vec![event(); count],
            wait_published: false,
        }
    }

    #[test]
    fn events_are_numbered_from_the_first_and_say_who_brought_them() {
        let mut given = request(1_024);
        given.events[0]
            .attributes
            .insert("recorded_by".into(), "somebody else".into());
        let submissions = parse(&peer("svc/verify"), given).unwrap();
        for (seq, submission) in (10..).zip(&submissions) {
            let Submission::Numbered(numbered) = submission else {
                panic!("{submission:?}")
            };
            assert_eq!(
                (&*numbered.producer, numbered.epoch, numbered.seq),
                ("verify-svc-1", 3, seq)
            );
            assert_eq!(
                numbered.event.attributes["recorded_by"],
                "spiffe://hongyan.test/svc/verify"
            );
        }
        assert_eq!(submissions.len(), 1_024);
    }

    #[test]
    fn wrong_requests_name_every_wrong_field() {
        let table: [(&[&str], AppendRequest); 6] = [
            (
                &["producer"],
                AppendRequest {
                    producer: String::new(),
                    ..request(1)
                },
            ),
            (
                &["producer"],
                AppendRequest {
                    producer: "verify-\u{7}".into(),
                    ..request(1)
                },
            ),
            (&["events"], request(0)),
            (&["events"], request(1_025)),
            (
                &["first_seq"],
                AppendRequest {
                    first_seq: u64::MAX,
                    ..request(1)
                },
            ),
            (
                &[
                    "events[1].event_id",
                    "events[1].occurred_at_unix_ms",
                    "events[1].action",
                ],
                {
                    let mut wrong = request(3);
                    wrong.events[1] = AuditEvent::default();
                    wrong
                },
            ),
        ];
        for (fields, request) in table {
            let problem = parse(&peer("svc/verify"), request).unwrap_err();
            assert_eq!(problem.code, Code::InvalidArgument);
            let named: Vec<_> = problem
                .fields
                .iter()
                .map(|problem| problem.field.as_str())
                .collect();
            assert_eq!(named, fields);
        }
        let mut all_wrong = request(1_000);
        all_wrong.events.fill(AuditEvent::default());
        assert_eq!(
            parse(&peer("svc/verify"), all_wrong).unwrap_err().fields.len(),
            32
        );
    }

    #[test]
    fn nobody_writes_in_the_name_of_another() {
        for (path, producer, may) in [
            ("svc/verify", "verify-svc-1", true),
            ("svc/verify", "verify/1", true),
            ("svc/verify", "verify", false),
            ("svc/verify", "verifyer-1", false),
            ("svc/verify", "dispatch-1", false),
            ("svc/verify", "stream:{p0}:audit", false),
            ("svc/audit", "audit-svc-1", false),
            ("operator/li", "li-1", false),
            ("caller/verify", "verify-1", false),
        ] {
            let request = AppendRequest {
                producer: producer.into(),
                ..request(1)
            };
            let answer = parse(&peer(path), request);
            assert_eq!(answer.is_ok(), may, "{path} as {producer}");
            if let Err(problem) = answer {
                assert_eq!(
                    (problem.code, &*problem.reason),
                    (Code::PermissionDenied, "PRODUCER_NOT_OWN")
                );
            }
        }
    }
}
