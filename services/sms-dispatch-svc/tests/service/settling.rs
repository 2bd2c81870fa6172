//! What links report, and what becomes of it.

use std::time::Duration;

use hongyan_domain::{MessageId, Partition, status::CodeTable};
use hongyan_proto::{
    carrier::v1::{
        LinkEvent, SegmentReceipt, SegmentRefused, SegmentSubmitted, SubmitUncertain, link_event::Event,
    },
    dispatch::v1::{GetMessageResponse, MessageStatus, SendMessageRequest, send_message_request::Content},
};
use hongyan_queue::{Batch, Consumer, Group, Redis, depth, keys};
use hongyan_sms_dispatch_svc::{
    lifecycle::note,
    settling::{Open, Terms},
    store::{Settled, Store},
    worker::{GROUP, Worker},
};
use prost::Message as _;

use crate::{
    draft::draft,
    house::{Client, House, SHEBAO, code, message, notice, rerouter, until},
    redis_server::{RedisServer, ask, dump},
};

const RECEIPTS: &str = "{p0}:receipts";

pub(crate) fn submitted(message_id: &str, segment: u32) -> LinkEvent {
    let event = SegmentSubmitted {
        carrier_message_id: "0a0b".into(),
        sequence: 7,
        slot: 0,
        attempt: 1,
        ..SegmentSubmitted::default()
    };
    report(message_id, segment, Event::Submitted(event))
}

pub(crate) fn receipt(message_id: &str, segment: u32, stat: &str) -> LinkEvent {
    let event = SegmentReceipt {
        carrier_message_id: "0a0b".into(),
        stat: stat.into(),
        ..SegmentReceipt::default()
    };
    report(message_id, segment, Event::Receipt(event))
}

fn report(message_id: &str, segment: u32, event: Event) -> LinkEvent {
    LinkEvent {
        message_id: message_id.into(),
        link: "cmcc".into(),
        at_unix_ms: hongyan_sms_dispatch_svc::clock::now_unix_ms(),
        segment,
        event: Some(event),
        ..LinkEvent::default()
    }
}

/// As a link puts them on the streams of their messages' partitions.
pub(crate) async fn put(redis: &Redis, events: &[LinkEvent]) {
    let mut batch = Batch::new();
    for event in events {
        let stream = match event.message_id.parse::<MessageId>() {
            Ok(id) => keys::receipts(id.partition()),
            Err(_) => RECEIPTS.to_owned(),
        };
        let body = event.encode_to_vec();
        batch.command("XADD", &[stream.as_bytes(), b"*", b"b", &body]);
    }
    for answer in batch.run(&mut redis.shared()).await.unwrap() {
        answer.unwrap();
    }
}

pub(crate) async fn until_status(
    client: &mut Client,
    message_id: &str,
    status: MessageStatus,
) -> GetMessageResponse {
    until(status.as_str_name(), async || {
        let shown = message(client, message_id).await;
        (shown.status.as_ref().unwrap().status() == status).then_some(shown)
    })
    .await
}

pub(crate) async fn until_settled(redis: &Redis) {
    until("all reports to be settled", async || {
        let depth = depth(&mut redis.shared(), RECEIPTS, GROUP, 0).await.unwrap();
        (depth.waiting == 0 && depth.taken == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_message_of_three_segments_is_delivered_when_all_are_whatever_their_order() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let long = SendMessageRequest {
        content: Some(Content::Text("长".repeat(150))),
        ..notice("r-1", "13800138000")
    };
    let accepted = client.send_message(long).await.unwrap().into_inner();
    assert_eq!(accepted.segments, 3);
    let id = accepted.message_id.as_str();
    let first = [
        receipt(id, 2, "DELIVRD"),
        submitted(id, 3),
        submitted(id, 1),
        receipt(id, 1, "DELIVRD"),
        submitted(id, 2),
    ];
    put(&house.redis, &first).await;
    until_settled(&house.redis).await;
    until_status(&mut client, id, MessageStatus::Submitted).await;
    put(
        &house.redis,
        &[
            receipt(id, 2, "DELIVRD"),
            receipt(id, 3, "DELIVRD"),
            submitted(id, 2),
        ],
    )
    .await;
    let shown = until_status(&mut client, id, MessageStatus::Delivered).await;
    until_settled(&house.redis).await;
    let events: Vec<_> = shown.events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(events.len(), 2 + 6 + 1, "{events:?}");
    assert_eq!(events.last(), Some(&"DELIVERED"));
    assert!(
        shown
            .segments
            .iter()
            .all(|segment| segment.status.as_ref().unwrap().billable)
    );
    assert_eq!(
        ask::<u64>(&house.redis, "XLEN", &["{p0}:feed:receipts:shebao"]).await,
        1
    );
    assert_eq!(
        ask::<u64>(&house.redis, "EXISTS", &["{p0}:waiting"]).await,
        0,
        "nothing waits for a link any more"
    );
    assert_eq!(ask::<u64>(&house.redis, "ZCARD", &["{p0}:deadlines"]).await, 0);
    let kept_ms: i64 = ask(&house.redis, "PTTL", &[&format!("{{p0}}:msg:{id}")]).await;
    assert!((6 * 86_400_000..=7 * 86_400_000).contains(&kept_ms), "{kept_ms}");
    house.close().await;
}

#[tokio::test]
async fn refusals_failures_and_uncertain_submits_end_as_they_must() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let refused = Event::Refused(SegmentRefused {
        raw_code: "CMPP:13".into(),
        attempt: 1,
    });
    let uncertain = Event::Uncertain(SubmitUncertain {
        resend: false,
        attempt: 1,
    });
    let table = [
        ("13800138000", refused, MessageStatus::Rejected, "CMPP:13"),
        ("13800138001", uncertain, MessageStatus::Unknown, "UNCERTAIN"),
    ];
    for (phone, event, status, raw_code) in table {
        let accepted = client.send_message(code(phone, phone)).await;
        // The request id above is a number, which is refused: ids are kept in clear.
        assert_eq!(crate::house::reason(&accepted.unwrap_err()), "INVALID_REQUEST");
        let accepted = client
            .send_message(code(&format!("r-{raw_code}"), phone))
            .await
            .unwrap()
            .into_inner();
        put(&house.redis, &[report(&accepted.message_id, 1, event)]).await;
        let shown = until_status(&mut client, &accepted.message_id, status).await;
        let detail = shown.status.unwrap();
        assert!(detail.r#final && !detail.advice.is_empty());
        assert_eq!(detail.raw_code, raw_code);
    }
    house.close().await;
}

#[tokio::test]
async fn what_is_no_report_goes_to_the_dead_letters_and_holds_up_nothing() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let accepted = client
        .send_message(code("r-1", "13800138000"))
        .await
        .unwrap()
        .into_inner();
    let id = accepted.message_id.as_str();
    let unknown = "0193a5c8-1380-7000-8000-a13800138000";
    let mut batch = Batch::new();
    batch.command("XADD", &[RECEIPTS.as_bytes(), b"*", b"x", b"no body"]);
    batch.command("XADD", &[RECEIPTS.as_bytes(), b"*", b"b", b"\xff\xff"]);
    batch.run(&mut house.redis.shared()).await.unwrap();
    put(
        &house.redis,
        &[
            submitted("nonsense", 1),
            submitted(unknown, 1),
            submitted(id, 5),
            submitted(id, 1),
        ],
    )
    .await;
    until_status(&mut client, id, MessageStatus::Submitted).await;
    until_settled(&house.redis).await;
    assert_eq!(ask::<u64>(&house.redis, "XLEN", &["{p0}:dead:receipts"]).await, 5);
    house.close().await;
}

#[tokio::test]
async fn reports_that_a_dead_replica_held_are_taken_over() {
    let (server, redis, _, id) = one_message().await;
    let stream = keys::receipts(Partition::new(0).unwrap());
    let group = Group::join(&redis, [stream], GROUP, &Consumer::unique("dispatch"))
        .await
        .unwrap();
    put(&redis, &[submitted(&id, 1), receipt(&id, 1, "DELIVRD")]).await;
    assert_eq!(group.read(10, 0).await.unwrap().len(), 2);
    // And here it died.
    let house = House::open_on(server, |_| {}).await;
    let mut client = house.client(SHEBAO).await;
    until_status(&mut client, &id, MessageStatus::Delivered).await;
    until_settled(&house.redis).await;
    house.close().await;
}

async fn one_message() -> (RedisServer, Redis, Store, String) {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let store = Store::new(redis.clone());
    let some = draft(1, "tag", hongyan_sms_dispatch_svc::clock::now_unix_ms());
    let id = some.id.to_string();
    store.accept(&[some]).await.unwrap();
    (server, redis, store, id)
}

pub(crate) fn terms() -> Terms<'static> {
    Terms {
        now_ms: 1,
        actor: "spiffe://hongyan.test/svc/dispatch",
        codes: CodeTable::built_in(),
        lesson_kept_ms: 1_000,
    }
}

#[tokio::test]
async fn a_change_that_is_made_twice_is_made_once() {
    let (_server, redis, store, id) = one_message().await;
    let message_id = id.parse().unwrap();
    let stored = store
        .load([message_id])
        .await
        .unwrap()
        .remove(0)
        .unwrap()
        .unwrap();
    let change = || {
        let mut open = Open::new(message_id, stored.clone());
        note(
            &mut open.record,
            &receipt(&id, 1, "DELIVRD"),
            CodeTable::built_in(),
        )
        .unwrap();
        open.into_change(Vec::new(), terms()).unwrap().0
    };
    // The answer to the first was lost: whoever does it again does nothing.
    assert_eq!(
        store.settle(&[change()]).await.unwrap().remove(0),
        Ok(Settled::Done { learned: false })
    );
    let before = dump(&redis).await;
    assert_eq!(
        store.settle(&[change()]).await.unwrap().remove(0),
        Ok(Settled::Conflict)
    );
    assert_eq!(dump(&redis).await, before);
    assert_eq!(
        ask::<u64>(&redis, "XLEN", &["{p0}:feed:receipts:shebao"]).await,
        1
    );
    assert_eq!(
        ask::<u64>(&redis, "XLEN", &["{p0}:audit"]).await,
        2,
        "accepted and final"
    );
}

#[tokio::test]
async fn replicas_that_settle_the_same_message_at_once_lose_nothing() {
    let (_server, redis, store, id) = one_message().await;
    let stream = keys::receipts(Partition::new(0).unwrap());
    let mut workers = Vec::new();
    for _ in 0..4 {
        let group = Group::join(&redis, [stream.clone()], GROUP, &Consumer::unique("dispatch"))
            .await
            .unwrap();
        let worker = Worker::new(
            store.clone(),
            group.clone(),
            rerouter(&store).await,
            128,
            Duration::from_mins(1),
        );
        workers.push((group, worker));
    }
    let attempts: Vec<LinkEvent> = (0..20)
        .map(|n| {
            let event = SegmentReceipt {
                carrier_message_id: format!("c{n}"),
                stat: "ACCEPTD".into(),
                ..SegmentReceipt::default()
            };
            report(&id, 1, Event::Receipt(event))
        })
        .chain([receipt(&id, 1, "DELIVRD")])
        .collect();
    put(&redis, &attempts).await;
    let mut settling = Vec::new();
    for (group, worker) in workers {
        let entries = group.read(6, 0).await.unwrap();
        settling.push(tokio::spawn(async move {
            // Lost five times in a row: the entries stay pending, as for the next reclaim.
            for _ in 0..10 {
                worker.settle(&entries).await.unwrap();
            }
        }));
    }
    for done in settling {
        done.await.unwrap();
    }
    let stored = store
        .load([id.parse().unwrap()])
        .await
        .unwrap()
        .remove(0)
        .unwrap()
        .unwrap();
    assert_eq!(stored.record.announced(), MessageStatus::Delivered);
    assert_eq!(stored.record.events.len(), 22, "every report and the status");
    assert_eq!(
        ask::<u64>(&redis, "XLEN", &["{p0}:feed:receipts:shebao"]).await,
        1
    );
    until_settled(&redis).await;
}
