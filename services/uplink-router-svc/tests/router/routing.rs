//! What becomes of each sort of text.

use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::SendMessageRequest,
    uplink::v1::{HandleUplinkResponse, UplinkDisposition as D},
};
use tonic::Status;

use crate::{
    fakes::{Behaviour, Told, answer, text},
    fixture::{ACCESS, Fixture, PHONE},
};

fn only_sent(fixture: &Fixture) -> SendMessageRequest {
    let state = fixture.dispatch.state();
    match state.told.as_slice() {
        [Told::Sent(request)] => request.clone(),
        other => panic!("expected one message: {other:?}"),
    }
}

#[tokio::test]
async fn a_question_is_asked_and_answered_once_and_told_to_feed_and_record() {
    let fixture = Fixture::start().await;
    let uplink_id = fixture.uplink("ｓｂｙｅ＃ 62220202 ").await;
    fixture.worker().await;
    fixture.settled().await;

    let asked = fixture.handler.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].uplink_id.as_str(), asked[0].tenant.as_str()),
        (uplink_id.as_str(), "hrss")
    );
    assert_eq!(
        (asked[0].command.as_str(), asked[0].phone.as_str()),
        ("balance", PHONE)
    );
    assert_eq!(
        (asked[0].access_number.as_str(), asked[0].fields["card"].as_str()),
        (ACCESS, "62220202")
    );

    let sent = only_sent(&fixture);
    assert_eq!(text(&sent), "余额12.50元。");
    assert_eq!(sent.request_id, format!("uplink-{uplink_id}"));
    assert_eq!(
        (sent.tenant.as_str(), sent.phone.as_str(), sent.extension.as_str()),
        ("hrss", PHONE, "123")
    );
    assert_eq!(sent.class(), MessageClass::Reply);

    let feed = fixture.feed().await;
    assert_eq!(feed.len(), 1);
    assert_eq!(
        (feed[0].uplink_id.as_str(), feed[0].command.as_str()),
        (uplink_id.as_str(), "balance")
    );
    assert_eq!(feed[0].disposition(), D::Answered);
    assert_eq!(feed[0].reply_message_id, format!("message-of-uplink-{uplink_id}"));
    let audit = fixture.audit().await;
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (audit[0].action.as_str(), audit[0].outcome.as_str()),
        ("UPLINK_ROUTED", "ANSWERED")
    );
    assert_eq!(audit[0].message_id, feed[0].reply_message_id);
    assert_eq!(audit[0].attributes["handler"], "cards");
}

/// Sends one text and gives what the subscriber was told and what became of it.
async fn told(fixture: &Fixture, text: &str) -> (Vec<String>, D, String) {
    fixture.uplink(text).await;
    fixture.worker().await;
    fixture.settled().await;
    let feed = fixture.feed().await;
    assert_eq!(feed.len(), 1);
    let detail = fixture.audit().await[0]
        .attributes
        .get("detail")
        .cloned()
        .unwrap_or_default();
    (fixture.dispatch.texts(), feed[0].disposition(), detail)
}

#[tokio::test]
async fn an_unknown_text_gets_the_help_text() {
    let fixture = Fixture::start().await;
    assert_eq!(
        told(&fixture, "你好").await,
        (vec!["回复SBYE#卡号。".to_owned()], D::Help, String::new())
    );
    assert!(fixture.handler.asked().is_empty());
}

#[tokio::test]
async fn a_handler_that_is_of_no_use_gets_the_subscriber_an_apology() {
    let other_template = HandleUplinkResponse {
        template: "nowhere".to_owned(),
        ..answer(&[])
    };
    let cases = [
        (
            "SBYE#62220202",
            Behaviour::Fails(Status::internal("db: 62220202")),
            "INTERNAL",
        ),
        (
            "SBYE#62220202",
            Behaviour::Fails(Status::not_found("x")),
            "NOT_FOUND",
        ),
        ("SBYE#62220202", Behaviour::Hangs, "DEADLINE_EXCEEDED"),
        (
            "SBYE#62220202",
            Behaviour::Answers(answer(&[("other", "1")])),
            "MISSING_PARAMETER",
        ),
        (
            "SBYE#62220202",
            Behaviour::Answers(answer(&[("balance", &"9".repeat(500))])),
            "TOO_LONG",
        ),
        ("SBYE#62220202", Behaviour::Answers(other_template), "NO_TEMPLATE"),
        // The same address, but it is not who the catalog says.
        (
            "WRONG#62220202",
            Behaviour::Answers(answer(&[("balance", "1")])),
            "UNAVAILABLE",
        ),
    ];
    for (question, behaviour, detail) in cases {
        let fixture = Fixture::start().await;
        fixture.handler.behave(behaviour);
        let expected = (vec!["请稍后再试。".to_owned()], D::Apology, detail.to_owned());
        assert_eq!(told(&fixture, question).await, expected, "{question}");
    }
}

#[tokio::test]
async fn a_handler_may_choose_the_template_and_fields_fill_it_too() {
    let fixture = Fixture::start().await;
    assert_eq!(
        told(&fixture, "SBZD#62220202#202611").await.0,
        ["202611共12.50元。"]
    );
    let fixture = Fixture::start().await;
    fixture.handler.behave(Behaviour::Answers(HandleUplinkResponse {
        template: "help".to_owned(),
        ..answer(&[])
    }));
    assert_eq!(told(&fixture, "SBYE#62220202").await.0, ["回复SBYE#卡号。"]);
}

#[tokio::test]
async fn an_opt_out_is_in_force_before_it_is_confirmed() {
    let fixture = Fixture::start().await;
    let (_, disposition, _) = told(&fixture, " ｔｄ ").await;
    assert_eq!(disposition, D::OptedOut);
    let state = fixture.dispatch.state();
    let [Told::OptOut { tenant, phone }, Told::Sent(confirmation)] = state.told.as_slice() else {
        panic!("{:?}", state.told);
    };
    assert_eq!(
        (tenant.as_str(), phone.as_str(), text(confirmation).as_str()),
        ("hrss", PHONE, "已退订。")
    );
}

#[tokio::test]
async fn an_access_number_of_nobody_goes_on_record_and_nowhere_else() {
    let fixture = Fixture::start().await;
    fixture.uplink_from(PHONE, "12333", "SBYE#62220202").await;
    fixture.worker().await;
    fixture.settled().await;
    assert!(fixture.feed().await.is_empty() && fixture.dispatch.texts().is_empty());
    let audit = fixture.audit().await;
    assert_eq!(
        (audit.len(), audit[0].action.as_str(), audit[0].tenant.as_str()),
        (1, "UPLINK_UNROUTED", "")
    );
    assert_eq!(audit[0].attributes["access_number"], "12333");
}

#[tokio::test]
async fn a_sender_that_is_no_mobile_number_is_told_to_the_tenant_and_not_answered() {
    let fixture = Fixture::start().await;
    fixture.uplink_from("10086", ACCESS, "SBYE#62220202").await;
    fixture.worker().await;
    fixture.settled().await;
    assert!(fixture.handler.asked().is_empty() && fixture.dispatch.texts().is_empty());
    assert_eq!(fixture.feed().await[0].disposition(), D::ReplyRefused);
    assert_eq!(
        fixture.audit().await[0].attributes["detail"],
        "SENDER_IS_NO_MOBILE_NUMBER"
    );
}

#[tokio::test]
async fn a_reply_that_dispatch_refuses_becomes_an_apology() {
    let fixture = Fixture::start().await;
    fixture.dispatch.state().refused_texts = vec!["余额12.50元。".to_owned()];
    let expected = (
        vec!["请稍后再试。".to_owned()],
        D::Apology,
        "INVALID_REQUEST".to_owned(),
    );
    assert_eq!(told(&fixture, "SBYE#62220202").await, expected);
    let fixture = Fixture::start().await;
    fixture.dispatch.state().refused_texts = vec!["余额12.50元。".to_owned(), "请稍后再试。".to_owned()];
    let expected = (vec![], D::ReplyRefused, "INVALID_REQUEST".to_owned());
    assert_eq!(told(&fixture, "SBYE#62220202").await, expected);
}
