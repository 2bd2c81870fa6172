use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use hongyan_proto::audit::v1::{AppendRequest, AppendResponse, AppendedEvent, AuditEvent};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{AWAY_AFTER, Append, MOST_WAITING, NotRecorded, Remedy, Trouble, recorder, remedy};

/// Answers with these statuses first, then well; keeps what it was asked.
#[derive(Clone, Default)]
struct Server {
    failures: Arc<Mutex<VecDeque<Status>>>,
    requests: Arc<Mutex<Vec<AppendRequest>>>,
}

impl Server {
    fn failing(failures: impl IntoIterator<Item = Status>) -> Self {
        let server = Self::default();
        server.failures.lock().unwrap().extend(failures);
        server
    }

    fn append(&self) -> Append {
        let server = self.clone();
        Arc::new(move |request| {
            let server = server.clone();
            Box::pin(async move {
                let count = request.events.len();
                server.requests.lock().unwrap().push(request);
                match server.failures.lock().unwrap().pop_front() {
                    Some(status) => Err(status),
                    None => Ok(AppendResponse {
                        appended: vec![AppendedEvent::default(); count],
                    }),
                }
            })
        })
    }

    /// Epoch, first seq and ids of each request.
    fn seen(&self) -> Vec<(u64, u64, Vec<String>)> {
        let ids = |request: &AppendRequest| {
            request
                .events
                .iter()
                .map(|event| event.event_id.clone())
                .collect()
        };
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|request| (request.epoch, request.first_seq, ids(request)))
            .collect()
    }
}

fn event(id: usize) -> AuditEvent {
    AuditEvent {
        event_id: id.to_string(),
        ..AuditEvent::default()
    }
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn concurrent_events_travel_together_and_numbers_have_no_gap() {
    let server = Server::default();
    let (recorder, writer) = recorder(server.append(), "verify-x".into(), 7, LONG);
    let all = join_all((0..600).map(|id| recorder.record(event(id))));
    let ended = CancellationToken::new();
    let (results, ()) = tokio::join!(
        async {
            let results = all.await;
            ended.cancel();
            results
        },
        writer.run(ended.clone())
    );
    assert!(results.iter().all(Result::is_ok));
    let seen = server.seen();
    let counts: Vec<_> = seen.iter().map(|(_, _, ids)| ids.len()).collect();
    assert_eq!(counts, [256, 256, 88]);
    assert_eq!(
        seen.iter()
            .map(|(epoch, first, _)| (*epoch, *first))
            .collect::<Vec<_>>(),
        [(7, 1), (7, 257), (7, 513)]
    );
}

#[tokio::test]
async fn a_batch_that_may_be_there_goes_again_the_same() {
    let server = Server::failing([Status::unavailable("away"), Status::deadline_exceeded("late")]);
    let (recorder, writer) = recorder(server.append(), "verify-x".into(), 7, LONG);
    tokio::spawn(writer.run(CancellationToken::new()));
    recorder.record(event(1)).await.unwrap();
    recorder.record(event(2)).await.unwrap();
    let first = (7, 1, vec!["1".to_owned()]);
    assert_eq!(
        server.seen(),
        [first.clone(), first.clone(), first, (7, 2, vec!["2".to_owned()])]
    );
}

#[tokio::test]
async fn numbers_that_are_taken_begin_a_new_epoch() {
    let server = Server::failing([Status::failed_precondition("SEQUENCE_REUSED")]);
    let (recorder, writer) = recorder(server.append(), "verify-x".into(), 7, LONG);
    tokio::spawn(writer.run(CancellationToken::new()));
    recorder.record(event(1)).await.unwrap();
    recorder.record(event(2)).await.unwrap();
    let seen: Vec<_> = server
        .seen()
        .into_iter()
        .map(|(epoch, first, _)| (epoch, first))
        .collect();
    assert_eq!(seen, [(7, 1), (8, 1), (8, 2)]);
}

#[tokio::test]
async fn what_the_record_refuses_is_told_at_once_and_leaves_no_gap() {
    let server = Server::failing([Status::invalid_argument("no")]);
    let (recorder, writer) = recorder(server.append(), "verify-x".into(), 7, LONG);
    tokio::spawn(writer.run(CancellationToken::new()));
    assert_eq!(recorder.record(event(1)).await, Err(NotRecorded));
    recorder.record(event(2)).await.unwrap();
    assert_eq!(server.seen()[1].1, 1);
}

#[tokio::test]
async fn nobody_waits_longer_than_the_limit_or_in_an_endless_queue() {
    let server = Server::default();
    let (hasty, writer) = recorder(server.append(), "verify-x".into(), 7, Duration::from_millis(10));
    // The writer does not run.
    assert_eq!(hasty.record(event(0)).await, Err(NotRecorded));
    for id in 1..MOST_WAITING {
        hasty
            .events
            .try_send(super::Pending {
                event: event(id),
                trace: None,
                done: tokio::sync::oneshot::channel().0,
            })
            .unwrap();
    }
    assert_eq!(hasty.record(event(9_999)).await, Err(NotRecorded));
    drop(hasty);
    // What waits is written before the end, whether or not anybody still asks.
    let ended = CancellationToken::new();
    ended.cancel();
    writer.run(ended).await;
    let written: usize = server.seen().iter().map(|(_, _, ids)| ids.len()).sum();
    assert_eq!(written, MOST_WAITING);
}

#[tokio::test]
async fn at_the_end_a_record_that_is_away_is_not_waited_for_for_ever() {
    let server = Server::failing(std::iter::repeat_n(Status::unavailable("away"), 50));
    let (recorder, writer) = recorder(server.append(), "verify-x".into(), 7, Duration::from_millis(1));
    assert_eq!(recorder.record(event(1)).await, Err(NotRecorded));
    let ended = CancellationToken::new();
    ended.cancel();
    writer.run(ended).await;
    assert!(server.seen().len() <= 5);
}

#[test]
fn each_code_has_its_remedy() {
    for code in [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Cancelled,
        Code::Unknown,
        Code::PermissionDenied,
    ] {
        assert_eq!(remedy(code), Remedy::Again, "{code:?}");
    }
    assert_eq!(remedy(Code::AlreadyExists), Remedy::NewEpoch);
    assert_eq!(remedy(Code::InvalidArgument), Remedy::GiveUp);
}

#[test]
fn trouble_keeps_the_first_words_and_tells_what_is_heard_now() {
    let full = Status::unavailable("the record takes no events, the disk refused a write");
    let gone = Status::unavailable("cannot be reached");
    let first = Trouble::next(None, &full);
    assert!(!first.is_away(), "it may be back at once");
    assert!(
        first.why.starts_with("the record takes no events"),
        "{}",
        first.why
    );
    assert_eq!(Trouble::next(Some(&first), &full).why, first.why);
    let mut later = Trouble::next(Some(&first), &gone);
    for _ in 0..3 {
        later = Trouble::next(Some(&later), &gone);
    }
    assert_eq!(later.since, first.since);
    let now = later.why.strip_prefix(&*first.why).unwrap();
    assert!(
        now.starts_with("; now: cannot be reached"),
        "the first words and the last, once each: {}",
        later.why
    );
    assert_eq!(Trouble::next(Some(&later), &full).why, first.why);
    let old = Trouble {
        since: first.since.checked_sub(AWAY_AFTER).unwrap(),
        ..first
    };
    assert!(old.is_away());
}

#[tokio::test]
async fn trouble_begins_with_a_failed_attempt_and_ends_with_the_event_on_record() {
    let server = Server::failing([Status::unavailable("away")]);
    let (recorder, writer) = recorder(server.append(), "verify-x".into(), 7, LONG);
    let mut trouble = recorder.watch_trouble();
    let ended = CancellationToken::new();
    let (result, ()) = tokio::join!(
        async {
            let seen = async {
                let why = trouble
                    .wait_for(Option::is_some)
                    .await
                    .unwrap()
                    .clone()
                    .unwrap()
                    .why;
                assert!(why.contains("away"), "{why}");
            };
            let (result, ()) = tokio::join!(recorder.record(event(1)), seen);
            ended.cancel();
            result
        },
        writer.run(ended.clone())
    );
    result.unwrap();
    assert!(recorder.trouble().is_none());
}

#[tokio::test]
async fn a_record_that_hangs_is_trouble_before_its_call_ends() {
    let server = Server::default();
    let goes_on = Arc::new(tokio::sync::Notify::new());
    let append: Append = {
        let (answered, goes_on) = (server.append(), goes_on.clone());
        Arc::new(move |request| {
            let (answer, goes_on) = (answered(request), goes_on.clone());
            Box::pin(async move {
                goes_on.notified().await;
                answer.await
            })
        })
    };
    let (recorder, writer) = recorder(append, "verify-x".into(), 7, LONG);
    let mut trouble = recorder.watch_trouble();
    let ended = CancellationToken::new();
    let (result, ()) = tokio::join!(
        async {
            let seen = async {
                let told = trouble.wait_for(Option::is_some).await.unwrap().clone().unwrap();
                assert!(told.is_away(), "it took nothing for as long as that");
                assert!(told.why.contains("no answer for 2 s"), "{}", told.why);
                goes_on.notify_one();
            };
            let (result, ()) = tokio::join!(recorder.record(event(1)), seen);
            ended.cancel();
            result
        },
        writer.run(ended.clone())
    );
    result.unwrap();
    assert!(recorder.trouble().is_none(), "it was taken in the end");
}
