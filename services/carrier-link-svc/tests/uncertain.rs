//! Where a connection, a process or Redis dies between submit and answer.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use hongyan_domain::MessageClass::{Notice, Otp, Reply};
use support::{
    World,
    gateway::{Answer, Gateway},
    private::eventually,
};

#[tokio::test]
async fn a_cut_connection_leaves_a_code_unknown_and_sends_everything_else_again() {
    let world = World::new().await;
    let gateway = Gateway::start(|seen| {
        // Each text is cut off at its first try.
        if seen.number <= 2 {
            Answer::Cut
        } else {
            Answer::Take
        }
    })
    .await;
    let replica = world.run(&world.declare(gateway.address));
    let otp = world.queue(Otp, 1, "code").await;
    eventually("uncertain", || async {
        world.story(otp).await == ["uncertain 1 resend false"]
    })
    .await;
    let reply = world.queue(Reply, 2, "answer").await;
    eventually("sent again", || async { world.story(reply).await.len() == 2 }).await;
    assert_eq!(
        world.story(reply).await,
        ["uncertain 1 resend true", "submitted 1 attempt 2"]
    );
    eventually("settled", || async {
        world.pending(Otp).await == 0 && world.pending(Reply).await == 0
    })
    .await;
    let texts: Vec<_> = gateway.seen().into_iter().map(|seen| seen.text).collect();
    assert_eq!(texts, ["code", "answer", "answer"]);
    replica.drain().await;
}

#[tokio::test]
async fn another_replica_takes_over_from_a_dead_one_with_what_it_held() {
    let world = World::new().await;
    let silent = AtomicUsize::new(0);
    let gateway = Gateway::start(move |seen| {
        if seen.connection == 0 && silent.fetch_add(1, Ordering::Relaxed) < 2 {
            Answer::Silent
        } else {
            Answer::Take
        }
    })
    .await;
    let link = world.declare(gateway.address);
    let first = world.run(&link);
    let otp = world.queue(Otp, 1, "code").await;
    let notice = world.queue(Notice, 2, &"长".repeat(100)).await;
    eventually("both left without answer", || async { gateway.seen().len() == 2 }).await;
    let second = world.run(&link);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(gateway.open(), (1, 1), "the slot is the first one's");
    first.kill();
    eventually("the code is settled", || async {
        world.story(otp).await == ["uncertain 1 resend false"]
    })
    .await;
    eventually("the notice left", || async {
        world.story(notice).await.len() == 3
    })
    .await;
    assert_eq!(
        world.story(notice).await,
        [
            "uncertain 1 resend true",
            "submitted 1 attempt 2",
            "submitted 2 attempt 1"
        ]
    );
    let references: Vec<_> = gateway
        .seen()
        .into_iter()
        .filter_map(|seen| seen.reference)
        .collect();
    assert!(
        references.windows(2).all(|pair| pair[0] == pair[1]),
        "{references:?}: parts must fit together"
    );
    eventually("settled", || async {
        world.pending(Otp).await + world.pending(Notice).await == 0
    })
    .await;
    second.drain().await;
}

#[tokio::test]
async fn an_outage_of_redis_loses_nothing_and_sends_nothing_twice() {
    let mut world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut link = world.declare(gateway.address);
    link.pace_segments_per_second = 200;
    let ids: Vec<_> = {
        let mut ids = Vec::new();
        for n in 0..60 {
            ids.push(world.queue(Notice, n, "through the outage").await);
        }
        ids
    };
    let replica = world.run(&link);
    eventually("some left", || async { gateway.taken().len() >= 10 }).await;
    world.server.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.server.restart();
    eventually("all left", || async { gateway.taken().len() >= 60 }).await;
    eventually("all told", || async {
        for id in &ids {
            match world.story(*id).await.last() {
                Some(last) if last.starts_with("submitted") => {}
                _ => return false,
            }
        }
        true
    })
    .await;
    eventually("settled", || async { world.pending(Notice).await == 0 }).await;
    let resent = gateway.taken().len() - 60;
    let told: usize = {
        let events = world.events().await;
        let uncertain = |event: &&hongyan_proto::carrier::v1::LinkEvent| {
            matches!(
                event.event,
                Some(hongyan_proto::carrier::v1::link_event::Event::Uncertain(_))
            )
        };
        events.iter().filter(uncertain).count()
    };
    assert!(resent <= told, "{resent} sent again, {told} said so");
    replica.drain().await;
}

#[tokio::test]
async fn an_answer_after_the_time_out_still_tells_whose_id_it_is() {
    let world = World::new().await;
    let gateway = Gateway::start(|seen| {
        if seen.text == "code" {
            Answer::TakeAfter(1_200)
        } else {
            Answer::Take
        }
    })
    .await;
    let mut link = world.declare(gateway.address);
    link.response_timeout = Duration::from_millis(500);
    let replica = world.run(&link);
    let id = world.queue(Otp, 1, "code").await;
    eventually("left", || async { gateway.seen().len() == 1 }).await;
    // The carrier is not deaf: it answers other submits meanwhile.
    let other = world.queue(Notice, 2, "other").await;
    eventually("told", || async { world.story(id).await.len() == 2 }).await;
    assert_eq!(
        world.story(id).await,
        ["uncertain 1 resend false", "submitted 1 attempt 1"]
    );
    assert_eq!(world.story(other).await, ["submitted 1 attempt 1"]);
    assert_eq!((gateway.seen().len(), gateway.logins().len()), (2, 1));
    replica.drain().await;
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_heard_is_made_anew() {
    let world = World::new().await;
    let gateway = Gateway::start(|seen| {
        if seen.connection == 0 {
            Answer::Silent
        } else {
            Answer::Take
        }
    })
    .await;
    let mut link = world.declare(gateway.address);
    link.response_timeout = Duration::from_millis(200);
    let replica = world.run(&link);
    let id = world.queue(Notice, 1, "heard the second time").await;
    eventually("told", || async { world.story(id).await.len() == 2 }).await;
    assert_eq!(
        world.story(id).await,
        ["uncertain 1 resend true", "submitted 1 attempt 2"]
    );
    assert_eq!(gateway.logins().len(), 2);
    replica.drain().await;
}
