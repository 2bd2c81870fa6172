//! What a caller can rely on.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "verify/abandoned.rs"]
mod abandoned;
mod support;

use std::time::Duration;

use futures_util::future::join_all;
use hongyan_domain::{Msisdn, RequestId, TenantId};
use hongyan_proto::{
    common::v1::Carrier,
    verify::v1::{Element, Elements, Outcome, VerifyIdentityRequest},
};
use hongyan_verify_svc::{store::Store, verifier::Caller};
use support::{Plan, redis_server::eventually, request, world};
use tonic::Code;

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn an_answer_tells_all_and_is_on_record_before_it_leaves() {
    let world = world("").await;
    world
        .upstream
        .say(r#"{"code":"2","charged":true,"carrier":"china_unicom"}"#);
    let answer = world
        .verifier
        .verify(&world.caller(), &request("r-1"), NOW)
        .await
        .unwrap();
    assert_eq!(answer.outcome(), Outcome::Mismatch);
    assert_eq!(answer.mismatched().collect::<Vec<_>>(), [Element::Name]);
    assert_eq!(answer.elements(), Elements::PhoneNameIdNumber);
    assert_eq!(
        answer.carrier(),
        Carrier::ChinaUnicom,
        "the upstream knows better than the prefix"
    );
    assert_eq!(
        (answer.raw_code.as_str(), answer.upstream.as_str(), answer.charged),
        ("2", "alpha", Some(true))
    );

    let events = world.record.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_id, answer.verification_id);
    assert_eq!(
        (events[0].outcome.as_str(), events[0].tenant.as_str()),
        ("MISMATCH", "a")
    );
    assert_eq!(events[0].actor, support::CALLER);

    let asked = world.upstream.asked();
    assert_eq!(asked.len(), 1);
    let (headers, body) = &asked[0];
    assert_eq!(headers["x-api-key"], "the-key");
    let expected = serde_json::json!({
        "request_id": answer.verification_id,
        "phone": "13800138000",
        "name": "张三",
        "id_number": "11010519491231002X",
    });
    assert_eq!(*body, expected);
}

#[tokio::test]
async fn a_hundred_at_once_are_one_question_and_a_hundred_equal_answers() {
    let world = world("").await;
    let (caller, request) = (world.caller(), request("r-1"));
    let all = join_all((0..100).map(|_| world.verifier.verify(&caller, &request, NOW))).await;
    let first = all[0].clone().unwrap();
    assert_eq!(first.outcome(), Outcome::Match);
    assert!(all.iter().all(|answer| answer.as_ref() == Ok(&first)));
    let later = world.verifier.verify(&caller, &request, NOW).await.unwrap();
    assert_eq!(later, first);
    assert_eq!(
        (world.upstream.asked().len(), world.record.events().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn the_same_id_with_another_question_is_refused() {
    let world = world("").await;
    let caller = world.caller();
    world
        .verifier
        .verify(&caller, &request("r-1"), NOW)
        .await
        .unwrap();
    let other = VerifyIdentityRequest {
        phone: "13800138001".into(),
        ..request("r-1")
    };
    let problem = world.verifier.verify(&caller, &other, NOW).await.unwrap_err();
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
    // Another tenant's ids are its own.
    let tenant = TenantId::parse("b").unwrap();
    let neighbour = Caller { tenant, ..caller };
    world.verifier.verify(&neighbour, &other, NOW).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_costs_nothing() {
    let world = world("").await;
    let bad = VerifyIdentityRequest {
        id_number: "110105194912310021".into(),
        ..request("r-1")
    };
    let problem = world
        .verifier
        .verify(&world.caller(), &bad, NOW)
        .await
        .unwrap_err();
    assert_eq!(problem.code, Code::InvalidArgument);
    assert_eq!(problem.fields[0].field, "id_number");
    assert!(world.upstream.asked().is_empty() && world.record.events().is_empty());
    let problem = world
        .verifier
        .caller("spiffe://hongyan.test/caller/nobody")
        .unwrap_err();
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::PermissionDenied, "NO_TENANT")
    );
}

#[tokio::test]
async fn without_its_record_no_answer_leaves_and_the_question_is_not_charged_again() {
    let world = world("").await;
    world.record.set_down(true);
    let caller = world.caller();
    let problem = world
        .verifier
        .verify(&caller, &request("r-1"), NOW)
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::Unavailable, "RECORD_UNAVAILABLE")
    );
    assert!(problem.retry_after.is_some() && world.record.events().is_empty());

    world.record.set_down(false);
    // What was not recorded is tried again in growing steps: who asks just now may be sent away once more.
    eventually("an answer", || async {
        world.verifier.verify(&caller, &request("r-1"), NOW).await.is_ok()
    })
    .await;
    let answer = world
        .verifier
        .verify(&caller, &request("r-1"), NOW)
        .await
        .unwrap();
    assert_eq!(answer.outcome(), Outcome::Match);
    assert_eq!(world.upstream.asked().len(), 1);
    let events = world.record.events();
    assert!(
        !events.is_empty()
            && events
                .iter()
                .all(|event| event.event_id == answer.verification_id)
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_finds_its_answer() {
    let world = world("").await;
    world.upstream.plan(Plan::Wait(r#"{"code":"0"}"#.into()));
    let (caller, request) = (world.caller(), request("r-1"));
    {
        let verifying = world.verifier.verify(&caller, &request, NOW);
        tokio::pin!(verifying);
        let upstream = world.upstream.clone();
        tokio::select! {
            _ = &mut verifying => panic!("answered too early"),
            () = eventually("the question", || async { upstream.asked().len() == 1 }) => {}
        }
    }
    world.upstream.go_on();
    let record = world.record.clone();
    eventually("the record", || async { record.events().len() == 1 }).await;
    let answer = world.verifier.verify(&caller, &request, NOW).await.unwrap();
    assert_eq!(answer.outcome(), Outcome::Match);
    assert_eq!(
        (world.upstream.asked().len(), world.record.events().len()),
        (1, 1)
    );
}

#[tokio::test]
async fn what_no_table_calls_a_match_is_indeterminate() {
    let world = world("    attempt_timeout_ms: 100\n    breaker_failures: 100\n").await;
    let said = |status, body: &str| Plan::Say(status, body.to_owned());
    for (name, plan, raw_code, charged, reason) in [
        (
            "unknown-code",
            said(200, r#"{"code":"1"}"#),
            "1",
            None,
            "UNKNOWN_CODE",
        ),
        (
            "said-free",
            said(200, r#"{"code":"1","charged":false}"#),
            "1",
            Some(false),
            "UNKNOWN_CODE",
        ),
        ("busy", said(200, r#"{"code":"9"}"#), "9", Some(false), "BUSY"),
        (
            "malformed",
            said(200, r#"{"code":"0""#),
            "",
            None,
            "UPSTREAM_ANSWER_MALFORMED",
        ),
        (
            "huge",
            said(200, &"x".repeat(100_000)),
            "",
            None,
            "UPSTREAM_ANSWER_MALFORMED",
        ),
        (
            "failed",
            said(500, r#"{"code":"0"}"#),
            "HTTP500",
            None,
            "UPSTREAM_FAILED",
        ),
        (
            "refused",
            said(401, ""),
            "HTTP401",
            Some(false),
            "UPSTREAM_REFUSED",
        ),
        ("redirect", said(302, ""), "HTTP302", None, "UPSTREAM_FAILED"),
        ("hangs", Plan::Hang, "", None, "UPSTREAM_TIMEOUT"),
    ] {
        world.upstream.plan(plan);
        let answer = world
            .verifier
            .verify(&world.caller(), &request(name), NOW)
            .await
            .unwrap();
        assert_eq!(answer.outcome(), Outcome::Indeterminate, "{name}");
        assert_eq!(
            (answer.raw_code.as_str(), answer.charged),
            (raw_code, charged),
            "{name}"
        );
        assert_eq!(answer.reason, reason, "{name}");
    }
    assert_eq!(world.record.events().len(), 9, "each of them is on record");
}

#[tokio::test]
async fn where_nobody_can_be_reached_the_id_stays_free() {
    let world = world("").await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = closed.local_addr().unwrap();
    drop(closed);
    let elsewhere = world.replica_with_upstream(nowhere);
    let problem = elsewhere
        .verify(&world.caller(), &request("r-1"), NOW)
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::Unavailable, "UPSTREAMS_UNREACHABLE")
    );
    assert!(world.record.events().is_empty());
    let answer = world
        .verifier
        .verify(&world.caller(), &request("r-1"), NOW)
        .await
        .unwrap();
    assert_eq!(answer.outcome(), Outcome::Match);
}

#[tokio::test]
async fn a_carrier_that_no_upstream_knows_is_said_so() {
    let world = world("    carriers: [china_telecom]\n").await;
    let answer = world
        .verifier
        .verify(&world.caller(), &request("r-1"), NOW)
        .await
        .unwrap();
    assert_eq!(
        (answer.outcome(), answer.charged),
        (Outcome::Indeterminate, Some(false))
    );
    assert_eq!(
        (answer.reason.as_str(), answer.carrier()),
        ("NO_UPSTREAM", Carrier::ChinaMobile)
    );
    assert!(world.upstream.asked().is_empty());
    assert_eq!(world.record.events().len(), 1);
}

#[tokio::test]
async fn a_tenant_asks_no_faster_than_declared() {
    let world = world("").await;
    let caller = Caller {
        per_second: 2,
        ..world.caller()
    };
    let ask = |id: &'static str, patience| {
        let (verifier, caller) = (world.verifier.clone(), caller.clone());
        async move { verifier.verify(&caller, &request(id), patience).await }
    };
    ask("r-1", NOW).await.unwrap();
    ask("r-2", NOW).await.unwrap();
    let problem = ask("r-3", NOW).await.unwrap_err();
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::ResourceExhausted, "VERIFY_RATE_LIMITED")
    );
    let wait = problem.retry_after.unwrap();
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_millis(500),
        "{wait:?}"
    );
    ask("r-1", NOW)
        .await
        .expect("an answer that is known counts nothing");
    ask("r-3", Duration::from_secs(10))
        .await
        .expect("patience finds room");
    assert_eq!(world.upstream.asked().len(), 3);
}

#[tokio::test]
async fn redis_holds_nothing_that_can_be_read() {
    let world = world("").await;
    world
        .verifier
        .verify(&world.caller(), &request("r-1"), NOW)
        .await
        .unwrap();
    let mut connection = world.redis.shared();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(keys.contains(&"{v}:verify:a:r-1".to_owned()));
    let mut all = keys.join("\n").into_bytes();
    for key in &keys {
        let dump: Vec<u8> = match redis::cmd("TYPE")
            .arg(key)
            .query_async::<String>(&mut connection)
            .await
            .unwrap()
            .as_str()
        {
            "hash" => {
                let fields: Vec<Vec<u8>> = redis::cmd("HGETALL")
                    .arg(key)
                    .query_async(&mut connection)
                    .await
                    .unwrap();
                fields.concat()
            }
            "list" => {
                let items: Vec<Vec<u8>> = redis::cmd("LRANGE")
                    .arg(key)
                    .arg(0)
                    .arg(-1)
                    .query_async(&mut connection)
                    .await
                    .unwrap();
                items.concat()
            }
            _ => redis::cmd("GET")
                .arg(key)
                .query_async(&mut connection)
                .await
                .unwrap(),
        };
        let ttl: i64 = redis::cmd("PTTL")
            .arg(key)
            .query_async(&mut connection)
            .await
            .unwrap();
        assert!(ttl > 0 && ttl <= 24 * 3600 * 1000, "{key} is kept for {ttl} ms");
        all.extend(dump);
    }
    for secret in ["13800138000", "张三", "11010519491231002X", "consent-7"] {
        let found = all
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    let store = Store::new(world.redis.clone(), world.keyring.clone());
    let found = store
        .of_subject(&Msisdn::parse("13800138000").unwrap())
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with(" a r-1"));
}

#[tokio::test]
async fn without_redis_nothing_is_asked() {
    let mut world = world("").await;
    world.redis_server.kill();
    let problem = world
        .verifier
        .verify(&world.caller(), &request("r-1"), NOW)
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code, problem.reason.as_ref()),
        (Code::Unavailable, "STATE_UNAVAILABLE")
    );
    assert!(world.upstream.asked().is_empty());
    world.redis_server.restart();
    let (verifier, caller) = (world.verifier.clone(), world.caller());
    eventually("the return of Redis", || async {
        verifier.verify(&caller, &request("r-1"), NOW).await.is_ok()
    })
    .await;
}

#[test]
fn a_request_id_may_hold_anything_visible() {
    // The hash tag comes first, so that braces in an id move no key to another slot.
    assert!(RequestId::parse("}{x}:*").is_ok());
}
