//! What carriers do to us, and what becomes of the messages then.

use hongyan_integration_tests::harness::{
    judge::status_word,
    mesh::{Control, Mesh, replaced_once},
    traffic::{ReceiptWatcher, send_all},
    wait,
};
use hongyan_proto::{
    carrier::v1::GetLinksRequest,
    common::v1::MessageClass,
    dispatch::v1::{Cause, SendMessageRequest},
};
use serde_json::json;

use crate::support::{
    INSURER, OPERATOR, OwnMesh, PATIENCE, accept, final_state, fresh_id, fresh_number, fresh_request, ids,
    receipt, shared, status_of,
};

/// A rule for one number of the shared mesh's first gateway.
async fn rule(mesh: &Mesh, number: &str, then: serde_json::Value) {
    let control = Control::new(mesh.world.gateways[0]);
    control
        .post("faults/rules", &json!({"number": number, "then": then}))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fate_is_told_with_its_code_and_whose_cause_it_is() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let cases = [
        (
            json!({"receipt": {"stat": "DELIVRD"}}),
            "DELIVERED",
            "DELIVRD",
            None,
        ),
        (
            json!({"receipt": {"stat": "UNDELIV"}}),
            "UNDELIVERED",
            "UNDELIV",
            None,
        ),
        (
            json!({"receipt": {"stat": "EXPIRED"}}),
            "UNDELIVERED",
            "EXPIRED",
            None,
        ),
        (
            json!({"receipt": {"stat": "MK:0001"}}),
            "UNDELIVERED",
            "MK:0001",
            None,
        ),
        (json!({"result": 13}), "REJECTED", "CMPP:13", None),
        (json!({"result": 4}), "REJECTED", "CMPP:4", Some(Cause::Us)),
    ];
    for (then, status, raw_code, cause) in cases {
        let request = fresh_request(MessageClass::Notice, "您的保单已生效。");
        rule(mesh, &request.phone, then.clone()).await;
        let id = accept(&client, request).await;
        let state = final_state(&client, &id).await;
        assert_eq!(status_of(&state), status, "{then}");
        let detail = state.status.unwrap();
        assert_eq!(detail.raw_code, raw_code, "{then}");
        assert!(!detail.advice.is_empty(), "{then}");
        if let Some(cause) = cause {
            assert_eq!(detail.cause(), cause, "{then}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_in_every_shape_and_order_are_matched() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let watcher = ReceiptWatcher::start(&client, &fresh_id("shapes")).unwrap();
    for plan in [
        json!({"time": "early"}),
        json!({"copies": 3}),
        json!({"form": "short"}),
        json!({"form": "long"}),
        json!({"delay_ms": 2_000}),
    ] {
        let request = fresh_request(MessageClass::Notice, &"鸿雁传书".repeat(20));
        rule(mesh, &request.phone, json!({"receipt": plan})).await;
        let id = accept(&client, request).await;
        assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED", "{plan}");
        receipt(&watcher, &id).await;
        let told = watcher
            .receipts()
            .into_iter()
            .filter(|receipt| receipt.message_id == id)
            .count();
        assert_eq!(told, 1, "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_asks_to_slow_down_gets_everything_later_and_once() {
    let mesh = OwnMesh::start().await;
    let client = mesh.client(INSURER).await.unwrap();
    let gateway = mesh.gateways().swap_remove(0);
    gateway
        .set_faults(&json!({"throttle_per_second": 100}))
        .await
        .unwrap();
    let items: Vec<SendMessageRequest> = (0..300)
        .map(|_| fresh_request(MessageClass::Notice, "您的保单已生效。"))
        .collect();
    let answers = send_all(&client, &items, PATIENCE).await.unwrap();
    for id in ids(&answers) {
        assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
    }
    let stats = gateway.stats().await.unwrap();
    assert_eq!(stats["accepted"], 300, "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_of_a_link_is_kept() {
    let mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.links = replaced_once(
                &files.links,
                "pace_segments_per_second: 2000",
                "pace_segments_per_second: 100",
            )?;
            Ok(())
        }));
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let items: Vec<SendMessageRequest> = (0..400)
        .map(|_| fresh_request(MessageClass::Bulk, "您的保单已生效。"))
        .collect();
    let answers = send_all(&client, &items, PATIENCE).await.unwrap();
    for id in ids(&answers) {
        assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
    }
    let taken = mesh.gateways()[0].taken(None).await.unwrap();
    assert_eq!(taken.len(), 400);
    let took_ms = taken[399].received_at_unix_ms - taken[0].received_at_unix_ms;
    // Four seconds' worth; what leaves evenly may arrive in bunches, by the machine's own hiccups.
    assert!(took_ms >= 3_000, "400 segments within {took_ms} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uncertain_submit_is_repeated_unless_it_is_a_one_time_code() {
    let mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.lease_ms", "2000");
        options.set("carrier-link-svc", "link.reconnect_first_ms", "100");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    for (class, status, submits, duplicate) in [
        (MessageClass::Otp, "UNKNOWN", 1, false),
        (MessageClass::Notice, "DELIVERED", 2, true),
        (MessageClass::Bulk, "DELIVERED", 2, true),
    ] {
        let number = fresh_number();
        let mut request = fresh_request(class, "您的编号是271828。");
        request.phone.clone_from(&number);
        // The carrier takes it, and the connection dies before it says so.
        mesh.gateways()[0]
            .set_faults(&json!({"rules": [{"number": number, "next": 1, "then": {"cut": "before_answer", "receipt": {"time": "never"}}}]}))
            .await
            .unwrap();
        let id = accept(&client, request).await;
        let state = final_state(&client, &id).await;
        assert_eq!(status_of(&state), status, "{class:?}");
        assert_eq!(state.possible_duplicate, duplicate, "{class:?}");
        if class == MessageClass::Otp {
            assert_eq!(state.status.unwrap().raw_code, "UNCERTAIN");
        }
        assert_eq!(
            mesh.gateways()[0].taken(Some(&number)).await.unwrap().len(),
            submits,
            "{class:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_connections_come_back_and_nothing_is_lost() {
    let mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.lease_ms", "2000");
        options.set("carrier-link-svc", "link.reconnect_first_ms", "50");
        options.set("carrier-link-svc", "link.reconnect_most_ms", "500");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let gateway = mesh.gateways().swap_remove(0);
    let items: Vec<SendMessageRequest> = (0..500)
        .map(|_| fresh_request(MessageClass::Notice, "您的保单已生效。"))
        .collect();
    let answers = send_all(&client, &items, PATIENCE).await.unwrap();
    for _ in 0..5 {
        gateway.drop_connections().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    for id in ids(&answers) {
        let state = final_state(&client, &id).await;
        assert_eq!(status_of(&state), "DELIVERED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_gateway_is_spoken_to_in_its_own_version() {
    let mesh = OwnMesh::with(|options| {
        let refuses = ["--protocol=2.0", "--refuse-higher-version"]
            .map(str::to_owned)
            .to_vec();
        options
            .args
            .insert("gateway-cmcc-a".into(), vec!["--protocol=2.0".into()]);
        options.args.insert("gateway-unicom-a".into(), refuses);
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    for phone in [fresh_number(), "18600000077".into()] {
        let mut request = fresh_request(MessageClass::Notice, &"鸿雁传书".repeat(20));
        request.phone = phone;
        let id = accept(&client, request).await;
        assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
    }
    let links = operator
        .link(0)
        .unwrap()
        .get_links(GetLinksRequest {})
        .await
        .unwrap()
        .into_inner()
        .links;
    for name in ["cmcc-a", "unicom-a"] {
        let link = links.iter().find(|link| link.link == name).unwrap();
        assert!(
            link.connections
                .iter()
                .any(|one| one.state == "READY" && one.version == "CMPP 2.0"),
            "{link:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn octets_that_are_no_pdu_end_a_connection_and_nothing_else() {
    let mut mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.reconnect_first_ms", "50");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let control = Control::new(mesh.world.gateways[0]);
    for octets in [
        "00000000",
        "ffffffffffffffffffffffff",
        "0000000c8000000700000001",
        "0000000d0000000500000001ff",
        "000000ff00000005000000010102030405060708",
    ] {
        control.post("raw", &json!({"hex": octets})).await.unwrap();
        let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
        assert_eq!(
            status_of(&final_state(&client, &id).await),
            "DELIVERED",
            "{octets}"
        );
    }
    let wrong_secret = wait::until("the links are ready", PATIENCE, || async {
        let stats = mesh.gateways()[0].stats().await.ok()?;
        (stats["logins"]["now"].as_u64()? >= 1).then_some(())
    });
    wrong_secret.await.unwrap();
    mesh.must_run().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_went_silent_is_given_up_and_made_again() {
    let mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.reconnect_first_ms", "50");
        options.catalog = Some(Box::new(|files| {
            files.links = replaced_once(
                &files.links,
                "service_id: HONGYAN                   # 1 to 10 visible ASCII characters",
                "service_id: HONGYAN\n    keep_alive_interval_ms: 1000\n    keep_alive_timeout_ms: 1000\n    response_timeout_ms: 1000",
            )?;
            Ok(())
        }));
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    mesh.gateways()[0]
        .set_faults(&json!({"ignore_active_test": true}))
        .await
        .unwrap();
    let reconnects = async || {
        let links = operator
            .link(0)
            .unwrap()
            .get_links(GetLinksRequest {})
            .await
            .unwrap()
            .into_inner()
            .links;
        let link = links.iter().find(|link| link.link == "cmcc-a").unwrap();
        link.connections
            .iter()
            .map(|one| one.reconnects)
            .max()
            .unwrap_or(0)
    };
    wait::until("a reconnect", PATIENCE, || async {
        (reconnects().await > 0).then_some(())
    })
    .await
    .unwrap();
    mesh.gateways()[0].set_faults(&json!({})).await.unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_tried_again_and_told_to_operators() {
    let mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.reconnect_first_ms", "50");
        options.set("carrier-link-svc", "link.reconnect_most_ms", "500");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    mesh.gateways()[0]
        .set_faults(&json!({"refuse_logins_with": 3}))
        .await
        .unwrap();
    mesh.gateways()[0].drop_connections().await.unwrap();
    wait::until("the refusal", PATIENCE, || async {
        let links = operator
            .link(0)
            .ok()?
            .get_links(GetLinksRequest {})
            .await
            .ok()?
            .into_inner()
            .links;
        let link = links.into_iter().find(|link| link.link == "cmcc-a")?;
        link.connections
            .iter()
            .any(|one| one.state != "READY" && !one.last_error.is_empty())
            .then_some(())
    })
    .await
    .unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    mesh.gateways()[0].set_faults(&json!({})).await.unwrap();
    assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_tells_what_nobody_knew_corrects_it_and_says_so() {
    let mesh = OwnMesh::with(|options| {
        options.set("carrier-link-svc", "link.doubt_wait_ms", "1000");
        options.set("carrier-link-svc", "link.reconnect_first_ms", "50");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let watcher = ReceiptWatcher::start(&client, "corrections").unwrap();
    let request = fresh_request(MessageClass::Otp, "您的编号是271828。");
    // The carrier takes the code and the connection dies before its answer; its receipt comes all the same.
    let rule = json!({"number": request.phone, "next": 1, "then": {"cut": "before_answer", "receipt": {"delay_ms": 3_000}}});
    mesh.gateways()[0]
        .set_faults(&json!({"rules": [rule]}))
        .await
        .unwrap();
    let id = accept(&client, request.clone()).await;
    let told = wait::until("the correction", PATIENCE, || async {
        let told: Vec<_> = watcher
            .receipts()
            .into_iter()
            .filter(|receipt| receipt.message_id == id)
            .collect();
        told.iter().any(|receipt| receipt.correction).then_some(told)
    })
    .await
    .unwrap();
    let words: Vec<(String, bool)> = told
        .iter()
        .map(|receipt| {
            (
                status_word(receipt.status.as_ref().unwrap().status),
                receipt.correction,
            )
        })
        .collect();
    assert_eq!(
        words,
        [("UNKNOWN".to_owned(), false), ("DELIVERED".to_owned(), true)]
    );
    assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
    assert_eq!(
        mesh.gateways()[0]
            .taken(Some(&request.phone))
            .await
            .unwrap()
            .len(),
        1,
        "a code is not sent twice"
    );
}
