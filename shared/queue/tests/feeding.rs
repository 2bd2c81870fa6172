//! Feeds and their cursors against a real server.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use hongyan_domain::{Partitions, Subscription, TenantId};
use hongyan_queue::{CursorError, FeedReader, QueueError, Redis, RedisSettings, Script, feed, lua};
use support::PrivateRedis;

const KIND: &str = "receipts";

struct World {
    redis: Redis,
    tenant: TenantId,
    _server: PrivateRedis,
}

impl World {
    async fn new(partitions: u16) -> Self {
        let server = PrivateRedis::start();
        let settings = RedisSettings {
            partitions: Partitions::new(partitions).unwrap(),
            ..server.settings()
        };
        Self {
            redis: Redis::connect(&settings).await.unwrap(),
            tenant: TenantId::parse("acme").unwrap(),
            _server: server,
        }
    }

    async fn add(&self, partition: usize, body: &str) {
        let script = Script::new("add", &[lua::FEED, "return feed_add(KEYS[1], ARGV[1])"]);
        let partition = self.redis.partitions().iter().nth(partition).unwrap();
        script
            .prepare()
            .key(feed::key(partition, KIND, &self.tenant))
            .arg(body)
            .run::<String>(&mut self.redis.shared())
            .await
            .unwrap();
    }

    async fn open(&self, subscription: &str, cursor: &str) -> Result<FeedReader, QueueError> {
        FeedReader::open(&self.redis, KIND, &self.tenant, &named(subscription), cursor).await
    }

    async fn ack(&self, subscription: &str, cursor: &str) -> Result<(), QueueError> {
        feed::ack(&self.redis, KIND, &self.tenant, &named(subscription), cursor).await
    }
}

fn named(subscription: &str) -> Subscription {
    Subscription::parse(subscription).unwrap()
}

async fn take(reader: &mut FeedReader, limit: usize) -> (Vec<String>, String) {
    let (bodies, cursor) = reader.next(limit, 0).await.unwrap();
    let bodies = bodies
        .iter()
        .map(|body| String::from_utf8(body.to_vec()).unwrap())
        .collect();
    (bodies, cursor.to_string())
}

#[tokio::test]
async fn what_is_not_acknowledged_is_given_again_and_the_rest_is_not() {
    let world = World::new(1).await;
    for body in ["a", "b", "c", "d"] {
        world.add(0, body).await;
    }
    let mut reader = world.open("main", "").await.unwrap();
    let (bodies, cursor) = take(&mut reader, 2).await;
    assert_eq!(bodies, ["a", "b"]);
    assert_eq!(take(&mut reader, 1).await.0, ["c"]);
    world.ack("main", &cursor).await.unwrap();

    let mut again = world.open("main", "").await.unwrap();
    assert_eq!(take(&mut again, 10).await.0, ["c", "d"]);
    let mut by_cursor = world.open("main", &cursor).await.unwrap();
    assert_eq!(take(&mut by_cursor, 10).await.0, ["c", "d"]);
    let mut other = world.open("other", "").await.unwrap();
    assert_eq!(
        take(&mut other, 10).await.0,
        ["a", "b", "c", "d"],
        "subscriptions are independent"
    );
}

#[tokio::test]
async fn several_partitions_are_one_feed_without_loss_under_a_small_limit() {
    let world = World::new(3).await;
    for n in 0..9 {
        world.add(n % 3, &n.to_string()).await;
    }
    let mut reader = world.open("main", "").await.unwrap();
    let mut seen = Vec::new();
    loop {
        let (bodies, _) = take(&mut reader, 2).await;
        if bodies.is_empty() {
            break;
        }
        assert!(bodies.len() <= 2);
        seen.extend(bodies);
    }
    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[tokio::test]
async fn a_reader_waits_for_the_next_entry() {
    let world = World::new(2).await;
    let mut reader = world.open("main", "").await.unwrap();
    let waiting = tokio::spawn(async move { reader.next(10, 10_000).await });
    world.add(1, "late").await;
    let (bodies, _) = waiting.await.unwrap().unwrap();
    assert_eq!(bodies, ["late"]);
}

#[tokio::test]
async fn acknowledgements_never_go_back() {
    let world = World::new(1).await;
    for body in ["a", "b"] {
        world.add(0, body).await;
    }
    let mut reader = world.open("main", "").await.unwrap();
    let (_, early) = take(&mut reader, 1).await;
    let (_, late) = take(&mut reader, 1).await;
    world.ack("main", &late).await.unwrap();
    world.ack("main", &early).await.unwrap();
    let mut again = world.open("main", "").await.unwrap();
    assert!(take(&mut again, 10).await.0.is_empty());
}

#[tokio::test]
async fn wrong_cursors_are_refused_and_change_nothing() {
    let world = World::new(1).await;
    world.add(0, "a").await;
    let stranger = FeedReader::open(&world.redis, "uplinks", &world.tenant, &named("main"), "")
        .await
        .unwrap();
    let foreign = stranger.cursor().to_string();
    for (cursor, expected) in [
        ("nonsense", CursorError::Malformed),
        (foreign.as_str(), CursorError::OtherFeed),
    ] {
        assert_eq!(
            world.open("main", cursor).await.unwrap_err(),
            QueueError::Cursor(expected)
        );
        assert_eq!(
            world.ack("main", cursor).await.unwrap_err(),
            QueueError::Cursor(expected)
        );
    }
    assert_eq!(
        world.ack("main", "").await.unwrap_err(),
        QueueError::Cursor(CursorError::Malformed)
    );
    let mut reader = world.open("main", "").await.unwrap();
    assert_eq!(take(&mut reader, 10).await.0, ["a"]);
}

#[tokio::test]
async fn subscriptions_of_a_tenant_are_bounded() {
    let world = World::new(1).await;
    world.add(0, "a").await;
    let mut reader = world.open("main", "").await.unwrap();
    let (_, cursor) = take(&mut reader, 1).await;
    for n in 0..feed::MOST_SUBSCRIPTIONS {
        world.ack(&format!("s{n}"), &cursor).await.unwrap();
    }
    let refused = world.ack("one-more", &cursor).await.unwrap_err();
    assert_eq!(
        refused,
        QueueError::TooManySubscriptions(feed::MOST_SUBSCRIPTIONS)
    );
    world.ack("s0", &cursor).await.unwrap();
}

#[tokio::test]
async fn entries_older_than_seven_days_go() {
    let world = World::new(1).await;
    let partition = world.redis.partitions().iter().next().unwrap();
    let key = feed::key(partition, KIND, &world.tenant);
    // Whole nodes of the stream go at once, so that enough entries for two nodes are needed.
    for n in 1..=300_u32 {
        redis::cmd("XADD")
            .arg(&[key.as_str(), &format!("1000-{n}"), "b", "old"])
            .exec_async(&mut world.redis.shared())
            .await
            .unwrap();
    }
    assert_eq!(
        feed::trim(&world.redis, KIND, &world.tenant, 1_000 + feed::KEPT_MS)
            .await
            .unwrap(),
        0
    );
    let deleted = feed::trim(&world.redis, KIND, &world.tenant, 2_000 + feed::KEPT_MS)
        .await
        .unwrap();
    assert!(deleted >= 200, "{deleted}");
}
