//! Leases, reclaim, dead letters, trimming and depth against a real server.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::time::{Duration, SystemTime};

use hongyan_queue::{Consumer, Depth, Entry, Group, Janitor, QueueError, Redis, depth};
use support::{PrivateRedis, eventually};

const STREAM: &str = "{p0}:work";

async fn add(redis: &Redis, body: &str) -> String {
    redis::cmd("XADD")
        .arg(&[STREAM, "*", "b", body, "tp", "00-trace"])
        .query_async(&mut redis.shared())
        .await
        .unwrap()
}

async fn join(redis: &Redis) -> Group {
    Group::join(redis, [STREAM.to_owned()], "workers", &Consumer::unique("test"))
        .await
        .unwrap()
}

fn bodies(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| std::str::from_utf8(entry.body().unwrap()).unwrap())
        .collect()
}

fn named(entries: &[Entry]) -> Vec<(&str, hongyan_queue::StreamId)> {
    entries
        .iter()
        .map(|entry| (entry.stream.as_ref(), entry.id))
        .collect()
}

async fn length(redis: &Redis, stream: &str) -> u64 {
    redis::cmd("XLEN")
        .arg(stream)
        .query_async(&mut redis.shared())
        .await
        .unwrap()
}

fn now_ms() -> u64 {
    u64::try_from(
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap()
}

#[tokio::test]
async fn work_that_came_before_the_group_is_done_too_and_each_entry_goes_to_one_consumer() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    add(&redis, "one").await;
    add(&redis, "two").await;
    let (first, second) = (join(&redis).await, join(&redis).await);
    assert_eq!(bodies(&first.read(1, 0).await.unwrap()), ["one"]);
    let entries = second.read(10, 0).await.unwrap();
    assert_eq!(bodies(&entries), ["two"]);
    assert_eq!(
        (entries[0].delivery_count, entries[0].traceparent()),
        (1, Some("00-trace"))
    );
    assert!(first.read(10, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_read_waits_longer_than_the_client_librarys_default_and_ends_with_the_entry() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let group = join(&redis).await;
    assert!(group.read(1, 700).await.unwrap().is_empty());
    let reading = tokio::spawn({
        let group = group.clone();
        async move { group.read(1, 10_000).await }
    });
    // The shared connection is not held up by the parked read.
    add(&redis, "late").await;
    assert_eq!(bodies(&reading.await.unwrap().unwrap()), ["late"]);
}

#[tokio::test]
async fn a_dropped_read_leaves_its_entry_to_be_reclaimed() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let group = join(&redis).await;
    let dropped = tokio::time::timeout(Duration::from_millis(50), group.read(1, 60_000)).await;
    assert!(dropped.is_err());
    add(&redis, "x").await;
    eventually("the entry is read or reclaimed", || async {
        let mut entries = group.read(1, 0).await.unwrap();
        entries.extend(group.reclaim(0, 10).await.unwrap());
        !entries.is_empty()
    })
    .await;
}

#[tokio::test]
async fn an_abandoned_entry_is_reclaimed_and_counts_its_deliveries() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dead = join(&redis).await;
    for n in 0..5 {
        add(&redis, &n.to_string()).await;
    }
    assert_eq!(dead.read(10, 0).await.unwrap().len(), 5);
    let heir = join(&redis).await;
    assert!(
        heir.reclaim(60_000, 10).await.unwrap().is_empty(),
        "leases still run"
    );
    let mut claimed = heir.reclaim(0, 2).await.unwrap();
    claimed.extend(heir.reclaim(0, 2).await.unwrap());
    claimed.extend(heir.reclaim(0, 2).await.unwrap());
    assert_eq!(
        bodies(&claimed),
        ["0", "1", "2", "3", "4"],
        "each call goes on where the last stopped"
    );
    assert!(claimed.iter().all(|entry| entry.delivery_count == 2));
}

#[tokio::test]
async fn a_lease_is_renewed_by_its_holder_only() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let (holder, other) = (join(&redis).await, join(&redis).await);
    add(&redis, "kept").await;
    add(&redis, "lost").await;
    let entries = holder.read(10, 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(holder.renew(named(&entries)).await.unwrap().is_empty());
    assert!(
        other.reclaim(25, 10).await.unwrap().is_empty(),
        "renewed just now"
    );

    tokio::time::sleep(Duration::from_millis(30)).await;
    let taken = other.reclaim(25, 10).await.unwrap();
    assert_eq!(taken.len(), 2);
    let lost = holder.renew(named(&entries)).await.unwrap();
    assert_eq!(
        lost.len(),
        2,
        "a lease that somebody else holds is not taken back"
    );
    assert!(other.renew(named(&taken)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_janitor_deletes_what_all_groups_have_settled_and_nothing_else() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let janitor = Janitor::new(&redis, [STREAM.to_owned()]);
    for n in 0..10 {
        add(&redis, &n.to_string()).await;
    }
    assert_eq!(janitor.sweep().await.unwrap(), 0, "nobody has read yet");
    let group = join(&redis).await;
    assert_eq!(janitor.sweep().await.unwrap(), 0);
    let entries = group.read(6, 0).await.unwrap();
    // Settled out of order: 0, 1 and 3; 2 is pending and keeps everything behind it.
    let done: Vec<_> = [0, 1, 3].map(|n: usize| entries[n].clone()).into();
    group.ack(named(&done)).await.unwrap();
    assert_eq!(janitor.sweep().await.unwrap(), 2);
    assert_eq!(length(&redis, STREAM).await, 8);

    let second = Group::join(&redis, [STREAM.to_owned()], "auditors", &Consumer::unique("test"))
        .await
        .unwrap();
    group.ack(named(&entries)).await.unwrap();
    assert_eq!(
        janitor.sweep().await.unwrap(),
        0,
        "the other group has not read them"
    );
    let all = second.read(100, 0).await.unwrap();
    assert_eq!(all.len(), 8);
    second.ack(named(&all)).await.unwrap();
    assert_eq!(janitor.sweep().await.unwrap(), 4);
    assert_eq!(bodies(&group.read(100, 0).await.unwrap()), ["6", "7", "8", "9"]);
}

#[tokio::test]
async fn depth_tells_waiting_taken_and_age_and_survives_trimming() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let connection = &mut redis.shared();
    let none = depth(connection, STREAM, "workers", now_ms()).await.unwrap();
    assert_eq!(none, Depth::default());
    for n in 0..5 {
        add(&redis, &n.to_string()).await;
    }
    let group = join(&redis).await;
    let entries = group.read(3, 0).await.unwrap();
    group.ack(named(&entries[..1])).await.unwrap();
    Janitor::new(&redis, [STREAM.to_owned()]).sweep().await.unwrap();
    let later = entries[1].id.unix_ms + 5_000;
    let found = depth(connection, STREAM, "workers", later).await.unwrap();
    assert_eq!(
        found,
        Depth {
            waiting: 2,
            taken: 2,
            oldest_age_ms: 5_000
        }
    );
    group.ack(named(&entries)).await.unwrap();
    let found = depth(connection, STREAM, "workers", later).await.unwrap();
    assert_eq!((found.waiting, found.taken), (2, 0));
    assert!(found.oldest_age_ms > 0, "the oldest one that waits");
}

#[tokio::test]
async fn a_dead_letter_keeps_the_entry_and_settles_it_once() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let group = join(&redis).await;
    let origin = add(&redis, "broken").await;
    let entries = group.read(1, 0).await.unwrap();
    group.dead_letter(&entries[0], "BODY_MALFORMED").await.unwrap();
    group.dead_letter(&entries[0], "BODY_MALFORMED").await.unwrap();
    let dead: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
        .arg(&["{p0}:dead:work", "-", "+"])
        .query_async(&mut redis.shared())
        .await
        .unwrap();
    assert_eq!(dead.len(), 1);
    let kept = [
        "origin",
        &origin,
        "group",
        "workers",
        "reason",
        "BODY_MALFORMED",
        "b",
        "broken",
        "tp",
        "00-trace",
    ];
    assert_eq!(dead[0].1, kept);
    assert!(group.reclaim(0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_group_is_made_again_and_the_read_goes_on() {
    let mut server = PrivateRedis::start();
    let redis = server.connect().await;
    let group = join(&redis).await;
    server.kill();
    let error = group.read(1, 0).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    server.lose_data();
    server.restart();
    eventually("a read after the loss", || async {
        group.read(1, 0).await.is_ok()
    })
    .await;
    add(&redis, "new").await;
    assert_eq!(bodies(&group.read(1, 1_000).await.unwrap()), ["new"]);
    assert!(matches!(group.reclaim(0, 1).await, Ok(entries) if entries.len() == 1));
}

#[tokio::test]
async fn deleted_pending_entries_do_not_stop_the_reclaim_of_the_others() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let group = join(&redis).await;
    let gone = add(&redis, "gone").await;
    add(&redis, "here").await;
    group.read(10, 0).await.unwrap();
    redis::cmd("XDEL")
        .arg(&[STREAM, &gone])
        .exec_async(&mut redis.shared())
        .await
        .unwrap();
    assert_eq!(bodies(&group.reclaim(0, 10).await.unwrap()), ["here"]);
}

#[tokio::test]
async fn a_group_over_a_key_of_another_type_is_an_error_and_not_an_outage() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    redis::cmd("SET")
        .arg(&[STREAM, "text"])
        .exec_async(&mut redis.shared())
        .await
        .unwrap();
    let joined = Group::join(&redis, [STREAM.to_owned()], "workers", &Consumer::unique("test")).await;
    assert!(matches!(joined, Err(QueueError::Script { .. })), "{joined:?}");
}

#[tokio::test]
async fn a_released_entry_is_taken_over_at_once_and_only_by_its_holder_released() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let (holder, other) = (join(&redis).await, join(&redis).await);
    add(&redis, "given back").await;
    let entries = holder.read(10, 0).await.unwrap();
    other.release(named(&entries)).await.unwrap();
    assert!(
        other.reclaim(60_000, 10).await.unwrap().is_empty(),
        "not the holder's word"
    );
    holder.release(named(&entries)).await.unwrap();
    let taken = other.reclaim(60_000, 10).await.unwrap();
    assert_eq!(bodies(&taken), ["given back"]);
    assert_eq!(taken[0].delivery_count, 2);
}
