//! Personal data and secrets: what Redis ever saw.

use std::collections::HashMap;

use crate::fixture::{Fixture, PHONE};

#[tokio::test]
async fn a_secret_reaches_the_handler_and_nothing_else() {
    let fixture = Fixture::start().await;
    fixture.uplink("62220202*hunTer2").await;
    fixture.uplink("我的密码 hunTer2").await;
    fixture.worker().await;
    fixture.settled().await;
    let asked = fixture.handler.asked();
    assert_eq!(asked.len(), 1);
    let expected: HashMap<_, _> = [("card", "62220202"), ("password", "hunTer2")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(asked[0].fields, expected);
    let mut texts: Vec<_> = fixture
        .feed()
        .await
        .into_iter()
        .map(|uplink| uplink.text)
        .collect();
    texts.sort();
    assert_eq!(
        texts,
        ["62220202****", "我的密码 ***"],
        "the secret is masked even where it is sealed"
    );
}

#[tokio::test]
async fn nothing_personal_is_written_to_redis_in_clear() {
    let fixture = Fixture::start().await;
    fixture.worker().await;
    for text in ["62220202*hunTer2", "SBYE#62220203", "退订", "我叫张三"] {
        fixture.uplink(text).await;
        fixture.settled().await;
    }
    let everything = fixture.everything_written().await;
    assert!(
        everything.windows(9).any(|window| window == b"{p0}:loop"),
        "the file is the right one"
    );
    let national = PHONE.trim_start_matches("+86");
    for personal in [national, "hunTer2", "62220202", "62220203", "张三", "余额12.50元"] {
        let found = everything
            .windows(personal.len())
            .any(|window| window == personal.as_bytes());
        assert!(!found, "{personal} stands in the append-only file");
    }
}
