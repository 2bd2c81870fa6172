//! What callers and subscribers notice of a part that is away for a while: a word, and nothing lost.

use std::time::Duration;

use futures_util::future::join_all;
use hongyan_integration_tests::harness::{
    judge::all_leaves,
    mesh::people::{BALANCES, PEOPLE},
    wait,
};
use hongyan_proto::{
    audit::v1::QueryRequest,
    common::v1::MessageClass,
    verify::v1::{Outcome, VerifyIdentityRequest},
};
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{
    BUREAU_NUMBER, INSURER, OPERATOR, OwnMesh, PATIENCE, accept, final_state, fresh_id, fresh_number,
    fresh_request, reason, status_of,
};

#[tokio::test(flavor = "multi_thread")]
async fn each_text_is_answered_once_though_the_router_dies_among_them() {
    let mut mesh = OwnMesh::with(|options| {
        options.set("uplink-router-svc", "router.lease_ms", "2000");
    })
    .await;
    // Slow answers, so that many texts are at work when the router dies.
    mesh.handler()
        .post("faults", &json!({"delay_ms": 500}))
        .await
        .unwrap();
    let gateway = mesh.gateways().swap_remove(0);
    let numbers: Vec<String> = (0..100).map(|_| fresh_number()).collect();
    for number in &numbers {
        gateway
            .uplink(number, BUREAU_NUMBER, &format!("SBYE#{}", BALANCES[0].0))
            .await
            .unwrap();
    }
    let handler = mesh.handler();
    wait::until("the handler is at work", PATIENCE, || async {
        let stats: Value = handler.get("stats").await.ok()?;
        (!stats.to_string().contains("\"asked\":[]") && stats.to_string().len() > 200).then_some(())
    })
    .await
    .unwrap();
    mesh.kill("uplink-router-svc").unwrap();
    mesh.restart("uplink-router-svc").await.unwrap();
    for number in &numbers {
        wait::until("an answer", PATIENCE, || async {
            (!gateway.texts(number).await.ok()?.is_empty()).then_some(())
        })
        .await
        .unwrap();
    }
    // Long enough for a second answer, if there were one.
    tokio::time::sleep(Duration::from_secs(4)).await;
    for number in &numbers {
        let texts = gateway.texts(number).await.unwrap();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].contains(BALANCES[0].1), "{texts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_question_is_answered_and_paid_for_once_though_verify_dies_among_them() {
    let mut mesh = OwnMesh::start().await;
    mesh.identity_upstream()
        .post("faults", &json!({"delay_ms": 300}))
        .await
        .unwrap();
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let questions: Vec<VerifyIdentityRequest> = (0..40)
        .map(|_| VerifyIdentityRequest {
            request_id: fresh_id("outage"),
            phone: PEOPLE[0].phone.into(),
            name: PEOPLE[0].name.into(),
            id_number: PEOPLE[0].id_number.into(),
            consent_id: "consent-1".into(),
            purpose: "policy application".into(),
        })
        .collect();
    let asking = {
        let (client, questions) = (client.clone(), questions.clone());
        tokio::spawn(async move {
            let asked = questions.into_iter().map(|question| {
                let client = client.clone();
                async move {
                    wait::until_ok("an answer", PATIENCE, || async {
                        Ok(client
                            .verify()?
                            .verify_identity(question.clone())
                            .await?
                            .into_inner())
                    })
                    .await
                    .unwrap()
                }
            });
            join_all(asked).await
        })
    };
    let upstream = mesh.identity_upstream();
    wait::until("the upstream is being asked", PATIENCE, || async {
        let stats: Value = upstream.get("stats").await.ok()?;
        (stats["asked"].as_u64()? > 0).then_some(())
    })
    .await
    .unwrap();
    mesh.kill("verify-svc").unwrap();
    mesh.restart("verify-svc").await.unwrap();
    let answers = asking.await.unwrap();
    for answer in &answers {
        // A question that was cut off in the middle is not asked and paid for again by itself.
        assert!(
            matches!(answer.outcome(), Outcome::Match | Outcome::Indeterminate),
            "{answer:?}"
        );
        assert!(answer.outcome() == Outcome::Match || !answer.reason.is_empty());
    }
    let stats: Value = upstream.get("stats").await.unwrap();
    assert!(stats["asked"].as_u64().unwrap() <= 40, "{stats}");
    // Each answer is on record, once.
    for answer in answers {
        let by_id = QueryRequest {
            message_id: answer.verification_id.clone(),
            action: "VERIFY_ANSWERED".into(),
            ..QueryRequest::default()
        };
        let found = wait::until_ok("the answer on record", PATIENCE, || async {
            let found = all_leaves(&mut operator.audit()?, by_id.clone()).await?;
            anyhow::ensure!(!found.is_empty(), "not yet");
            Ok(found)
        })
        .await
        .unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_callers_are_told_and_texts_wait_at_the_carrier() {
    let mut mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.answer_within_ms", "1000");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let gateway = mesh.gateways().swap_remove(0);
    let admin = mesh
        .program("sms-dispatch-svc")
        .unwrap()
        .address("admin")
        .unwrap()
        .to_owned();
    mesh.redis().kill().unwrap();
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(fresh_request(MessageClass::Notice, "您的保单已生效。"))
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.code(), reason(&refusal).as_str()),
        (Code::Unavailable, "STORE_UNAVAILABLE")
    );
    assert!(refusal.get_error_details().retry_info().is_some());
    wait::until("not ready", PATIENCE, || async {
        let answer = reqwest::get(format!("http://{admin}/readyz")).await.ok()?;
        (answer.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await
    .unwrap();
    let number = fresh_number();
    gateway.uplink(&number, BUREAU_NUMBER, "你好").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    mesh.redis().restart().await.unwrap();
    wait::until("the answer to the text", PATIENCE, || async {
        (!gateway.texts(&number).await.ok()?.is_empty()).then_some(())
    })
    .await
    .unwrap();
    wait::until("ready again", PATIENCE, || async {
        let answer = reqwest::get(format!("http://{admin}/readyz")).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await
    .unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
    assert_eq!(gateway.texts(&number).await.unwrap().len(), 1);
    mesh.must_run().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_is_refused_at_the_start() {
    let mut mesh = OwnMesh::start().await;
    mesh.kill("sms-dispatch-svc").unwrap();
    let mut redis = mesh.redis().connection().await.unwrap();
    let set = async |redis: &mut redis::aio::MultiplexedConnection, name: &str, value: &str| {
        let _: () = redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .query_async(redis)
            .await
            .unwrap();
    };
    for (name, bad, good) in [
        ("appendfsync", "everysec", "always"),
        ("appendonly", "no", "yes"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ] {
        set(&mut redis, name, bad).await;
        let service = mesh.program("sms-dispatch-svc").unwrap();
        service.restart().unwrap();
        let status = service.ended(PATIENCE).await.unwrap();
        assert_eq!(status.code(), Some(69), "{name} {bad}");
        set(&mut redis, name, good).await;
    }
    mesh.restart("sms-dispatch-svc").await.unwrap();
}
