use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{StreamExt as _, future::pending, stream};
use hongyan_chassis::Problem;
use hongyan_proto::verify::v1::{VerifyIdentitiesRequest, VerifyIdentityRequest, VerifyResult};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::{next_answer, work};

#[allow(clippy::unnecessary_wraps, reason = "as the stream of a call gives it")]
fn items(ids: std::ops::Range<usize>) -> Result<VerifyIdentitiesRequest, Status> {
    let item = |id: usize| VerifyIdentityRequest {
        request_id: id.to_string(),
        ..VerifyIdentityRequest::default()
    };
    Ok(VerifyIdentitiesRequest {
        items: ids.map(item).collect(),
    })
}

fn result(item: VerifyIdentityRequest) -> VerifyResult {
    VerifyResult {
        request_id: item.request_id,
        result: None,
    }
}

/// Works the messages off with items that answer at once; gives the ids and how it ended.
async fn all(messages: Vec<Result<VerifyIdentitiesRequest, Status>>) -> (Vec<usize>, Option<Status>) {
    let (sender, receiver) = mpsc::channel(4);
    let verify = async |item| result(item);
    tokio::spawn(work(
        stream::iter(messages),
        verify,
        sender,
        8,
        CancellationToken::new(),
    ));
    let mut ids = Vec::new();
    let mut end = None;
    let mut answers = Box::pin(stream::unfold(receiver, next_answer));
    while let Some(answer) = answers.next().await {
        assert!(end.is_none(), "nothing follows a failure");
        match answer {
            Ok(answer) => ids.extend(
                answer
                    .results
                    .iter()
                    .map(|result| result.request_id.parse::<usize>().unwrap()),
            ),
            Err(status) => end = Some(status),
        }
    }
    ids.sort_unstable();
    (ids, end)
}

#[tokio::test]
async fn every_item_of_every_message_is_answered() {
    let (ids, end) = all(vec![items(0..256), items(256..257), items(257..500)]).await;
    assert_eq!(ids, (0..500).collect::<Vec<_>>());
    assert!(end.is_none());
}

#[tokio::test]
async fn what_is_no_batch_ends_the_stream_behind_the_answers() {
    for bad in [items(0..0), items(0..257)] {
        let (ids, end) = all(vec![items(0..3), bad, items(3..6)]).await;
        assert_eq!(ids, [0, 1, 2]);
        assert_eq!(end.unwrap().code(), Code::InvalidArgument);
    }
    let (ids, end) = all(vec![items(0..3), Err(Status::cancelled("gone"))]).await;
    assert_eq!((ids.len(), end.unwrap().code()), (3, Code::Cancelled));
}

#[tokio::test]
async fn no_more_items_are_at_work_than_allowed_and_at_the_shutdown_they_are_finished() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(Notify::new());
    let (sender, mut receiver) = mpsc::channel(1_000);
    let shutdown = CancellationToken::new();
    let messages = stream::iter([items(0..100)]).chain(stream::pending());
    let verify = {
        let (now, most, gate) = (now.clone(), most.clone(), gate.clone());
        move |item| {
            let (now, most, gate) = (now.clone(), most.clone(), gate.clone());
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.notified().await;
                now.fetch_sub(1, Ordering::SeqCst);
                result(item)
            }
        }
    };
    let task = tokio::spawn(work(messages, verify, sender, 8, shutdown.clone()));
    for _ in 0..50 {
        gate.notify_one();
        receiver.recv().await.unwrap().unwrap();
    }
    shutdown.cancel();
    for _ in 0..50 {
        gate.notify_one();
        receiver.recv().await.unwrap().unwrap();
    }
    let end = receiver.recv().await.unwrap().unwrap_err();
    assert_eq!(Problem::from_status(&end).reason, "DRAINING");
    assert!(receiver.recv().await.is_none());
    task.await.unwrap();
    assert!(most.load(Ordering::SeqCst) <= 8);
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_work() {
    let (sender, receiver) = mpsc::channel(1);
    let task = tokio::spawn(work(
        stream::iter([items(0..9)]).chain(stream::pending()),
        |_| pending::<VerifyResult>(),
        sender,
        4,
        CancellationToken::new(),
    ));
    drop(receiver);
    task.await.unwrap();
}
