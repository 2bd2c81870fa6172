//! Personal data that comes by a stream.

use std::{fs, path::Path, sync::Arc};

use hongyan_audit_svc::keys::OpenedKeys;
use hongyan_chassis::LiveKeyring;
use hongyan_config::SecretFile;
use hongyan_envelope::Keyring;
use hongyan_proto::audit::v1::AuditEvent;

use prost::Message as _;

use crate::{Running, all_settled, event, send, settled_but, stream_key, support::PrivateRedis};

/// Base64 of 32 octets of one letter each.
const MESH: &str = r#"{"active":"m1","keys":{"m1":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="},"tag_key":"YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="}"#;
/// As it is when the mesh has a new key.
const MESH_ROTATED: &str = r#"{"active":"m2","keys":{"m1":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=","m2":"ZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWU="},"tag_key":"YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="}"#;
const KEK: &str = r#"{"active":"k1","keys":{"k1":"Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M="},"tag_key":"ZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGQ="}"#;

pub(crate) async fn open_keys(dir: &Path) -> OpenedKeys {
    let mut keyrings = Vec::new();
    for (name, text) in [("mesh.json", MESH), ("kek.json", KEK)] {
        if !dir.join(name).exists() {
            fs::write(dir.join(name), text).unwrap();
        }
        keyrings.push(LiveKeyring::load(SecretFile::new(dir.join(name))).await.unwrap());
    }
    let kek = keyrings.remove(1);
    let mesh = keyrings.remove(0);
    let clock = Arc::new(|| 1_800_000_000_000);
    hongyan_audit_svc::keys::open(&dir.join("keys"), "hongyan.test", mesh, kek, clock).unwrap()
}

#[tokio::test]
async fn personal_data_is_sealed_anew_and_what_nobody_can_open_is_put_aside() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    let mesh = Keyring::parse(MESH).unwrap();
    let about = |action: &str, sealed: Vec<u8>| AuditEvent {
        subject_tag: vec![7; 32].into(),
        sealed: sealed.into(),
        ..event(action)
    };
    let sealed = mesh.seal(b"audit-personal", "张三".as_bytes()).unwrap();
    send(&redis, &about("GOOD", sealed.clone())).await;
    send(&redis, &about("GARBAGE", vec![9; 80])).await;
    send(&redis, &event("PLAIN")).await;
    send(&redis, &about("GOOD_AGAIN", sealed.clone())).await;
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(4).await;
    all_settled(&redis).await;
    let actions: Vec<_> = running.actions().into_keys().collect();
    assert_eq!(actions, ["ENTRY_REFUSED", "GOOD", "GOOD_AGAIN", "PLAIN"]);
    for leaf in running.leaves() {
        let event = leaf.event.unwrap();
        match event.action.as_str() {
            "ENTRY_REFUSED" => assert!(
                event.attributes["why"].contains("sealed must be sealed under a key"),
                "{:?}",
                event.attributes
            ),
            "PLAIN" => assert!(event.sealed.is_empty()),
            _ => {
                assert_eq!(event.sealed[0], 2, "in the record's own form");
                assert!(mesh.open(b"audit-personal", &event.sealed).is_err());
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_sealed_under_a_key_that_comes_later_waits_for_it_and_not_for_ever() {
    let server = PrivateRedis::start();
    let redis = server.connect().await;
    let dir = tempfile::tempdir().unwrap();
    let rotated = Keyring::parse(MESH_ROTATED).unwrap();
    let early = |action: &str| AuditEvent {
        subject_tag: vec![7; 32].into(),
        sealed: rotated.seal(b"audit-personal", b"personal").unwrap().into(),
        ..event(action)
    };
    // The first one has been there since 2017.
    redis::cmd("XADD")
        .arg(stream_key(&redis))
        .arg("1500000000000-1")
        .arg(&[("e", "7"), ("n", "1")])
        .arg("b")
        .arg(early("TOO_EARLY").encode_to_vec())
        .query_async::<String>(&mut redis.shared())
        .await
        .unwrap();
    send(&redis, &early("EARLY")).await;
    send(&redis, &event("PLAIN")).await;
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(2).await;
    settled_but(&redis, 1).await;
    assert_eq!(
        running.actions().into_keys().collect::<Vec<_>>(),
        ["ENTRY_REFUSED", "PLAIN"]
    );
    running.stop().await;
    fs::write(dir.path().join("mesh.json"), MESH_ROTATED).unwrap();
    let running = Running::start(dir.path(), &redis).await;
    running.reaches(3).await;
    settled_but(&redis, 0).await;
    let actions: Vec<_> = running.actions().into_keys().collect();
    assert_eq!(actions, ["EARLY", "ENTRY_REFUSED", "PLAIN"]);
    running.stop().await;
}
