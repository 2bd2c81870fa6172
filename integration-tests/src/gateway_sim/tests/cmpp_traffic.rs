//! What works as it should: logins, messages, receipts, uplinks, counts, control.

use hongyan_carrier_wire::cmpp::report::Report;
use hongyan_carrier_wire::cmpp::{Client, Pdu, Version};
use hongyan_carrier_wire::concat::{Reference, split};
use hongyan_carrier_wire::login::Secret;
use hongyan_carrier_wire::session::CloseReason;
use hongyan_carrier_wire::text::Coding;

use super::client::{PATIENCE, Sent};
use super::cmpp::{connect, delivers, log_in};
use super::speakers::{Speaker as _, cmpp_message as message, cmpp_settings as settings};
use super::{account, gateway, start};
use crate::gateway_sim::{Config, MessageFilter, PartView, ProtocolChoice, Uplink, UplinkCoding};

#[tokio::test]
async fn both_versions_log_in_send_and_get_their_receipt() {
    for (version, octets) in [(Version::V2, 60), (Version::V3, 71)] {
        let gateway = gateway().await;
        let mut client = log_in(&gateway, version).await;
        assert_eq!(client.dialect().version(), version);
        let Sent::Accepted { id } = client.send("13800138000", "hello").await else {
            panic!("the message was not accepted");
        };
        client.turn_until(|client| !client.delivers().is_empty()).await;
        let deliver = delivers(&client)[0];
        assert!(deliver.is_report());
        assert_eq!(deliver.content.len(), octets);
        let report = Report::decode(deliver.content.as_slice()).unwrap();
        assert_eq!(
            (report.msg_id.to_string(), report.stat_text().as_str()),
            (id, "DELIVRD")
        );
        let stats = gateway
            .wait_for(PATIENCE, |stats| stats.receipts.taken == 1)
            .await
            .unwrap();
        assert_eq!((stats.submits, stats.accepted, stats.logins.now), (1, 1, 1));
        gateway.stop().await;
    }
}

#[tokio::test]
async fn an_older_gateway_makes_the_client_fall_back() {
    let gateway = start(Config {
        protocol: ProtocolChoice::Cmpp {
            three: false,
            refuse_higher: false,
        },
        ..Config::default()
    })
    .await;
    let mut client = log_in(&gateway, Version::V3).await;
    assert_eq!(client.dialect().version(), Version::V2);
    assert!(matches!(
        client.send("13800138000", "hello").await,
        Sent::Accepted { .. }
    ));
}

#[tokio::test]
async fn logins_are_checked_and_limited() {
    let gateway = start(Config {
        accounts: vec![account("900001:888888:1")],
        ..Config::default()
    })
    .await;
    let mut wrong = settings(Version::V3);
    wrong.secret = Secret::new("wrong");
    let mut wrong = connect(&gateway, wrong).await;
    assert_eq!(
        wrong.turn_until_closed().await,
        CloseReason::LoginRefused { status: 3 }
    );
    let mut unknown = settings(Version::V3);
    unknown.source_addr = hongyan_carrier_wire::field::FixedStr::new("900002").unwrap();
    let mut unknown = connect(&gateway, unknown).await;
    assert_eq!(
        unknown.turn_until_closed().await,
        CloseReason::LoginRefused { status: 2 }
    );

    let first = log_in(&gateway, Version::V3).await;
    let mut second = connect(&gateway, settings(Version::V3)).await;
    assert_eq!(
        second.turn_until_closed().await,
        CloseReason::LoginRefused { status: 5 }
    );
    drop(first);
    gateway
        .wait_for(PATIENCE, |stats| stats.logins.now == 0)
        .await
        .unwrap();
    log_in(&gateway, Version::V3).await;
    let logins = gateway.stats().logins;
    assert_eq!((logins.accepted, logins.refused, logins.most_at_once), (2, 3, 1));
}

#[tokio::test]
async fn what_was_taken_can_be_listed_and_read() {
    let gateway = gateway().await;
    let mut client = log_in(&gateway, Version::V3).await;
    let long = "您的验证码是".repeat(20);
    let parts = split(&long, Coding::Ucs2, Reference::Bits8(0x2e), 6).unwrap();
    for (token, part) in (0..).zip(&parts) {
        let submit = hongyan_carrier_wire::cmpp::pdu::Submit {
            tp_udhi: part.tp_udhi(),
            msg_fmt: 8,
            content: part.content.clone(),
            ..message("13800138000", "")
        };
        client.submit(token, &Pdu::Submit(submit));
    }
    client.submit(9, &Client::message("13900139000", "short"));
    client.turn_until(|client| client.outcomes().len() == 3).await;

    assert_eq!(gateway.texts("13800138000"), [long]);
    assert_eq!(gateway.texts("13900139000"), ["short"]);
    let filter = MessageFilter {
        number: Some("13800138000".to_owned()),
        ..MessageFilter::default()
    };
    let listed = gateway.messages(&filter);
    let numbering: Vec<_> = listed.iter().filter_map(|view| view.part).collect();
    let part = |number| PartView {
        number,
        total: 2,
        reference: 0x2e,
    };
    assert_eq!(numbering, [part(1), part(2)]);
    let after = MessageFilter {
        after: Some(listed[1].n),
        ..MessageFilter::default()
    };
    assert_eq!(
        gateway
            .messages(&after)
            .iter()
            .map(|view| view.text.as_deref())
            .collect::<Vec<_>>(),
        [Some("short")]
    );
    assert_eq!(gateway.number("13800138000").accepted, 2);
    assert_eq!(gateway.stats().numbers, 2);
    assert_eq!(gateway.seconds().iter().map(|(_, count)| count).sum::<u64>(), 3);

    client.told.clear();
    client.submit(1, &Client::message("13900139000", "short"));
    client.turn_until(|client| client.outcomes().len() == 1).await;
    assert_eq!(gateway.stats().duplicates, 1);
}

#[tokio::test]
async fn uplinks_come_as_asked() {
    let gateway = gateway().await;
    let mut client = log_in(&gateway, Version::V3).await;
    let short = |coding| Uplink {
        from: "8613800138000".to_owned(),
        to: "10690001".to_owned(),
        text: "SBYE#card".to_owned(),
        coding,
        ..Uplink::default()
    };
    for (coding, msg_fmt) in [
        (UplinkCoding::Ascii, 0),
        (UplinkCoding::Ucs2, 8),
        (UplinkCoding::Gbk, 15),
    ] {
        assert_eq!(gateway.uplink(&short(coding)).unwrap(), 1);
        client.turn_until(|client| !client.delivers().is_empty()).await;
        let deliver = delivers(&client)[0];
        assert_eq!((deliver.msg_fmt, deliver.is_report()), (msg_fmt, false));
        assert_eq!(deliver.src_terminal_id.national(), Some("13800138000"));
        client.told.clear();
    }
    let shuffled = Uplink {
        text: "查".repeat(150),
        send: Some(vec![3, 1, 1]),
        ..short(UplinkCoding::Ucs2)
    };
    assert_eq!(gateway.uplink(&shuffled).unwrap(), 3);
    client.turn_until(|client| client.delivers().len() == 3).await;
    let numbers: Vec<u8> = delivers(&client)
        .iter()
        .map(|deliver| deliver.content.as_slice()[5])
        .collect();
    assert_eq!(numbers, [3, 1, 1]);
    gateway
        .wait_for(PATIENCE, |stats| {
            stats.uplinks.taken == 6 && stats.waiting_delivers == 0
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_uplink_waits_for_a_connection_and_survives_one() {
    let gateway = gateway().await;
    let uplink = Uplink {
        from: "13800138000".to_owned(),
        to: "1".to_owned(),
        text: "hi".to_owned(),
        ..Uplink::default()
    };
    gateway.uplink(&uplink).unwrap();
    let mut dies = log_in(&gateway, Version::V3).await;
    dies.deliver_result = None;
    dies.turn_until(|client| !client.delivers().is_empty()).await;
    let first_id = delivers(&dies)[0].msg_id;
    drop(dies);
    let mut lives = connect(&gateway, settings(Version::V2)).await;
    lives.turn_until(|client| !client.delivers().is_empty()).await;
    assert_eq!(
        delivers(&lives)[0].msg_id,
        first_id,
        "the same DELIVER, for a link that sorts repetitions out"
    );
    gateway
        .wait_for(PATIENCE, |stats| stats.uplinks.taken == 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refused_receipt_is_tried_again_and_given_up_in_the_end() {
    let gateway = gateway().await;
    let mut client = log_in(&gateway, Version::V3).await;
    client.deliver_result = Some(9);
    client.send("13800138000", "hello").await;
    client.turn_until(|client| client.delivers().len() == 5).await;
    let stats = gateway
        .wait_for(PATIENCE, |stats| stats.receipts.given_up == 1)
        .await
        .unwrap();
    assert_eq!((stats.receipts.refused, stats.receipts.taken), (5, 0));
}

#[tokio::test]
async fn every_id_is_different() {
    let gateway = gateway().await;
    let mut client = log_in(&gateway, Version::V3).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..200 {
        client.told.clear();
        for token in 0..16 {
            client.submit(token, &Client::message("13800138000", "x"));
        }
        client.turn_until(|client| client.outcomes().len() == 16).await;
        for (_, outcome) in client.outcomes() {
            let Sent::Accepted { id } = outcome else {
                panic!("not accepted: {outcome:?}")
            };
            assert!(ids.insert(id));
        }
    }
}

#[tokio::test]
async fn the_control_answers_over_http() {
    let gateway = gateway().await;
    let mut client = log_in(&gateway, Version::V3).await;
    client.send("13800138000", "hello").await;
    let (status, body) = http(gateway.control_addr(), "GET", "/messages?number=13800138000", "").await;
    assert_eq!(status, 200);
    assert!(body.contains(r#""text":"hello""#), "{body}");
    let (status, _) = http(
        gateway.control_addr(),
        "POST",
        "/faults",
        r#"{"rules":[{"then":{"result":8}}]}"#,
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(
        client.send("13800138000", "again").await,
        Sent::Refused { result: 8 }
    );
    let (status, body) = http(
        gateway.control_addr(),
        "POST",
        "/faults",
        r#"{"rules":[{"fraction":2}]}"#,
    )
    .await;
    assert_eq!(status, 400);
    assert!(body.contains("fraction"), "{body}");
    let (status, _) = http(gateway.control_addr(), "POST", "/reset", "{}").await;
    assert_eq!(
        (status, gateway.stats().submits, gateway.stats().logins.now),
        (200, 0, 1)
    );
    assert!(matches!(
        client.send("13800138000", "after").await,
        Sent::Accepted { .. }
    ));
    let (_, body) = http(gateway.control_addr(), "POST", "/drop", "{}").await;
    assert_eq!(body, r#"{"connections":1}"#);
    assert_eq!(client.turn_until_closed().await, CloseReason::ConnectionLost);
}

async fn http(at: std::net::SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
