//! The record as others can check it: a proof for one event, and a copied directory that needs no service.

use std::{
    fs,
    path::{Path, PathBuf},
};

use hongyan_integration_tests::harness::wait;
use hongyan_proto::common::v1::MessageClass;
use serde_json::Value;

use crate::support::{INSURER, OPERATOR, PATIENCE, accept, final_state, fresh_request, shared};

async fn run(args: &[&str]) -> (Option<i32>, String) {
    let mesh = shared().await;
    let output = mesh.cli(OPERATOR).unwrap().run(args).await.unwrap();
    (output.code, format!("{}{}", output.stdout, output.stderr))
}

/// The checkpoint first: whatever it asks for is there then, however the log goes on.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let mut entries: Vec<_> = fs::read_dir(from)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort_by_key(|path| path.is_dir());
    for path in entries {
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
            // It became full between two looks: its partial forms were listed, and went.
            let full = path.with_extension("");
            if path.extension().is_some() && full.is_file() {
                fs::copy(&full, there.with_extension("")).unwrap();
            }
        } else if let Err(error) = fs::copy(&path, there) {
            // A partial tile became full meanwhile; the full one was there before the partial one went.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
            fs::copy(from.with_extension(""), to.with_extension("")).unwrap();
        }
    }
}

/// All files of entries: partial ones of older checkpoints are among them, which nobody asks for.
fn bundles_in(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.join("tile/entries")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn an_event_has_a_proof_and_a_copied_record_is_checked_without_us() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    final_state(&client, &id).await;
    let (code, json) = run(&["audit", "query", "--message", &id, "--json"]).await;
    assert_eq!(code, Some(0), "{json}");
    let found: Value = serde_json::from_str(&json).unwrap();
    let index = found["events"][0]["index"].as_u64().unwrap().to_string();

    // Whoever watches from there on sees it first.
    let from = index.as_str();
    let (code, lines) = run(&["audit", "watch", "--from-index", from, "--limit", "2", "--json"]).await;
    assert_eq!(code, Some(0), "{lines}");
    let seen: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0]["message_id"].as_str(), Some(id.as_str()));

    // The final state is known to the caller before it is on record.
    let counted = wait::until_ok("the message is counted", PATIENCE, || async {
        let (code, json) = run(&["audit", "stats", "--tenant", "xinghe-life", "--json"]).await;
        let stats: Value = serde_json::from_str(&json)?;
        anyhow::ensure!(stats["total"]["delivered"].as_u64() > Some(0), "{stats}");
        Ok((code, stats))
    });
    let (code, stats) = counted.await.unwrap();
    let keeps_promise = stats["total"]["keeps_promise"].as_bool().unwrap();
    assert_eq!(code, Some(i32::from(!keeps_promise)), "{stats}");

    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("accepted.tlog-proof");
    let file_text = file.display().to_string();
    let (code, text) = run(&["audit", "proof", "--index", &index, "--out", &file_text]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the proof holds"), "{text}");
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );

    let (code, json) = run(&["audit", "head", "--json"]).await;
    assert_eq!(code, Some(0), "{json}");
    let head: Value = serde_json::from_str(&json).unwrap();
    let key = head["logs"][0]["verifier_key"].as_str().unwrap().to_owned();
    let copied = out.path().join("copy");
    copy(&mesh.layout.audit_data().join("tiles"), &copied);
    let copied_text = copied.display().to_string();
    let verify = ["audit", "verify", &copied_text, "--key", &key];
    let (code, text) = run(&verify).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("sms-event/"), "{text}");

    let log = fs::read_dir(copied.join("sms-event"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    for bundle in bundles_in(&log.path().join("0")) {
        let mut octets = fs::read(&bundle).unwrap();
        let last = octets.len() - 1;
        octets[last] ^= 1;
        fs::write(&bundle, octets).unwrap();
    }
    let (code, text) = run(&verify).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("first wrong at entry"), "{text}");
}
