//! What routing hears of a link: its health, what it gives back, and where subscribers' texts came from.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::time::Duration;

use hongyan_carrier_wire::text::Coding;
use hongyan_catalog::LiveCatalog;
use hongyan_domain::MessageClass::{Notice, Otp};
use hongyan_proto::{
    carrier::v1::{LessonSource, MessageReturned, OutboundMessage, link_event::Event},
    common::v1::Carrier,
};
use prost::Message as _;
use support::{
    World,
    gateway::{Answer, DeliverOutcome, Gateway, uplink},
    private::eventually,
};

/// CMPP's result for a number that the gateway does not serve.
const NOT_SERVED: u32 = 9;

async fn returned(world: &World) -> Vec<MessageReturned> {
    let events = world.events().await;
    let returned = events.into_iter().filter_map(|event| match event.event {
        Some(Event::Returned(returned)) => Some(returned),
        _ => None,
    });
    returned.collect()
}

#[tokio::test]
async fn a_message_without_route_is_given_back_whole_and_acknowledged() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Refuse(NOT_SERVED)).await;
    let replica = world.run(&world.declare(gateway.address));
    let message_id = world.queue(Otp, 1, "code").await;
    eventually("given back", || async {
        world.story(message_id).await == ["returned RETURN_REASON_NO_ROUTE CMPP:9"]
    })
    .await;
    let given_back = returned(&world).await;
    let opened = world
        .keyring
        .current()
        .open(b"outbound", &given_back[0].sealed)
        .unwrap();
    let message = OutboundMessage::decode(opened.as_ref()).unwrap();
    assert_eq!(
        (message.message_id, message.text.as_str()),
        (message_id.to_string(), "code")
    );
    assert_eq!(given_back[0].attempt, 1);
    eventually("acknowledged", || async { world.pending(Otp).await == 0 }).await;
    let audit = world.audit().await;
    let heard: Vec<_> = audit
        .iter()
        .map(|event| (event.action.as_str(), event.outcome.as_str()))
        .collect();
    assert_eq!(heard, [("MESSAGE_RETURNED", "NO_ROUTE")]);
    assert!(world.keys("*intent*").await.is_empty());
    replica.drain().await;
}

#[tokio::test]
async fn a_message_whose_first_segment_was_taken_is_not_given_back() {
    let world = World::new().await;
    let gateway = Gateway::start(|seen| {
        if seen.part.0 == 2 {
            Answer::Refuse(NOT_SERVED)
        } else {
            Answer::Take
        }
    })
    .await;
    let replica = world.run(&world.declare(gateway.address));
    let message_id = world.queue(Notice, 1, &"长".repeat(100)).await;
    eventually("refused", || async {
        world.story(message_id).await == ["submitted 1 attempt 1", "refused 2 CMPP:9"]
    })
    .await;
    replica.drain().await;
}

#[tokio::test]
async fn what_a_dead_link_holds_unsent_is_given_back_and_what_may_have_left_is_not() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Silent).await;
    let mut link = world.declare(gateway.address);
    link.window = 1;
    let mut common = world.common();
    common.tuning.down_after = Duration::from_millis(500);
    let replica = World::run_as(&link, &common);
    let left = world.queue(Notice, 1, "left").await;
    eventually("one is with the carrier", || async { gateway.seen().len() == 1 }).await;
    let waits = world.queue(Notice, 2, "waits").await;
    eventually("the other is held", || async { world.pending(Notice).await == 2 }).await;
    assert_eq!(
        world.health().await.last().map(|health| health.connections_ready),
        Some(1)
    );
    gateway.stop();
    eventually("given back", || async {
        world.story(waits).await == ["returned RETURN_REASON_LINK_DOWN "]
    })
    .await;
    assert_eq!(world.story(left).await, ["uncertain 1 resend true"]);
    assert_eq!(world.pending(Notice).await, 1, "the other one stays for the link");
    let health = world.health().await;
    assert_eq!(health.last().map(|health| health.connections_ready), Some(0));
    replica.drain().await;
    let told = world.health().await.pop().unwrap();
    assert!(told.gone && told.instance == "link-0" && told.connections_allowed == 1);
}

#[tokio::test]
async fn a_link_that_another_process_can_send_on_is_not_down() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let link = world.declare(gateway.address);
    let first = world.run(&link);
    eventually("the first is up", || async { gateway.open().0 == 1 }).await;
    let mut common = world.common();
    common.tuning.down_after = Duration::from_millis(100);
    let second = World::run_as(&link, &common);
    eventually("both tell", || async {
        let health = world.health().await;
        health.iter().any(|told| told.connections_ready == 1)
            && health.iter().any(|told| told.connections_ready == 0)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let message_id = world.queue(Notice, 1, "goes its way").await;
    eventually("sent", || async {
        world.story(message_id).await == ["submitted 1 attempt 1"]
    })
    .await;
    first.drain().await;
    second.drain().await;
}

#[tokio::test]
async fn a_text_tells_which_carrier_its_sender_is_with() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let link = world.declare(gateway.address);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tenants.yaml"), "tenants: []\n").unwrap();
    std::fs::write(
        directory.path().join("routes.yaml"),
        "routes: [{carrier: china_mobile, links: [cmcc-a]}]\n",
    )
    .unwrap();
    std::fs::write(
        directory.path().join("links.yaml"),
        "links: [{name: cmcc-a, carrier: china_mobile, protocol: cmpp, host: h, port: 1, account: '900001', \
         secret_file: s, service_id: X, pace_segments_per_second: 10}]\n",
    )
    .unwrap();
    let mut common = world.common();
    common.catalog = Some(LiveCatalog::start(directory.path(), Duration::from_secs(1)).unwrap());
    let replica = World::run_as(&link, &common);
    eventually("the link is up", || async { gateway.open().0 == 1 }).await;
    // One of China Mobile's own, and one of China Unicom's prefix.
    for (id, from) in [(1, "13800138000"), (2, "13000130000")] {
        let text = uplink(id, from, 0, Coding::Ascii, b"hi");
        assert_eq!(
            gateway.deliver(text).await,
            DeliverOutcome::Answered { result: 0 }
        );
    }
    let learned = || async {
        let events = world.events().await;
        let learned = events.into_iter().filter_map(|event| match event.event {
            Some(Event::CarrierLearned(learned)) => Some(learned),
            _ => None,
        });
        learned.collect::<Vec<_>>()
    };
    eventually("both are told", || async { learned().await.len() == 2 }).await;
    let told: Vec<_> = learned()
        .await
        .iter()
        .map(|lesson| (lesson.carrier(), lesson.expected(), lesson.source()))
        .collect();
    let uplink = LessonSource::Uplink;
    assert_eq!(
        told,
        [
            (Carrier::ChinaMobile, Carrier::ChinaMobile, uplink),
            (Carrier::ChinaMobile, Carrier::ChinaUnicom, uplink)
        ]
    );
    replica.drain().await;
}

#[tokio::test]
async fn a_submit_without_answer_leaves_again_under_its_number_but_a_code_does_not() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::TakeAfter(700)).await;
    let mut link = world.declare(gateway.address);
    link.response_timeout = Duration::from_millis(300);
    link.submit_attempts = 5;
    let replica = world.run(&link);
    let notice = world.queue(Notice, 1, "notice").await;
    eventually("taken", || async {
        world.story(notice).await == ["uncertain 1 resend true", "submitted 1 attempt 1"]
    })
    .await;
    assert_eq!(gateway.seen().len(), 1, "told from its repetitions by its number");
    let repeats = gateway.repeats();
    assert!(repeats > 0);
    let code = world.queue(Otp, 2, "code").await;
    eventually("given up", || async {
        world.story(code).await.first().map(String::as_str) == Some("uncertain 1 resend false")
    })
    .await;
    assert_eq!(gateway.repeats(), repeats, "a code leaves once");
    replica.drain().await;
}

#[tokio::test]
async fn a_repetition_that_the_carrier_has_had_before_is_not_sent_a_third_time() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::RefuseAfter(500, 3)).await;
    let mut link = world.declare(gateway.address);
    link.response_timeout = Duration::from_millis(300);
    link.submit_attempts = 5;
    let mut common = world.common();
    common.tuning.max_attempts = 1;
    let replica = World::run_as(&link, &common);
    let notice = world.queue(Notice, 1, "notice").await;
    eventually("nobody knows", || async {
        world.story(notice).await == ["uncertain 1 resend false"]
    })
    .await;
    replica.drain().await;
}
