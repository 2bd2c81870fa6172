//! Keys change under messages on their way, and a bad key file changes nothing.

use std::{fs, time::Duration};

use hongyan_integration_tests::harness::{ca::write_whole, mesh::replaced_once, traffic::send_all, wait};
use hongyan_proto::common::v1::MessageClass;
use serde_json::{Value, json};

use crate::support::{INSURER, OwnMesh, PATIENCE, accept, final_state, fresh_request, ids, status_of};

#[tokio::test(flavor = "multi_thread")]
async fn messages_sealed_under_the_old_key_are_sent_under_the_new_one() {
    let mut mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.links = replaced_once(
                &files.links,
                "pace_segments_per_second: 2000",
                "pace_segments_per_second: 40",
            )?;
            Ok(())
        }));
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let items: Vec<_> = (0..300)
        .map(|_| fresh_request(MessageClass::Bulk, "您的保单已生效。"))
        .collect();
    let waiting = ids(&send_all(&client, &items, PATIENCE).await.unwrap());

    let mut keyring: Value =
        serde_json::from_str(&fs::read_to_string(mesh.layout.keyring()).unwrap()).unwrap();
    keyring["keys"]["k2"] = json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    write_whole(&mesh.layout.keyring(), &keyring.to_string()).unwrap();
    // Every process knows the new key before anybody seals under it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    keyring["active"] = json!("k2");
    write_whole(&mesh.layout.keyring(), &keyring.to_string()).unwrap();

    // A file that is none leaves what is in force.
    tokio::time::sleep(Duration::from_secs(3)).await;
    write_whole(&mesh.layout.keyring(), "{}").unwrap();
    let log = mesh.layout.log("sms-dispatch-svc");
    wait::until("the refusal in the log", PATIENCE, || async {
        let text = fs::read_to_string(&log).ok()?;
        text.lines()
            .any(|line| line.contains("\"WARN\"") && line.contains("key"))
            .then_some(())
    })
    .await
    .unwrap();
    let later = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    assert_eq!(status_of(&final_state(&client, &later).await), "DELIVERED");
    for id in waiting {
        assert_eq!(status_of(&final_state(&client, &id).await), "DELIVERED");
    }
    mesh.must_run().unwrap();
}
