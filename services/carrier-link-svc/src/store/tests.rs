//! The scripts on a real server: what they write, and that repeating them writes nothing more.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::collections::HashMap;

use hongyan_domain::{LinkName, MessageClass};
use hongyan_envelope::SUBJECT;
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::{LinkEvent, link_event::Event},
};
use hongyan_queue::{Consumer, Redis, keys as shared};
use prost::Message as _;

use super::{
    Attempt, Doubt, Job, Left, PartJob, PartReply, Place, ReceiptReply, Reply, Store, keys, parts_key,
};
use crate::{
    events::{About, Submitted, Told},
    policy::Intent,
    support::PrivateRedis,
    testing,
};

const NOW_MS: u64 = 1_700_000_000_000;

struct World {
    redis: Redis,
    store: Store,
    _server: PrivateRedis,
}

type Fields = HashMap<String, Vec<u8>>;

impl World {
    async fn new() -> Self {
        let server = PrivateRedis::start();
        let redis = server.connect().await;
        Self {
            store: Store::new(&redis, &link(), &Consumer::unique("one")),
            redis,
            _server: server,
        }
    }

    fn another(&self) -> Store {
        Store::new(&self.redis, &link(), &Consumer::unique("other"))
    }

    /// An entry on the queue, taken by `store`.
    async fn taken(&self, store: &Store, n: u8) -> Place {
        let stream = shared::out(partition(), &link(), MessageClass::Notice);
        let _: String = redis::cmd("XADD")
            .arg(&[stream.as_str(), "*", "b", "sealed"])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        let group = store.join(MessageClass::Notice).await.unwrap();
        let entry = group.read(1, 0).await.unwrap().remove(0);
        Place {
            partition: partition(),
            stream: entry.stream,
            id: entry.id,
            message_id: testing::message_id(n),
        }
    }

    async fn run(&self, job: Job) -> Reply {
        run(&self.store, &job).await
    }

    async fn entries(&self, stream: String) -> Vec<Fields> {
        let entries: Vec<(String, Fields)> = redis::cmd("XRANGE")
            .arg(&[stream.as_str(), "-", "+"])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        entries.into_iter().map(|(_, fields)| fields).collect()
    }

    async fn events(&self) -> Vec<LinkEvent> {
        let entries = self.entries(shared::receipts(partition())).await;
        entries
            .iter()
            .map(|fields| LinkEvent::decode(fields["b"].as_slice()).unwrap())
            .collect()
    }

    async fn audit(&self) -> Vec<AuditEvent> {
        let entries = self.entries(shared::audit(partition())).await;
        entries
            .iter()
            .map(|fields| AuditEvent::decode(fields["b"].as_slice()).unwrap())
            .collect()
    }

    async fn intent(&self, place: &Place) -> Intent {
        let asked = [(place.partition, place.message_id)];
        self.store.intents(asked).await.unwrap().remove(0)
    }

    async fn held(&self, place: &Place) -> u64 {
        let (count, _, _, _): (u64, redis::Value, redis::Value, redis::Value) = redis::cmd("XPENDING")
            .arg(&[place.stream.as_ref(), super::GROUP])
            .query_async(&mut self.redis.shared())
            .await
            .unwrap();
        count
    }
}

async fn run(store: &Store, job: &Job) -> Reply {
    store.run([job]).await.unwrap().remove(0).unwrap()
}

fn link() -> LinkName {
    LinkName::parse("cmcc-a").unwrap()
}

fn partition() -> hongyan_domain::Partition {
    hongyan_domain::Partition::new(0).unwrap()
}

fn attempt(segment: u8, number: u32) -> Attempt {
    Attempt {
        segment,
        number,
        reference: 7,
    }
}

fn about(place: &Place, segment: u8) -> About<'_> {
    About {
        message_id: place.message_id,
        segment,
        subject: None,
        trace: None,
    }
}

fn submitted(place: &Place, segment: u8, carrier_message_id: &str, left: Left) -> Job {
    let submitted = Submitted {
        carrier_message_id: carrier_message_id.to_owned(),
        sequence: 5,
        slot: 0,
        attempt: 1,
    };
    Job::Submitted {
        place: place.clone(),
        segment,
        carrier_message_id: carrier_message_id.to_owned(),
        told: testing::teller().submitted(&about(place, segment), &submitted, NOW_MS),
        traceparent: testing::TRACEPARENT.to_owned(),
        tag: "tag".to_owned(),
        left,
        now_ms: NOW_MS,
    }
}

fn receipt(carrier_message_id: &str, stat: &str) -> Job {
    let tag = testing::keyring().tag(SUBJECT, "+8613800138000");
    Job::Receipt {
        partition: partition(),
        carrier_message_id: carrier_message_id.to_owned(),
        told: testing::teller().receipt(carrier_message_id, stat, "2611212043", Some(&tag), NOW_MS),
        mark: stat.to_owned(),
        tag: "tag".to_owned(),
        look_at_ms: NOW_MS + 1_000,
        now_ms: NOW_MS,
    }
}

fn settle(place: &Place, goes_on_after: Option<u32>) -> Job {
    let told: Told = testing::teller().uncertain(&about(place, 1), goes_on_after.is_some(), 1, NOW_MS);
    Job::Settle {
        place: place.clone(),
        goes_on_after,
        told,
        traceparent: testing::TRACEPARENT.to_owned(),
        doubt: Some(Doubt {
            tag: "tag".to_owned(),
            segment: 1,
            look_at_ms: NOW_MS + 1_000,
        }),
        now_ms: NOW_MS,
    }
}

#[tokio::test]
async fn only_the_holder_may_write_an_intent() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    let other = world.another();
    assert_eq!(
        run(&other, &Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::Lost
    );
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(1, 1))).await,
        Reply::GoOn
    );
    let group = other.join(MessageClass::Notice).await.unwrap();
    assert_eq!(group.reclaim(0, 10).await.unwrap().len(), 1);
    assert_eq!(
        world.run(Job::Intent(place.clone(), attempt(2, 1))).await,
        Reply::Lost
    );
    let intent = world.intent(&place).await;
    assert_eq!(
        (intent.inflight, intent.done, intent.reference),
        (Some(1), 0, Some(7))
    );
}

#[tokio::test]
async fn an_intent_is_taken_back_only_as_it_stands() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 2))).await;
    assert_eq!(
        world.run(Job::Clear(place.clone(), attempt(1, 1))).await,
        Reply::Before
    );
    assert_eq!(world.intent(&place).await.inflight, Some(1));
    assert_eq!(
        world.run(Job::Clear(place.clone(), attempt(1, 2))).await,
        Reply::Done
    );
    assert_eq!(world.intent(&place).await.inflight, None);
}

#[tokio::test]
async fn a_taken_segment_is_told_once_and_the_next_ones_intent_stands() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    for _ in 0..2 {
        assert_eq!(
            world.run(submitted(&place, 1, "aa", Left::Next)).await,
            Reply::GoOn
        );
    }
    assert_eq!(world.events().await.len(), 1);
    let intent = world.intent(&place).await;
    assert_eq!((intent.done, intent.inflight, intent.attempt), (1, Some(2), 1));
    for _ in 0..2 {
        assert_eq!(
            world.run(submitted(&place, 2, "bb", Left::Last)).await,
            Reply::Done
        );
    }
    assert_eq!((world.events().await.len(), world.audit().await.len()), (2, 2));
    assert_eq!(
        (world.held(&place).await, world.intent(&place).await.inflight),
        (0, None)
    );
    let entries = world.entries(shared::receipts(partition())).await;
    assert_eq!(entries[0]["tp"], testing::TRACEPARENT.as_bytes());
    let numbers: Vec<_> = world
        .entries(shared::audit(partition()))
        .await
        .into_iter()
        .map(|mut e| e.remove("n").unwrap())
        .collect();
    assert_eq!(numbers, [b"1", b"2"]);
}

#[tokio::test]
async fn a_segment_taken_after_the_message_was_lost_is_told_all_the_same() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    let group = world.another().join(MessageClass::Notice).await.unwrap();
    group.reclaim(0, 10).await.unwrap();
    assert_eq!(
        world.run(submitted(&place, 1, "aa", Left::Next)).await,
        Reply::Lost
    );
    assert_eq!(world.events().await.len(), 1);
    let intent = world.intent(&place).await;
    assert_eq!(
        (intent.done, intent.inflight),
        (1, None),
        "whoever goes on does so with segment 2"
    );
}

#[tokio::test]
async fn a_receipt_finds_its_segment_before_and_after_and_the_encodings_join() {
    let world = World::new().await;
    let place = world.taken(&world.store, 4).await;
    assert_eq!(
        world.run(receipt("aa", "ACCEPTD")).await,
        Reply::Receipt(ReceiptReply::Parked)
    );
    assert_eq!(
        world.run(receipt("aa", "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Parked)
    );
    assert_eq!(
        world.run(receipt("aa", "ACCEPTD")).await,
        Reply::Receipt(ReceiptReply::Duplicate)
    );
    assert!(world.events().await.is_empty());
    world.run(submitted(&place, 3, "aa", Left::Last)).await;
    assert_eq!(
        world.run(receipt("aa", "DELIVRD")).await,
        Reply::Receipt(ReceiptReply::Duplicate)
    );
    let matched = world.run(receipt("aa", "UNKNOWN")).await;
    assert_eq!(
        matched,
        Reply::Receipt(ReceiptReply::Matched {
            message_id: place.message_id.to_string(),
            segment: "3".to_owned(),
            traceparent: testing::TRACEPARENT.to_owned(),
        })
    );
    let stats: Vec<_> = world
        .events()
        .await
        .into_iter()
        .map(|event| {
            assert_eq!(
                (event.message_id, event.segment),
                (place.message_id.to_string(), 3)
            );
            match event.event.unwrap() {
                Event::Receipt(receipt) => receipt.stat,
                _ => "submitted".to_owned(),
            }
        })
        .collect();
    assert_eq!(stats, ["submitted", "ACCEPTD", "DELIVRD", "UNKNOWN"]);
    for event in world.audit().await.into_iter().skip(1) {
        assert_eq!(
            (event.message_id, event.trace_id.as_str()),
            (place.message_id.to_string(), testing::TRACE_ID)
        );
        assert_eq!(
            (
                event.attributes["segment"].as_str(),
                event.attributes["link"].as_str()
            ),
            ("3", "cmcc-a")
        );
        assert_eq!(event.subject_tag.len(), 32);
    }
}

#[tokio::test]
async fn what_is_parked_is_bounded() {
    let world = World::new().await;
    for n in 0..4 {
        assert_eq!(
            world.run(receipt("aa", &format!("MK:{n}"))).await,
            Reply::Receipt(ReceiptReply::Parked)
        );
    }
    assert_eq!(
        world.run(receipt("aa", "MK:9")).await,
        Reply::Receipt(ReceiptReply::Full)
    );
    let expires_ms: i64 = redis::cmd("PTTL")
        .arg(keys::parked(partition(), &link(), "aa"))
        .query_async(&mut world.redis.shared())
        .await
        .unwrap();
    assert!(expires_ms > 0);
}

#[tokio::test]
async fn settling_happens_once() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    assert_eq!(world.run(settle(&place, Some(1))).await, Reply::Done);
    assert_eq!(world.run(settle(&place, Some(1))).await, Reply::Before);
    let intent = world.intent(&place).await;
    assert_eq!(
        (intent.inflight, intent.attempt, world.held(&place).await),
        (None, 2, 1)
    );
    assert_eq!(world.run(settle(&place, None)).await, Reply::Done);
    assert_eq!(world.run(settle(&place, None)).await, Reply::Before);
    assert_eq!(
        (
            world.events().await.len(),
            world.audit().await.len(),
            world.held(&place).await
        ),
        (2, 2, 0)
    );
}

async fn looks(world: &World, now_ms: u64) -> Vec<String> {
    let due = Store::doubts_due(&world.redis, partition(), now_ms, 10)
        .await
        .unwrap();
    due.into_iter()
        .map(|(link, tag)| format!("{link} {tag}"))
        .collect()
}

#[tokio::test]
async fn a_receipt_settles_the_submit_whose_answer_never_came() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    world.run(settle(&place, None)).await;
    assert!(looks(&world, NOW_MS + 999).await.is_empty());
    assert_eq!(looks(&world, NOW_MS + 1_000).await, ["cmcc-a tag"]);
    world.run(receipt("aa", "DELIVRD")).await;

    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    assert_eq!((about.doubts.len(), about.orphans.len()), (1, 1));
    assert_eq!(about.orphans[0].parked_ms, NOW_MS);
    for told in [1, 0] {
        let (doubt, orphan) = (&about.doubts[0], &about.orphans[0]);
        assert_eq!(
            world.store.settle_doubt(&about, doubt, orphan, NOW_MS).await,
            Ok(told)
        );
    }
    world.store.look_again(&about, None).await.unwrap();
    assert!(looks(&world, u64::MAX / 2).await.is_empty());
    let event = world.events().await.remove(1);
    assert_eq!(
        (event.message_id, event.segment),
        (place.message_id.to_string(), 1)
    );
    let entries = world.entries(shared::receipts(partition())).await;
    assert_eq!(entries[1]["tp"], testing::TRACEPARENT.as_bytes());
    // From now on the id is known.
    assert!(matches!(
        world.run(receipt("aa", "UNKNOWN")).await,
        Reply::Receipt(ReceiptReply::Matched { .. })
    ));
    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    assert_eq!((about.doubts.len(), about.orphans.len()), (0, 0));
}

#[tokio::test]
async fn a_late_answer_ends_the_doubt_and_a_matched_receipt_is_no_orphan() {
    let world = World::new().await;
    let place = world.taken(&world.store, 1).await;
    world.run(Job::Intent(place.clone(), attempt(1, 1))).await;
    world.run(settle(&place, None)).await;
    world.run(receipt("aa", "DELIVRD")).await;
    assert_eq!(looks(&world, NOW_MS + 1_000).await, ["cmcc-a tag"], "heard again");
    world.run(submitted(&place, 1, "aa", Left::Late)).await;
    let about = world.store.doubts_about(partition(), "tag").await.unwrap();
    assert_eq!((about.doubts.len(), about.orphans.len()), (0, 0));
    assert_eq!(world.events().await.len(), 3, "uncertain, submitted, receipt");
}

#[tokio::test]
async fn parts_complete_once_and_a_text_is_told_once() {
    let world = World::new().await;
    let parts = parts_key(partition(), &link(), "tag", "10690", "a7", 2);
    let part = |id: &str, number: u8| {
        Job::Part(PartJob {
            partition: partition(),
            carrier_message_id: Some(id.to_owned()),
            parts: parts.clone(),
            number,
            total: 2,
            sealed: vec![number],
            head: b"head".to_vec(),
            traceparent: testing::TRACEPARENT.to_owned(),
            deadline_ms: NOW_MS,
        })
    };
    assert_eq!(world.run(part("m2", 2)).await, Reply::Part(PartReply::Waiting));
    assert_eq!(world.run(part("m2", 2)).await, Reply::Part(PartReply::Waiting));
    let Reply::Part(PartReply::Complete(collected)) = world.run(part("m1", 1)).await else {
        panic!("complete");
    };
    assert_eq!(collected.parts, [Some(vec![1]), Some(vec![2])]);
    assert_eq!(
        (collected.head.as_slice(), collected.traceparent.as_str()),
        (b"head".as_slice(), testing::TRACEPARENT)
    );
    // The process died before the text was told: the carrier sends a part again, and it is complete again.
    assert!(matches!(
        world.run(part("m1", 1)).await,
        Reply::Part(PartReply::Complete(_))
    ));
    let overdue = Store::overdue_parts(&world.redis, partition(), NOW_MS, 10)
        .await
        .unwrap();
    assert_eq!(overdue, std::slice::from_ref(&parts));
    let complete = Job::Complete {
        partition: partition(),
        parts: parts.clone(),
        sealed: b"text".to_vec(),
        traceparent: testing::TRACEPARENT.to_owned(),
        audit: AuditEvent::default().encode_to_vec(),
        now_ms: NOW_MS,
    };
    assert_eq!(world.run(complete.clone()).await, Reply::Done);
    assert_eq!(world.run(complete).await, Reply::Before);
    assert_eq!(world.run(part("m1", 1)).await, Reply::Part(PartReply::Seen));
    assert_eq!(world.entries(shared::uplinks(partition())).await.len(), 1);
    assert!(
        Store::overdue_parts(&world.redis, partition(), NOW_MS, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_slot_has_one_holder_and_is_lost_in_time() {
    let world = World::new().await;
    let ttl = std::time::Duration::from_millis(600);
    let lease = world.store.take_slot(3, ttl).await.unwrap().unwrap();
    let other = world.another();
    assert!(other.take_slot(3, ttl).await.unwrap().is_none());
    assert!(other.take_slot(4, ttl).await.unwrap().is_some(), "another slot");
    // Renewed well beyond its time to live.
    tokio::time::sleep(ttl * 2).await;
    assert!(!lease.lost().is_cancelled());
    assert!(other.take_slot(3, ttl).await.unwrap().is_none());
    lease.release().await;
    let taken = other.take_slot(3, ttl).await.unwrap().unwrap();
    // Somebody deletes the key: the holder notices.
    let _: u64 = redis::cmd("DEL")
        .arg("{link:cmcc-a}:slot:3")
        .query_async(&mut world.redis.shared())
        .await
        .unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), taken.lost().cancelled())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_slot_is_given_up_before_it_can_run_out() {
    let mut server = PrivateRedis::start();
    let redis = server.connect().await;
    let store = Store::new(&redis, &link(), &Consumer::unique("one"));
    let ttl = std::time::Duration::from_millis(900);
    let asked = std::time::Instant::now();
    let lease = store.take_slot(0, ttl).await.unwrap().unwrap();
    server.kill();
    lease.lost().cancelled().await;
    assert!(asked.elapsed() >= ttl / 3, "a first failure is no loss yet");
}

#[test]
fn the_partition_of_a_queue_is_in_its_name() {
    let queue = shared::out(
        hongyan_domain::Partition::new(12).unwrap(),
        &link(),
        MessageClass::Otp,
    );
    assert_eq!(
        Store::partition_of(&queue).map(hongyan_domain::Partition::number),
        Some(12)
    );
    for other in ["", "out", "{x}:out", "{p9999}:out"] {
        assert_eq!(Store::partition_of(other), None, "{other}");
    }
}
