//! The methods against a record on disk.

use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::{
    AppendRequest, AppendedEvent, AuditEvent, GetHeadRequest, Leaf, QueryRequest, QueryResponse,
    audit_service_server::AuditService as _,
};
use hongyan_tlog::leaf_hash;
use prost::Message as _;
use tonic::{Code, Request};

use super::AuditRpc;
use crate::testing::{Kept, event, of_peer};

async fn append(
    rpc: &AuditRpc,
    first_seq: u64,
    events: Vec<AuditEvent>,
) -> Result<Vec<AppendedEvent>, Problem> {
    let request = AppendRequest {
        producer: "verify-svc-1".into(),
        epoch: 1,
        first_seq,
        events,
        wait_published: false,
    };
    let answer = rpc.append(of_peer("svc/verify", request)).await;
    answer
        .map(|answer| answer.into_inner().appended)
        .map_err(|status| Problem::from_status(&status))
}

async fn query(rpc: &AuditRpc, request: QueryRequest) -> Result<QueryResponse, Problem> {
    let answer = rpc.query(of_peer("operator/li", request)).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status))
}

async fn all_pages(rpc: &AuditRpc, mut request: QueryRequest) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    loop {
        let answer = query(rpc, request.clone()).await.unwrap();
        leaves.extend(answer.leaves);
        if answer.next_page_token.is_empty() {
            return leaves;
        }
        request.page_token = answer.next_page_token;
    }
}

fn by_action(action: &str) -> QueryRequest {
    QueryRequest {
        action: action.into(),
        ..QueryRequest::default()
    }
}

#[tokio::test]
async fn a_second_append_of_the_same_events_is_told_their_first_places() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let events: Vec<_> = (0..5).map(|_| event("VERIFY_ANSWERED")).collect();
    let first = append(&rpc, 1, events.clone()).await.unwrap();
    assert_eq!(
        first.iter().map(|one| one.index).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    assert_eq!(append(&rpc, 1, events.clone()).await.unwrap(), first);
    // Half of them again, and new ones behind.
    let mut half = events[3..].to_vec();
    half.push(event("VERIFY_ANSWERED"));
    let again = append(&rpc, 4, half).await.unwrap();
    assert_eq!(again[..2], first[3..]);
    assert_eq!(again[2].index, 5);
    drop(rpc);
    kept.close().await;

    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    assert_eq!(append(&rpc, 1, events).await.unwrap(), first);
    assert_eq!(kept.record.head().size, 6);
}

#[tokio::test]
async fn another_event_under_a_used_number_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 1, vec![event("A")]).await.unwrap();
    let problem = append(&rpc, 1, vec![event("B")]).await.unwrap_err();
    assert_eq!(
        (problem.code, &*problem.reason),
        (Code::AlreadyExists, "SEQUENCE_REUSED")
    );
    assert_eq!(kept.record.head().size, 1);
}

#[tokio::test]
async fn a_hundred_equal_appends_at_once_are_one_event() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let one = event("A");
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (rpc, one) = (rpc.clone(), one.clone());
            tokio::spawn(async move { append(&rpc, 1, vec![one]).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap()[0].index, 0);
    }
    assert_eq!(kept.record.head().size, 1);
}

#[tokio::test]
async fn the_answer_proves_what_is_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let appended = append(&rpc, 1, vec![event("A"), event("B"), event("C")])
        .await
        .unwrap();
    let head = rpc
        .get_head(Request::new(GetHeadRequest {}))
        .await
        .unwrap()
        .into_inner();
    let leaves = all_pages(&rpc, QueryRequest::default()).await;
    for (leaf, appended) in leaves.iter().zip(&appended) {
        let hash = leaf_hash(&leaf.encode_to_vec());
        assert_eq!(hash.as_bytes()[..], appended.leaf_hash[..]);
        let by = &leaf.event.as_ref().unwrap().attributes["recorded_by"];
        assert_eq!(by, "spiffe://hongyan.test/svc/verify");
    }
    assert_eq!((leaves.len(), head.size), (3, 3));
}

#[tokio::test]
async fn a_question_is_on_record_before_its_answer_and_not_part_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 1, vec![event("A")]).await.unwrap();
    let tag: prost::bytes::Bytes = vec![9; 32].into();
    let about = QueryRequest {
        subject_tag: tag.clone(),
        message_id: "m1".into(),
        ..QueryRequest::default()
    };
    assert!(query(&rpc, about).await.unwrap().leaves.is_empty());
    let asked = query(&rpc, by_action("RECORD_QUERIED")).await.unwrap().leaves;
    let event = asked[0].event.as_ref().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(event.actor, "spiffe://hongyan.test/operator/li");
    assert_eq!(
        (&event.subject_tag, event.attributes["asked_message_id"].as_str()),
        (&tag, "m1")
    );
    let head = rpc
        .get_head(Request::new(GetHeadRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(head.size, 3);
}

#[tokio::test]
async fn pages_end_although_each_is_put_on_record_itself() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    for newest_first in [false, true] {
        let before = kept.record.head().size;
        let request = QueryRequest {
            page_size: 1,
            newest_first,
            ..by_action("RECORD_QUERIED")
        };
        let found = all_pages(&rpc, request).await;
        assert_eq!(found.len() as u64, before);
    }
}

#[tokio::test]
async fn a_page_of_large_leaves_stays_below_the_largest_message() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    for seq in 1..=40 {
        let large = AuditEvent {
            subject_tag: vec![9; 32].into(),
            sealed: crate::keys::testing::sealed(&vec![7; 60_000]),
            ..event("LARGE")
        };
        append(&rpc, seq, vec![large]).await.unwrap();
    }
    for newest_first in [false, true] {
        let request = QueryRequest {
            newest_first,
            ..by_action("LARGE")
        };
        let first = query(&rpc, request.clone()).await.unwrap();
        assert!(
            first.encoded_len() < hongyan_chassis::MAX_MESSAGE_OCTETS && !first.next_page_token.is_empty()
        );
        let mut indices: Vec<_> = all_pages(&rpc, request)
            .await
            .iter()
            .map(|leaf| leaf.index)
            .collect();
        if newest_first {
            indices.reverse();
        }
        assert_eq!(indices.len(), 40);
        assert!(indices.is_sorted());
    }
}

#[tokio::test]
async fn wrong_requests_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    let problem = append(&rpc, 1, vec![event("A"), AuditEvent::default()])
        .await
        .unwrap_err();
    assert_eq!(problem.code, Code::InvalidArgument);
    let problem = query(
        &rpc,
        QueryRequest {
            page_size: 5_000,
            ..QueryRequest::default()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(problem.fields[0].field, "page_size");
    let nobody = rpc
        .query(Request::new(QueryRequest::default()))
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::PermissionDenied);
    assert_eq!(kept.record.head().size, 0);
}

#[tokio::test]
async fn a_missing_number_shows_in_the_head_after_its_minute() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::open(dir.path()).await;
    let rpc = kept.rpc();
    append(&rpc, 3, vec![event("A")]).await.unwrap();
    let head = rpc
        .get_head(Request::new(GetHeadRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert!(head.gaps.is_empty());
    let (gaps, _) = kept.record.gaps(0, 9).await.unwrap();
    assert_eq!((gaps[0].first, gaps[0].last), (1, 2));
}
