//! Neighbours that are away, processes that die, entries that are garbage.

use std::time::Duration;

use hongyan_domain::Msisdn;
use hongyan_proto::uplink::v1::UplinkDisposition as D;
use hongyan_queue::{Consumer, Entry, Group, keys};
use hongyan_uplink_router_svc::{
    dispatch::Reply,
    settings::RouterSettings,
    store::{Draft, GROUP},
};
use tonic::Status;

use crate::{
    fakes::{Behaviour, Told, answer},
    fixture::{Fixture, LEASE, PHONE, partition, tenant},
    support::eventually,
};

/// Takes the one waiting entry as a process that then dies.
async fn taken_by_a_dead_process(fixture: &Fixture) -> Entry {
    let streams = [keys::uplinks(partition())];
    let group = Group::join(&fixture.redis, streams, GROUP, &Consumer::unique("dead"))
        .await
        .unwrap();
    let mut entries = group.read(10, 0).await.unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

#[tokio::test]
async fn an_outage_of_dispatch_delays_a_reply_and_loses_none() {
    let fixture = Fixture::start().await;
    // More failures than one attempt makes, so that the entry is left, reclaimed and worked on again.
    fixture.dispatch.state().failures = (0..6).map(|_| Status::unavailable("away")).collect();
    fixture.uplink("SBYE#62220202").await;
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额12.50元。"]);
    assert_eq!(fixture.feed().await[0].disposition(), D::Answered);
    assert_eq!(
        fixture.handler.asked().len(),
        1,
        "the note of the first attempt stands"
    );
}

#[tokio::test]
async fn an_outage_during_an_opt_out_delays_it_and_keeps_the_order() {
    let fixture = Fixture::start_with(RouterSettings {
        lease: LEASE,
        // An opt-out is not given up, however old it is.
        give_up_after: Duration::from_millis(1),
        ..RouterSettings::default()
    })
    .await;
    fixture.dispatch.state().failures = (0..6).map(|_| Status::unavailable("away")).collect();
    fixture.uplink("退订").await;
    fixture.worker().await;
    fixture.settled().await;
    let state = fixture.dispatch.state();
    assert!(
        matches!(state.told.first(), Some(Told::OptOut { .. })),
        "{:?}",
        state.told
    );
    assert!(
        matches!(state.told.last(), Some(Told::Sent(_))),
        "{:?}",
        state.told
    );
}

#[tokio::test]
async fn a_reply_that_can_never_be_sent_is_given_up_with_a_word_to_the_tenant() {
    let fixture = Fixture::start_with(RouterSettings {
        lease: LEASE,
        give_up_after: Duration::from_millis(1),
        ..RouterSettings::default()
    })
    .await;
    fixture.dispatch.state().failures = (0..1_000).map(|_| Status::unavailable("away")).collect();
    fixture.uplink("SBYE#62220202").await;
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.feed().await[0].disposition(), D::ReplyRefused);
    assert_eq!(fixture.audit().await[0].outcome, "REPLY_REFUSED");
}

#[tokio::test]
async fn a_process_killed_before_anything_is_succeeded() {
    let fixture = Fixture::start().await;
    fixture.uplink("SBYE#62220202").await;
    taken_by_a_dead_process(&fixture).await;
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额12.50元。"]);
    assert_eq!(fixture.audit().await.len(), 1);
}

#[tokio::test]
async fn a_process_killed_after_its_note_is_succeeded_with_the_same_words() {
    let fixture = Fixture::start().await;
    let uplink_id = fixture.uplink("SBYE#62220202").await;
    taken_by_a_dead_process(&fixture).await;
    let sealed = fixture
        .router
        .keyring
        .current()
        .seal(b"uplink-reply", "余额99元。".as_bytes())
        .unwrap();
    let draft = Draft {
        disposition: D::Answered.into(),
        sealed_text: sealed,
    };
    fixture
        .router
        .store
        .keep_draft(partition(), &uplink_id, &draft)
        .await
        .unwrap();
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额99元。"]);
    assert!(fixture.handler.asked().is_empty());
}

/// What a process that dies before the last step has sent.
async fn sent_by_a_dead_process(fixture: &Fixture, uplink_id: &str, text: &str) {
    let reply = Reply {
        request_id: format!("uplink-{uplink_id}"),
        tenant: &tenant(),
        sender: Msisdn::parse(PHONE).unwrap(),
        extension: "123",
        text: text.to_owned(),
    };
    fixture.router.dispatch.send(reply).await.unwrap();
}

#[tokio::test]
async fn a_process_killed_after_sending_sends_nothing_twice() {
    let fixture = Fixture::start().await;
    let uplink_id = fixture.uplink("SBYE#62220202").await;
    taken_by_a_dead_process(&fixture).await;
    let draft = Draft {
        disposition: D::Answered.into(),
        sealed_text: fixture
            .router
            .keyring
            .current()
            .seal(b"uplink-reply", "余额99元。".as_bytes())
            .unwrap(),
    };
    fixture
        .router
        .store
        .keep_draft(partition(), &uplink_id, &draft)
        .await
        .unwrap();
    sent_by_a_dead_process(&fixture, &uplink_id, "余额99元。").await;
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额99元。"]);
    let feed = fixture.feed().await;
    assert_eq!((feed.len(), feed[0].disposition()), (1, D::Answered));
    assert_eq!(feed[0].reply_message_id, format!("message-of-uplink-{uplink_id}"));
}

#[tokio::test]
async fn a_reply_whose_note_was_lost_is_not_sent_in_other_words() {
    let fixture = Fixture::start().await;
    let uplink_id = fixture.uplink("SBYE#62220202").await;
    taken_by_a_dead_process(&fixture).await;
    sent_by_a_dead_process(&fixture, &uplink_id, "余额99元。").await;
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额99元。"]);
    assert_eq!(fixture.feed().await[0].disposition(), D::Answered);
    assert_eq!(fixture.audit().await[0].attributes["detail"], "SENT_BEFORE");
}

#[tokio::test]
async fn an_uplink_worked_on_again_after_its_end_is_told_once() {
    let fixture = Fixture::start().await;
    fixture.uplink("SBYE#62220202").await;
    let entry = taken_by_a_dead_process(&fixture).await;
    for _ in 0..2 {
        fixture.router.work(partition(), &entry).await.unwrap();
    }
    assert_eq!(fixture.dispatch.texts(), ["余额12.50元。"]);
    assert_eq!((fixture.feed().await.len(), fixture.audit().await.len()), (1, 1));
}

#[tokio::test]
async fn two_workers_on_one_uplink_answer_once() {
    let fixture = Fixture::start().await;
    fixture.handler.behave(Behaviour::Slow(
        Duration::from_millis(100),
        answer(&[("balance", "1.00")]),
    ));
    fixture.uplink("SBYE#62220202").await;
    let entry = taken_by_a_dead_process(&fixture).await;
    let (one, other) = tokio::join!(
        fixture.router.work(partition(), &entry),
        fixture.router.work(partition(), &entry)
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(fixture.dispatch.texts(), ["余额1.00元。"]);
    assert_eq!((fixture.feed().await.len(), fixture.audit().await.len()), (1, 1));
}

#[tokio::test]
async fn entries_that_are_no_uplinks_are_put_aside_and_the_next_is_worked_on() {
    let fixture = Fixture::start().await;
    let keyring = fixture.router.keyring.current();
    fixture.entry(&[("x", b"1")]).await;
    fixture.entry(&[("b", b"garbage")]).await;
    fixture
        .entry(&[("b", &keyring.seal(b"outbound", b"x").unwrap())])
        .await;
    fixture
        .entry(&[("b", &keyring.seal(b"uplink", &[0xff]).unwrap())])
        .await;
    fixture
        .entry(&[("b", &keyring.seal(b"uplink", b"").unwrap())])
        .await;
    fixture.uplink("你好").await;
    fixture.worker().await;
    fixture.settled().await;
    let mut dead = fixture.dead().await;
    dead.sort();
    assert_eq!(
        dead,
        [
            "NOT_AN_UPLINK",
            "NOT_AUTHENTIC",
            "NOT_SEALED",
            "NO_BODY",
            "NO_UPLINK_ID"
        ]
    );
    assert_eq!(fixture.dispatch.texts(), ["回复SBYE#卡号。"]);
}

#[tokio::test]
async fn work_longer_than_a_lease_keeps_it() {
    let fixture = Fixture::start_with(RouterSettings {
        lease: Duration::from_millis(600),
        ..RouterSettings::default()
    })
    .await;
    let slow = Behaviour::Slow(Duration::from_millis(1_800), answer(&[("balance", "1.00")]));
    fixture.handler.behave(slow);
    fixture.uplink("SLOW#62220202").await;
    fixture.worker().await;
    fixture.worker().await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额1.00元。"]);
    assert_eq!(fixture.handler.asked().len(), 1, "no other worker took it over");
}

#[tokio::test]
async fn an_outage_of_redis_is_survived() {
    let mut fixture = Fixture::start().await;
    fixture.worker().await;
    fixture.uplink("SBYE#62220202").await;
    fixture.settled().await;
    fixture.redis_server.kill();
    fixture.redis_server.restart();
    eventually("the server is back", async || fixture.redis.ping().await.is_ok()).await;
    fixture.uplink("你好").await;
    fixture.settled().await;
    assert_eq!(fixture.dispatch.texts(), ["余额12.50元。", "回复SBYE#卡号。"]);
}
