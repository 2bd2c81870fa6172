//! What a watcher sees: everything from where it began, in order, once.

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _};
use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::{
    AppendRequest, AuditEvent, Leaf, QueryRequest, WatchRequest, WatchResponse,
    audit_service_server::AuditService as _,
};
use tonic::{Code, Status};

use super::WATCHERS_AT_ONCE;
use crate::{
    rpc::AuditRpc,
    testing::{Kept, event, of_peer},
};

type Watched = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

async fn watch(rpc: &AuditRpc, request: WatchRequest) -> Result<Watched, Problem> {
    let answer = rpc.watch(of_peer("operator/li", request)).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status))
}

async fn append(rpc: &AuditRpc, first_seq: u64, actions: &[&str]) {
    let of_message = |action: &&str| AuditEvent {
        message_id: format!("m-{action}"),
        ..event(action)
    };
    let request = AppendRequest {
        producer: "dispatch-svc-1".into(),
        epoch: 1,
        first_seq,
        events: actions.iter().map(of_message).collect(),
        wait_published: false,
    };
    rpc.append(of_peer("svc/dispatch", request)).await.unwrap();
}

/// As many leaves, however many answers they come in; and how far the watcher is then.
async fn take(watched: &mut Watched, count: usize) -> (Vec<Leaf>, u64) {
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut next_index = 0;
    while leaves.len() < count {
        let answer = tokio::time::timeout(Duration::from_secs(30), watched.next()).await;
        let answer = answer.unwrap().unwrap().unwrap();
        assert!(answer.next_index >= next_index);
        assert!(answer.leaves.iter().all(|leaf| leaf.index < answer.next_index));
        next_index = answer.next_index;
        leaves.extend(answer.leaves);
    }
    (leaves, next_index)
}

fn actions(leaves: &[Leaf]) -> Vec<&str> {
    leaves
        .iter()
        .map(|leaf| leaf.event.as_ref().unwrap().action.as_str())
        .collect()
}

#[tokio::test]
async fn a_watcher_sees_what_comes_and_one_from_the_beginning_sees_all() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 1, &["A", "VERIFY_ANSWERED"]).await;
    let mut newest = watch(&rpc, WatchRequest::default()).await.unwrap();
    append(&rpc, 3, &["MESSAGE_FINAL", "B"]).await;
    let (leaves, next) = take(&mut newest, 2).await;
    assert_eq!(actions(&leaves), ["MESSAGE_FINAL", "B"]);
    append(&rpc, 5, &["C"]).await;
    let (leaves, _) = take(&mut newest, 1).await;
    assert_eq!((actions(&leaves), leaves[0].index), (vec!["C"], next));

    // Other classes are other logs; a watcher sees one record.
    let all = WatchRequest {
        from_index: Some(0),
        ..WatchRequest::default()
    };
    let mut all = watch(&rpc, all).await.unwrap();
    let (leaves, _) = take(&mut all, 7).await;
    let expected = [
        "A",
        "VERIFY_ANSWERED",
        "RECORD_WATCHED",
        "MESSAGE_FINAL",
        "B",
        "C",
        "RECORD_WATCHED",
    ];
    assert_eq!(actions(&leaves), expected);
    let indices: Vec<_> = leaves.iter().map(|leaf| leaf.index).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn many_events_come_in_bounded_answers_and_a_watcher_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    for batch in 0..7 {
        append(&rpc, batch * 100 + 1, &["A"; 100]).await;
    }
    assert!(kept.index.reaches(700).await);
    let from = |from_index| WatchRequest {
        from_index: Some(from_index),
        action: "A".into(),
        ..WatchRequest::default()
    };
    let mut first = watch(&rpc, from(0)).await.unwrap();
    let answer = first.next().await.unwrap().unwrap();
    assert_eq!((answer.leaves.len(), answer.next_index), (256, 256));
    drop(first);
    let mut second = watch(&rpc, from(answer.next_index)).await.unwrap();
    let (leaves, _) = take(&mut second, 444).await;
    let indices: Vec<_> = leaves.iter().map(|leaf| leaf.index).collect();
    assert_eq!(indices, (256..700).collect::<Vec<_>>());
}

#[tokio::test]
async fn conditions_hold_for_what_is_there_and_for_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 1, &["A", "B", "A"]).await;
    let of_b = WatchRequest {
        from_index: Some(0),
        message_id: "m-B".into(),
        ..WatchRequest::default()
    };
    let mut watched = watch(&rpc, of_b).await.unwrap();
    append(&rpc, 4, &["A", "B"]).await;
    let (leaves, _) = take(&mut watched, 2).await;
    assert_eq!(actions(&leaves), ["B", "B"]);
}

#[tokio::test]
async fn whom_nothing_concerns_is_told_how_far_the_record_is() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 1, &["A"]).await;
    let nothing = WatchRequest {
        from_index: Some(0),
        action: "NOTHING".into(),
        ..WatchRequest::default()
    };
    let mut watched = watch(&rpc, nothing).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(30), watched.next()).await;
    let answer = answer.unwrap().unwrap().unwrap();
    assert_eq!((answer.leaves.len(), answer.next_index), (0, 2));
}

#[tokio::test]
async fn who_watches_from_now_on_is_told_at_once_where_that_is() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 1, &["A", "B"]).await;
    let mut watched = watch(&rpc, WatchRequest::default()).await.unwrap();
    // Nothing happens, and the stream may break off before anything does.
    let answer = tokio::time::timeout(super::TELL_EVERY / 2, watched.next()).await;
    let answer = answer.unwrap().unwrap().unwrap();
    assert_eq!(
        (answer.leaves.len(), answer.next_index),
        (0, 3),
        "behind this watcher's own event"
    );
}

#[tokio::test]
async fn watching_is_on_record_and_what_is_refused_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    for (request, field) in [
        (
            WatchRequest {
                from_index: Some(1),
                ..WatchRequest::default()
            },
            "from_index",
        ),
        (
            WatchRequest {
                trace_id: "x".into(),
                ..WatchRequest::default()
            },
            "trace_id",
        ),
        (
            WatchRequest {
                subject_tag: vec![1].into(),
                ..WatchRequest::default()
            },
            "subject_tag",
        ),
    ] {
        let problem = watch(&rpc, request).await.err().unwrap();
        assert_eq!(problem.code, Code::InvalidArgument);
        assert_eq!(problem.fields[0].field, field);
    }
    let about = WatchRequest {
        subject_tag: vec![9; 32].into(),
        actor: "spiffe://hongyan.test/svc/verify".into(),
        ..WatchRequest::default()
    };
    drop(watch(&rpc, about).await.unwrap());
    let request = QueryRequest {
        subject_tag: vec![9; 32].into(),
        action: "RECORD_WATCHED".into(),
        ..QueryRequest::default()
    };
    let found = rpc.query(of_peer("operator/li", request)).await.unwrap();
    let leaves = &found.get_ref().leaves;
    assert_eq!(leaves.len(), 1);
    let event = leaves[0].event.as_ref().unwrap();
    assert_eq!(event.actor, "spiffe://hongyan.test/operator/li");
    assert_eq!(
        event.attributes["asked_actor"],
        "spiffe://hongyan.test/svc/verify"
    );
}

#[tokio::test]
async fn places_are_few_and_given_back_and_the_end_of_the_record_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let mut open = Vec::new();
    for _ in 0..WATCHERS_AT_ONCE {
        open.push(watch(&rpc, WatchRequest::default()).await.unwrap());
    }
    let problem = watch(&rpc, WatchRequest::default()).await.err().unwrap();
    assert_eq!(&*problem.reason, "TOO_MANY_WATCHERS");
    let mut last = open.pop().unwrap();
    open.clear();
    drop(watch(&rpc, WatchRequest::default()).await.unwrap());
    // Takes what came since, then waits for what never comes.
    let reading = tokio::spawn(async move { while let Some(Ok(_)) = last.next().await {} });
    drop(rpc);
    kept.close().await;
    tokio::time::timeout(Duration::from_secs(30), reading)
        .await
        .unwrap()
        .unwrap();
}
