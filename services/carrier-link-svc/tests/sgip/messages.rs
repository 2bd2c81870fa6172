//! Segments, their ids, and the reports that name them.

use std::time::Duration;

use hongyan_carrier_wire::sgip::results;
use hongyan_domain::MessageClass::{Notice, Otp};
use hongyan_proto::carrier::v1::link_event::Event;

use crate::{
    support::{
        PHONE,
        private::eventually,
        sgip_gateway::{Answer, Back, NODE, SgipGateway, report},
    },
    table::{TAKEN, Table},
};

#[tokio::test]
async fn a_long_message_leaves_and_its_reports_come_back_on_another_connection() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let world = &table.world;
    let replica = table.run();
    let id = world.queue(Notice, 1, &"长".repeat(100)).await;
    eventually("submitted", || async { world.story(id).await.len() == 2 }).await;

    let seen = table.gateway.seen();
    assert_eq!(seen.len(), 2);
    for seen in &seen {
        assert_eq!(seen.submit.users.first().as_str().unwrap(), format!("86{PHONE}"));
        assert_eq!((seen.submit.report_flag, seen.submit.morelateto_mt_flag), (1, 2));
        assert_eq!(seen.sequence.node, NODE);
    }
    assert_eq!(format!("{}{}", seen[0].text, seen[1].text), "长".repeat(100));
    // The id is the sequence, all of it.
    for (event, seen) in world.events().await.iter().zip(&seen) {
        let Some(Event::Submitted(submitted)) = &event.event else {
            panic!("{event:?}")
        };
        assert_eq!(submitted.carrier_message_id, seen.sequence.to_string());
    }

    let mut back = Back::open(table.listen).await;
    for (at, state, error) in [(0, 1, 0), (0, 0, 0), (0, 0, 0), (1, 2, 27)] {
        assert_eq!(back.ask(&report(seen[at].sequence, state, error)).await, TAKEN);
    }
    assert_eq!(
        world.story(id).await[2..],
        [
            "receipt 1 SGIP:ACCEPTD",
            "receipt 1 SGIP:DELIVRD",
            "receipt 2 SGIP:UNDELIV/27"
        ]
    );
    drop(back);
    replica.drain().await;
}

#[tokio::test]
async fn a_report_that_overtakes_the_response_is_told_and_neither_is_told_twice() {
    let table = Table::new(SgipGateway::start(|_| Answer::Silent).await).await;
    let world = &table.world;
    let replica = table.run();
    let id = world.queue(Otp, 1, "code").await;
    eventually("left", || async { table.gateway.seen().len() == 1 }).await;
    let mut back = Back::open(table.listen).await;
    let about = table.gateway.seen()[0].sequence;
    for _ in 0..2 {
        assert_eq!(back.ask(&report(about, 0, 0)).await, TAKEN);
    }
    assert_eq!(world.story(id).await, ["receipt 1 SGIP:DELIVRD"]);
    assert!(world.keys("*parked*").await.is_empty(), "its message was known");
    replica.kill();
}

#[tokio::test]
async fn a_report_finds_its_message_though_the_process_died_before_the_response() {
    let table = Table::new(SgipGateway::start(|_| Answer::Silent).await).await;
    let world = &table.world;
    let first = table.run();
    let id = world.queue(Otp, 1, "code").await;
    eventually("left", || async { table.gateway.seen().len() == 1 }).await;
    first.kill();
    eventually("the port is free", || async {
        tokio::net::TcpListener::bind(table.listen).await.is_ok()
    })
    .await;
    let second = table.run();
    eventually("uncertain", || async {
        world.story(id).await == ["uncertain 1 resend false"]
    })
    .await;
    let mut back = Back::open(table.listen).await;
    let about = table.gateway.seen()[0].sequence;
    assert_eq!(back.ask(&report(about, 0, 0)).await, TAKEN);
    assert_eq!(
        world.story(id).await,
        ["uncertain 1 resend false", "receipt 1 SGIP:DELIVRD"]
    );
    drop(back);
    second.drain().await;
}

#[tokio::test]
async fn what_was_not_answered_leaves_again_under_the_id_that_it_had() {
    let gateway = SgipGateway::start(|seen| match seen.number {
        1 => Answer::Cut,
        2 => Answer::Silent,
        _ => Answer::Take,
    })
    .await;
    let mut table = Table::new(gateway).await;
    table.link.response_timeout = Duration::from_millis(300);
    let world = &table.world;
    let replica = table.run();
    let id = world.queue(Notice, 1, "once more").await;
    eventually("submitted", || async { world.story(id).await.len() == 3 }).await;
    assert_eq!(
        world.story(id).await,
        [
            "uncertain 1 resend true",
            "uncertain 1 resend true",
            "submitted 1 attempt 3"
        ]
    );
    let seen = table.gateway.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| one.sequence == seen[0].sequence));
    let mut back = Back::open(table.listen).await;
    assert_eq!(back.ask(&report(seen[0].sequence, 0, 0)).await, TAKEN);
    assert_eq!(world.story(id).await[3..], ["receipt 1 SGIP:DELIVRD"]);
    drop(back);
    replica.drain().await;
}

#[tokio::test]
async fn reports_of_a_dead_process_and_of_its_heir_find_the_same_message() {
    let gateway = SgipGateway::start(|seen| {
        if seen.number == 1 {
            Answer::Silent
        } else {
            Answer::Take
        }
    })
    .await;
    let table = Table::new(gateway).await;
    let world = &table.world;
    let first = table.run();
    let id = world.queue(Notice, 1, "inherited").await;
    eventually("left", || async { table.gateway.seen().len() == 1 }).await;
    first.kill();
    eventually("the port is free", || async {
        tokio::net::TcpListener::bind(table.listen).await.is_ok()
    })
    .await;
    let second = table.run();
    eventually("sent again", || async {
        world.story(id).await == ["uncertain 1 resend true", "submitted 1 attempt 2"]
    })
    .await;
    let seen = table.gateway.seen();
    assert_ne!(seen[0].sequence, seen[1].sequence);
    let mut back = Back::open(table.listen).await;
    assert_eq!(back.ask(&report(seen[0].sequence, 0, 0)).await, TAKEN);
    assert_eq!(back.ask(&report(seen[1].sequence, 2, 29)).await, TAKEN);
    assert_eq!(
        world.story(id).await[2..],
        ["receipt 1 SGIP:DELIVRD", "receipt 1 SGIP:UNDELIV/29"]
    );
    drop(back);
    second.drain().await;
}

#[tokio::test]
async fn throttled_segments_wait_and_refused_ones_end() {
    let gateway = SgipGateway::start(|seen| match seen.number {
        1 => Answer::Refuse(results::NODE_BUSY),
        3 => Answer::Refuse(results::LENGTH),
        4 => Answer::Refuse(results::NO_ROUTE),
        _ => Answer::Take,
    })
    .await;
    let table = Table::new(gateway).await;
    let world = &table.world;
    let replica = table.run();
    let id = world.queue(Notice, 1, "slow").await;
    eventually("submitted", || async {
        world.story(id).await == ["submitted 1 attempt 1"]
    })
    .await;
    let refused = world.queue(Notice, 2, "nobody").await;
    eventually("refused", || async {
        world.story(refused).await == ["refused 1 SGIP:8"]
    })
    .await;
    let elsewhere = world.queue(Notice, 3, "moved").await;
    eventually("given back", || async {
        world.story(elsewhere).await == ["returned RETURN_REASON_NO_ROUTE SGIP:23"]
    })
    .await;
    // What was not taken leaves nothing that a report could be matched with.
    let throttled = table.gateway.seen()[0].sequence;
    assert!(world.keys(&format!("*mid:*:{throttled}")).await.is_empty());
    replica.drain().await;
}
