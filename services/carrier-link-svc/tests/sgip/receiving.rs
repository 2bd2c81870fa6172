//! What the gateway delivers: stored first, answered then.

use std::time::Duration;

use hongyan_carrier_wire::{
    concat::{Reference, split},
    sgip::{Pdu, pdu::UserRpt, results},
    text::Coding,
};

use crate::{
    support::{
        World,
        sgip_gateway::{Answer, Back, SgipGateway, sequence, uplink},
    },
    table::{Table, delivered},
};

#[tokio::test]
async fn uplinks_are_stored_once_and_long_ones_put_together_across_connections() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let world = &table.world;
    let mut common = world.common();
    common.tuning.part_wait = Duration::from_hours(1);
    let replica = World::run_as(&table.link, &common);
    let mut one = Back::open(table.listen).await;
    let mut other = Back::open(table.listen).await;
    let short = uplink(0, Coding::Gbk, &Coding::Gbk.encode("查余额").unwrap());
    for _ in 0..2 {
        one.say(sequence(77), &short).await;
        assert_eq!(one.answer_to(sequence(77)).await, Some(delivered(results::OK)));
    }
    let text = "长短信".repeat(40);
    let parts = split(&text, Coding::Ucs2, Reference::Bits8(7), 6).unwrap();
    assert_eq!(parts.len(), 2);
    for (back, part) in [&mut other, &mut one].into_iter().zip(parts.iter().rev()) {
        back.begin(&Pdu::UserRpt(UserRpt::default())).await;
        assert!(matches!(back.hear().await, Some((_, Pdu::UserRptResp(_)))));
        let part = uplink(0x40, Coding::Ucs2, part.content.as_slice());
        // Another sequence than the other connection's.
        assert_eq!(back.ask(&part).await, Some(delivered(results::OK)));
    }
    let uplinks = world.uplinks().await;
    let texts: Vec<_> = uplinks.iter().map(|uplink| uplink.text.as_str()).collect();
    assert_eq!(texts, ["查余额", text.as_str()]);
    assert_eq!(uplinks[0].phone, "+8613800138000");
    assert_eq!(uplinks[0].access_number, "1069012345");
    drop((one, other));
    replica.drain().await;
}

#[tokio::test]
async fn while_redis_is_away_the_gateway_hears_nothing_and_then_the_truth() {
    let mut table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let mut common = table.world.common();
    common.tuning.slot_ttl = Duration::from_mins(1);
    let replica = World::run_as(&table.link, &common);
    let mut back = Back::open(table.listen).await;
    table.world.server.kill();
    let asked = back.begin(&uplink(0, Coding::Ascii, b"T")).await;
    let early = tokio::time::timeout(Duration::from_millis(300), back.hear()).await;
    assert!(early.is_err(), "no answer before it is stored");
    table.world.server.restart();
    assert_eq!(back.answer_to(asked).await, Some(delivered(results::OK)));
    assert_eq!(table.world.uplinks().await.len(), 1);
    drop(back);
    replica.drain().await;
}

#[tokio::test]
async fn an_outage_that_lasts_is_answered_with_an_error() {
    let mut table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let mut common = table.world.common();
    common.tuning.slot_ttl = Duration::from_mins(1);
    common.tuning.answer_within = Duration::from_millis(200);
    let replica = World::run_as(&table.link, &common);
    let mut back = Back::open(table.listen).await;
    table.world.server.kill();
    let answer = back.ask(&uplink(0, Coding::Ascii, b"T")).await;
    assert_eq!(answer, Some(delivered(results::SYSTEM_FAILURE)));
    table.world.server.restart();
    drop(back);
    replica.drain().await;
}
