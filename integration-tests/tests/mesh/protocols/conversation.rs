//! A long message with its receipt, a long text and the reply to it, a question and its answer.

use hongyan_integration_tests::harness::mesh::people::BALANCES;
use hongyan_proto::common::v1::MessageClass;
use serde_json::json;

use super::Line;
use crate::support::{BUREAU_NUMBER, status_of};

/// A conversation in both directions, with everything that it leaves behind.
pub(super) async fn is_held(line: &Line) {
    a_long_message_arrives_whole_with_its_receipts(line).await;
    a_long_text_is_put_together_and_answered(line).await;
    a_question_is_answered(line).await;
}

async fn a_long_message_arrives_whole_with_its_receipts(line: &Line) {
    let number = line.number();
    let text = "您好，您十月的养老金已发放，请查收。鸿雁传书𠮷。".repeat(6);
    let id = line.send(&number, MessageClass::Notice, &text).await;
    let state = line.fate(&id).await;
    assert_eq!(status_of(&state), "DELIVERED", "{}", line.what("the message"));
    assert!(!state.possible_duplicate, "{}", line.what("the message"));
    assert_eq!(state.segments.len(), 3, "{}", line.what("its segments"));
    for segment in &state.segments {
        assert!(
            !segment.carrier_message_id.is_empty(),
            "{}",
            line.what("the carrier's id")
        );
        let raw_code = &segment.status.as_ref().unwrap().raw_code;
        assert!(
            raw_code.ends_with("DELIVRD"),
            "{}: {raw_code}",
            line.what("its receipt")
        );
    }
    let taken = line.taken(&number).await;
    let parts: Vec<(u32, u32)> = taken
        .iter()
        .map(|segment| {
            segment
                .part
                .as_ref()
                .map_or((0, 0), |part| (part.number, part.total))
        })
        .collect();
    assert_eq!(parts, [(1, 3), (2, 3), (3, 3)], "{}", line.what("its parts"));
    assert_eq!(
        line.gateway.texts(&number).await.unwrap(),
        [format!("【滨海人社】{text}")],
        "{}",
        line.what("the text")
    );
    let ready = line
        .state()
        .await
        .connections
        .iter()
        .any(|connection| connection.version == line.spoken.label());
    assert!(ready, "{}", line.what("a connection says what it speaks"));
}

async fn a_long_text_is_put_together_and_answered(line: &Line) {
    let number = line.number();
    let text = "这是一条很长的短信，长到要分成几段才能发出去。".repeat(6);
    line.uplink(&json!({"from": number, "to": BUREAU_NUMBER, "text": text}))
        .await;
    let told = line.told(&number).await;
    assert_eq!(told.text, text, "{}", line.what("the uplink"));
    assert!(!told.partial, "{}", line.what("the uplink"));
    let reply = line.reply(&number).await;
    assert!(
        reply.contains("SBYE#社保卡号"),
        "{}: {reply}",
        line.what("the reply")
    );
}

async fn a_question_is_answered(line: &Line) {
    let number = line.number();
    let (card, balance) = BALANCES[0];
    line.uplink(&json!({"from": number, "to": BUREAU_NUMBER, "text": format!("SBYE#{card}")}))
        .await;
    let reply = line.reply(&number).await;
    assert!(
        reply.starts_with("【滨海人社】") && reply.contains(balance),
        "{}: {reply}",
        line.what("the answer")
    );
}
