//! While the record cannot be written: no answer leaves that is not on it, and whoever asks is told why.

use futures_util::future::join_all;
use hongyan_integration_tests::harness::{
    judge::all_leaves,
    mesh::{Client, Service, people::PEOPLE},
    wait,
};
use hongyan_proto::{
    audit::v1::QueryRequest,
    verify::v1::{Outcome, VerifyIdentityRequest, VerifyIdentityResponse},
};
use nix::sys::signal::Signal;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;

use crate::support::{INSURER, OPERATOR, OwnMesh, PATIENCE, fresh_id, reason};

/// The service stays up for so long when its disk has refused, so that it can be asked why.
const NOTICE_MS: &str = "6000";

fn question(person: usize) -> VerifyIdentityRequest {
    VerifyIdentityRequest {
        request_id: fresh_id("unrecorded"),
        phone: PEOPLE[person].phone.into(),
        name: PEOPLE[person].name.into(),
        id_number: PEOPLE[person].id_number.into(),
        consent_id: "consent-1".into(),
        purpose: "policy application".into(),
    }
}

async fn ask(client: &Client, question: &VerifyIdentityRequest) -> Result<VerifyIdentityResponse, Status> {
    let answer = client.verify().unwrap().verify_identity(question.clone()).await?;
    Ok(answer.into_inner())
}

/// Refused in words that a caller can act on.
fn assert_told(refusal: &Status) {
    assert_eq!(
        (refusal.code(), reason(refusal).as_str()),
        (Code::Unavailable, "RECORD_UNAVAILABLE"),
        "{refusal:?}"
    );
    assert!(refusal.get_error_details().retry_info().is_some(), "{refusal:?}");
    assert!(refusal.message().contains("record"), "{refusal:?}");
}

/// Every answer that left is on record, with the outcome that was told: once, or once more where its first way there was
/// not known to have succeeded.
async fn assert_on_record(mesh: &OwnMesh, answers: &[VerifyIdentityResponse]) {
    let operator = mesh.client(OPERATOR).await.unwrap();
    for answer in answers {
        let by_id = QueryRequest {
            message_id: answer.verification_id.clone(),
            action: "VERIFY_ANSWERED".into(),
            ..QueryRequest::default()
        };
        let leaves = wait::until_ok("the answer on record", PATIENCE, || async {
            let leaves = all_leaves(&mut operator.audit()?, by_id.clone()).await?;
            anyhow::ensure!(!leaves.is_empty(), "not there");
            Ok(leaves)
        })
        .await
        .unwrap();
        for leaf in leaves {
            let outcome = leaf.event.unwrap().outcome;
            assert_eq!(format!("OUTCOME_{outcome}"), answer.outcome().as_str_name());
        }
    }
}

/// What `hongyan status` says, once it says all of this.
async fn status_says(mesh: &OwnMesh, parts: &[&str]) -> String {
    let cli = mesh.cli(OPERATOR).unwrap();
    wait::until_ok("the status says why", PATIENCE, || async {
        let told = cli.run(&["status"]).await?;
        anyhow::ensure!(!told.success, "all is well: {}", told.stdout);
        for part in parts {
            anyhow::ensure!(told.stdout.contains(part), "no {part:?} in {}", told.stdout);
        }
        Ok(told.stdout)
    })
    .await
    .unwrap()
}

async fn asked_upstream(mesh: &OwnMesh) -> u64 {
    let stats: Value = mesh.identity_upstream().get("stats").await.unwrap();
    stats["asked"].as_u64().unwrap()
}

async fn verify_is_ready(mesh: &mut OwnMesh) {
    let verify = mesh.program("verify-svc").unwrap();
    verify.wait_ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_ends_all_answers_and_the_status_says_why() {
    let mut mesh = OwnMesh::with(|options| {
        options.set("audit-svc", "drain.notice_ms", NOTICE_MS);
        options.set("verify-svc", "audit.timeout_ms", "1500");
        options.disks.insert("audit-svc".to_owned());
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    // Of both persons something is on record already, so that their keys are there and it is the journal that is written.
    let first = ask(&client, &question(0)).await.unwrap();
    let known = ask(&client, &question(1)).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let mut health = HealthClient::new(operator.channel(Service::Audit).unwrap())
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let told = health.message().await.unwrap().unwrap();
    assert_eq!(told.status(), ServingStatus::Serving);

    mesh.disk("audit-svc", true).unwrap();
    let unrecorded = question(1);
    assert_told(&ask(&client, &unrecorded).await.unwrap_err());
    let told = tokio::time::timeout(PATIENCE, health.message()).await.unwrap();
    assert_eq!(told.unwrap().unwrap().status(), ServingStatus::NotServing);
    status_says(&mesh, &["audit is not ready: ", "File too large"]).await;
    let why = [
        "verify is not ready: record: audit-svc takes no events: ",
        "File too large",
    ];
    status_says(&mesh, &why).await;
    // From here on nobody is asked, and paid, for an answer that could not be given.
    let asked = asked_upstream(&mesh).await;
    for person in 0..3 {
        assert_told(&ask(&client, &question(person)).await.unwrap_err());
    }
    assert_eq!(asked_upstream(&mesh).await, asked);

    // After a write that failed nobody knows what is on disk: the process ends, and does not start while it is so.
    let audit = mesh.program("audit-svc").unwrap();
    assert_eq!(audit.ended(PATIENCE).await.unwrap().code(), Some(70));
    audit.restart().unwrap();
    assert_eq!(audit.ended(PATIENCE).await.unwrap().code(), Some(69));
    // The first words of a service that is gone are kept by the one that heard them.
    status_says(&mesh, &["audit does not answer: ", why[0], why[1]]).await;
    assert_told(&ask(&client, &question(2)).await.unwrap_err());

    mesh.disk("audit-svc", false).unwrap();
    mesh.restart("audit-svc").await.unwrap();
    verify_is_ready(&mut mesh).await;
    let second = ask(&client, &unrecorded).await.unwrap();
    assert_eq!(second.outcome(), Outcome::Match);
    assert_eq!(asked_upstream(&mesh).await, asked, "it was paid for before");
    assert_on_record(&mesh, &[first, known, second]).await;
    let told = mesh.cli(OPERATOR).unwrap().run(&["status"]).await.unwrap();
    assert!(told.success, "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_hangs_ends_all_answers_until_it_goes_on() {
    let mut mesh = OwnMesh::with(|options| {
        options.set("verify-svc", "audit.timeout_ms", "1000");
    })
    .await;
    let client = mesh.client(INSURER).await.unwrap();
    let first = ask(&client, &question(0)).await.unwrap();
    mesh.program("audit-svc")
        .unwrap()
        .signal(Signal::SIGSTOP)
        .unwrap();
    let unrecorded: Vec<_> = (0..3).map(question).collect();
    let asked = unrecorded.iter().map(|question| ask(&client, question));
    for refusal in join_all(asked).await {
        assert_told(&refusal.unwrap_err());
    }
    status_says(
        &mesh,
        &[
            "audit does not answer: ",
            "verify is not ready: record: audit-svc takes no events: ",
        ],
    )
    .await;
    mesh.program("audit-svc")
        .unwrap()
        .signal(Signal::SIGCONT)
        .unwrap();
    verify_is_ready(&mut mesh).await;
    let mut answers = vec![first];
    for question in &unrecorded {
        let answer = wait::until_ok("an answer", PATIENCE, || async {
            Ok(ask(&client, question).await?)
        });
        answers.push(answer.await.unwrap());
    }
    assert_on_record(&mesh, &answers).await;
}
