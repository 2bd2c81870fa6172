//! Who may connect, and how connections end, on both sides.

use std::time::Duration;

use hongyan_carrier_wire::{
    sgip::{LoginType, Pdu, pdu::Resp, results},
    text::Coding,
};
use hongyan_domain::MessageClass::Notice;

use crate::{
    support::{
        gateway::SECRET,
        private::eventually,
        sgip_gateway::{Answer, Back, PEER, SgipGateway, uplink},
    },
    table::{Table, delivered, inbound},
};

#[tokio::test]
async fn only_the_gateway_may_log_in_and_operators_see_it() {
    let table = Table::new(SgipGateway::start(|_| Answer::Take).await).await;
    let replica = table.run();
    let right = SECRET;
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
