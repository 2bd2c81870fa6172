//! Receipts, as callers read them.

use std::collections::BTreeSet;

use hongyan_domain::{MessageId, Partitions};
use hongyan_proto::dispatch::v1::{
    AckReceiptsRequest, MessageStatus, Receipt, WatchReceiptsRequest, WatchReceiptsResponse,
};
use tonic::{Code, Streaming};

use crate::{
    house::{Client, House, SHEBAO, XINGHE, notice, reason, soon},
    settling::{put, receipt},
};

fn from(subscription: &str, cursor: &str) -> WatchReceiptsRequest {
    WatchReceiptsRequest {
        subscription: subscription.into(),
        cursor: cursor.into(),
    }
}

async fn watch(client: &mut Client, cursor: &str) -> Streaming<WatchReceiptsResponse> {
    client
        .watch_receipts(from("desk", cursor))
        .await
        .unwrap()
        .into_inner()
}

/// At least `count` receipts, and the cursor behind the last.
async fn take(watch: &mut Streaming<WatchReceiptsResponse>, count: usize) -> (Vec<Receipt>, String) {
    let (mut receipts, mut cursor) = (Vec::new(), String::new());
    while receipts.len() < count {
        let answer = soon("receipts", watch.message()).await.unwrap().unwrap();
        receipts.extend(answer.receipts);
        cursor = answer.cursor;
    }
    (receipts, cursor)
}

async fn deliver(house: &House, client: &mut Client, serials: std::ops::Range<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for n in serials {
        let accepted = client
            .send_message(notice(&format!("r-{n}"), &format!("1380013{n:04}")))
            .await
            .unwrap();
        ids.push(accepted.into_inner().message_id);
    }
    let events: Vec<_> = ids.iter().map(|id| receipt(id, 1, "DELIVRD")).collect();
    put(&house.redis, &events).await;
    ids
}

fn ids(receipts: &[Receipt]) -> Vec<String> {
    receipts
        .iter()
        .map(|receipt| receipt.message_id.clone())
        .collect()
}

#[tokio::test]
async fn what_was_acknowledged_does_not_come_again_and_what_was_not_does() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let first = deliver(&house, &mut client, 0..3).await;
    let mut watching = watch(&mut client, "").await;
    let (receipts, cursor) = take(&mut watching, 3).await;
    assert_eq!(ids(&receipts), first);
    let status = receipts[0].status.as_ref().unwrap();
    assert_eq!(
        (status.status(), receipts[0].request_id.as_str()),
        (MessageStatus::Delivered, "r-0")
    );
    assert!(!receipts[0].correction && receipts[0].segments.len() == 1);

    // As they come.
    let second = deliver(&house, &mut client, 3..5).await;
    assert_eq!(ids(&take(&mut watching, 2).await.0), second);
    drop(watching);

    // Nothing was acknowledged: all of them again. From a cursor: what is behind it.
    let all = [first.clone(), second.clone()].concat();
    assert_eq!(ids(&take(&mut watch(&mut client, "").await, 5).await.0), all);
    assert_eq!(
        ids(&take(&mut watch(&mut client, &cursor).await, 2).await.0),
        second
    );
    let acknowledge = AckReceiptsRequest {
        subscription: "desk".into(),
        cursor,
    };
    client.ack_receipts(acknowledge).await.unwrap();
    assert_eq!(ids(&take(&mut watch(&mut client, "").await, 2).await.0), second);

    // Another subscription has its own place, another tenant its own receipts.
    let mut other = client
        .watch_receipts(from("other", ""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(ids(&take(&mut other, 5).await.0), all);
    drop(other);
    let mut xinghe = house.client(XINGHE).await;
    let theirs = deliver(&house, &mut xinghe, 7..8).await;
    assert_eq!(ids(&take(&mut watch(&mut xinghe, "").await, 1).await.0), theirs);
    house.close().await;
}

#[tokio::test]
async fn a_correction_is_a_receipt_of_its_own() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let accepted = client
        .send_message(notice("r-1", "13800138000"))
        .await
        .unwrap()
        .into_inner();
    let id = accepted.message_id.as_str();
    let mut watching = watch(&mut client, "").await;
    put(&house.redis, &[receipt(id, 1, "UNKNOWN")]).await;
    let (first, _) = take(&mut watching, 1).await;
    put(
        &house.redis,
        &[receipt(id, 1, "DELIVRD"), receipt(id, 1, "DELIVRD")],
    )
    .await;
    let (second, _) = take(&mut watching, 1).await;
    let told = |receipt: &Receipt| (receipt.status.as_ref().unwrap().status(), receipt.correction);
    assert_eq!(told(&first[0]), (MessageStatus::Unknown, false));
    assert_eq!(told(&second[0]), (MessageStatus::Delivered, true));
    house.close().await;
}

#[tokio::test]
async fn receipts_of_all_partitions_come_each_once() {
    let house = House::open_with(|settings| settings.redis.partitions = Partitions::new(4).unwrap()).await;
    let mut client = house.client(SHEBAO).await;
    let mut sent = deliver(&house, &mut client, 0..40).await;
    let partitions: BTreeSet<_> = sent
        .iter()
        .map(|id| id.parse::<MessageId>().unwrap().partition().number())
        .collect();
    assert_eq!(partitions.len(), 4);
    let (receipts, cursor) = take(&mut watch(&mut client, "").await, 40).await;
    let mut received = ids(&receipts);
    sent.sort();
    received.sort();
    assert_eq!(received, sent);
    let later = deliver(&house, &mut client, 40..45).await;
    let (receipts, _) = take(&mut watch(&mut client, &cursor).await, 5).await;
    assert_eq!(
        ids(&receipts).into_iter().collect::<BTreeSet<_>>(),
        later.into_iter().collect()
    );
    house.close().await;
}

#[tokio::test]
async fn wrong_watchers_are_refused_and_too_many_too() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let (_first, _second) = (watch(&mut client, "").await, watch(&mut client, "").await);
    let status = client.watch_receipts(from("desk", "")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_WATCHERS")
    );
    let mut xinghe = house.client(XINGHE).await;
    for (subscription, cursor) in [("", ""), ("Desk", ""), ("desk", "nonsense")] {
        let status = xinghe
            .watch_receipts(from(subscription, cursor))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "INVALID_REQUEST", "{subscription} {cursor}");
    }
    let empty = AckReceiptsRequest {
        subscription: "desk".into(),
        cursor: String::new(),
    };
    assert_eq!(
        reason(&xinghe.ack_receipts(empty).await.unwrap_err()),
        "INVALID_REQUEST"
    );
    house.close().await;
}

#[tokio::test]
async fn watchers_end_with_the_drain() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let mut watching = watch(&mut client, "").await;
    house.begin_drain();
    assert!(soon("the end", watching.message()).await.unwrap().is_none());
    house.close().await;
}
