//! The operator's hand.

use hongyan_integration_tests::harness::mesh::people::PEOPLE;
use hongyan_proto::common::v1::MessageClass;
use serde_json::Value;

use crate::support::{INSURER, OPERATOR, accept, final_state, fresh_number, fresh_request, shared};

async fn run(args: &[&str]) -> (Option<i32>, String) {
    let mesh = shared().await;
    let output = mesh.cli(OPERATOR).unwrap().run(args).await.unwrap();
    (output.code, format!("{}{}", output.stdout, output.stderr))
}

#[tokio::test]
async fn a_messages_whole_life_is_a_timeline() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let id = accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await;
    final_state(&client, &id).await;
    let (code, text) = run(&["message", "show", &id]).await;
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "ACCEPTED",
        "SUBMITTED",
        "DELIVERED",
        "DELIVRD",
        "sms-dispatch-svc",
        "cmcc-a",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let (code, json) = run(&["message", "show", &id, "--json"]).await;
    assert_eq!(code, Some(0), "{json}");
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message_id"], id.as_str(), "{json}");
}

#[tokio::test]
async fn exit_statuses_mean_something() {
    let phone = fresh_number();
    let send = [
        "send",
        "--tenant",
        "xinghe-life",
        "--class",
        "notice",
        "--text",
        "试发一条。",
        "--wait",
        "60",
        "--phone",
    ];
    let (code, text) = run(&[&send[..], &[&phone]].concat()).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&[&send[..], &["12"]].concat()).await;
    assert_eq!(code, Some(3), "{text}");
    let (code, text) = run(&["message", "show", "01890a5d-ac96-774b-bcce-b302099a8057"]).await;
    assert_eq!(code, Some(5), "{text}");
    let (code, text) = run(&["no-such-command"]).await;
    assert_eq!(code, Some(2), "{text}");
}

#[tokio::test]
async fn links_queues_and_the_record_are_shown() {
    let (code, text) = run(&["status"]).await;
    assert_eq!(code, Some(0), "{text}");
    for part in ["cmcc-a", "unicom-a", "telecom-a", "READY", "CMPP 3.0", "CMPP 2.0"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let (code, text) = run(&["audit", "head"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&["audit", "query", "--action", "AUDIT_STARTED", "--json"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("AUDIT_STARTED"), "{text}");
    // By a person's number, which stays on this machine.
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let mut request = fresh_request(MessageClass::Notice, "您的保单已生效。");
    request.phone = PEOPLE[1].phone.into();
    let id = accept(&client, request).await;
    final_state(&client, &id).await;
    let found =
        hongyan_integration_tests::harness::wait::until("the event", crate::support::PATIENCE, || async {
            let (_, text) = run(&["audit", "query", "--subject", PEOPLE[1].phone, "--json"]).await;
            text.contains(&id).then_some(text)
        })
        .await
        .unwrap();
    assert!(!found.contains(PEOPLE[1].phone));
}

#[tokio::test]
async fn a_caller_verifies_by_hand() {
    let mesh = shared().await;
    let cli = mesh.cli(INSURER).unwrap();
    let verify = async |name: &str| {
        let about = [
            "--phone",
            PEOPLE[0].phone,
            "--name",
            name,
            "--id-number",
            PEOPLE[0].id_number,
        ];
        let why = ["--consent", "consent-1", "--purpose", "policy application"];
        cli.run(&[&["verify"], &about[..], &why[..]].concat())
            .await
            .unwrap()
    };
    let yes = verify(PEOPLE[0].name).await;
    assert_eq!(yes.code, Some(0), "{}{}", yes.stdout, yes.stderr);
    assert!(yes.stdout.contains("MATCH"));
    let no = verify(PEOPLE[1].name).await;
    assert_eq!(no.code, Some(1), "{}{}", no.stdout, no.stderr);
    assert!(
        no.stdout.contains("MISMATCH") && no.stdout.contains("NAME"),
        "{}",
        no.stdout
    );
}
