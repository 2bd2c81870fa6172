//! A subscriber's text becomes a question, and the answer a reply; never silence.

use hongyan_integration_tests::harness::{
    mesh::{Mesh, people::BALANCES},
    wait,
};
use hongyan_proto::{
    common::v1::MessageClass,
    uplink::v1::{AckUplinksRequest, Uplink, UplinkDisposition, WatchUplinksRequest},
};
use serde_json::json;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::support::{
    BUREAU, BUREAU_NUMBER, OwnMesh, PATIENCE, accept, fresh_id, fresh_number, fresh_request, reason, shared,
};

async fn text_in(mesh: &Mesh, from: &str, text: &str) {
    mesh.gateways()[0]
        .uplink(from, BUREAU_NUMBER, text)
        .await
        .unwrap();
}

/// The `n`th text that a number was sent, waited for.
async fn reply(mesh: &Mesh, number: &str, n: usize) -> String {
    let gateway = mesh.gateways().swap_remove(0);
    wait::until("a reply", PATIENCE, || async {
        gateway.texts(number).await.unwrap().get(n).cloned()
    })
    .await
    .unwrap()
}

/// The uplinks of a number as the tenant's stream tells them, until there are `count`.
async fn watched(mesh: &Mesh, from: &str, count: usize) -> Vec<Uplink> {
    let client = mesh.client(BUREAU).await.unwrap();
    let request = WatchUplinksRequest {
        subscription: fresh_id("u"),
        cursor: String::new(),
    };
    let mut stream = client
        .uplink()
        .unwrap()
        .watch_uplinks(request)
        .await
        .unwrap()
        .into_inner();
    let mut found = Vec::new();
    while found.len() < count {
        let next = tokio::time::timeout(PATIENCE, stream.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        found.extend(
            next.uplinks
                .into_iter()
                .filter(|uplink| uplink.phone.ends_with(from)),
        );
    }
    found
}

#[tokio::test]
async fn a_question_is_answered_in_any_usual_writing() {
    let mesh = shared().await;
    let (card, balance) = BALANCES[0];
    for text in [
        format!("SBYE#{card}"),
        format!("sbye# {card} "),
        format!("ＳＢＹＥ＃{card}"),
        format!(
            " SBYE ＃{}",
            card.chars()
                .map(|digit| char::from_u32(digit as u32 + 0xFEE0).unwrap())
                .collect::<String>()
        ),
    ] {
        let number = fresh_number();
        text_in(mesh, &number, &text).await;
        let reply = reply(mesh, &number, 0).await;
        assert!(
            reply.starts_with("【滨海人社】") && reply.contains(balance),
            "{text} → {reply}"
        );
    }
}

#[tokio::test]
async fn an_unknown_text_gets_help_and_a_handler_that_fails_an_apology() {
    let mesh = OwnMesh::start().await;
    let number = fresh_number();
    text_in(&mesh, &number, "今天天气怎么样").await;
    assert!(reply(&mesh, &number, 0).await.contains("SBYE#社保卡号"));

    let (card, _) = BALANCES[0];
    for faults in [
        json!({"fail": "UNAVAILABLE"}),
        json!({"fail": "INTERNAL"}),
        json!({"hang": true}),
    ] {
        mesh.handler().post("faults", &faults).await.unwrap();
        let number = fresh_number();
        text_in(&mesh, &number, &format!("SBYE#{card}")).await;
        assert!(
            reply(&mesh, &number, 0).await.contains("查询暂时无法完成"),
            "{faults}"
        );
        let told = watched(&mesh, &number, 1).await;
        assert_eq!(told[0].disposition(), UplinkDisposition::Apology, "{faults}");
    }
}

#[tokio::test]
async fn an_opt_out_is_in_force_when_it_is_confirmed() {
    let mesh = shared().await;
    let client = mesh.client(BUREAU).await.unwrap();
    for word in ["TD", "t", "退订", "停止", "Ｎ"] {
        let mut notice = fresh_request(MessageClass::Notice, "您的社保卡已制好。");
        text_in(mesh, &notice.phone, word).await;
        assert!(reply(mesh, &notice.phone, 0).await.contains("您已退订"), "{word}");
        let refusal = client
            .dispatch()
            .unwrap()
            .send_message(notice.clone())
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.code(), reason(&refusal).as_str()),
            (Code::FailedPrecondition, "OPTED_OUT"),
            "{word}"
        );
        // Calling it a reply is no way around.
        notice.class = MessageClass::Reply.into();
        notice.request_id = fresh_id("reply");
        let refusal = client
            .dispatch()
            .unwrap()
            .send_message(notice.clone())
            .await
            .unwrap_err();
        assert_eq!(reason(&refusal), "OPTED_OUT", "{word}");
        // A one-time code is no advertisement.
        notice.class = MessageClass::Otp.into();
        accept(&client, notice).await;
    }
}

#[tokio::test]
async fn a_long_text_is_put_together_and_a_repeated_one_answered_once() {
    let mesh = shared().await;
    let number = fresh_number();
    text_in(
        mesh,
        &number,
        &"这是一条很长的短信，长到要分成几段才能发出去。".repeat(6),
    )
    .await;
    assert!(reply(mesh, &number, 0).await.contains("SBYE#社保卡号"));
    let told = watched(mesh, &number, 1).await;
    assert!(!told[0].partial);
    assert_eq!(told[0].text.chars().count(), 138);
    assert_eq!(mesh.gateways()[0].texts(&number).await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_automata_do_not_talk_for_ever() {
    let mesh = shared().await;
    let number = fresh_number();
    // Something that answers every text with the same words.
    for n in 0..8 {
        text_in(mesh, &number, "您好，我现在不方便接电话。").await;
        watched(mesh, &number, n + 1).await;
    }
    let told = watched(mesh, &number, 8).await;
    let last = told.last().unwrap().disposition();
    assert_eq!(last, UplinkDisposition::LoopSuppressed);
    assert!(mesh.gateways()[0].texts(&number).await.unwrap().len() <= 5);
}

#[tokio::test]
async fn the_tenants_stream_goes_on_where_it_was_acknowledged() {
    let mesh = shared().await;
    let client = mesh.client(BUREAU).await.unwrap();
    let subscription = fresh_id("acked");
    let watch = WatchUplinksRequest {
        subscription: subscription.clone(),
        cursor: String::new(),
    };
    let first = fresh_number();
    text_in(mesh, &first, "你好").await;
    let read_until = async |number: &str| {
        let mut stream = client
            .uplink()
            .unwrap()
            .watch_uplinks(watch.clone())
            .await
            .unwrap()
            .into_inner();
        let mut all: Vec<Uplink> = Vec::new();
        loop {
            let next = tokio::time::timeout(PATIENCE, stream.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            all.extend(next.uplinks);
            if all.iter().any(|uplink| uplink.phone.ends_with(number)) {
                return (all, next.cursor);
            }
        }
    };
    let (_, cursor) = read_until(&first).await;
    client
        .uplink()
        .unwrap()
        .ack_uplinks(AckUplinksRequest { subscription, cursor })
        .await
        .unwrap();
    let second = fresh_number();
    text_in(mesh, &second, "你好").await;
    let (told, _) = read_until(&second).await;
    assert!(
        !told.iter().any(|uplink| uplink.phone.ends_with(&first)),
        "what was acknowledged does not come again"
    );
}
