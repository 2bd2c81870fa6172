//! Messages of which nobody reports.

use std::time::Duration;

use hongyan_domain::{Partition, status::CodeTable};
use hongyan_proto::dispatch::v1::MessageStatus;
use hongyan_queue::{Consumer, Group};
use hongyan_sms_dispatch_svc::{
    clock::now_unix_ms,
    lifecycle::{QUEUE_GRACE_MS, RECEIPT_WAIT_MS, note},
    settling::Open,
    store::{Settled, Store},
    sweeper::Sweeper,
    worker::{GROUP, Worker},
};

use crate::{
    draft::draft,
    house::rerouter,
    redis_server::{RedisServer, ask},
    settling::{put, submitted, terms},
};

const START: i64 = 1_700_000_000_000;
const VALID_UNTIL: i64 = START + 300_000;

fn p0() -> Partition {
    Partition::new(0).unwrap()
}

async fn sweeper(store: &Store) -> Sweeper {
    Sweeper::new(store.clone(), rerouter(store).await)
}

async fn status(store: &Store, id: &str) -> MessageStatus {
    store
        .load([id.parse().unwrap()])
        .await
        .unwrap()
        .remove(0)
        .unwrap()
        .unwrap()
        .record
        .announced()
}

#[tokio::test]
async fn queued_messages_expire_a_minute_behind_their_validity_however_many_sweep() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let store = Store::new(redis.clone());
    let drafts: Vec<_> = (0..300)
        .map(|serial| draft(serial, &format!("tag-{serial}"), START))
        .collect();
    let id = drafts[0].id.to_string();
    store.accept(&drafts).await.unwrap();
    assert_eq!(
        sweeper(&store)
            .await
            .sweep(p0(), VALID_UNTIL + QUEUE_GRACE_MS - 1)
            .await,
        Ok(0)
    );
    let sweeps: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                sweeper(&store)
                    .await
                    .sweep(p0(), VALID_UNTIL + QUEUE_GRACE_MS)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut closed = 0;
    for sweep in sweeps {
        closed += sweep.await.unwrap();
    }
    while closed < 300 {
        closed += sweeper(&store)
            .await
            .sweep(p0(), VALID_UNTIL + QUEUE_GRACE_MS)
            .await
            .unwrap();
    }
    assert_eq!(closed, 300);
    assert_eq!(status(&store, &id).await, MessageStatus::Expired);
    assert_eq!(
        ask::<u64>(&redis, "XLEN", &["{p0}:feed:receipts:shebao"]).await,
        300,
        "each is told once"
    );
    assert_eq!(ask::<u64>(&redis, "ZCARD", &["{p0}:deadlines"]).await, 0);
    assert_eq!(ask::<u64>(&redis, "EXISTS", &["{p0}:waiting"]).await, 0);
}

#[tokio::test]
async fn a_submitted_message_waits_48_hours_for_its_receipt() {
    let server = RedisServer::start();
    let store = Store::new(server.connect().await);
    let some = draft(1, "tag", START);
    let id = some.id;
    store.accept(&[some]).await.unwrap();
    let stored = store.load([id]).await.unwrap().remove(0).unwrap().unwrap();
    let mut open = Open::new(id, stored);
    let mut report = submitted(&id.to_string(), 1);
    report.at_unix_ms = START + 10;
    note(&mut open.record, &report, CodeTable::built_in()).unwrap();
    let (change, _) = open.into_change(Vec::new(), terms()).unwrap();
    assert_eq!(
        store.settle(&[change]).await.unwrap().remove(0),
        Ok(Settled::Done { learned: false })
    );
    let sweeper = sweeper(&store).await;
    assert_eq!(sweeper.sweep(p0(), VALID_UNTIL + QUEUE_GRACE_MS).await, Ok(0));
    assert_eq!(sweeper.sweep(p0(), START + 10 + RECEIPT_WAIT_MS - 1).await, Ok(0));
    assert_eq!(sweeper.sweep(p0(), START + 10 + RECEIPT_WAIT_MS).await, Ok(1));
    assert_eq!(status(&store, &id.to_string()).await, MessageStatus::Unknown);
    assert_eq!(
        sweeper.sweep(p0(), i64::MAX).await,
        Ok(0),
        "final messages have no deadline"
    );
}

#[tokio::test]
async fn reports_that_wait_are_older_news_than_a_deadline() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let store = Store::new(redis.clone());
    let now = now_unix_ms();
    let some = draft(1, "tag", now);
    let id = some.id.to_string();
    store.accept(&[some]).await.unwrap();
    let stream = hongyan_queue::keys::receipts(p0());
    let group = Group::join(&redis, [stream], GROUP, &Consumer::unique("dispatch"))
        .await
        .unwrap();
    let sweeper = sweeper(&store).await;
    assert_eq!(sweeper.oldest_report(p0(), now).await, Ok(None));
    put(&redis, &[submitted(&id, 1)]).await;
    let waiting = sweeper
        .oldest_report(p0(), now + 9_000_000)
        .await
        .unwrap()
        .unwrap();
    assert!((now - 60_000..now + 60_000).contains(&waiting), "{waiting}");
    let entries = group.read(10, 0).await.unwrap();
    let taken = sweeper
        .oldest_report(p0(), now + 9_000_000)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken, waiting);
    // Far behind the deadline by the wall, and yet not due: what is known ends with the report.
    assert_eq!(sweeper.sweep(p0(), taken).await, Ok(0));
    let worker = Worker::new(
        store.clone(),
        group,
        rerouter(&store).await,
        128,
        Duration::from_mins(1),
    );
    worker.settle(&entries).await.unwrap();
    assert_eq!(sweeper.oldest_report(p0(), now).await, Ok(None));
    assert_eq!(
        sweeper.sweep(p0(), now + 9_000_000).await,
        Ok(0),
        "submitted: it waits for its receipt"
    );
}

#[tokio::test]
async fn deadlines_of_what_is_not_there_are_forgotten() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let store = Store::new(redis.clone());
    for member in ["nonsense", "0193a5c8-1380-7000-8000-a13800138000"] {
        let added: u64 = ask(&redis, "ZADD", &["{p0}:deadlines", "1", member]).await;
        assert_eq!(added, 1);
    }
    assert_eq!(sweeper(&store).await.sweep(p0(), START).await, Ok(0));
    assert_eq!(ask::<u64>(&redis, "ZCARD", &["{p0}:deadlines"]).await, 0);
}
