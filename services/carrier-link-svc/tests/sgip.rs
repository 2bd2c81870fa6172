//! SGIP over real sockets: segments out on our connections, receipts and uplinks in on the gateway's.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

mod support;

use std::{net::SocketAddr, time::Duration};

use hongyan_carrier_wire::{
    concat::{Reference, split},
    field::FixedStr,
    sgip::{
        LoginType, Pdu,
        pdu::{Resp, UserRpt},
        results,
    },
    text::Coding,
};
use hongyan_catalog::{Link, Protocol, Sgip};
use hongyan_domain::{
    Carrier,
    MessageClass::{Notice, Otp},
};
use hongyan_proto::carrier::v1::link_event::Event;
use support::{
    PHONE, Replica, World,
    private::eventually,
    sgip_gateway::{ACCOUNT, Answer, Back, NODE, PEER, SgipGateway, report, sequence, uplink},
};

/// A port that was free a moment ago.
async fn free_address() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

struct Table {
    world: World,
    gateway: SgipGateway,
    link: Link,
    listen: SocketAddr,
}

impl Table {
    async fn new(gateway: SgipGateway) -> Self {
        let world = World::new().await;
        let listen = free_address().await;
        let declared = world.declare(gateway.address);
        let sgip = Sgip {
            node_id: NODE,
            corp_id: "31059".to_owned(),
            listen,
            peer_account: PEER.to_owned(),
            peer_secret_file: declared.secret_file.clone(),
            idle_close: Duration::from_secs(50),
            peer_idle_close: Duration::from_mins(1),
        };
        let link = Link {
            carrier: Carrier::ChinaUnicom,
            protocol: Protocol::Sgip(sgip),
            account: ACCOUNT.to_owned(),
            window: 32,
            ..declared
        };
        Self {
            world,
            gateway,
            link,
            listen,
        }
    }

    fn settings(&mut self) -> &mut Sgip {
        match &mut self.link.protocol {
            Protocol::Sgip(sgip) => sgip,
            other => panic!("{other:?}"),
        }
    }

    fn run(&self) -> Replica {
        self.world.run(&self.link)
    }
}

/// The answer to a report.
const TAKEN: Option<Pdu> = Some(Pdu::ReportResp(Resp::Full {
    result: results::OK,
    reserve: FixedStr::from_wire([0; 8]),
}));

/// The answer to a text.
const fn delivered(result: u8) -> Pdu {
    let reserve = FixedStr::from_wire([0; 8]);
    Pdu::DeliverResp(Resp::Full { result, reserve })
}

/// The states of the connections that the gateway made.
fn inbound(replica: &Replica) -> Vec<(String, String)> {
    let state = replica.link.board.state();
    let made_by_gateway = state.connections.into_iter().filter(|line| line.slot >= 999);
    made_by_gateway
        .map(|line| (line.state, line.last_error))
        .collect()
}

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
async fn only_the_gateway_may_log_in_and_operators_see_it() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let replica = table.run();
    let right = support::gateway::SECRET;
    for (login_type, name, password, result) in [
        (LoginType::SMG_TO_SP, "somebody", right, results::ILLEGAL_LOGIN),
        (LoginType::SMG_TO_SP, PEER, "wrong", results::ILLEGAL_LOGIN),
        (LoginType::SP_TO_SMG, PEER, right, results::LOGIN_TYPE),
        (LoginType::TEST, PEER, right, results::LOGIN_TYPE),
    ] {
        let mut back = Back::connect(table.listen).await;
        let answer = back.login(login_type, name, password).await;
        assert_eq!(answer, Some(Pdu::BindResp(Resp::new(result))));
        assert_eq!(back.hear().await, None, "and closed");
    }
    // Who has not logged in is not listened to.
    let mut back = Back::connect(table.listen).await;
    let text = uplink(0, Coding::Ascii, b"T");
    assert_eq!(back.ask(&text).await, Some(delivered(results::ILLEGAL_LOGIN)));
    drop(back);
    assert!(table.world.uplinks().await.is_empty());

    let back = Back::open(table.listen).await;
    eventually("seen", || async {
        inbound(&replica) == [("READY".to_owned(), String::new())]
    })
    .await;
    let state = replica.link.board.state();
    let line = state.connections.iter().find(|line| line.slot >= 1_000).unwrap();
    assert_eq!(
        (line.version.as_str(), line.direction.as_str()),
        ("SGIP 1.2", "RECEIVE")
    );
    drop(back);
    eventually("gone", || async { inbound(&replica).is_empty() }).await;
    replica.drain().await;
}

#[tokio::test]
async fn there_are_no_more_connections_than_the_limit() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let replica = table.run();
    let mut all = Vec::new();
    for _ in 0..32 {
        all.push(Back::open(table.listen).await);
    }
    let mut beyond = Back::connect(table.listen).await;
    assert_eq!(beyond.hear().await, None);
    all.pop();
    eventually("a place is free", || async { inbound(&replica).len() == 31 }).await;
    let mut again = Back::open(table.listen).await;
    let text = uplink(0, Coding::Ascii, b"T");
    assert_eq!(again.ask(&text).await, Some(delivered(results::OK)));
    drop((again, all));
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

#[tokio::test]
async fn a_connection_without_work_is_ended_and_made_again_for_work() {
    let mut table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    table.settings().idle_close = Duration::from_millis(200);
    let replica = table.run();
    let is_idle = || {
        let connections = replica.link.board.state().connections;
        connections.first().is_some_and(|line| line.state == "IDLE")
    };
    eventually("idle", || async { is_idle() }).await;
    assert_eq!((table.gateway.counts(), table.gateway.unbinds()), ((1, 1, 0), 1));
    let id = table.world.queue(Notice, 1, "work").await;
    eventually("submitted", || async {
        table.world.story(id).await == ["submitted 1 attempt 1"]
    })
    .await;
    eventually("idle again", || async { is_idle() }).await;
    assert_eq!(table.gateway.counts().1, 2, "once for each time there was work");
    replica.drain().await;
}

#[tokio::test]
async fn a_gateway_that_closes_instead_of_answering_the_login_is_told_to_operators() {
    let table = Table::new(SgipGateway::start_mute().await).await;
    let replica = table.run();
    eventually("told", || async {
        let connections = replica.link.board.state().connections;
        connections
            .first()
            .is_some_and(|line| line.last_error.contains("instead of answering the login"))
    })
    .await;
    assert_eq!(table.gateway.counts().1, 0);
    replica.drain().await;
}

#[tokio::test]
async fn a_taken_port_is_told_and_had_as_soon_as_it_is_free() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let taken = tokio::net::TcpListener::bind(table.listen).await.unwrap();
    let replica = table.run();
    eventually("told", || async {
        inbound(&replica)
            .iter()
            .any(|(state, error)| state == "BACKING_OFF" && error.contains("cannot listen"))
    })
    .await;
    drop(taken);
    let back = Back::open(table.listen).await;
    eventually("all is well", || async {
        inbound(&replica) == [("READY".to_owned(), String::new())]
    })
    .await;
    drop(back);
    replica.drain().await;
}

#[tokio::test]
async fn a_replica_that_ends_says_goodbye_on_the_gateways_connections_too() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let replica = table.run();
    let mut back = Back::open(table.listen).await;
    let draining = tokio::spawn(replica.drain());
    let Some((sequence, Pdu::Unbind)) = back.hear().await else {
        panic!("no goodbye")
    };
    back.say(sequence, &Pdu::UnbindResp).await;
    assert_eq!(back.hear().await, None);
    draining.await.unwrap();
    assert!(tokio::net::TcpStream::connect(table.listen).await.is_err());
}

#[tokio::test]
async fn a_gateway_that_has_nothing_to_say_is_closed_and_one_that_says_goodbye_is_answered() {
    let mut table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    table.settings().peer_idle_close = Duration::from_millis(300);
    let replica = table.run();
    let mut back = Back::open(table.listen).await;
    assert_eq!(back.ask(&Pdu::Unbind).await, Some(Pdu::UnbindResp));
    assert_eq!(back.hear().await, None);
    let mut silent = Back::open(table.listen).await;
    assert_eq!(silent.hear().await, None);
    replica.drain().await;
}
