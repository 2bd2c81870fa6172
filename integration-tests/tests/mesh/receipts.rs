//! Receipts reach the caller who sent, once acknowledged and not before, whatever is done to the stream.

use std::{collections::BTreeSet, time::Duration};

use hongyan_integration_tests::harness::{
    mesh::Client,
    traffic::{ReceiptWatcher, send_all},
};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{AckReceiptsRequest, Receipt, SendMessageRequest, WatchReceiptsRequest},
};
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::support::{BUREAU, INSURER, PATIENCE, accept, fresh_id, fresh_request, ids, receipt, shared};

async fn read(
    client: &Client,
    subscription: &str,
    cursor: &str,
    until: &BTreeSet<String>,
) -> (Vec<Receipt>, String) {
    let request = WatchReceiptsRequest {
        subscription: subscription.into(),
        cursor: cursor.into(),
    };
    let mut stream = client
        .dispatch()
        .unwrap()
        .watch_receipts(request)
        .await
        .unwrap()
        .into_inner();
    let (mut receipts, mut cursor) = (Vec::<Receipt>::new(), String::new());
    while !until
        .iter()
        .all(|id| receipts.iter().any(|receipt| receipt.message_id == *id))
    {
        let next = tokio::time::timeout(PATIENCE, stream.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        receipts.extend(next.receipts);
        cursor = next.cursor;
    }
    (receipts, cursor)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_comes_again_and_what_is_does_not() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let subscription = fresh_id("again");
    let send = async |n: usize| {
        let items: Vec<SendMessageRequest> = (0..n)
            .map(|_| fresh_request(MessageClass::Notice, "您的保单已生效。"))
            .collect();
        ids(&send_all(&client, &items, PATIENCE).await.unwrap())
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    let first = send(20).await;
    let (_, _) = read(&client, &subscription, "", &first).await;
    // Nothing was acknowledged: a new stream tells the same again.
    let (again, cursor) = read(&client, &subscription, "", &first).await;
    assert!(
        first
            .iter()
            .all(|id| again.iter().any(|receipt| receipt.message_id == *id))
    );
    let ack = AckReceiptsRequest {
        subscription: subscription.clone(),
        cursor: cursor.clone(),
    };
    client.dispatch().unwrap().ack_receipts(ack).await.unwrap();
    let second = send(5).await;
    let (rest, _) = read(&client, &subscription, "", &second).await;
    assert!(
        !rest.iter().any(|receipt| first.contains(&receipt.message_id)),
        "what was acknowledged does not come again"
    );
    // By an explicit cursor the same place is found.
    let (rest, _) = read(&client, &subscription, &cursor, &second).await;
    assert!(!rest.iter().any(|receipt| first.contains(&receipt.message_id)));
}

#[tokio::test]
async fn a_receipt_tells_the_callers_reference_and_each_segment() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let watcher = ReceiptWatcher::start(&client, &fresh_id("tells")).unwrap();
    let mut request = fresh_request(MessageClass::Notice, &"鸿雁传书".repeat(20));
    request.reference = "claim-77".into();
    let id = accept(&client, request.clone()).await;
    let told = receipt(&watcher, &id).await;
    assert_eq!(
        (told.request_id, told.reference.as_str()),
        (request.request_id, "claim-77")
    );
    assert_eq!(told.segments.len(), 2);
    for segment in told.segments {
        assert_eq!(segment.status.unwrap().raw_code, "DELIVRD");
        assert!(!segment.carrier_message_id.is_empty());
        assert!(
            segment.submitted_at_unix_ms > 0 && segment.receipt_at_unix_ms >= segment.submitted_at_unix_ms
        );
    }
}

#[tokio::test]
async fn one_tenant_does_not_see_anothers() {
    let mesh = shared().await;
    let insurer = mesh.client(INSURER).await.unwrap();
    let bureau = mesh.client(BUREAU).await.unwrap();
    let watcher = ReceiptWatcher::start(&insurer, &fresh_id("mine")).unwrap();
    let others = ReceiptWatcher::start(&bureau, &fresh_id("theirs")).unwrap();
    let mine = accept(&insurer, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    let theirs = accept(&bureau, fresh_request(MessageClass::Notice, "您的社保卡已制好。")).await;
    receipt(&watcher, &mine).await;
    receipt(&others, &theirs).await;
    assert!(
        !watcher
            .receipts()
            .iter()
            .any(|receipt| receipt.message_id == theirs)
    );
    assert!(!others.receipts().iter().any(|receipt| receipt.message_id == mine));
    let request = hongyan_proto::dispatch::v1::GetMessageRequest { message_id: theirs };
    let refusal = insurer
        .dispatch()
        .unwrap()
        .get_message(request)
        .await
        .unwrap_err();
    assert_eq!(
        refusal.code(),
        Code::NotFound,
        "another tenant's message is as good as none"
    );
}

#[tokio::test]
async fn a_wrong_cursor_is_refused() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let request = WatchReceiptsRequest {
        subscription: "wrong".into(),
        cursor: "not a cursor".into(),
    };
    let answer = client.dispatch().unwrap().watch_receipts(request).await;
    let refusal = match answer {
        Err(refusal) => refusal,
        Ok(stream) => tokio::time::timeout(Duration::from_secs(10), stream.into_inner().next())
            .await
            .unwrap()
            .unwrap()
            .unwrap_err(),
    };
    assert_eq!(refusal.code(), Code::InvalidArgument);
}
