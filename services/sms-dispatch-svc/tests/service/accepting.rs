//! One message at a time.

use std::{collections::HashSet, time::Duration};

use hongyan_chassis::Problem;
use hongyan_proto::{
    audit::v1::AuditEvent,
    carrier::v1::OutboundMessage,
    common::v1::MessageClass,
    dispatch::v1::{
        GetMessageRequest, GetQueuesRequest, MessageStatus, SendMessageRequest, SetOptOutRequest,
    },
};
use hongyan_telemetry::context;
use prost::Message as _;
use tonic::Code;
use tracing::Instrument as _;

use crate::{
    house::{House, OPERATOR, ROUTER, SHEBAO, XINGHE, code, keyring, message, notice, reason},
    redis_server::{ask, dump},
};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Fields = Vec<(String, Vec<(String, Vec<u8>)>)>;

#[tokio::test]
async fn an_accepted_message_is_queued_sealed_shown_and_on_record_in_the_callers_trace() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let request = SendMessageRequest {
        reference: "批次 7".into(),
        ..code("r-1", "+86 138 0013 8000")
    };
    let caller = tracing::info_span!("caller");
    assert!(context::set_parent(&caller, &TRACEPARENT.parse().unwrap()));
    let accepted = client
        .send_message(request)
        .instrument(caller)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((accepted.request_id.as_str(), accepted.segments), ("r-1", 1));

    let entries: Fields = ask(&house.redis, "XRANGE", &["{p0}:out:cmcc:otp", "-", "+"]).await;
    let [(_, fields)] = entries.as_slice() else {
        panic!("one entry")
    };
    let field = |name: &str| &fields.iter().find(|(field, _)| field == name).unwrap().1;
    let outbound = OutboundMessage::decode(&**keyring().open(b"outbound", field("b")).unwrap()).unwrap();
    assert_eq!(
        (outbound.message_id, outbound.phone),
        (accepted.message_id.clone(), "+8613800138000".into())
    );
    assert_eq!((outbound.source.as_str(), outbound.segments), ("1069812333", 1));
    assert!(outbound.text.starts_with("【滨海人社】您的验证码是"));
    assert_eq!(outbound.valid_until_unix_ms - outbound.queued_at_unix_ms, 300_000);
    let traceparent = String::from_utf8(field("tp").clone()).unwrap();
    assert!(
        traceparent.starts_with(&TRACEPARENT[..36]) && traceparent != TRACEPARENT,
        "a span of its own"
    );

    for (key, kept_ms) in [
        ("{p0}:idem:shebao:r-1".to_owned(), 86_400_000),
        (
            format!(
                "{{p0}}:thr:shebao:otp:{}",
                keyring().tag("subject", "+8613800138000").short()
            ),
            86_400_000,
        ),
    ] {
        let left_ms: i64 = ask(&house.redis, "PTTL", &[&key]).await;
        assert!(
            (kept_ms - 60_000..=kept_ms).contains(&left_ms),
            "{key}: {left_ms}"
        );
    }
    let open: i64 = ask(
        &house.redis,
        "PTTL",
        &[&format!("{{p0}}:msg:{}", accepted.message_id)],
    )
    .await;
    assert_eq!(open, -1, "an open message is kept");

    let shown = message(&mut client, &accepted.message_id).await;
    assert_eq!(shown.trace_id, TRACEPARENT[3..35]);
    assert_eq!(
        (
            shown.tenant.as_str(),
            shown.reference.as_str(),
            shown.link.as_str()
        ),
        ("shebao", "批次 7", "cmcc")
    );
    assert_eq!(shown.status.unwrap().status(), MessageStatus::Queued);

    let record: Fields = ask(&house.redis, "XRANGE", &["{p0}:audit", "-", "+"]).await;
    let body = record[0].1.iter().find(|(field, _)| field == "b").unwrap();
    let event = AuditEvent::decode(body.1.as_slice()).unwrap();
    assert_eq!(
        (event.action.as_str(), event.actor.as_str()),
        ("MESSAGE_ACCEPTED", SHEBAO)
    );
    assert_eq!(
        (event.message_id, event.trace_id),
        (accepted.message_id, TRACEPARENT[3..35].into())
    );
    assert_eq!(event.subject_tag.len(), 32);
    house.close().await;
}

#[tokio::test]
async fn the_same_request_id_a_hundred_times_at_once_is_one_message_and_a_hundred_equal_answers() {
    let house = House::open().await;
    let client = house.client(SHEBAO).await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move {
                client
                    .send_message(code("r-1", "13800138000"))
                    .await
                    .unwrap()
                    .into_inner()
            })
        })
        .collect();
    let mut answers = HashSet::new();
    for call in calls {
        answers.insert(call.await.unwrap().encode_to_vec());
    }
    assert_eq!(answers.len(), 1);
    assert_eq!(ask::<u64>(&house.redis, "XLEN", &["{p0}:out:cmcc:otp"]).await, 1);
    assert_eq!(ask::<u64>(&house.redis, "XLEN", &["{p0}:audit"]).await, 1);

    let mut client = house.client(SHEBAO).await;
    let other = client.send_message(code("r-1", "13800138001")).await.unwrap_err();
    assert_eq!(
        (other.code(), reason(&other).as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
    house.close().await;
}

#[tokio::test]
async fn a_refusal_changes_nothing() {
    let house = House::open().await;
    let (mut shebao, mut xinghe) = (house.client(SHEBAO).await, house.client(XINGHE).await);
    let mut router = house.client(ROUTER).await;
    shebao.send_message(code("r-1", "13800138000")).await.unwrap();
    for n in 0..3 {
        xinghe
            .send_message(notice(&format!("n-{n}"), &format!("1390013900{n}")))
            .await
            .unwrap();
    }
    let opt_out = SetOptOutRequest {
        tenant: "shebao".into(),
        phone: "13800138007".into(),
        opted_out: true,
    };
    router.set_opt_out(opt_out).await.unwrap();
    let text = |text: &str| hongyan_proto::dispatch::v1::send_message_request::Content::Text(text.into());
    let before = dump(&house.redis).await;
    let refusals = [
        (code("r-2", "13800138000"), Code::ResourceExhausted, "THROTTLED"),
        (
            code("r-1", "13800138009"),
            Code::AlreadyExists,
            "REQUEST_ID_REUSED",
        ),
        (
            notice("r-3", "13800138007"),
            Code::FailedPrecondition,
            "OPTED_OUT",
        ),
        (code("r-4", "19200000000"), Code::FailedPrecondition, "NO_ROUTE"),
        (code("r-5", "12345"), Code::InvalidArgument, "INVALID_REQUEST"),
        (
            SendMessageRequest {
                content: Some(text(&"字".repeat(403))),
                ..code("r-6", "13800138003")
            },
            Code::InvalidArgument,
            "INVALID_REQUEST",
        ),
        (
            SendMessageRequest {
                tenant: "xinghe".into(),
                ..code("r-7", "13800138003")
            },
            Code::PermissionDenied,
            "TENANT_NOT_ALLOWED",
        ),
    ];
    for (request, code, expected) in refusals {
        let status = shebao.send_message(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
    }
    let full = xinghe
        .send_message(notice("n-9", "13900139009"))
        .await
        .unwrap_err();
    assert_eq!(reason(&full), "TENANT_QUEUE_FULL");
    assert_eq!(dump(&house.redis).await, before);
    xinghe
        .send_message(code("n-10", "13900139009"))
        .await
        .expect("another class has its own room");
    house.close().await;
}

#[tokio::test]
async fn a_second_code_within_the_minute_is_told_how_long_to_wait() {
    let house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    client.send_message(code("r-1", "13800138000")).await.unwrap();
    let status = client.send_message(code("r-2", "13800138000")).await.unwrap_err();
    let problem = Problem::from_status(&status);
    let wait = problem.retry_after.unwrap();
    assert!(
        wait > Duration::from_secs(1) && wait <= Duration::from_mins(1),
        "{wait:?}"
    );
    assert!(problem.message.contains("one-time codes"), "{problem}");
    client
        .send_message(notice("r-3", "13800138000"))
        .await
        .expect("notices count apart");
    house.close().await;
}

/// The catalog's default, which this tenant has.
const NOTICES_A_DAY: usize = 50;

#[tokio::test]
async fn the_class_reply_is_no_way_around_opt_outs_and_windows_but_for_the_router() {
    let house = House::open().await;
    let (mut shebao, mut router) = (house.client(SHEBAO).await, house.client(ROUTER).await);
    let reply = |request_id: &str, tenant: &str| SendMessageRequest {
        class: MessageClass::Reply.into(),
        tenant: tenant.into(),
        ..notice(request_id, "13800138000")
    };
    let opt_out = SetOptOutRequest {
        tenant: "shebao".into(),
        phone: "13800138000".into(),
        opted_out: true,
    };
    router.set_opt_out(opt_out.clone()).await.unwrap();
    let refused = shebao.send_message(reply("r-1", "")).await.unwrap_err();
    assert_eq!(reason(&refused), "OPTED_OUT");
    router
        .send_message(reply("r-2", "shebao"))
        .await
        .expect("the subscriber asked");

    router
        .set_opt_out(SetOptOutRequest {
            opted_out: false,
            ..opt_out
        })
        .await
        .unwrap();
    for n in 0..NOTICES_A_DAY {
        shebao.send_message(reply(&format!("n-{n}"), "")).await.unwrap();
    }
    let refused = shebao.send_message(reply("one-more", "")).await.unwrap_err();
    assert_eq!(reason(&refused), "THROTTLED");
    router
        .send_message(reply("r-3", "shebao"))
        .await
        .expect("the subscriber asked again");
    house.close().await;
}

#[tokio::test]
async fn an_opt_out_is_in_force_at_once_for_notices_of_that_tenant_until_it_is_taken_back() {
    let house = House::open().await;
    let (mut shebao, mut xinghe) = (house.client(SHEBAO).await, house.client(XINGHE).await);
    let mut router = house.client(ROUTER).await;
    let opt_out = |opted_out| SetOptOutRequest {
        tenant: "shebao".into(),
        phone: "13800138000".into(),
        opted_out,
    };
    let denied = shebao.set_opt_out(opt_out(true)).await.unwrap_err();
    assert_eq!(reason(&denied), "NOT_THE_UPLINK_ROUTER");
    router.set_opt_out(opt_out(true)).await.unwrap();
    router.set_opt_out(opt_out(true)).await.unwrap();
    let refused = shebao
        .send_message(notice("r-1", "13800138000"))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), "OPTED_OUT");
    shebao
        .send_message(code("r-2", "13800138000"))
        .await
        .expect("codes still go");
    xinghe
        .send_message(notice("r-1", "13800138000"))
        .await
        .expect("another tenant");
    router.set_opt_out(opt_out(false)).await.unwrap();
    shebao.send_message(notice("r-1", "13800138000")).await.unwrap();

    let record: Fields = ask(&house.redis, "XRANGE", &["{p0}:audit", "-", "+"]).await;
    let bodies = record
        .iter()
        .map(|(_, fields)| &fields.iter().find(|(field, _)| field == "b").unwrap().1);
    let actions: Vec<_> = bodies
        .map(|body| AuditEvent::decode(body.as_slice()).unwrap().action)
        .collect();
    let accepted = "MESSAGE_ACCEPTED";
    assert_eq!(
        actions,
        ["OPT_OUT_SET", accepted, accepted, "OPT_OUT_CLEARED", accepted]
    );

    let mut wrong = opt_out(true);
    wrong.phone = "1".into();
    wrong.tenant = "nobody".into();
    let fields = Problem::from_status(&router.set_opt_out(wrong).await.unwrap_err()).fields;
    assert_eq!(
        fields
            .iter()
            .map(|field| field.field.as_str())
            .collect::<Vec<_>>(),
        ["tenant", "phone"]
    );
    house.close().await;
}

#[tokio::test]
async fn a_message_is_shown_to_its_tenant_and_to_operators_alone() {
    let house = House::open().await;
    let (mut shebao, mut xinghe) = (house.client(SHEBAO).await, house.client(XINGHE).await);
    let accepted = shebao
        .send_message(code("r-1", "13800138000"))
        .await
        .unwrap()
        .into_inner();
    message(&mut shebao, &accepted.message_id).await;
    message(&mut house.client(OPERATOR).await, &accepted.message_id).await;
    for (message_id, expected) in [
        (accepted.message_id.as_str(), "MESSAGE_NOT_FOUND"),
        ("0193a5c8-1380-7000-8000-a13800138000", "MESSAGE_NOT_FOUND"),
        ("0193a5c8-1380-7fff-8000-a13800138000", "MESSAGE_NOT_FOUND"),
        ("nonsense", "INVALID_REQUEST"),
    ] {
        let request = GetMessageRequest {
            message_id: message_id.to_owned(),
        };
        assert_eq!(
            reason(&xinghe.get_message(request).await.unwrap_err()),
            expected,
            "{message_id}"
        );
    }
    house.close().await;
}

#[tokio::test]
async fn the_router_and_operators_send_in_a_tenants_name_and_see_the_queues() {
    let house = House::open().await;
    for (n, id) in [ROUTER, OPERATOR].into_iter().enumerate() {
        let mut client = house.client(id).await;
        let request = |tenant: &str| SendMessageRequest {
            tenant: tenant.into(),
            ..notice(&format!("r-{n}"), "13800138000")
        };
        assert_eq!(
            reason(&client.send_message(request("")).await.unwrap_err()),
            "INVALID_REQUEST"
        );
        let accepted = client.send_message(request("shebao")).await.unwrap().into_inner();
        let shown = message(&mut house.client(SHEBAO).await, &accepted.message_id).await;
        assert_eq!(shown.tenant, "shebao");
    }
    let queues = house
        .client(OPERATOR)
        .await
        .get_queues(GetQueuesRequest {})
        .await
        .unwrap()
        .into_inner()
        .queues;
    let waiting: Vec<_> = queues
        .iter()
        .filter(|queue| queue.waiting > 0)
        .map(|queue| (queue.queue.as_str(), queue.waiting))
        .collect();
    assert_eq!(waiting, [("{p0}:out:cmcc:notice", 2)]);
    house.close().await;
}

#[tokio::test]
async fn while_redis_is_away_callers_are_told_so_and_afterwards_the_same_id_is_the_same_message() {
    let mut house = House::open().await;
    let mut client = house.client(SHEBAO).await;
    let first = client
        .send_message(code("r-1", "13800138000"))
        .await
        .unwrap()
        .into_inner();
    house.server.kill();
    let status = client.send_message(code("r-2", "13800138001")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "STORE_UNAVAILABLE")
    );
    house.server.launch();
    let again = crate::house::until("Redis to come back", async || {
        client
            .send_message(code("r-1", "13800138000"))
            .await
            .ok()
            .map(tonic::Response::into_inner)
    })
    .await;
    assert_eq!(again, first);
    house.close().await;
}

#[tokio::test]
async fn without_the_replicas_that_are_asked_for_nothing_is_confirmed() {
    let house = House::open_with(|settings| settings.redis.replicas_to_wait = 1).await;
    let mut client = house.client(SHEBAO).await;
    for _ in 0..2 {
        let status = client.send_message(code("r-1", "13800138000")).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unavailable, "STORE_UNAVAILABLE")
        );
    }
    assert_eq!(
        ask::<u64>(&house.redis, "XLEN", &["{p0}:out:cmcc:otp"]).await,
        1,
        "and yet it is one message"
    );
    house.close().await;
}
