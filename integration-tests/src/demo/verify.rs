//! The steps that verify people.

use anyhow::Result;
use hongyan_proto::{
    common::v1::Carrier,
    verify::v1::{Element, Outcome, VerifyIdentityRequest, VerifyIdentityResponse},
};

use super::{screen::Screen, story::Cast};
use crate::harness::mesh::people::{PEOPLE, Person};

/// Shown instead of the person: the screen is no place for names.
const CUSTOMER: &str = "the invented customer";

fn question(request_id: &str, person: Person) -> VerifyIdentityRequest {
    VerifyIdentityRequest {
        request_id: request_id.to_owned(),
        // As people write it.
        phone: format!(
            "+86 {} {} {}",
            &person.phone[..3],
            &person.phone[3..7],
            &person.phone[7..]
        ),
        name: person.name.to_owned(),
        id_number: person.id_number.to_owned(),
        consent_id: "consent-demo-1".to_owned(),
        purpose: "policy application".to_owned(),
    }
}

pub(super) async fn matching(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let request = cast.sign_up.request(question("demo-verify-1", PEOPLE[0]))?;
    let answer = cast
        .insurer
        .verify()?
        .verify_identity(request)
        .await?
        .into_inner();
    show(screen, &answer);
    cast.verified += 1;
    screen.check(
        format!("{CUSTOMER} is who they say: MATCH"),
        answer.outcome() == Outcome::Match,
    );
    screen.check(
        "the answer says which carrier knew it",
        answer.carrier() == Carrier::ChinaMobile,
    );
    Ok(())
}

pub(super) async fn mismatching(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let person = Person {
        name: PEOPLE[1].name,
        ..PEOPLE[0]
    };
    let answer = cast
        .insurer
        .verify()?
        .verify_identity(question("demo-verify-2", person))
        .await?
        .into_inner();
    show(screen, &answer);
    cast.verified += 1;
    screen.check(
        "MISMATCH, and never a match by default",
        answer.outcome() == Outcome::Mismatch,
    );
    screen.check(
        "the answer says that it is the name that differs",
        answer.mismatched().collect::<Vec<_>>() == [Element::Name],
    );
    Ok(())
}

fn show(screen: &mut Screen, answer: &VerifyIdentityResponse) {
    let mismatched: Vec<&str> = answer
        .mismatched()
        .map(|element| element.as_str_name().trim_start_matches("ELEMENT_"))
        .collect();
    screen.table(
        [
            "outcome", "differs", "raw code", "carrier", "upstream", "charged", "took",
        ],
        [[
            answer
                .outcome()
                .as_str_name()
                .trim_start_matches("OUTCOME_")
                .to_owned(),
            mismatched.join(", "),
            answer.raw_code.clone(),
            answer
                .carrier()
                .as_str_name()
                .trim_start_matches("CARRIER_")
                .to_owned(),
            answer.upstream.clone(),
            answer
                .charged
                .map_or("unknown", |charged| if charged { "yes" } else { "no" })
                .to_owned(),
            format!("{} ms", answer.upstream_latency_ms),
        ]],
    );
}
