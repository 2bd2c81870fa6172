//! The record's way in from Redis, against a real server that is killed.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "streams/sealed.rs"]
mod sealed;
#[path = "../../../shared/queue/tests/support/mod.rs"]
mod support;

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use hongyan_audit_svc::{
    index::Index,
    keys::KeysError,
    publish::TileStore,
    record::{Host, Record},
    recovery::{Places, Recovered, recover},
    stream::{self, StreamSink},
};
use hongyan_proto::audit::v1::{AuditEvent, Leaf};
use hongyan_queue::{Redis, Script, keys, lua};
use hongyan_tlog::key::{Algorithm, Signer};
use prost::Message as _;
use support::PrivateRedis;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A record that follows the streams of a server.
struct Running {
    record: Record,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    /// Publisher and index. They hold their directories, so that they are let come to an end whatever happens.
    behind: Vec<JoinHandle<()>>,
    stop_behind: CancellationToken,
    ended: tokio::sync::oneshot::Receiver<Result<(), hongyan_audit_svc::log::LogError>>,
    keys_ended: tokio::sync::oneshot::Receiver<Result<(), KeysError>>,
}

/// Record and logs in a directory.
fn open(dir: &Path, runtime: Handle) -> Recovered {
    let signer = Signer::from_seed("audit.hongyan.test", Algorithm::Ed25519, &[7; 32]).unwrap();
    let host = Host::new(
        Arc::from("audit-svc-test"),
        Uuid::now_v7().as_u64_pair().0,
        "spiffe://hongyan.test/svc/audit",
    );
    let places = Places {
        journal: dir.join("log"),
        segment_octets: 1 << 20,
        locks: dir.join("locks"),
        tiles: TileStore::open(&dir.join("tiles")).unwrap(),
        organisation: "hongyan.test".to_owned(),
        signer,
        witnesses: None,
    };
    recover(places, host, runtime).unwrap()
}

impl Running {
    async fn start(dir: &Path, redis: &Redis) -> Self {
        let (runtime, place) = (Handle::current(), dir.to_owned());
        let opened = std::thread::spawn(move || open(&place, runtime)).join();
        let Recovered {
            opened,
            publisher,
            logs,
        } = opened.unwrap();
        let record = opened.record;
        let (index, follow) = Index::open(&dir.join("index"), record.head().size, logs).unwrap();
        let (stop, stop_behind) = (CancellationToken::new(), CancellationToken::new());
        let keys = sealed::open_keys(dir).await;
        let sink = StreamSink {
            record: record.clone(),
            index,
            keys: keys.keys,
            actor: "spiffe://hongyan.test/svc/audit".into(),
        };
        let (redis, reads) = (redis.clone(), stop.clone());
        let follow = follow.run(stop_behind.clone());
        let publish = publisher.run(
            record.reader().clone(),
            record.watch_head(),
            Duration::from_millis(20),
            stop_behind.clone(),
        );
        Self {
            record,
            stop,
            tasks: vec![tokio::spawn(async move {
                stream::run(redis, sink, reads).await.unwrap();
            })],
            behind: vec![
                tokio::spawn(async move { follow.await.unwrap() }),
                tokio::spawn(async move { publish.await.unwrap() }),
            ],
            stop_behind,
            ended: opened.ended,
            keys_ended: keys.ended,
        }
    }

    /// As if the process were killed: nothing is finished.
    async fn kill(self) {
        for task in &self.tasks {
            task.abort();
        }
        self.stop_now().await;
    }

    async fn stop(self) {
        self.stop.cancel();
        self.stop_now().await;
    }

    async fn stop_now(self) {
        for task in self.tasks {
            let _ = task.await;
        }
        self.stop_behind.cancel();
        for task in self.behind {
            task.await.unwrap();
        }
        drop(self.record);
        self.ended.await.unwrap().unwrap();
        self.keys_ended.await.unwrap().unwrap();
    }

    fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        let each = |_, bytes: &[u8]| {
            leaves.push(Leaf::decode(bytes).unwrap());
            ControlFlow::Continue(())
        };
        self.record.reader().read_range(0..u64::MAX, each).unwrap();
        leaves
    }

    fn actions(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for leaf in self.leaves() {
            *counts.entry(leaf.event.unwrap().action).or_default() += 1;
        }
        counts
    }

    async fn reaches(&self, size: u64) {
        let mut head = self.record.watch_head();
        let reached = head.wait_for(|head| head.size >= size);
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .unwrap()
            .unwrap();
    }
}

fn event(action: &str) -> AuditEvent {
    AuditEvent {
        event_id: Uuid::now_v7().to_string(),
        occurred_at_unix_ms: 1_763_700_000_000,
        action: action.to_owned(),
        ..AuditEvent::default()
    }
}

fn stream_key(redis: &Redis) -> String {
    stream::streams(redis).remove(0)
}

/// As other services do it: numbered by the fragment that they all use.
async fn send(redis: &Redis, event: &AuditEvent) {
    let script = Script::new(
        "send",
        &[
            lua::AUDIT,
            "return audit(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])",
        ],
    );
    let partition = redis.partitions().iter().next().unwrap();
    script
        .prepare()
        .key(keys::audit(partition))
        .key(keys::audit_seq(partition))
        .arg(1_763_700_000_000_u64)
        .arg(event.encode_to_vec())
        .arg("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .run::<String>(&mut redis.shared())
        .await
        .unwrap();
}

async fn pending(redis: &Redis) -> u64 {
    let depth = hongyan_queue::depth(&mut redis.shared(), &stream_key(redis), "audit", 0)
        .await
        .unwrap();
    depth.waiting + depth.taken
}

async fn all_settled(redis: &Redis) {
    settled_but(redis, 0).await;
}

/// All entries but so many.
async fn settled_but(redis: &Redis, left: u64) {
    for _ in 0..600 {
        if pending(redis).await == left {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} entries are not settled", pending(redis).await);
}

#[tokio::test]
async fn entries_are_recorded_in_order_and_settled() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    for nth in 0..50 {
        send(&redis, &event(&format!("BEFORE_{nth}"))).await;
    }
    let running = Running::start(dir.path(), &redis).await;
    for nth in 0..50 {
        send(&redis, &event(&format!("AFTER_{nth}"))).await;
    }
    running.reaches(100).await;
    all_settled(&redis).await;
    let leaves = running.leaves();
    assert!(
        leaves
            .iter()
            .zip(1..)
            .all(|(leaf, seq)| leaf.seq == seq && leaf.producer == "stream:{p0}:audit")
    );
    assert_eq!(leaves[0].event.as_ref().unwrap().action, "BEFORE_0");
    assert_eq!(running.record.gaps(0, 9).await.unwrap().1, 0);
    running.stop().await;
}

#[tokio::test]
async fn a_killed_reader_and_a_killed_redis_cost_no_event_and_double_none() {
    let mut server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    let mut sent = 0_u64;
    for round in 0..4 {
        let running = Running::start(dir.path(), &redis).await;
        for _ in 0..200 {
            send(&redis, &event("SENT")).await;
            sent += 1;
        }
        if round % 2 == 0 {
            running.kill().await;
        } else {
            server.restart();
            running.reaches(sent).await;
            running.stop().await;
        }
    }
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(sent).await;
    all_settled(&redis).await;
    assert_eq!(running.actions(), [("SENT".to_owned(), 800)].into());
    running.stop().await;
}

#[tokio::test]
async fn a_poisoned_entry_is_put_aside_and_that_is_on_record() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    send(&redis, &event("BEFORE")).await;
    send(&redis, &AuditEvent::default()).await;
    send(&redis, &event("BEHIND")).await;
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(3).await;
    all_settled(&redis).await;
    let refused = running
        .leaves()
        .into_iter()
        .filter_map(|leaf| leaf.event)
        .find(|event| event.action == "ENTRY_REFUSED")
        .unwrap();
    assert_eq!(running.record.gaps(0, 9).await.unwrap().1, 0);
    assert_eq!(refused.attributes["stream"], "{p0}:audit");
    assert!(refused.attributes["why"].contains("event_id must be a UUID of version 7"));
    let dead = hongyan_queue::depth(&mut redis.shared(), &keys::dead(&stream_key(&redis)), "none", 0)
        .await
        .unwrap();
    assert_eq!(dead.waiting, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_redis_that_numbers_twice_loses_no_event() {
    let mut server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &redis).await;
    send(&redis, &event("FIRST")).await;
    running.reaches(1).await;
    all_settled(&redis).await;
    // The same epoch and the same numbers again, as after a fail-over to a replica that lagged behind.
    server.kill();
    server.lose_data();
    server.restart();
    send(&server.connect().await, &event("SECOND")).await;
    running.reaches(2).await;
    let second = running.leaves().pop().unwrap();
    let reused = "audit-svc/reused/stream:{p0}:audit/";
    assert!(second.producer.starts_with(reused), "{}", second.producer);
    assert_eq!(second.seq, 1);
    let event = second.event.unwrap();
    assert_eq!(
        (event.action.as_str(), event.attributes["reused_seq"].as_str()),
        ("SECOND", "1")
    );
    running.stop().await;
}

/// One command, as an operator's hand or a foreign program gives it.
async fn command(redis: &Redis, name: &str, arguments: &[&str]) {
    let mut batch = hongyan_queue::Batch::new();
    batch.command(name, arguments);
    for result in batch.run(&mut redis.shared()).await.unwrap() {
        result.unwrap();
    }
}

/// The ids of the entries in the stream.
async fn ids(server: &PrivateRedis, stream: &str) -> Vec<String> {
    let mut connection = redis::Client::open(server.url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg(stream)
        .arg("-")
        .arg("+")
        .query_async(&mut connection)
        .await
        .unwrap();
    entries.ids.into_iter().map(|entry| entry.id).collect()
}

/// The losses on record: first and last number of each.
fn losses(running: &Running) -> Vec<(String, String)> {
    let events = running.leaves().into_iter().filter_map(|leaf| leaf.event);
    events
        .filter(|event| event.action == "RECORD_EVENTS_LOST")
        .map(|event| {
            assert_eq!(event.attributes["stream"], "{p0}:audit");
            (
                event.attributes["first_seq"].clone(),
                event.attributes["last_seq"].clone(),
            )
        })
        .collect()
}

fn of_numbers(numbers: &[(u64, u64)]) -> Vec<(String, String)> {
    let text = |(first, last): &(u64, u64)| (first.to_string(), last.to_string());
    numbers.iter().map(text).collect()
}

#[tokio::test]
async fn entries_deleted_before_they_were_read_are_told_and_once_only() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    let stream = stream_key(&redis);
    for nth in 0..6 {
        send(&redis, &event(&format!("SENT_{nth}"))).await;
    }
    let all = ids(&server, &stream).await;
    // From the middle, and the last ones, behind which nothing comes.
    command(&redis, "XDEL", &[&stream, &all[1], &all[4], &all[5]]).await;
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(5).await;
    assert_eq!(losses(&running), of_numbers(&[(2, 2), (5, 6)]));
    assert_eq!(running.actions()["SENT_3"], 1);
    running.stop().await;

    // Everything that waits is trimmed away while the service is down.
    for _ in 0..3 {
        send(&redis, &event("UNSEEN")).await;
    }
    command(&redis, "XTRIM", &[&stream, "MAXLEN", "0"]).await;
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(6).await;
    // Those of before and these are one hole by now.
    assert_eq!(losses(&running), of_numbers(&[(2, 2), (5, 6), (5, 9)]));
    send(&redis, &event("BEHIND")).await;
    running.reaches(7).await;
    all_settled(&redis).await;
    running.stop().await;

    let running = Running::start(dir.path(), &redis).await;
    send(&redis, &event("LATER")).await;
    running.reaches(8).await;
    all_settled(&redis).await;
    assert_eq!(running.leaves().len(), 8, "{:?}", running.actions());
    assert!(!running.actions().contains_key("UNSEEN"));
    running.stop().await;
}

#[tokio::test]
async fn entries_deleted_while_they_were_worked_on_are_told() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    let stream = stream_key(&redis);
    for _ in 0..3 {
        send(&redis, &event("SENT")).await;
    }
    // A process took two of them and died; then somebody deleted what nobody had settled.
    command(&redis, "XGROUP", &["CREATE", &stream, "audit", "0"]).await;
    let taken = ["GROUP", "audit", "dead", "COUNT", "2", "STREAMS", &stream, ">"];
    command(&redis, "XREADGROUP", &taken).await;
    let all = ids(&server, &stream).await;
    command(&redis, "XDEL", &[&stream, &all[0], &all[1]]).await;
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(2).await;
    assert_eq!(losses(&running), of_numbers(&[(1, 2)]));
    all_settled(&redis).await;
    running.stop().await;
}

#[tokio::test]
async fn a_replica_that_lagged_and_was_promoted_loses_and_doubles_nothing_that_was_accepted() {
    let master = PrivateRedis::start();
    let redis = master.connect().await;
    let port = master.port().to_string();
    let mut options = support::DURABLE.to_vec();
    options.extend(["--replicaof", "127.0.0.1", &port]);
    let mut replica = PrivateRedis::start_with(&options);
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(dir.path(), &redis).await;
    let mut sent = Vec::new();
    for nth in 0..5 {
        sent.push(event(&format!("BEFORE_{nth}")));
        send(&redis, &sent[nth]).await;
    }
    running.reaches(5).await;
    let there = replica.connect().await;
    let stream = stream_key(&redis);
    support::eventually("the replica has all five", || async {
        hongyan_queue::depth(&mut there.shared(), &stream, "none", 0)
            .await
            .is_ok_and(|depth| depth.waiting == 5)
    })
    .await;
    // From here on it lags for good; what it misses, the record has accepted.
    command(&there, "REPLICAOF", &["NO", "ONE"]).await;
    for nth in 0..3 {
        sent.push(event(&format!("MISSED_{nth}")));
        send(&redis, &sent[5 + nth]).await;
    }
    running.reaches(8).await;
    drop(there);
    replica.take_place_of(master);
    // It numbers on from five: other events under numbers that are on record.
    let again = replica.connect().await;
    for nth in 0..4 {
        sent.push(event(&format!("AFTER_{nth}")));
        send(&again, &sent[8 + nth]).await;
    }
    running.reaches(12).await;
    all_settled(&again).await;
    let mut found: Vec<_> = running
        .leaves()
        .into_iter()
        .filter_map(|leaf| Some(leaf.event?.event_id))
        .collect();
    let mut expected: Vec<_> = sent.into_iter().map(|event| event.event_id).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    running.stop().await;
}
