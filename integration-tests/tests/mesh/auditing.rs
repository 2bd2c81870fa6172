//! The record: everything that happened, found by message, trace, actor, subject, action and time; and nothing forged.

use std::time::Duration;

use hongyan_integration_tests::harness::{judge::all_leaves, wait};
use hongyan_proto::{
    audit::v1::{AppendRequest, AuditEvent, GetHeadRequest, QueryRequest},
    common::v1::MessageClass,
};

use crate::support::{INSURER, OPERATOR, OwnMesh, PATIENCE, accept, final_state, fresh_request, shared};

#[tokio::test]
async fn one_messages_life_is_found_by_its_id_its_trace_and_its_subject() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    let state = final_state(&client, &id).await;
    let mut audit = operator.audit().unwrap();
    let by_id = QueryRequest {
        message_id: id.clone(),
        ..QueryRequest::default()
    };
    let leaves = wait::until_ok("the whole life on record", PATIENCE, || {
        let (mut audit, by_id) = (audit.clone(), by_id.clone());
        async move {
            let leaves = all_leaves(&mut audit, by_id).await?;
            let actions: Vec<&str> = leaves
                .iter()
                .filter_map(|leaf| Some(leaf.event.as_ref()?.action.as_str()))
                .collect();
            for action in ["MESSAGE_ACCEPTED", "SEGMENT_SUBMITTED", "MESSAGE_FINAL"] {
                anyhow::ensure!(actions.contains(&action), "{action} is missing from {actions:?}");
            }
            Ok(leaves)
        }
    })
    .await
    .unwrap();
    let events: Vec<_> = leaves.iter().map(|leaf| leaf.event.as_ref().unwrap()).collect();
    let tag = events[0].subject_tag.clone();
    assert_eq!(tag.len(), 32);
    let accepted = events
        .iter()
        .find(|event| event.action == "MESSAGE_ACCEPTED")
        .unwrap();
    assert_eq!(accepted.actor, "spiffe://hongyan.test/caller/xinghe-life");
    assert_eq!(accepted.trace_id, state.trace_id);
    for question in [
        QueryRequest {
            trace_id: state.trace_id.clone(),
            ..QueryRequest::default()
        },
        QueryRequest {
            subject_tag: tag,
            ..QueryRequest::default()
        },
        QueryRequest {
            actor: "spiffe://hongyan.test/caller/xinghe-life".into(),
            action: "MESSAGE_ACCEPTED".into(),
            from_unix_ms: state.accepted_at_unix_ms - 60_000,
            ..QueryRequest::default()
        },
    ] {
        let found = all_leaves(&mut audit, question.clone()).await.unwrap();
        assert!(
            found
                .iter()
                .any(|leaf| leaf.event.as_ref().unwrap().message_id == id),
            "{question:?} finds the message"
        );
    }
}

#[tokio::test]
async fn every_question_is_itself_on_record() {
    let mut mesh = OwnMesh::start().await;
    let operator = mesh.client("operator/curious").await.unwrap();
    let mut audit = operator.audit().unwrap();
    all_leaves(
        &mut audit,
        QueryRequest {
            action: "NOTHING".into(),
            ..QueryRequest::default()
        },
    )
    .await
    .unwrap();
    let found = wait::until_ok("the question on record", PATIENCE, || {
        let mut audit = audit.clone();
        async move {
            let asked = QueryRequest {
                action: "RECORD_QUERIED".into(),
                ..QueryRequest::default()
            };
            let found = all_leaves(&mut audit, asked).await?;
            anyhow::ensure!(!found.is_empty(), "not yet");
            Ok(found)
        }
    })
    .await
    .unwrap();
    assert_eq!(
        found[0].event.as_ref().unwrap().actor,
        "spiffe://hongyan.test/operator/curious"
    );
    mesh.must_run().unwrap();
}

#[tokio::test]
async fn the_record_outlives_kill_9_and_a_torn_end() {
    let mut mesh = OwnMesh::start().await;
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    for _ in 0..20 {
        let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
        final_state(&client, &id).await;
    }
    let head = async || {
        let request = GetHeadRequest {};
        operator
            .audit()
            .unwrap()
            .get_head(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let before = wait::until("forty events", PATIENCE, || async {
        head().await.ok().filter(|head| head.size >= 40)
    })
    .await
    .unwrap();
    mesh.kill("audit-svc").unwrap();
    // A write that was cut short: half a frame behind the last one of the last segment, whose rest is zeros.
    let log = mesh.layout.audit_data().join("log");
    let mut segments: Vec<_> = std::fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some())
        .collect();
    segments.sort();
    let last = segments.last().unwrap();
    let mut torn = std::fs::read(last).unwrap();
    let written = torn.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    torn[written..][..7].fill(0x7f);
    std::fs::write(last, torn).unwrap();
    mesh.restart("audit-svc").await.unwrap();
    let after = wait::until("the record", PATIENCE, || async { head().await.ok() })
        .await
        .unwrap();
    assert!(after.size >= before.size, "{} < {}", after.size, before.size);
    assert!(after.gaps.is_empty(), "{:?}", after.gaps);
    for (action, count) in before.events_by_action {
        assert!(
            after.events_by_action.get(&action).copied().unwrap_or(0) >= count,
            "{action}"
        );
    }
}

#[tokio::test]
async fn an_event_appended_twice_is_on_record_once_and_a_gap_is_told() {
    let mesh = OwnMesh::idle().await;
    let producer = mesh.client("svc/verify").await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let event = || AuditEvent {
        event_id: uuid::Uuid::now_v7().to_string(),
        occurred_at_unix_ms: 1_795_000_000_000,
        action: "TEST_HAPPENED".into(),
        outcome: "OK".into(),
        actor: "spiffe://hongyan.test/svc/verify".into(),
        ..AuditEvent::default()
    };
    let batch = AppendRequest {
        producer: "verify-test".into(),
        epoch: 7,
        first_seq: 1,
        events: (0..10).map(|_| event()).collect(),
        wait_published: false,
    };
    let append = async |request: AppendRequest| {
        producer
            .audit()
            .unwrap()
            .append(request)
            .await
            .map(|answer| answer.into_inner().appended)
    };
    let first = append(batch.clone()).await.unwrap();
    let second = append(batch.clone()).await.unwrap();
    assert_eq!(first, second, "the same places, the same hashes");
    let mut forged = batch.clone();
    forged.events[3] = event();
    let refusal = append(forged).await.unwrap_err();
    assert_eq!(crate::support::reason(&refusal), "SEQUENCE_REUSED", "{refusal:?}");

    let mut skipping = batch;
    skipping.first_seq = 13;
    skipping.events = vec![event()];
    append(skipping).await.unwrap();
    // A number that is late is no gap yet; after a minute it is.
    let gap = wait::until("the gap", Duration::from_mins(3), || async {
        let head = operator
            .audit()
            .ok()?
            .get_head(GetHeadRequest {})
            .await
            .ok()?
            .into_inner();
        assert!(
            head.events_by_action
                .get("TEST_HAPPENED")
                .is_none_or(|count| *count <= 11)
        );
        head.gaps.into_iter().find(|gap| gap.producer == "verify-test")
    })
    .await
    .unwrap();
    assert_eq!((gap.epoch, gap.first_missing, gap.last_missing), (7, 11, 12));
}
