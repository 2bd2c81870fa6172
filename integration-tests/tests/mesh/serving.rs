//! What every service does for its callers: health, reflection, deadlines, and a word instead of a queue when it has too
//! much to do.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hongyan_integration_tests::harness::mesh::{Service, people::PEOPLE};
use hongyan_proto::verify::v1::VerifyIdentityRequest;
use serde_json::json;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{INSURER, OPERATOR, OwnMesh, fresh_id, reason, shared};

const ALL: [(Service, &str); 5] = [
    (Service::Audit, "hongyan.audit.v1.AuditService"),
    (Service::Dispatch, "hongyan.dispatch.v1.DispatchService"),
    (Service::Verify, "hongyan.verify.v1.VerifyService"),
    (Service::UplinkRouter, "hongyan.uplink.v1.UplinkService"),
    (Service::Link(0), "hongyan.carrier.v1.LinkService"),
];

#[tokio::test]
async fn every_service_tells_its_health_and_its_methods_to_operators() {
    let mesh = shared().await;
    let operator = mesh.client(OPERATOR).await.unwrap();
    for (service, name) in ALL {
        let channel = operator.channel(service).unwrap();
        let check = HealthCheckRequest { service: name.into() };
        let health = HealthClient::new(channel.clone())
            .check(check)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(health.status(), ServingStatus::Serving, "{name}");

        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers = ServerReflectionClient::new(channel)
            .server_reflection_info(tokio_stream::iter([list]))
            .await
            .unwrap()
            .into_inner();
        let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(services) = answer else {
            panic!("{answer:?}")
        };
        assert!(
            services.service.iter().any(|one| one.name == name),
            "{services:?}"
        );
    }
    let caller = mesh.client(INSURER).await.unwrap();
    let channel = caller.channel(Service::Dispatch).unwrap();
    let refusal = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(
        refusal.code(),
        Code::PermissionDenied,
        "health is not for callers"
    );
}

fn question() -> VerifyIdentityRequest {
    VerifyIdentityRequest {
        request_id: fresh_id("serving"),
        phone: PEOPLE[0].phone.into(),
        name: PEOPLE[0].name.into(),
        consent_id: "consent-1".into(),
        purpose: "policy application".into(),
        ..VerifyIdentityRequest::default()
    }
}

#[tokio::test]
async fn a_callers_deadline_is_kept() {
    let mesh = OwnMesh::with(|options| {
        options.set("verify-svc", "ask.deadline_ms", "30000");
        options.set("verify-svc", "upstream.bureau.attempt_timeout_ms", "30000");
    })
    .await;
    mesh.identity_upstream()
        .post("faults", &json!({"hang": true}))
        .await
        .unwrap();
    let client = mesh.client(INSURER).await.unwrap();
    let mut request = Request::new(question());
    request.set_timeout(Duration::from_millis(500));
    let started = Instant::now();
    let refusal = client
        .verify()
        .unwrap()
        .verify_identity(request)
        .await
        .unwrap_err();
    assert!(
        matches!(refusal.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{refusal:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "long before the upstream's own thirty seconds"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_at_once_is_refused_at_once_and_said_so() {
    let mesh = OwnMesh::with(|options| {
        options.set("verify-svc", "grpc.max_concurrent_requests", "2");
    })
    .await;
    mesh.identity_upstream()
        .post("faults", &json!({"delay_ms": 600}))
        .await
        .unwrap();
    let verify = mesh.client(INSURER).await.unwrap().verify().unwrap();
    let calls = (0..20).map(|_| {
        let mut verify = verify.clone();
        async move { verify.verify_identity(question()).await }
    });
    let (good, refused): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
    assert!(good.len() >= 2, "{} answered", good.len());
    assert!(!refused.is_empty());
    for refusal in refused.into_iter().filter_map(Result::err) {
        assert!(
            matches!(refusal.code(), Code::ResourceExhausted | Code::Unavailable),
            "{refusal:?}"
        );
        assert!(!reason(&refusal).is_empty(), "{refusal:?}");
    }
}
