//! The catalog is followed without restart; a bad one is refused whole and the old one stays in force.

use std::{fs, time::Duration};

use hongyan_integration_tests::harness::{mesh::replaced_once, wait};
use hongyan_proto::common::v1::MessageClass;
use tonic::Code;

use crate::support::{INSURER, OwnMesh, PATIENCE, accept, fresh_id, fresh_request};

#[tokio::test]
async fn a_good_change_is_taken_up_and_a_bad_one_refused_with_its_line() {
    let mut mesh = OwnMesh::start().await;
    let client = mesh.client(INSURER).await.unwrap();
    let mut request = fresh_request(MessageClass::Notice, "您的保单已生效。");
    request.signature = "新签名".into();
    let refusal = client
        .dispatch()
        .unwrap()
        .send_message(request.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);

    let mut changed = mesh.catalog.clone();
    changed.tenants = replaced_once(
        &changed.tenants,
        "[星河人寿, 星河保险]",
        "[星河人寿, 星河保险, 新签名]",
    )
    .unwrap();
    mesh.write_catalog(changed.clone()).unwrap();
    wait::until_ok("the new signature", PATIENCE, || async {
        client.dispatch()?.send_message(request.clone()).await?;
        Ok(())
    })
    .await
    .unwrap();

    let mut bad = changed.clone();
    bad.tenants = replaced_once(&bad.tenants, "[星河人寿, 星河保险, 新签名]", "[另一签名]").unwrap();
    bad.tenants.push_str("  - id: NOT A NAME\n");
    let line = bad.tenants.lines().count();
    mesh.write_catalog(bad).unwrap();
    let log = mesh.layout.log("sms-dispatch-svc");
    let told = wait::until("the refusal in the log", PATIENCE, || async {
        let text = fs::read_to_string(&log).ok()?;
        text.lines()
            .find(|line| line.contains("tenants.yaml") && line.contains("WARN"))
            .map(str::to_owned)
    })
    .await
    .unwrap();
    assert!(told.contains(&format!("{line}")), "line {line}: {told}");
    // The old one stays in force, all of it.
    request.request_id = fresh_id("still");
    accept(&client, request.clone()).await;
    let metrics = mesh.program("sms-dispatch-svc").unwrap().metrics().await.unwrap();
    assert!(
        metrics.contains("hongyan_catalog_reload_failures_total"),
        "{metrics}"
    );

    mesh.write_catalog(changed).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    request.request_id = fresh_id("mended");
    accept(&client, request).await;
    mesh.must_run().unwrap();
}
