//! How others are called.

use std::{fs, time::Duration};

use hongyan_chassis::{Dialer, Exit, Problem};
use hongyan_identity::{Connector, Credentials, SpiffeId};
use hongyan_proto::uplink::v1::uplink_service_client::UplinkServiceClient;
use tonic::{Code, transport::Endpoint};

use crate::{
    desk::{Desk, ack, watch},
    house::{CALLER, House, INFO, SERVER, soon, table},
};

#[tokio::test]
async fn who_cannot_be_reached_is_unavailable() {
    let house = House::new();
    let server = house.start(house.settings(), Desk::new().builder()).await;
    let dialer = house.dialer(CALLER).await;
    let other: SpiffeId = "spiffe://hongyan.test/svc/audit".parse().unwrap();
    let not_who_it_should_be = dialer.channel(&server.grpc, &other, 1).unwrap();
    let nobody_there = dialer.channel("127.0.0.1:1", &other, 1).unwrap();
    for channel in [not_who_it_should_be, nobody_there] {
        let mut client = UplinkServiceClient::new(channel);
        for status in [
            client.ack_uplinks(ack("x")).await.unwrap_err(),
            client.watch_uplinks(watch("x")).await.unwrap_err(),
        ] {
            let problem = Problem::from_status(&status);
            assert_eq!(
                (problem.code, problem.reason.as_ref()),
                (Code::Unavailable, "UNREACHABLE")
            );
        }
    }
}

#[tokio::test]
async fn an_address_without_a_port_is_no_address() {
    let house = House::new();
    let dialer = house.dialer(CALLER).await;
    let id: SpiffeId = SERVER.parse().unwrap();
    for address in ["", "dispatch", "dispatch:port", "http://", "a b:1"] {
        assert!(dialer.channel(address, &id, 1).is_err(), "{address:?}");
    }
    for address in ["dispatch:8443", "http://dispatch:8443", "http://[::1]:8443/"] {
        dialer.channel(address, &id, 0).unwrap();
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_callers_deadline() {
    let house = House::new();
    let desk = Desk::new();
    let server = house.start(house.settings(), desk.builder()).await;
    let mut client = house.client(CALLER, &server).await;
    let mut request = tonic::Request::new(ack("endless"));
    request.set_timeout(Duration::from_millis(50));
    let status = client.ack_uplinks(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_server_answers_its_deadline_to_callers_that_have_none() {
    let house = House::new();
    let mut settings = house.settings();
    settings.default_deadline = Duration::from_millis(50);
    let desk = Desk::new();
    let server = house.start(settings, desk.builder()).await;
    // tonic's own channel: no deadline of the caller's.
    let credentials = Credentials::load(&house.identity(CALLER)).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", server.grpc))
        .unwrap()
        .connect_with_connector_lazy(Connector::new(credentials, SERVER.parse().unwrap()));
    let mut client = UplinkServiceClient::new(channel);
    let mut items = client.watch_uplinks(watch("x")).await.unwrap().into_inner();
    assert_eq!(items.message().await.unwrap().unwrap().cursor, "first");
    let status = client.ack_uplinks(ack("endless")).await.unwrap_err();
    let problem = Problem::from_status(&status);
    assert_eq!(
        (problem.code, problem.message.as_str()),
        (Code::DeadlineExceeded, "not done within 50 ms")
    );
    // The stream has outlived the deadline of a unary call and is none the worse for it.
    desk.go_on.add_permits(1);
    assert_eq!(items.message().await.unwrap().unwrap().cursor, "next");
}

#[tokio::test]
async fn a_call_made_for_another_takes_no_longer_than_what_is_left_of_it() {
    let house = House::new();
    let desk = Desk::new();
    let server = house.start(house.settings(), desk.builder()).await;
    let mut client = house.client(CALLER, &server).await;
    // The relay is a service that calls a service: it needs to be in the table.
    fs::write(
        house.dir.path().join("methods.yaml"),
        table("spiffe://hongyan.test/caller/*\", \"spiffe://hongyan.test/svc/*"),
    )
    .unwrap();
    let mut relayed = ack("relaying");
    relayed.cursor.clone_from(&server.grpc);
    let relay = async {
        loop {
            let mut request = tonic::Request::new(relayed.clone());
            request.set_timeout(Duration::from_secs(8));
            if client.ack_uplinks(request).await.is_ok() {
                return;
            }
        }
    };
    soon("the new table", relay).await;
    let timeouts = desk.timeouts.lock().unwrap().clone();
    let micros = |text: &String| text.strip_suffix('u').unwrap().parse::<u64>().unwrap();
    let [.., asked, relayed] = timeouts.as_slice() else {
        panic!("{timeouts:?}");
    };
    assert!(micros(relayed) <= micros(asked), "{timeouts:?}");
    assert_eq!(micros(asked), 8_000_000);
}

#[tokio::test]
async fn calls_outlive_a_restart_of_the_server() {
    let house = House::new();
    let first = house.start(house.settings(), Desk::new().builder()).await;
    let mut client = house.client(CALLER, &first).await;
    for _ in 0..4 {
        client.ack_uplinks(ack("x")).await.unwrap();
    }
    let mut settings = house.settings();
    settings.grpc_listen = first.grpc.parse().unwrap();
    assert_eq!(first.end().await, Exit::Drained);
    assert_eq!(
        client.ack_uplinks(ack("x")).await.unwrap_err().code(),
        Code::Unavailable
    );
    let _second = house.start(settings, Desk::new().builder()).await;
    soon("a connection to the new process", async {
        while client.ack_uplinks(ack("x")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_descriptor_set_that_is_none_is_refused() {
    let house = House::new();
    let credentials = Credentials::load(&house.identity(CALLER)).await.unwrap();
    assert!(Dialer::new(credentials.clone(), b"\xff", Duration::from_secs(1)).is_err());
    assert!(Dialer::new(credentials, INFO.descriptor_set, Duration::from_secs(1)).is_ok());
}
