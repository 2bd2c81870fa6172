//! What is accepted, how it is counted, throttled and routed, and what the carrier then has.

use std::time::Duration;

use hongyan_integration_tests::harness::{mesh::replaced_once, traffic::send_all};
use hongyan_proto::{
    common::v1::{Carrier, MessageClass},
    dispatch::v1::{SendMessageRequest, Template, send_message_request::Content},
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::{
    BUREAU, INSURER, OwnMesh, PATIENCE, accept, final_state, fresh_id, fresh_number, fresh_request, ids,
    reason, shared, status_of,
};

#[tokio::test]
async fn every_class_is_delivered_signed_and_from_the_tenants_number() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    for class in [
        MessageClass::Otp,
        MessageClass::Reply,
        MessageClass::Notice,
        MessageClass::Bulk,
    ] {
        let mut request = fresh_request(class, "您的业务已受理。");
        request.signature = "星河保险".into();
        request.extension = "77".into();
        let id = accept(&client, request.clone()).await;
        let state = final_state(&client, &id).await;
        assert_eq!(status_of(&state), "DELIVERED", "{class:?}");
        assert_eq!(state.class(), class);
        assert!(state.status.as_ref().unwrap().billable);
        let taken = mesh.gateways()[0].taken(Some(&request.phone)).await.unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].source, "106901234577");
        assert_eq!(taken[0].text.as_deref(), Some("【星河保险】您的业务已受理。"));
    }
}

#[tokio::test]
async fn segments_are_counted_as_the_carrier_bills_them_and_more_than_six_refused() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    // The signature 【星河人寿】 has six units.
    for (units, segments) in [(1, 1), (64, 1), (65, 2), (128, 2), (129, 3), (396, 6)] {
        let request = fresh_request(MessageClass::Notice, &"鸿".repeat(units));
        let accepted = client
            .dispatch()
            .unwrap()
            .send_message(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert_eq!(accepted.segments, segments, "{units} units");
        let state = final_state(&client, &accepted.message_id).await;
        assert_eq!(status_of(&state), "DELIVERED");
        assert_eq!(state.segments.len(), segments as usize);
        let shown = mesh.gateways()[0].texts(&request.phone).await.unwrap();
        assert_eq!(shown, [format!("【星河人寿】{}", "鸿".repeat(units))]);
    }
    let request = fresh_request(MessageClass::Notice, &"鸿".repeat(397));
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(request.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    assert!(
        mesh.gateways()[0]
            .taken(Some(&request.phone))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_template_is_filled() {
    let mesh = shared().await;
    let client = mesh.client(BUREAU).await.unwrap();
    let parameters = [("card_tail", "0001"), ("balance", "12.50"), ("as_of", "11月21日")];
    let request = SendMessageRequest {
        content: Some(Content::Template(Template {
            id: "balance".into(),
            parameters: parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        })),
        ..fresh_request(MessageClass::Reply, "")
    };
    let id = accept(&client, request.clone()).await;
    final_state(&client, &id).await;
    let shown = mesh.gateways()[0].texts(&request.phone).await.unwrap();
    assert_eq!(
        shown,
        ["【滨海人社】您的社保卡（尾号0001）医保账户余额12.50元，截至11月21日。"]
    );
}

#[tokio::test]
async fn a_number_goes_to_its_carrier_and_a_ported_one_to_its_new_one() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let cases = [
        ("13900000001", Carrier::ChinaMobile, 0),
        ("18600000001", Carrier::ChinaUnicom, 1),
        ("18900000001", Carrier::ChinaTelecom, 2),
        // China Mobile's prefix; the example catalog says that it was taken to China Unicom.
        ("13800009999", Carrier::ChinaUnicom, 1),
    ];
    for (phone, carrier, gateway) in cases {
        let mut request = fresh_request(MessageClass::Notice, "您的保单已生效。");
        request.phone = phone.into();
        let accepted = client
            .dispatch()
            .unwrap()
            .send_message(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(accepted.carrier(), carrier, "{phone}");
        let state = final_state(&client, &accepted.message_id).await;
        assert_eq!(status_of(&state), "DELIVERED", "{phone}");
        assert_eq!(
            mesh.gateways()[gateway].taken(Some(phone)).await.unwrap().len(),
            1,
            "{phone}"
        );
    }
}

#[tokio::test]
async fn one_time_codes_are_one_a_minute_and_the_refusal_says_how_long_to_wait() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let first = fresh_request(MessageClass::Otp, "验证码381920");
    accept(&client, first.clone()).await;
    let mut second = first.clone();
    second.request_id = fresh_id("second");
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(second.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.code(), reason(&refusal).as_str()),
        (Code::ResourceExhausted, "THROTTLED")
    );
    let wait = refusal
        .get_error_details()
        .retry_info()
        .unwrap()
        .retry_delay
        .unwrap();
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_mins(1),
        "{wait:?}"
    );
    // A notice to the same number is another matter, and so is another number.
    second.class = MessageClass::Notice.into();
    accept(&client, second).await;
    accept(&client, fresh_request(MessageClass::Otp, "验证码381920")).await;
    // Another tenant's codes are counted apart.
    let bureau = mesh.client(BUREAU).await.unwrap();
    let mut theirs = first;
    theirs.request_id = fresh_id("theirs");
    accept(&bureau, theirs).await;
}

#[tokio::test]
async fn notices_have_their_number_a_day_which_a_tenant_may_set() {
    let mesh = shared().await;
    for (tenant, allowed) in [(INSURER, 50), (BUREAU, 20)] {
        let client = mesh.client(tenant).await.unwrap();
        let phone = fresh_number();
        let items: Vec<SendMessageRequest> = (0..=allowed)
            .map(|_| SendMessageRequest {
                phone: phone.clone(),
                ..fresh_request(MessageClass::Notice, "您的保单已生效。")
            })
            .collect();
        let answers = send_all(&client, &items, PATIENCE).await.unwrap();
        assert_eq!(answers.accepted.len(), allowed, "{tenant}");
        let problem = answers.refused.values().next().unwrap();
        assert_eq!(problem.reason, "THROTTLED");
        assert!(problem.retry_after_ms > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_bulk_queue_does_not_delay_a_one_time_code() {
    let mut mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.links = replaced_once(
                &files.links,
                "pace_segments_per_second: 2000",
                "pace_segments_per_second: 50",
            )?;
            Ok(())
        }));
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let bulk: Vec<SendMessageRequest> = (0..1_000)
        .map(|_| fresh_request(MessageClass::Bulk, "您的年度报告已生成。"))
        .collect();
    let bulk = ids(&send_all(&client, &bulk, PATIENCE).await.unwrap());
    assert_eq!(bulk.len(), 1_000);
    let code = accept(&client, fresh_request(MessageClass::Otp, "验证码381920")).await;
    assert_eq!(status_of(&final_state(&client, &code).await), "DELIVERED");
    // At fifty a second most of the bulk still waits: the code has overtaken it.
    let taken = mesh.gateways()[0].taken(None).await.unwrap();
    assert!(taken.len() < 900, "{} of 1,001 had left", taken.len());
    mesh.must_run().unwrap();
}

#[tokio::test]
async fn the_windows_of_one_time_codes_are_the_tenants_to_set() {
    let mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.tenants = replaced_once(
                &files.tenants,
                "{max: 1, per_seconds: 60}",
                "{max: 2, per_seconds: 8}",
            )?;
            Ok(())
        }));
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let request = fresh_request(MessageClass::Otp, "验证码381920");
    let again = || SendMessageRequest {
        request_id: fresh_id("again"),
        ..request.clone()
    };
    accept(&client, again()).await;
    accept(&client, again()).await;
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(again())
        .await
        .unwrap_err();
    assert_eq!(reason(&refusal), "THROTTLED");
    let wait = refusal
        .get_error_details()
        .retry_info()
        .unwrap()
        .retry_delay
        .unwrap();
    tokio::time::sleep(wait).await;
    // Who waits as long as was said is let through.
    accept(&client, again()).await;
}

#[tokio::test]
async fn a_tenant_has_so_many_waiting_and_no_more() {
    let mut mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.tenants = replaced_once(&files.tenants, "queue_depth: 1000000", "queue_depth: 10")?;
            Ok(())
        }));
    })
    .await;
    mesh.kill("carrier-link-svc").unwrap();
    let client = mesh.client(INSURER).await.unwrap();
    for _ in 0..10 {
        accept(&client, fresh_request(MessageClass::Bulk, "您的保单已生效。")).await;
    }
    let refused = fresh_request(MessageClass::Bulk, "您的保单已生效。");
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(refused.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.code(), reason(&refusal).as_str()),
        (Code::ResourceExhausted, "TENANT_QUEUE_FULL")
    );
    // A one-time code has a queue of its own, and another tenant its own depth.
    accept(&client, fresh_request(MessageClass::Otp, "验证码381920")).await;
    let bureau = mesh.client(BUREAU).await.unwrap();
    accept(&bureau, fresh_request(MessageClass::Bulk, "您的社保卡已制好。")).await;
    mesh.restart("carrier-link-svc").await.unwrap();
    // What was refused left nothing behind: the same request is accepted when there is room.
    hongyan_integration_tests::harness::wait::until_ok("room", PATIENCE, || async {
        client.dispatch()?.send_message(refused.clone()).await?;
        Ok(())
    })
    .await
    .unwrap();
}
