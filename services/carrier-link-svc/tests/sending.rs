//! From the queue to the wire, against a gateway on a loopback port.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::time::Duration;

use hongyan_carrier_wire::cmpp::{HigherVersion, Version};
use hongyan_domain::MessageClass::{Bulk, Notice, Otp, Reply};
use support::{
    TRACE_ID, World,
    gateway::{Answer, Gateway},
    private::eventually,
};

#[tokio::test]
async fn a_message_leaves_once_and_is_told_and_recorded() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let replica = world.run(&world.declare(gateway.address));
    let id = world.queue(Notice, 1, "【鸿雁】缴费成功").await;
    eventually("submitted", || async {
        world.story(id).await == ["submitted 1 attempt 1"]
    })
    .await;
    eventually("settled", || async { world.pending(Notice).await == 0 }).await;

    let seen = gateway.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].to.as_str(), seen[0].text.as_str()),
        (support::PHONE, "【鸿雁】缴费成功")
    );
    let audit = world.audit().await;
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (audit[0].action.as_str(), audit[0].message_id.as_str()),
        ("SEGMENT_SUBMITTED", id.to_string().as_str())
    );
    assert_eq!(
        (audit[0].trace_id.as_str(), audit[0].subject_tag.len()),
        (TRACE_ID, 32)
    );
    assert!(
        world.keys("*intent*").await.is_empty(),
        "intents go with their message"
    );
    eventually("trimmed", || async {
        let out = world.keys("*out:cmcc-a:notice").await;
        let length: u64 = redis::cmd("XLEN")
            .arg(&out[0])
            .query_async(&mut world.redis.shared())
            .await
            .unwrap();
        length == 0
    })
    .await;
    replica.drain().await;
    assert!(
        world.keys("{link:*slot*").await.is_empty(),
        "the slot is given back"
    );
}

#[tokio::test]
async fn long_messages_keep_their_order_even_when_throttled() {
    let world = World::new().await;
    // The second and the fifth submit are throttled, whichever they are.
    let gateway = Gateway::start(|seen| {
        if [2, 5].contains(&seen.number) {
            Answer::Refuse(8)
        } else {
            Answer::Take
        }
    })
    .await;
    let replica = world.run(&world.declare(gateway.address));
    let text = format!("{}{}{}", "一".repeat(67), "二".repeat(67), "三".repeat(10));
    let id = world.queue(Notice, 1, &text).await;
    let other = world.queue(Notice, 2, &text).await;
    for id in [id, other] {
        eventually("three segments", || async { world.story(id).await.len() == 3 }).await;
        let expected = [1, 2, 3].map(|segment| format!("submitted {segment} attempt 1"));
        assert_eq!(world.story(id).await, expected);
    }
    let taken = gateway.taken();
    let references: std::collections::BTreeSet<_> =
        taken.iter().map(|seen| seen.reference.unwrap()).collect();
    assert_eq!(references.len(), 2, "messages have references of their own");
    for reference in references {
        let parts: Vec<_> = taken
            .iter()
            .filter(|seen| seen.reference == Some(reference))
            .collect();
        assert_eq!(
            parts.iter().map(|seen| seen.part).collect::<Vec<_>>(),
            [(1, 3), (2, 3), (3, 3)]
        );
        let joined: String = parts.iter().map(|seen| seen.text.as_str()).collect();
        assert_eq!(joined, text);
    }
    assert_eq!(
        gateway.seen().len(),
        8,
        "each throttled segment was tried once more"
    );
    replica.drain().await;
}

#[tokio::test]
async fn a_one_time_code_passes_a_full_bulk_queue() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut link = world.declare(gateway.address);
    link.pace_segments_per_second = 20;
    for n in 0..100 {
        world.queue(Bulk, n, "bulk").await;
    }
    let replica = world.run(&link);
    eventually("bulk on its way", || async { gateway.seen().len() >= 3 }).await;
    let before = gateway.seen().len();
    let otp = world.queue(Otp, 200, "验证码1234").await;
    world.queue(Reply, 201, "reply").await;
    eventually("the code left", || async { world.story(otp).await.len() == 1 }).await;
    let place = gateway
        .seen()
        .iter()
        .position(|seen| seen.text.starts_with("验证码"))
        .unwrap();
    assert!(
        place < before + 6,
        "{place} after {before}: about 100 wait before it"
    );
    replica.drain().await;
}

#[tokio::test]
async fn the_pace_is_kept_by_two_replicas_together() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut link = world.declare(gateway.address);
    link.pace_segments_per_second = 40;
    link.connections = 2;
    for n in 0..80 {
        world.queue(Notice, n, "paced").await;
    }
    let began = std::time::Instant::now();
    let replicas = [world.run(&link), world.run(&link)];
    eventually("all left", || async { gateway.taken().len() == 80 }).await;
    // Eighty at forty a second: the first at once, the last after almost two seconds, never sooner.
    assert!(
        began.elapsed() >= Duration::from_millis(1_900),
        "{:?}",
        began.elapsed()
    );
    assert!(gateway.open().1 <= 2, "no more logins than declared");
    for replica in replicas {
        replica.drain().await;
    }
}

#[tokio::test]
async fn refusals_end_a_message_and_the_rest_of_it_is_not_sent() {
    let world = World::new().await;
    let gateway = Gateway::start(|seen| {
        if seen.part.0 == 2 {
            Answer::Refuse(13)
        } else {
            Answer::Take
        }
    })
    .await;
    let replica = world.run(&world.declare(gateway.address));
    let id = world.queue(Notice, 1, &"长".repeat(200)).await;
    eventually("refused", || async { world.story(id).await.len() == 2 }).await;
    assert_eq!(
        world.story(id).await,
        ["submitted 1 attempt 1", "refused 2 CMPP:13"]
    );
    eventually("settled", || async { world.pending(Notice).await == 0 }).await;
    assert_eq!(gateway.seen().len(), 2);
    let actions: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(actions, ["SEGMENT_SUBMITTED", "SEGMENT_REFUSED"]);
    replica.drain().await;
}

#[tokio::test]
async fn what_expired_or_cannot_be_sent_is_told_and_what_cannot_be_read_is_put_aside() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut link = world.declare(gateway.address);
    link.access_number = Some("10655".to_owned());
    let unsendable = world.queue(Notice, 1, "wrong source").await;
    world.queue_raw(Notice, b"\xff\xff").await;
    let replica = world.run(&link);
    eventually("told", || async {
        world.story(unsendable).await == ["unsendable SOURCE_NOT_ON_LINK"]
    })
    .await;
    eventually("put aside", || async {
        world.keys("{p0}:dead:out:cmcc-a:notice").await.len() == 1
    })
    .await;
    replica.drain().await;

    let late = world.queue_until(Otp, 2, "too late", support::now_ms() - 1).await;
    let replica = world.run(&world.declare(gateway.address));
    eventually("told", || async { world.story(late).await == ["expired"] }).await;
    eventually("settled", || async {
        world.pending(Otp).await == 0 && world.pending(Notice).await == 0
    })
    .await;
    assert!(gateway.seen().is_empty(), "nothing of it left");
    replica.drain().await;
}

#[tokio::test]
async fn a_drained_replica_gives_back_what_it_has_not_sent() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut link = world.declare(gateway.address);
    link.pace_segments_per_second = 10;
    for n in 0..20 {
        world.queue(Notice, n, "slow").await;
    }
    let mut common = world.common();
    common.tuning.lease = Duration::from_hours(1);
    let first = World::run_as(&link, &common);
    eventually("some left", || async { gateway.taken().len() >= 2 }).await;
    first.drain().await;
    let taken = gateway.taken().len();
    assert!(taken < 20);
    link.pace_segments_per_second = 1_000;
    let mut common = world.common();
    common.tuning.lease = Duration::from_hours(1);
    let second = World::run_as(&link, &common);
    eventually("the rest left", || async { gateway.taken().len() == 20 }).await;
    eventually("all told", || async { world.events().await.len() >= 20 }).await;
    assert_eq!(
        (world.events().await.len(), gateway.seen().len()),
        (20, 20),
        "each one once"
    );
    second.drain().await;
}

#[tokio::test]
async fn a_gateway_of_an_older_version_is_spoken_to_in_it() {
    for on_higher in [HigherVersion::Refuse, HigherVersion::AnswerOwn] {
        let world = World::new().await;
        let gateway = Gateway::start_as(Version::V2, on_higher, |_| Answer::Take).await;
        let replica = world.run(&world.declare(gateway.address));
        let id = world.queue(Notice, 1, &"旧".repeat(80)).await;
        eventually("submitted", || async { world.story(id).await.len() == 2 }).await;
        assert!(gateway.logins().iter().all(|version| *version == Version::V2));
        assert_eq!(replica.link.board.state().connections[0].version, "CMPP 2.0");
        replica.drain().await;
    }
}

#[tokio::test]
async fn a_connection_that_drops_comes_back() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let replica = world.run(&world.declare(gateway.address));
    for n in 0..3 {
        let id = world.queue(Notice, n, "again").await;
        eventually("submitted", || async { !world.story(id).await.is_empty() }).await;
        gateway.drop_all();
        eventually("closed", || async {
            gateway.open().0 == 0 || gateway.logins().len() > usize::from(n) + 1
        })
        .await;
    }
    eventually("back", || async { gateway.logins().len() >= 4 }).await;
    assert!(replica.link.board.state().connections[0].reconnects >= 3);
    replica.drain().await;
}

#[tokio::test]
async fn a_replica_that_lost_its_carrier_leaves_its_messages_to_others() {
    let world = World::new().await;
    let lost = Gateway::start(|_| Answer::Silent).await;
    let alive = Gateway::start(|_| Answer::Take).await;
    let mut link = world.declare(lost.address);
    link.window = 1;
    let mut common = world.common();
    common.tuning.lease = Duration::from_hours(1);
    let first = World::run_as(&link, &common);
    for n in 0..5 {
        world.queue(Notice, n, "waits").await;
    }
    eventually("one left, the others lie on the desk", || async {
        lost.seen().len() == 1 && world.pending(Notice).await == 5
    })
    .await;
    lost.stop();
    let mut common = world.common();
    common.tuning.lease = Duration::from_hours(1);
    let second = World::run_as(&world.declare(alive.address), &common);
    eventually("the other replica sent all", || async {
        alive.taken().len() == 5
    })
    .await;
    first.drain().await;
    second.drain().await;
}
