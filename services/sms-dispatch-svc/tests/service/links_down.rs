//! Links that are down, and what waits for them.

use std::time::Duration;

use hongyan_proto::{
    carrier::v1::{LinkEvent, LinkHealth, ReturnReason, link_event::Event},
    dispatch::v1::GetQueuesRequest,
};
use hongyan_sms_dispatch_svc::{
    clock::now_unix_ms,
    mover::Mover,
    routing::{Health, LiveHealth},
    store::Store,
};
use tokio_util::sync::CancellationToken;

use crate::{
    house::{House, OPERATOR, SHEBAO, message, rerouter_over, until},
    redis_server::ask,
    rerouting::{CATALOG, open, opened, out, returned, sealed, send, until_rerouted, waiting},
    settling::put,
};

fn health(link: &str, ready: u32) -> LinkEvent {
    let health = LinkHealth {
        instance: "one".into(),
        connections_ready: ready,
        connections_allowed: 3,
        gone: false,
    };
    LinkEvent {
        link: link.into(),
        at_unix_ms: now_unix_ms(),
        event: Some(Event::Health(health)),
        ..LinkEvent::default()
    }
}

#[tokio::test]
async fn what_waits_for_a_link_that_is_down_and_what_comes_goes_to_the_other_one() {
    let house = House::open_with(|settings| {
        settings.catalog_dir = CATALOG.into();
        settings.link_down_after = Duration::from_secs(1);
    })
    .await;
    let mut client = house.client(SHEBAO).await;
    let mut operator = house.client(OPERATOR).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(send(&mut client, &format!("r-{n}"), &format!("138001380{n:02}")).await);
    }
    let queued = ask::<u64>(&house.redis, "XLEN", &[&out("m1")]).await;
    until("the move", async || {
        put(&house.redis, &[health("m1", 0), health("m2", 2)]).await;
        (ask::<u64>(&house.redis, "XLEN", &[&out("m2")]).await >= queued).then_some(())
    })
    .await;
    assert_eq!(ask::<u64>(&house.redis, "XLEN", &[&out("m2")]).await, 20);
    assert_eq!(waiting(&house.redis).await, 20);
    for id in &ids {
        let shown = message(&mut client, id).await;
        assert_eq!(
            (shown.link.as_str(), shown.reroute_reason.as_str()),
            ("m2", "LINK_DOWN")
        );
    }
    put(&house.redis, &[health("m2", 2)]).await;
    let later = send(&mut client, "later", "13800138000").await;
    assert_eq!(message(&mut client, &later).await.rerouted_from, "");
    assert_eq!(message(&mut client, &later).await.link, "m2");
    let links = operator
        .get_queues(GetQueuesRequest {})
        .await
        .unwrap()
        .into_inner()
        .links;
    let seen: Vec<(&str, bool, u32)> = links
        .iter()
        .take(2)
        .map(|link| (link.link.as_str(), link.down, link.connections_ready))
        .collect();
    assert_eq!(seen, [("m1", true, 0), ("m2", false, 2)]);
    house.close().await;
}

#[tokio::test]
async fn movers_that_run_at_once_move_each_message_once_and_leave_what_went_before() {
    let house = open().await;
    let mut client = house.client(SHEBAO).await;
    let store = Store::new(house.redis.clone());
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(send(&mut client, &format!("r-{n}"), &format!("1380013{n:04}")).await);
    }
    // One of them was returned before, and has had its other way.
    let entries = sealed(&house.redis, "m1").await;
    put(
        &house.redis,
        &[returned("m1", &ids[40], ReturnReason::NoRoute, &entries[40])],
    )
    .await;
    until_rerouted(&mut client, &ids[40]).await;
    let live = LiveHealth::default();
    let ready = [("m2".to_owned(), 10_000_000)].into();
    live.set(Health::new(&[], &ready, 0, 10_000_000, Duration::from_secs(1)));
    let mut movers = Vec::new();
    for _ in 0..4 {
        let rerouter = rerouter_over(&store, CATALOG, live.clone()).await;
        let mover = Mover::new(store.clone(), rerouter);
        movers.push(tokio::spawn(async move {
            let mut gone = 0;
            for _ in 0..50 {
                gone += mover.round(&CancellationToken::new()).await.unwrap();
            }
            gone
        }));
    }
    let mut moved = 0;
    for mover in movers {
        moved += mover.await.unwrap();
    }
    assert_eq!(moved, 99);
    let there: Vec<String> = sealed(&house.redis, "m2")
        .await
        .iter()
        .map(|body| opened(body).message_id)
        .collect();
    let expected: Vec<String> = ids
        .iter()
        .enumerate()
        .filter(|(n, _)| *n != 40)
        .map(|(_, id)| id.clone())
        .collect();
    assert_eq!(there, expected, "in their order");
    let pending: Vec<(String, String, u64, u64)> =
        ask(&house.redis, "XPENDING", &[&out("m1"), "link", "-", "+", "10"]).await;
    assert_eq!(pending.len(), 1, "left for the link");
    house.close().await;
}
