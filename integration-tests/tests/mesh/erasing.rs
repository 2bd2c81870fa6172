//! A person's data in the record: seen by whoever may and says why, then erased; proofs and everybody else stay.

use std::{fs, path::Path};

use hongyan_integration_tests::harness::mesh::{
    Cli, Mesh,
    people::{PEOPLE, Person},
};
use hongyan_proto::verify::v1::VerifyIdentityRequest;
use serde_json::Value;

use crate::support::{INSURER, OPERATOR, OwnMesh, fresh_id};

const OFFICER: &str = "privacy/officer";

async fn verify(mesh: &Mesh, person: Person) {
    let client = mesh.client(INSURER).await.unwrap();
    let question = VerifyIdentityRequest {
        request_id: fresh_id("v"),
        phone: person.phone.into(),
        name: person.name.into(),
        id_number: person.id_number.into(),
        consent_id: "consent-1".into(),
        purpose: "policy application".into(),
    };
    client.verify().unwrap().verify_identity(question).await.unwrap();
}

async fn json(cli: &Cli, args: &[&str], code: i32) -> Value {
    let ran = cli.run(&[args, &["--json"]].concat()).await.unwrap();
    assert_eq!(ran.code, Some(code), "{args:?}: {}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Indices in the record of the events of this action about a person.
async fn found(cli: &Cli, person: Person, action: &str) -> Vec<String> {
    let query = ["audit", "query", "--subject", person.phone, "--action", action];
    let answer = json(cli, &query, 0).await;
    let index = |event: &Value| event["index"].as_u64().unwrap().to_string();
    answer["events"].as_array().unwrap().iter().map(index).collect()
}

async fn revealed(cli: &Cli, index: &str, code: i32) -> Value {
    let reveal = ["audit", "entry", index, "--reveal", "--purpose", "complaint 17"];
    json(cli, &reveal, code).await
}

/// Whether any file below a directory holds this text.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let octets = fs::read(path).unwrap();
        octets.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn a_verified_person_is_revealed_with_a_purpose_and_erased_without_a_trace_in_any_proof() {
    let mut mesh = OwnMesh::idle().await;
    let (person, other) = (PEOPLE[0], PEOPLE[1]);
    verify(&mesh, person).await;
    verify(&mesh, other).await;
    let operator = mesh.cli(OPERATOR).unwrap();
    let officer = mesh.cli(OFFICER).unwrap();
    let about = found(&officer, person, "VERIFY_ANSWERED").await.remove(0);
    let about_other = found(&officer, other, "VERIFY_ANSWERED").await.remove(0);

    // Operators see that there is something, and not what.
    let entry = json(&operator, &["audit", "entry", &about], 0).await;
    assert_eq!(entry["sealed_state"], "SEALED");
    let place = format!("{}/{}", entry["log"].as_str().unwrap(), entry["log_index"]);
    let reveal = ["audit", "entry", &about, "--reveal", "--purpose", "curiosity"];
    let refused = operator.run(&reveal).await.unwrap();
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    let erase = ["audit", "erase", person.phone, "--reason", "request 42"];
    let refused = operator.run(&[&erase[..], &["--yes"]].concat()).await.unwrap();
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(found(&officer, person, "KEY_USED").await.is_empty());

    // Whoever may, sees the person, and is on record.
    let shown = revealed(&officer, &about, 0).await;
    assert_eq!(shown["personal"]["name"], person.name);
    assert_eq!(shown["personal"]["id_number"], person.id_number);
    assert_eq!(
        found(&officer, person, "KEY_USED").await,
        [shown["used_index"].to_string()]
    );
    let used = json(&officer, &["audit", "entry", &shown["used_index"].to_string()], 0).await;
    assert_eq!(used["purpose"], "complaint 17");
    assert_eq!(used["actor"], "spiffe://hongyan.test/privacy/officer");

    let out = tempfile::tempdir().unwrap();
    let proof = out.path().join("before.tlog-proof").display().to_string();
    json(
        &operator,
        &["audit", "proof", "--index", &about, "--out", &proof],
        0,
    )
    .await;
    let leaf = fs::read(out.path().join("before.leaf")).unwrap();

    // Nobody is asked here, so it must be said.
    let unsaid = officer.run(&erase).await.unwrap();
    assert_eq!(unsaid.code, Some(2), "{}", unsaid.stderr);
    let erased = json(&officer, &[&erase[..], &["--yes"]].concat(), 0).await;
    assert_eq!(erased["keys_destroyed"], 1);
    let order = json(&officer, &["audit", "entry", &erased["index"].to_string()], 0).await;
    assert_eq!(
        (&order["action"], &order["attributes"]["reason"]),
        (&"KEY_DESTROYED".into(), &"request 42".into())
    );
    for _ in 0..2 {
        let gone = revealed(&officer, &place, 1).await;
        assert_eq!(
            (&gone["sealed_state"], &gone["personal"]),
            (&"ERASED".into(), &Value::Null)
        );
        let stays = revealed(&officer, &about_other, 0).await;
        assert_eq!(stays["personal"]["name"], other.name);
        // The same after a kill.
        mesh.kill("audit-svc").unwrap();
        mesh.restart("audit-svc").await.unwrap();
    }

    // The leaf is what it was, and whoever takes the log home finds it whole, and no person in it.
    let after = out.path().join("after.tlog-proof").display().to_string();
    let proven = json(
        &operator,
        &["audit", "proof", "--index", &about, "--out", &after],
        0,
    )
    .await;
    assert_eq!(fs::read(out.path().join("after.leaf")).unwrap(), leaf);
    let home = out.path().join("home").display().to_string();
    let log = entry["log"].as_str().unwrap();
    let key = proven["verifier_key"].as_str().unwrap();
    let taken = operator.run(&["audit", "export", log, &home]).await.unwrap();
    assert_eq!(taken.code, Some(0), "{}{}", taken.stdout, taken.stderr);
    let checked = operator
        .run(&["audit", "verify", &home, "--key", key])
        .await
        .unwrap();
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    for dir in [Path::new(&home), &mesh.layout.audit_data()] {
        for text in [person.name, person.phone, person.id_number, other.name] {
            assert!(!holds(dir, text), "{}", dir.display());
        }
    }

    // Asked again about the same person: data under a new key.
    verify(&mesh, person).await;
    let newest = found(&officer, person, "VERIFY_ANSWERED").await.pop().unwrap();
    assert_eq!(
        revealed(&officer, &newest, 0).await["personal"]["name"],
        person.name
    );
    mesh.must_run().unwrap();
}
