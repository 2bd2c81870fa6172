//! One trace tells one message's whole story, across all services.

use std::{collections::BTreeSet, time::Duration};

use hongyan_integration_tests::harness::{
    mesh::{Mesh, people::BALANCES},
    wait,
};
use hongyan_proto::common::v1::MessageClass;
use serde::Deserialize;
use tonic::{Request, metadata::MetadataValue};

use crate::support::{BUREAU_NUMBER, INSURER, final_state, fresh_number, fresh_request, shared};

#[derive(Debug, Deserialize)]
struct Span {
    #[serde(rename = "trace_id")]
    trace: String,
    #[serde(rename = "span_id")]
    id: String,
    parent: Option<String>,
    service: String,
    name: String,
}

/// The spans of a trace, when all of `services` have told theirs.
async fn spans(mesh: &Mesh, trace: &str, services: &[&str]) -> Vec<Span> {
    let url = format!("http://{}/traces/{trace}?format=json", mesh.world.traces);
    wait::until_ok("the whole trace", Duration::from_secs(40), || async {
        let spans: Vec<Span> = reqwest::get(&url).await?.error_for_status()?.json().await?;
        let told: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
        let missing: Vec<_> = services.iter().filter(|name| !told.contains(**name)).collect();
        anyhow::ensure!(missing.is_empty(), "{missing:?} are missing");
        Ok(spans)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_callers_trace_goes_on_through_accept_submit_and_receipt() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let (trace, parent) = (
        hex::encode(rand::random::<[u8; 16]>()),
        hex::encode(rand::random::<[u8; 8]>()),
    );
    let mut request = Request::new(fresh_request(MessageClass::Notice, "您的保单已生效。"));
    let traceparent = MetadataValue::try_from(format!("00-{trace}-{parent}-01")).unwrap();
    request.metadata_mut().insert("traceparent", traceparent);
    let id = client
        .dispatch()
        .unwrap()
        .send_message(request)
        .await
        .unwrap()
        .into_inner()
        .message_id;
    let state = final_state(&client, &id).await;
    assert_eq!(state.trace_id, trace);
    let spans = spans(mesh, &trace, &["sms-dispatch-svc", "carrier-link-svc"]).await;
    let server = spans
        .iter()
        .find(|span| span.parent.as_deref() == Some(&parent))
        .unwrap();
    assert_eq!(server.service, "sms-dispatch-svc");
    // Every other span of the trace hangs below it.
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    for span in spans.iter().filter(|span| span.trace == trace) {
        let parent_id = span.parent.as_deref().unwrap_or_default();
        assert!(
            parent_id == parent || ids.contains(parent_id),
            "{span:?} hangs in the air"
        );
    }
    assert!(
        spans
            .iter()
            .any(|span| span.service == "carrier-link-svc" && span.name.to_lowercase().contains("submit"))
    );
}

#[tokio::test]
async fn an_answered_text_is_one_trace_from_the_carrier_and_back() {
    let mesh = shared().await;
    let number = fresh_number();
    let gateway = mesh.gateways().swap_remove(0);
    gateway
        .uplink(&number, BUREAU_NUMBER, &format!("SBYE#{}", BALANCES[0].0))
        .await
        .unwrap();
    wait::until("the reply", crate::support::PATIENCE, || async {
        (!gateway.texts(&number).await.ok()?.is_empty()).then_some(())
    })
    .await
    .unwrap();
    let operator = mesh.client(crate::support::OPERATOR).await.unwrap();
    let asked = hongyan_proto::audit::v1::QueryRequest {
        action: "UPLINK_ROUTED".into(),
        newest_first: true,
        ..Default::default()
    };
    let reply = wait::until("the reply on record", crate::support::PATIENCE, || async {
        let leaves = operator
            .audit()
            .ok()?
            .query(asked.clone())
            .await
            .ok()?
            .into_inner()
            .leaves;
        let event = leaves
            .into_iter()
            .filter_map(|leaf| leaf.event)
            .find(|event| !event.trace_id.is_empty())?;
        Some(event)
    })
    .await
    .unwrap();
    spans(
        mesh,
        &reply.trace_id,
        &["carrier-link-svc", "uplink-router-svc", "sms-dispatch-svc"],
    )
    .await;
}
