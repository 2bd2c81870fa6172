//! What stands before a handler.

use std::{fs, time::Duration};

use hongyan_chassis::Problem;
use hongyan_telemetry::TraceContext;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tracing::Instrument as _;

use crate::{
    desk::{Desk, ack, watch},
    house::{CALLER, House, STRANGER, soon, table, telemetry},
};

fn told(status: &Status) -> (Code, String) {
    let problem = Problem::from_status(status);
    (problem.code, problem.reason.into_owned())
}

fn refused(code: Code, reason: &str) -> (Code, String) {
    (code, reason.to_owned())
}

#[tokio::test]
async fn what_the_table_does_not_allow_is_refused_until_the_table_changes() {
    let house = House::new();
    let server = house.start(house.settings(), Desk::new().builder()).await;
    let mut desk = house.client(CALLER, &server).await;
    let mut stranger = house.client(STRANGER, &server).await;
    desk.ack_uplinks(ack("x")).await.unwrap();
    let status = stranger.ack_uplinks(ack("x")).await.unwrap_err();
    assert_eq!(
        told(&status),
        refused(Code::PermissionDenied, "METHOD_NOT_ALLOWED")
    );
    let status = stranger.watch_uplinks(watch("x")).await.unwrap_err();
    assert_eq!(
        told(&status),
        refused(Code::PermissionDenied, "METHOD_NOT_ALLOWED")
    );

    fs::write(house.dir.path().join("methods.yaml"), table(STRANGER)).unwrap();
    soon("the new table", async {
        while stranger.ack_uplinks(ack("x")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    desk.ack_uplinks(ack("x")).await.unwrap_err();
}

#[tokio::test]
async fn a_handler_knows_its_peer() {
    let house = House::new();
    let server = house.start(house.settings(), Desk::new().builder()).await;
    let mut desk = house.client(CALLER, &server).await;
    let mut items = desk.watch_uplinks(watch("who")).await.unwrap().into_inner();
    items.message().await.unwrap().unwrap();
    assert_eq!(items.message().await.unwrap().unwrap().cursor, CALLER);
    assert!(items.message().await.unwrap().is_none());
}

#[tokio::test]
async fn beyond_the_limit_calls_are_shed_and_health_is_still_told() {
    let house = House::new();
    let mut settings = house.settings();
    settings.max_concurrent_requests = 1;
    settings.max_open_streams = 1;
    let desk = Desk::new();
    let server = house.start(settings, desk.builder()).await;
    let mut client = house.client(CALLER, &server).await;

    let mut busy = client.clone();
    let first = tokio::spawn(async move { busy.ack_uplinks(ack("waiting")).await });
    desk.arrivals(1).await;
    let status = client.ack_uplinks(ack("x")).await.unwrap_err();
    assert_eq!(told(&status), refused(Code::ResourceExhausted, "OVERLOADED"));
    assert!(Problem::from_status(&status).retry_after.is_some());
    let mut health = HealthClient::new(house.channel(CALLER, &server).await);
    health.check(HealthCheckRequest::default()).await.unwrap();

    // A stream has a place of its own, which it keeps while it is open.
    let open = client
        .watch_uplinks(watch("stubborn"))
        .await
        .unwrap()
        .into_inner();
    let status = client.watch_uplinks(watch("stubborn")).await.unwrap_err();
    assert_eq!(told(&status), refused(Code::ResourceExhausted, "OVERLOADED"));

    desk.go_on.add_permits(1);
    first.await.unwrap().unwrap();
    client.ack_uplinks(ack("x")).await.unwrap();
    drop(open);
    soon("the stream's place", async {
        while client.watch_uplinks(watch("stubborn")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_panic_is_that_calls_internal_error_and_nobody_elses() {
    let house = House::new();
    let desk = Desk::new();
    let server = house.start(house.settings(), desk.builder()).await;
    let mut client = house.client(CALLER, &server).await;
    let status = client.ack_uplinks(ack("panicking")).await.unwrap_err();
    assert_eq!(told(&status), refused(Code::Internal, "INTERNAL"));
    assert!(!format!("{status:?}").contains("in a handler"));

    let mut items = client
        .watch_uplinks(watch("panicking"))
        .await
        .unwrap()
        .into_inner();
    items.message().await.unwrap().unwrap();
    desk.go_on.add_permits(1);
    let status = items.message().await.unwrap_err();
    assert_eq!(told(&status), refused(Code::Internal, "INTERNAL"));

    client.ack_uplinks(ack("x")).await.unwrap();
}

#[tokio::test]
async fn one_trace_goes_through_client_and_server() {
    let house = House::new();
    let server = house.start(house.settings(), Desk::new().builder()).await;
    let mut client = house.client(CALLER, &server).await;
    let story = tracing::info_span!("story");
    let trace_id = TraceContext::of(&story).unwrap().trace_id();
    let there = async {
        let mut items = client.watch_uplinks(watch("trace")).await.unwrap().into_inner();
        items.message().await.unwrap().unwrap();
        items.message().await.unwrap().unwrap().cursor
    };
    assert_eq!(there.instrument(story).await, trace_id);
}

#[tokio::test]
async fn calls_are_measured_by_method_and_code_and_made_up_methods_share_a_label() {
    let house = House::new();
    let server = house.start(house.settings(), Desk::new().builder()).await;
    let mut client = house.client(CALLER, &server).await;
    client.ack_uplinks(ack("x")).await.unwrap();
    let channel = house.channel(CALLER, &server).await;
    let mut made_up = tonic::client::Grpc::new(channel);
    made_up.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/made.Up/Method138");
    let codec = tonic_prost_codec();
    let status = made_up
        .unary(tonic::Request::new(ack("x")), path, codec)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);

    let text = telemetry().render_metrics();
    for line in [
        "hongyan_rpc_server_duration_seconds_count{method=\"hongyan.uplink.v1.UplinkService/AckUplinks\",code=\"OK\"}",
        "hongyan_rpc_server_duration_seconds_count{method=\"_OTHER\",code=\"PERMISSION_DENIED\"}",
        "hongyan_rpc_client_duration_seconds_count{method=\"_OTHER\",code=\"PERMISSION_DENIED\"}",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains("Method138"));
}

fn tonic_prost_codec() -> tonic_prost::ProstCodec<
    hongyan_proto::uplink::v1::AckUplinksRequest,
    hongyan_proto::uplink::v1::AckUplinksResponse,
> {
    tonic_prost::ProstCodec::default()
}

#[tokio::test]
async fn the_admin_port_tells_health_readiness_and_metrics() {
    let house = House::new();
    let (give, take) = tokio::sync::oneshot::channel();
    let desk = Desk::new().builder();
    let server = house
        .start(house.settings(), move |context| {
            give.send((context.readiness("recovery"), context.health_flag("redis")))
                .ok();
            desk(context)
        })
        .await;
    let (recovery, redis) = take.await.unwrap();
    let mut health = HealthClient::new(house.channel(CALLER, &server).await);
    let request = || HealthCheckRequest {
        service: "hongyan.uplink.v1.UplinkService".to_owned(),
    };
    assert_eq!(server.page("/healthz").await.0, 200);
    assert_eq!(
        server.page("/readyz").await,
        (
            503,
            "recovery: not ready yet\nredis: not checked yet\n".to_owned()
        )
    );
    assert_eq!(
        server.page("/metrics").await,
        (200, "metrics go here\n".to_owned())
    );
    assert_eq!(server.page("/elsewhere").await.0, 404);
    let mut watching = health.watch(request()).await.unwrap().into_inner();
    let not_serving = watching.message().await.unwrap().unwrap();

    recovery.set();
    redis.up();
    assert_eq!(server.page("/readyz").await, (200, "ready\n".to_owned()));
    let serving = watching.message().await.unwrap().unwrap();
    assert_ne!(serving, not_serving);

    redis.down("connection refused");
    assert_eq!(
        server.page("/readyz").await,
        (503, "redis: connection refused\n".to_owned())
    );
    assert_eq!(watching.message().await.unwrap().unwrap(), not_serving);
    assert_eq!(health.check(request()).await.unwrap().into_inner(), not_serving);
}

#[tokio::test]
async fn reflection_names_the_services() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    let house = House::new();
    let server = house.start(house.settings(), Desk::new().builder()).await;
    let mut client = ServerReflectionClient::new(house.channel(CALLER, &server).await);
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::once(question))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(
        names.contains(&"hongyan.uplink.v1.UplinkService".to_owned()),
        "{names:?}"
    );
    assert!(
        !names.contains(&"hongyan.audit.v1.AuditService".to_owned()),
        "{names:?}"
    );
}
