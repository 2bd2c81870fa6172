//! Whether phone, name and id number belong together; asked lawfully, paid for once, on record before it is told.

use std::time::Duration;

use hongyan_integration_tests::harness::{
    judge::all_leaves,
    mesh::people::{PEOPLE, Person},
};
use hongyan_proto::{
    audit::v1::QueryRequest,
    common::v1::Carrier,
    verify::v1::{
        Element, Elements, Outcome, VerifyIdentitiesRequest, VerifyIdentityRequest, VerifyIdentityResponse,
        verify_result,
    },
};
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};

use crate::support::{INSURER, OPERATOR, OwnMesh, fresh_id, fresh_number, reason, shared};

fn question(person: Person) -> VerifyIdentityRequest {
    VerifyIdentityRequest {
        request_id: fresh_id("v"),
        phone: person.phone.into(),
        name: person.name.into(),
        id_number: person.id_number.into(),
        consent_id: "consent-1".into(),
        purpose: "policy application".into(),
    }
}

/// How a good question is spoilt.
type Change = fn(&mut VerifyIdentityRequest);

/// What is changed, and what is then said.
type Case = (
    &'static str,
    fn(&mut VerifyIdentityRequest, Person),
    Outcome,
    &'static [Element],
    Elements,
);

async fn ask(
    mesh: &hongyan_integration_tests::harness::mesh::Mesh,
    question: VerifyIdentityRequest,
) -> Result<VerifyIdentityResponse, Status> {
    let client = mesh.client(INSURER).await.unwrap();
    Ok(client
        .verify()
        .unwrap()
        .verify_identity(question)
        .await?
        .into_inner())
}

async fn asked(mesh: &hongyan_integration_tests::harness::mesh::Mesh) -> u64 {
    let stats: Value = mesh.identity_upstream().get("stats").await.unwrap();
    stats["asked"].as_u64().unwrap()
}

#[tokio::test]
async fn each_outcome_is_told_as_the_carrier_said_it_and_never_a_match_by_default() {
    let mesh = shared().await;
    let person = PEOPLE[0];
    let other = PEOPLE[1];
    let cases: [Case; 6] = [
        (
            "all three",
            |_, _| {},
            Outcome::Match,
            &[],
            Elements::PhoneNameIdNumber,
        ),
        (
            "no id number",
            |q, _| q.id_number.clear(),
            Outcome::Match,
            &[],
            Elements::PhoneName,
        ),
        (
            "no name",
            |q, _| q.name.clear(),
            Outcome::Match,
            &[],
            Elements::PhoneIdNumber,
        ),
        (
            "another name",
            |q, other| q.name = other.name.into(),
            Outcome::Mismatch,
            &[Element::Name],
            Elements::PhoneNameIdNumber,
        ),
        (
            "another id number",
            |q, other| q.id_number = other.id_number.into(),
            Outcome::Mismatch,
            &[Element::IdNumber],
            Elements::PhoneNameIdNumber,
        ),
        (
            "nobody's number",
            |q, _| q.phone = fresh_number(),
            Outcome::NotFound,
            &[],
            Elements::PhoneNameIdNumber,
        ),
    ];
    for (what, change, outcome, mismatched, elements) in cases {
        let mut question = question(person);
        change(&mut question, other);
        let answer = ask(mesh, question).await.unwrap();
        assert_eq!(answer.outcome(), outcome, "{what}");
        assert_eq!(answer.mismatched().collect::<Vec<_>>(), mismatched, "{what}");
        assert_eq!(answer.elements(), elements, "{what}");
        assert!(
            !answer.raw_code.is_empty() && !answer.verification_id.is_empty(),
            "{what}"
        );
        assert_eq!(answer.upstream, "bureau");
        assert_eq!(answer.charged, Some(outcome != Outcome::NotFound), "{what}");
        if outcome == Outcome::Match {
            assert_eq!(answer.carrier(), Carrier::ChinaMobile);
        }
    }
}

#[tokio::test]
async fn any_usual_writing_is_understood() {
    let mesh = shared().await;
    let person = PEOPLE[2];
    for phone in [
        "+86 189 0013 8103",
        "0086-189-0013-8103",
        "８６１８９００１３８１０３",
        "18900138103",
    ] {
        // The middle dot of names is written in many ways.
        for name in [
            "阿依古丽·买买提",
            "阿依古丽•买买提",
            "阿依古丽・买买提",
            "阿依古丽．买买提",
        ] {
            let mut question = question(person);
            question.phone = phone.into();
            question.name = name.into();
            question.id_number = person.id_number.to_lowercase();
            let answer = ask(mesh, question).await.unwrap();
            assert_eq!(answer.outcome(), Outcome::Match, "{phone} {name}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_right_is_refused_before_anybody_is_paid() {
    let mut mesh = OwnMesh::start().await;
    let before = asked(&mesh).await;
    let cases: [(&str, &str, Change); 12] = [
        ("too short a number", "phone", |q| q.phone = "1380013800".into()),
        ("a landline", "phone", |q| q.phone = "01012345678".into()),
        ("letters", "phone", |q| q.phone = "1380013800a".into()),
        ("a wrong check digit", "id_number", |q| {
            q.id_number = "110101199003077716".into();
        }),
        ("a day that is not", "id_number", |q| {
            q.id_number = "110101199002307714".into();
        }),
        ("a birth to come", "id_number", |q| {
            q.id_number = "110101209903077711".into();
        }),
        ("seventeen characters", "id_number", |q| {
            q.id_number = "11010119900307771".into();
        }),
        ("no consent", "consent_id", |q| q.consent_id.clear()),
        ("no purpose", "purpose", |q| q.purpose.clear()),
        ("no request id", "request_id", |q| q.request_id.clear()),
        ("a name of digits", "name", |q| q.name = "12345".into()),
        ("nothing to compare", "name", |q| {
            q.name.clear();
            q.id_number.clear();
        }),
    ];
    for (what, field, change) in cases {
        let mut question = question(PEOPLE[0]);
        change(&mut question);
        let refusal = ask(&mesh, question).await.expect_err(what);
        assert_eq!(refusal.code(), Code::InvalidArgument, "{what}: {refusal:?}");
        let details = tonic_types::StatusExt::get_error_details(&refusal);
        let fields: Vec<_> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|one| one.field.clone())
            .collect();
        assert!(
            fields.iter().any(|one| one.starts_with(field)),
            "{what}: {fields:?}"
        );
    }
    assert_eq!(asked(&mesh).await, before, "the upstream was not asked");
    mesh.must_run().unwrap();
}

#[tokio::test]
async fn the_same_question_again_is_not_paid_for_again() {
    let mut mesh = OwnMesh::start().await;
    let question = question(PEOPLE[0]);
    let first = ask(&mesh, question.clone()).await.unwrap();
    let paid = asked(&mesh).await;
    assert_eq!(ask(&mesh, question.clone()).await.unwrap(), first);
    mesh.kill("verify-svc").unwrap();
    mesh.restart("verify-svc").await.unwrap();
    assert_eq!(
        ask(&mesh, question.clone()).await.unwrap(),
        first,
        "also after a restart"
    );
    assert_eq!(asked(&mesh).await, paid);
    let mut other = question;
    other.name = PEOPLE[1].name.into();
    let refusal = ask(&mesh, other).await.unwrap_err();
    assert_eq!(
        (refusal.code(), reason(&refusal).as_str()),
        (Code::AlreadyExists, "REQUEST_ID_REUSED")
    );
}

#[tokio::test]
async fn an_answer_leaves_only_after_it_is_on_record() {
    let mut mesh = OwnMesh::start().await;
    let answer = ask(&mesh, question(PEOPLE[0])).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let by_id = QueryRequest {
        message_id: answer.verification_id.clone(),
        ..QueryRequest::default()
    };
    let leaves =
        hongyan_integration_tests::harness::wait::until_ok("the index", Duration::from_secs(10), || async {
            let leaves = all_leaves(&mut operator.audit()?, by_id.clone()).await?;
            anyhow::ensure!(!leaves.is_empty(), "not there yet");
            Ok(leaves)
        })
        .await
        .unwrap();
    let event = leaves[0].event.as_ref().unwrap();
    assert_eq!(
        (event.action.as_str(), event.outcome.as_str()),
        ("VERIFY_ANSWERED", "MATCH")
    );
    assert_eq!(
        (event.consent_id.as_str(), event.purpose.as_str()),
        ("consent-1", "policy application")
    );
    assert_eq!(event.actor, "spiffe://hongyan.test/caller/xinghe-life");

    // Without the record there is no answer.
    mesh.kill("audit-svc").unwrap();
    let unrecorded = question(PEOPLE[1]);
    let refusal = ask(&mesh, unrecorded.clone()).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal:?}");
    mesh.restart("audit-svc").await.unwrap();
    let answer =
        hongyan_integration_tests::harness::wait::until_ok("an answer", Duration::from_secs(30), || async {
            Ok(ask(&mesh, unrecorded.clone()).await?)
        })
        .await
        .unwrap();
    assert_eq!(answer.outcome(), Outcome::Match);
}

#[tokio::test]
async fn an_upstream_that_cannot_tell_makes_it_indeterminate() {
    let mesh = OwnMesh::start().await;
    let upstream = mesh.identity_upstream();
    for (faults, reason) in [
        (json!({"next": 1, "hang": true}), "UPSTREAM_TIMEOUT"),
        (json!({"next": 1, "http_status": 500}), "UPSTREAM_FAILED"),
        (json!({"next": 1, "malformed": true}), "UPSTREAM_ANSWER_MALFORMED"),
        (json!({"next": 1, "code": "77"}), "UNKNOWN_CODE"),
        (json!({"next": 1, "code": "90"}), "BUSY"),
    ] {
        upstream.post("faults", &faults).await.unwrap();
        let answer = ask(&mesh, question(PEOPLE[0])).await.unwrap();
        assert_eq!(
            (answer.outcome(), answer.reason.as_str()),
            (Outcome::Indeterminate, reason),
            "{faults}"
        );
    }
}

#[tokio::test]
async fn a_stream_answers_every_item_and_refuses_the_wrong_ones_alone() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let items: Vec<VerifyIdentityRequest> = (0..60)
        .map(|n| {
            let mut one = question(PEOPLE[n % 3]);
            if n % 10 == 9 {
                one.id_number = "110101199003077716".into();
            }
            one
        })
        .collect();
    let batches: Vec<_> = items
        .chunks(20)
        .map(|batch| VerifyIdentitiesRequest {
            items: batch.to_vec(),
        })
        .collect();
    let mut stream = client
        .verify()
        .unwrap()
        .verify_identities(tokio_stream::iter(batches))
        .await
        .unwrap()
        .into_inner();
    let (mut matches, mut problems) = (Vec::new(), Vec::new());
    while let Some(response) = stream.next().await {
        for result in response.unwrap().results {
            match result.result.unwrap() {
                verify_result::Result::Answer(answer) => {
                    assert_eq!(answer.outcome(), Outcome::Match);
                    matches.push(result.request_id);
                }
                verify_result::Result::Problem(problem) => {
                    assert_eq!(Code::from(problem.code), Code::InvalidArgument);
                    problems.push(result.request_id);
                }
            }
        }
    }
    assert_eq!((matches.len(), problems.len()), (54, 6));
    let wrong: Vec<_> = items
        .iter()
        .skip(9)
        .step_by(10)
        .map(|one| one.request_id.clone())
        .collect();
    problems.sort_unstable();
    let mut wrong_sorted = wrong;
    wrong_sorted.sort_unstable();
    assert_eq!(problems, wrong_sorted);
}

#[tokio::test]
async fn residents_cards_of_every_kind_and_rare_names_are_asked_about() {
    let mesh = shared().await;
    for id_number in [
        // Residence permits of Hong Kong, Macau and Taiwan, and a permanent resident's card.
        "810000199408230021",
        "820000199408230023",
        "830000199201300022",
        "911124198108030024",
        "44030619780923613x",
    ] {
        for name in ["𠮷田", "㛃𬀩", "阿卜杜拉·买买提·吐尔逊", "王五"] {
            let mut question = question(PEOPLE[0]);
            question.id_number = id_number.into();
            question.name = name.into();
            let answer = ask(mesh, question)
                .await
                .unwrap_or_else(|status| panic!("{id_number} {name}: {status:?}"));
            assert_eq!(answer.outcome(), Outcome::Mismatch);
        }
    }
}
