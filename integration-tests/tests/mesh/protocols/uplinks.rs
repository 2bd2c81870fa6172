//! Uplinks out of order, twice, damaged, in another coding.

use serde_json::{Value, json};

use super::Line;
use crate::support::BUREAU_NUMBER;

/// A text of three parts.
fn long() -> String {
    "这是一条很长的短信，长到要分成几段才能发出去。".repeat(6)
}

/// However its parts come, the text is whole.
pub(super) async fn are_read_however_they_come(line: &Line) {
    let mut ways = vec![
        json!({"send": [3, 1, 2]}),
        json!({"send": [1, 1, 2, 2, 3, 3]}),
        json!({"wide": true, "reference": 4_660}),
    ];
    ways.extend(odd_for(line));
    for way in ways {
        let number = line.number();
        let mut uplink = json!({"from": number, "to": BUREAU_NUMBER, "text": long()});
        for (key, value) in way.as_object().unwrap() {
            uplink[key] = value.clone();
        }
        line.uplink(&uplink).await;
        let told = line.told(&number).await;
        assert_eq!(told.text, long(), "{}", line.what(&way.to_string()));
        assert!(!told.partial, "{}", line.what(&way.to_string()));
        let replies = || async { line.gateway.texts(&number).await.unwrap().len() };
        line.reply(&number).await;
        assert_eq!(replies().await, 1, "{}", line.what("one reply"));
    }
    from_a_number_with_country_code(line).await;
}

/// What some gateways of this protocol leave out or add.
fn odd_for(line: &Line) -> Vec<Value> {
    match line.spoken.code_prefix() {
        "CMPP" | "SGIP" => vec![json!({"damage": ["udhi64"]})],
        "SMGP" => vec![
            json!({"damage": ["udhi64"]}),
            json!({"damage": ["no_udhi"]}),
            json!({"damage": ["unknown_tlv"]}),
        ],
        _ => vec![json!({"damage": ["unknown_tlv"]})],
    }
}

async fn from_a_number_with_country_code(line: &Line) {
    let number = line.number();
    line.uplink(&json!({"from": format!("86{number}"), "to": BUREAU_NUMBER, "text": "你好"}))
        .await;
    let told = line.told(&number).await;
    assert_eq!(told.phone, format!("+86{number}"), "{}", line.what("who wrote"));
    line.reply(&number).await;
}
