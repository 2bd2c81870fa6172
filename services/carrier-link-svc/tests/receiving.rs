//! Receipts and uplinks: from the wire to the streams, and the carrier's answer behind that.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::time::Duration;

use hongyan_carrier_wire::{
    cmpp::report::ReportForm,
    concat::{Reference, split},
    text::Coding,
};
use hongyan_domain::MessageClass::{Notice, Otp};
use support::{
    PHONE, TRACE_ID, World,
    gateway::{Answer, DeliverOutcome, Gateway, report, uplink},
    private::eventually,
};

const TAKEN: DeliverOutcome = DeliverOutcome::Answered { result: 0 };

async fn ready(gateway: &Gateway) {
    eventually("logged in", || async { gateway.open().0 == 1 }).await;
}

#[tokio::test]
async fn receipts_of_both_forms_are_told_once_for_each_state() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let replica = world.run(&world.declare(gateway.address));
    let id = world.queue(Notice, 1, &"长".repeat(100)).await;
    eventually("submitted", || async { world.story(id).await.len() == 2 }).await;

    for (delivery, (number, stat, form)) in (1..).zip([
        (1, "ACCEPTD", ReportForm::Long),
        (1, "DELIVRD", ReportForm::Short),
        (1, "DELIVRD", ReportForm::Short),
        (2, "MK:0001", ReportForm::Long),
    ]) {
        let answered = gateway.deliver(report(delivery, number, PHONE, stat, form)).await;
        assert_eq!(answered, TAKEN, "{stat}");
    }
    let story = world.story(id).await;
    assert_eq!(
        story[2..],
        ["receipt 1 ACCEPTD", "receipt 1 DELIVRD", "receipt 2 MK:0001"]
    );
    let heard: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .filter(|event| event.action == "RECEIPT_RECEIVED")
        .collect();
    assert_eq!(heard.len(), 3);
    for (event, segment) in heard.iter().zip(["1", "1", "2"]) {
        assert_eq!(event.message_id, id.to_string());
        assert_eq!(
            (event.trace_id.as_str(), event.attributes["segment"].as_str()),
            (TRACE_ID, segment)
        );
        assert_eq!(event.subject_tag.len(), 32);
    }
    replica.drain().await;
}

#[tokio::test]
async fn a_receipt_before_its_response_is_parked_and_matched() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::ReceiptFirst("DELIVRD")).await;
    let replica = world.run(&world.declare(gateway.address));
    let id = world.queue(Otp, 1, "code").await;
    eventually("told", || async { world.story(id).await.len() == 2 }).await;
    assert_eq!(
        world.story(id).await,
        ["submitted 1 attempt 1", "receipt 1 DELIVRD"]
    );
    assert!(world.keys("*parked*").await.is_empty());
    // The same receipt once more is known.
    assert_eq!(
        gateway
            .deliver(report(7, 1, PHONE, "DELIVRD", ReportForm::Long))
            .await,
        TAKEN
    );
    assert_eq!(world.story(id).await.len(), 2);
    replica.drain().await;
}

#[tokio::test]
async fn a_receipt_of_nobody_is_parked_and_a_garbled_one_refused() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let replica = world.run(&world.declare(gateway.address));
    ready(&gateway).await;
    assert_eq!(
        gateway
            .deliver(report(1, 99, PHONE, "DELIVRD", ReportForm::Long))
            .await,
        TAKEN
    );
    assert_eq!(world.keys("{p0}:parked:cmcc-a:*").await.len(), 1);
    let mut garbled = report(2, 99, PHONE, "DELIVRD", ReportForm::Long);
    garbled.content = hongyan_carrier_wire::field::Content::from(vec![0; 61]);
    assert_eq!(
        gateway.deliver(garbled).await,
        DeliverOutcome::Answered { result: 1 }
    );
    assert!(world.events().await.is_empty());
    replica.drain().await;
}

#[tokio::test]
async fn an_uplink_is_stored_once_however_often_it_comes() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let replica = world.run(&world.declare(gateway.address));
    ready(&gateway).await;
    for _ in 0..3 {
        let text = uplink(
            5,
            "8613800138000",
            0,
            Coding::Gbk,
            &Coding::Gbk.encode("查余额").unwrap(),
        );
        assert_eq!(gateway.deliver(text).await, TAKEN);
    }
    // Some gateways give no id: nothing tells these two apart, so that both count.
    for _ in 0..2 {
        assert_eq!(
            gateway.deliver(uplink(0, "10690", 0, Coding::Ascii, b"T")).await,
            TAKEN
        );
    }
    let uplinks = world.uplinks().await;
    assert_eq!(uplinks.len(), 3);
    assert_eq!(
        (uplinks[0].phone.as_str(), uplinks[0].text.as_str()),
        ("+8613800138000", "查余额")
    );
    assert_eq!(
        (uplinks[0].access_number.as_str(), uplinks[0].partial),
        ("1069012345", false)
    );
    assert_eq!(uplinks[1].phone, "10690");
    let audit = world.audit().await;
    assert_eq!(audit.len(), 3);
    assert_eq!(
        (audit[0].action.as_str(), audit[0].outcome.as_str()),
        ("UPLINK_RECEIVED", "COMPLETE")
    );
    assert_eq!(audit[0].attributes["uplink_id"], uplinks[0].uplink_id);
    replica.drain().await;
}

#[tokio::test]
async fn a_long_uplink_is_put_together_whatever_the_order_of_its_parts() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut common = world.common();
    common.tuning.part_wait = Duration::from_hours(1);
    let replica = World::run_as(&world.declare(gateway.address), &common);
    ready(&gateway).await;
    let text = "长短信".repeat(60);
    let parts = split(&text, Coding::Ucs2, Reference::Bits8(7), 6).unwrap();
    assert_eq!(parts.len(), 3);
    for at in [2, 0, 0, 1] {
        let part = uplink(
            10 + at as u64,
            PHONE,
            1,
            Coding::Ucs2,
            parts[at].content.as_slice(),
        );
        assert_eq!(gateway.deliver(part).await, TAKEN);
    }
    let uplinks = world.uplinks().await;
    assert_eq!(
        (uplinks.len(), uplinks[0].text.as_str(), uplinks[0].partial),
        (1, text.as_str(), false)
    );
    // A part whose answer was lost comes once more, and begins nothing new.
    let again = uplink(11, PHONE, 1, Coding::Ucs2, parts[1].content.as_slice());
    assert_eq!(gateway.deliver(again).await, TAKEN);
    assert!(world.keys("*part*").await.is_empty());
    assert_eq!(world.uplinks().await.len(), 1);
    replica.drain().await;
}

#[tokio::test]
async fn a_text_whose_last_part_never_comes_is_told_with_a_gap() {
    let world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let common = world.common();
    let replica = World::run_as(&world.declare(gateway.address), &common);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let sweeper = tokio::spawn(hongyan_carrier_link_svc::sweeper::run(common, shutdown.clone()));
    ready(&gateway).await;
    let text = "长短信".repeat(60);
    let parts = split(&text, Coding::Ucs2, Reference::Bits16(700), 6).unwrap();
    for at in [0, 2] {
        let part = uplink(
            20 + at as u64,
            PHONE,
            0x40,
            Coding::Ucs2,
            parts[at].content.as_slice(),
        );
        assert_eq!(gateway.deliver(part).await, TAKEN);
    }
    eventually("told with a gap", || async { world.uplinks().await.len() == 1 }).await;
    let uplinks = world.uplinks().await;
    assert!(uplinks[0].partial);
    assert_eq!(
        uplinks[0].text,
        format!("{}…{}", "长短信".repeat(22), "长短信".repeat(16))
    );
    assert_eq!(world.audit().await[0].outcome, "PARTIAL");
    assert!(world.keys("*part*").await.is_empty());
    shutdown.cancel();
    sweeper.await.unwrap();
    replica.drain().await;
}

#[tokio::test]
async fn while_redis_is_away_the_carrier_hears_nothing_and_then_the_truth() {
    let mut world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut common = world.common();
    // The connection must outlive the outage.
    common.tuning.slot_ttl = Duration::from_mins(1);
    let replica = World::run_as(&world.declare(gateway.address), &common);
    ready(&gateway).await;
    world.server.kill();
    let mut answer = gateway.begin_deliver(uplink(5, PHONE, 0, Coding::Ascii, b"T"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(answer.try_recv().is_err(), "no answer before it is stored");
    world.server.restart();
    assert_eq!(answer.await.unwrap(), TAKEN);
    assert_eq!(world.uplinks().await.len(), 1);
    replica.drain().await;
}

#[tokio::test]
async fn an_outage_that_lasts_is_answered_with_an_error() {
    let mut world = World::new().await;
    let gateway = Gateway::start(|_| Answer::Take).await;
    let mut common = world.common();
    common.tuning.slot_ttl = Duration::from_mins(1);
    common.tuning.answer_within = Duration::from_millis(200);
    let replica = World::run_as(&world.declare(gateway.address), &common);
    ready(&gateway).await;
    world.server.kill();
    let answered = gateway
        .deliver(report(1, 1, PHONE, "DELIVRD", ReportForm::Long))
        .await;
    assert_eq!(answered, DeliverOutcome::Answered { result: 9 });
    world.server.restart();
    replica.drain().await;
}

#[tokio::test]
async fn a_code_without_answer_is_settled_by_its_receipt() {
    let world = World::new().await;
    let gateway = Gateway::start(|seen| {
        if seen.number == 1 {
            Answer::Cut
        } else {
            Answer::Take
        }
    })
    .await;
    let mut common = world.common();
    common.tuning.doubt_wait = Duration::from_millis(100);
    let mut link = world.declare(gateway.address);
    link.response_timeout = Duration::from_millis(300);
    let replica = World::run_as(&link, &common);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let sweeper = tokio::spawn(hongyan_carrier_link_svc::sweeper::run(common, shutdown.clone()));
    let id = world.queue(Otp, 1, "code").await;
    eventually("uncertain", || async {
        world.story(id).await == ["uncertain 1 resend false"]
    })
    .await;
    ready(&gateway).await;
    assert_eq!(
        gateway
            .deliver(report(7, 1, PHONE, "DELIVRD", ReportForm::Long))
            .await,
        TAKEN
    );
    eventually("settled", || async { world.story(id).await.len() == 2 }).await;
    assert_eq!(
        world.story(id).await,
        ["uncertain 1 resend false", "receipt 1 DELIVRD"]
    );
    shutdown.cancel();
    sweeper.await.unwrap();
    replica.drain().await;
}
