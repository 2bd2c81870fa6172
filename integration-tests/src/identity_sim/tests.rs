use serde_json::{Value, json};

use super::{Config, Faults, IdentitySim, parse_people};

async fn start(api_key: Option<&str>) -> IdentitySim {
    // reqwest wants a source of cryptography even where nothing is encrypted.
    hongyan_identity::install_crypto_provider();
    let people =
        r#"{"people": [{"phone": "13800138000", "name": "张三", "id_number": "11010519491231002X"}]}"#;
    let config = Config {
        people: parse_people(people).unwrap(),
        api_key: api_key.map(str::to_owned),
        ..Config::default()
    };
    IdentitySim::start(config).await.unwrap()
}

async fn ask(upstream: &IdentitySim, key: &str, name: &str) -> (u16, String) {
    let question = json!({"request_id": "q-1", "phone": "13800138000", "name": name});
    let response = reqwest::Client::new()
        .post(upstream.url())
        .header("x-api-key", key)
        .json(&question)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn questions_are_answered_charged_and_counted() {
    let upstream = start(None).await;
    let (status, body) = ask(&upstream, "", "张三").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, body),
        (
            200,
            json!({"code": "0", "charged": true, "carrier": "china_mobile"})
        )
    );
    ask(&upstream, "", "李四").await;
    let counts = upstream.stats();
    assert_eq!((counts.asked, counts.charged, counts.repeated), (2, 2, 1));
    assert_eq!((counts.codes["0"], counts.codes["2"]), (1, 1));
    assert_eq!(upstream.asked_about("13800138000"), 2);
    upstream.stop().await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_charged() {
    let upstream = start(Some("right")).await;
    assert_eq!(ask(&upstream, "wrong", "张三").await.0, 401);
    assert_eq!(ask(&upstream, "right", "张三").await.0, 200);
    let stats = upstream.stats();
    assert_eq!((stats.unauthorized, stats.asked, stats.charged), (1, 1, 1));
}

#[tokio::test]
async fn faults_are_set_over_the_control_and_end_as_said() {
    let upstream = start(None).await;
    let control = format!("http://{}", upstream.control_addr());
    let client = reqwest::Client::new();
    let set = async |faults: Value| {
        let response = client
            .post(format!("{control}/faults"))
            .json(&faults)
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    };
    assert_eq!(set(json!({"next": 1, "http_status": 500})).await, 200);
    assert_eq!(ask(&upstream, "", "张三").await.0, 500);
    assert_eq!(ask(&upstream, "", "张三").await.0, 200);
    set(json!({"malformed": true})).await;
    assert!(serde_json::from_str::<Value>(&ask(&upstream, "", "张三").await.1).is_err());
    set(json!({"code": "77"})).await;
    assert!(
        ask(&upstream, "", "张三")
            .await
            .1
            .contains(r#""code":"77","charged":false"#)
    );
    set(json!({"wrong_charge": true})).await;
    assert!(
        ask(&upstream, "", "张三")
            .await
            .1
            .contains(r#""code":"0","charged":false"#)
    );
    assert_eq!(set(json!({"no such fault": 1})).await, 422);
    let stats: Value = client
        .get(format!("{control}/stats"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&stats["asked"], &stats["faults"], &stats["charged"]),
        (&json!(5), &json!(4), &json!(2))
    );
    client.post(format!("{control}/reset")).send().await.unwrap();
    assert_eq!(upstream.stats(), super::Stats::default());
}

#[tokio::test]
async fn a_question_that_hangs_does_not_hold_the_end() {
    let upstream = start(None).await;
    upstream.set_faults(Faults {
        hang: true,
        ..Faults::default()
    });
    let url = upstream.url();
    let hanging = tokio::spawn(async move {
        let question = json!({"phone": "13800138000", "name": "张三"});
        reqwest::Client::new()
            .post(url)
            .json(&question)
            .send()
            .await
            .is_err()
    });
    while upstream.stats().asked == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    upstream.stop().await;
    hanging.abort();
}

#[test]
fn a_file_with_a_mistake_is_refused() {
    for file in [
        "",
        "[]",
        r#"{"people": [{"phone": "1"}]}"#,
        r#"{"people": [{"phone": "1", "name": "a", "id_number": "b"}]}"#,
    ] {
        assert!(parse_people(file).is_err(), "{file}");
    }
}
