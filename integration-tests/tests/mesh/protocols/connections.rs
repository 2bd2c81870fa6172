//! What happens to connections: they come back, and what was on them arrives.

use hongyan_integration_tests::harness::wait;
use hongyan_proto::common::v1::MessageClass;
use serde_json::{Value, json};

use super::Line;
use crate::support::{PATIENCE, status_of};

/// A mishap that a message brings upon its connection.
fn by_message() -> Vec<Value> {
    vec![
        json!({"cut": "before_answer"}),
        json!({"cut": "after_answer"}),
        json!({"answer": "truncated"}),
        json!({"answer": "garbage"}),
        json!({"answer": "wrong_length"}),
    ]
}

/// A mishap of its receipt's.
fn by_receipt() -> Vec<Value> {
    vec![
        json!({"damage": ["frame_length_more"]}),
        json!({"damage": ["frame_length_less"]}),
        json!({"damage": ["content_length_more"]}),
        json!({"damage": ["content_length_less"]}),
    ]
}

/// A mishap of the connection's own, of the next one or the next two.
fn by_connection(line: &Line) -> Vec<Value> {
    let mut mishaps = vec![
        json!([{"next": 2, "then": {"close": "accept"}}]),
        json!([{"next": 2, "then": {"close": "login"}}]),
        json!([{"next": 1, "then": {"close": "opened"}}]),
        json!([{"next": 1, "then": {"refuse_with": 2}}]),
        json!([{"next": 1, "then": {"read_octets_per_second": 4_000}}]),
    ];
    if matches!(line.spoken.code_prefix(), "CMPP" | "SMGP") {
        mishaps.push(json!([{"next": 1, "then": {"wrong_authenticator": true}}]));
    }
    mishaps
}

/// Whatever happens to a connection, the link is there again and nothing is lost.
pub(super) async fn come_back_whatever_happens_to_them(line: &Line) {
    for then in by_message() {
        a_message_arrives_in_spite_of(line, &then).await;
    }
    for receipt in by_receipt() {
        a_receipt_that_is_broken_harms_nobody_else(line, &receipt).await;
    }
    for rules in by_connection(line) {
        line.faults(&json!({"connections": rules})).await;
        line.gateway.drop_connections().await.unwrap();
        arrives_and_is_healthy(line, &rules.to_string()).await;
        line.faults(&json!({})).await;
    }
    for (path, what) in [("drop", "dropped"), ("terminate", "ended by the gateway")] {
        line.post(path, &json!({})).await;
        arrives_and_is_healthy(line, what).await;
    }
    if line.spoken.code_prefix() != "SGIP" {
        a_gateway_that_does_not_answer_is_left(line).await;
    }
}

async fn a_message_arrives_in_spite_of(line: &Line, then: &Value) {
    let about = line.what(&then.to_string());
    let number = line.number();
    line.rule_for(&number, Some(1), then).await;
    let id = line
        .send(&number, MessageClass::Notice, "您的社保卡已制好。")
        .await;
    let state = line.fate(&id).await;
    assert_eq!(status_of(&state), "DELIVERED", "{about}");
    let taken = line.taken(&number).await.len();
    assert!((1..=2).contains(&taken), "{about}: taken {taken} times");
    assert!(
        taken == 1 || state.possible_duplicate,
        "{about}: twice, and not flagged"
    );
    arrives_and_is_healthy(line, &then.to_string()).await;
}

async fn a_receipt_that_is_broken_harms_nobody_else(line: &Line, receipt: &Value) {
    let number = line.number();
    line.rule_for(&number, Some(1), &json!({"receipt": receipt}))
        .await;
    let id = line
        .send(&number, MessageClass::Notice, "您的社保卡已制好。")
        .await;
    wait::until(&line.what("submitted"), PATIENCE, || async {
        let status = status_of(&line.now(&id).await);
        ["SUBMITTED", "DELIVERED"]
            .contains(&status.as_str())
            .then_some(())
    })
    .await
    .unwrap();
    // The gateway sends it more than once, and may break what else is on the connection each time.
    line.nothing_left_to_deliver(&receipt.to_string()).await;
    arrives_and_is_healthy(line, &receipt.to_string()).await;
}

async fn arrives_and_is_healthy(line: &Line, what: &str) {
    let taken = line.delivers(&format!("在{what}之后")).await;
    assert!(!taken.is_empty(), "{}", line.what(what));
    let ready = || async {
        let state = line.state().await;
        state
            .connections
            .iter()
            .any(|connection| connection.state == "READY" || connection.state == "IDLE")
            .then_some(())
    };
    wait::until(&line.what(what), PATIENCE, ready).await.unwrap();
}

/// A connection that stays open while nobody is there is found out by its keep-alives.
async fn a_gateway_that_does_not_answer_is_left(line: &Line) {
    let before = line.logins().await;
    line.faults(&json!({"connections": [{"next": 1, "then": {"half_open": true}}]}))
        .await;
    line.gateway.drop_connections().await.unwrap();
    arrives_and_is_healthy(line, "half open").await;
    line.faults(&json!({"ignore_keep_alives": true})).await;
    wait::until(&line.what("left and come back"), PATIENCE, || async {
        (line.logins().await > before + 1).then_some(())
    })
    .await
    .unwrap();
    line.faults(&json!({})).await;
    arrives_and_is_healthy(line, "keep-alives were not answered").await;
}
