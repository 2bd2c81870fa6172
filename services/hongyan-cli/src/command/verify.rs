//! `hongyan verify`.

use std::io::BufRead;

use hongyan_proto::verify::v1::{VerifyIdentityRequest, VerifyIdentityResponse};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::input;
use crate::{
    answer::{Answer, Failure},
    args::Verify,
    clients::Clients,
    exit::Exit,
    table::list,
    words,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    phone: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    id_number: String,
}

pub(crate) async fn run(args: Verify, clients: &Clients, stdin: impl BufRead) -> Result<Answer, Failure> {
    let mut client = clients.verify()?;
    let request = request(args, stdin)?;
    let answer = client
        .verify_identity(request)
        .await
        .map_err(Failure::of("verify"))?;
    Ok(render(&answer.into_inner()))
}

fn request(args: Verify, mut stdin: impl BufRead) -> Result<VerifyIdentityRequest, Failure> {
    let person = if args.stdin {
        // What the parser says could quote the person's data.
        serde_json::from_str(&input::all(&mut stdin)?).map_err(|_| {
            Failure::Usage(r#"standard input must hold {"phone": …, "name": …, "id_number": …}"#.to_owned())
        })?
    } else {
        Person {
            phone: args.phone.unwrap_or_default(),
            name: args.name.unwrap_or_default(),
            id_number: args.id_number.unwrap_or_default(),
        }
    };
    Ok(VerifyIdentityRequest {
        request_id: args.request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
        phone: person.phone,
        name: person.name,
        id_number: person.id_number,
        consent_id: args.consent,
        purpose: args.purpose,
    })
}

fn render(answer: &VerifyIdentityResponse) -> Answer {
    let outcome = words::outcome(answer.outcome);
    let mismatched: Vec<_> = answer
        .mismatched
        .iter()
        .map(|element| words::element(*element))
        .collect();
    let charged = answer
        .charged
        .map_or("unknown", |charged| if charged { "yes" } else { "no" });
    let text = list([
        ("outcome", outcome.clone()),
        ("reason", answer.reason.clone()),
        ("mismatched", mismatched.join(", ")),
        ("compared", words::elements(answer.elements)),
        ("raw code", answer.raw_code.clone()),
        ("carrier", words::carrier(answer.carrier)),
        ("upstream", answer.upstream.clone()),
        ("charged", charged.to_owned()),
        ("latency", format!("{} ms", answer.upstream_latency_ms)),
        ("verification", answer.verification_id.clone()),
        ("request", answer.request_id.clone()),
    ]);
    Answer {
        text,
        exit: if outcome == "MATCH" { Exit::Yes } else { Exit::No },
        json: json!({
            "request_id": answer.request_id,
            "verification_id": answer.verification_id,
            "outcome": outcome,
            "reason": answer.reason,
            "mismatched": mismatched,
            "elements": words::elements(answer.elements),
            "raw_code": answer.raw_code,
            "carrier": words::carrier(answer.carrier),
            "upstream": answer.upstream,
            "charged": answer.charged,
            "upstream_latency_ms": answer.upstream_latency_ms,
        }),
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::verify::v1::VerifyIdentityResponse;

    use super::{render, request};
    use crate::{args::Verify, exit::Exit};

    fn args() -> Verify {
        Verify {
            stdin: true,
            phone: None,
            name: None,
            id_number: None,
            consent: "c1".into(),
            purpose: "claim".into(),
            request_id: None,
        }
    }

    #[test]
    fn a_person_is_read_from_standard_input() {
        let person = r#"{"phone": "13800138000", "name": "王明"}"#;
        let request = request(args(), person.as_bytes()).unwrap();
        assert_eq!(
            (request.phone.as_str(), request.name.as_str()),
            ("13800138000", "王明")
        );
        assert!(request.id_number.is_empty() && !request.request_id.is_empty());
    }

    #[test]
    fn a_wrong_person_is_refused_and_not_echoed() {
        for person in [
            r#"{"name": "王明"}"#,
            r#"{"phone": 13800138000}"#,
            r#"{"phone": "1", "card": "王明"}"#,
            "王明",
        ] {
            let error = request(args(), person.as_bytes()).unwrap_err().to_string();
            assert!(
                !error.contains('王') && !error.contains("138") && !error.contains("card"),
                "{error}"
            );
        }
    }

    #[test]
    fn only_a_match_is_a_yes() {
        for (outcome, name, exit) in [
            (1, "MATCH", Exit::Yes),
            (2, "MISMATCH", Exit::No),
            (3, "NOT_FOUND", Exit::No),
            (4, "INDETERMINATE", Exit::No),
            (0, "", Exit::No),
            (9, "9", Exit::No),
        ] {
            let answer = render(&VerifyIdentityResponse {
                outcome,
                ..VerifyIdentityResponse::default()
            });
            assert_eq!((answer.exit, answer.json["outcome"].as_str()), (exit, Some(name)));
        }
    }

    #[test]
    fn a_mismatch_names_its_elements_and_what_it_cost() {
        let answer = render(&VerifyIdentityResponse {
            outcome: 2,
            mismatched: vec![2, 3],
            elements: 3,
            raw_code: "1002".into(),
            carrier: 1,
            charged: Some(true),
            upstream_latency_ms: 83,
            ..VerifyIdentityResponse::default()
        });
        let expected = "\
outcome     MISMATCH
mismatched  NAME, ID_NUMBER
compared    PHONE_NAME_ID_NUMBER
raw code    1002
carrier     CHINA_MOBILE
charged     yes
latency     83 ms";
        assert_eq!(answer.text, expected);
        assert_eq!(
            answer.json["mismatched"],
            serde_json::json!(["NAME", "ID_NUMBER"])
        );
        assert_eq!(answer.json["charged"], true);
    }
}
