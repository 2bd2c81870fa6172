//! `hongyan audit proof`: an event with the proof that it is on record, checked here, for others to check again.

use std::{fs, path::Path};

use hongyan_proto::audit::v1::{GetProofRequest, GetProofResponse, Leaf, LogPlace, get_proof_request::By};
use hongyan_tlog::{key::Verifier, leaf_hash, proof_text::TlogProof};
use prost::Message as _;
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    args::Proof,
    clients::Clients,
    command::audit_verify::leaf_file,
    copied::says_its_place,
    exit::Exit,
    table::list,
};

pub(crate) async fn run(args: Proof, clients: &Clients) -> Result<Answer, Failure> {
    if args.out.as_ref().is_some_and(|out| leaf_file(out) == *out) {
        return Err(Failure::Usage(
            "--out must not end in .leaf: the leaf's own file does".to_owned(),
        ));
    }
    let by = match (args.index, args.log) {
        (Some(index), _) => By::Index(index),
        (None, Some(log)) => By::Place(LogPlace {
            log,
            log_index: args.log_index.unwrap_or_default(),
        }),
        (None, None) => return Err(Failure::Usage("say --index, or --log and --log-index".to_owned())),
    };
    let mut client = clients.audit()?;
    let answer = client
        .get_proof(GetProofRequest { by: Some(by.clone()) })
        .await
        .map_err(Failure::of("audit"))?
        .into_inner();
    let answer = match checked(&answer, &by, args.key.as_ref()) {
        Ok(held) => held,
        Err(why) => {
            return Ok(Answer {
                text: format!("the proof does not hold: {why}"),
                json: json!({"holds": false, "why": why}),
                exit: Exit::No,
            });
        }
    };
    if let Some(out) = &args.out {
        keep(out, &answer)?;
    }
    Ok(render(&answer, args.out.as_deref()))
}

/// A proof that holds.
struct Held<'a> {
    answer: &'a GetProofResponse,
    origin: String,
    index: u64,
    size: u64,
}

/// Nothing that the service says is believed: the proof is checked as anybody else would check it, and the leaf must be
/// the one that was asked for. Where no key is given it is the service's own that is believed, and the answer says so.
fn checked<'a>(answer: &'a GetProofResponse, asked: &By, key: Option<&Verifier>) -> Result<Held<'a>, String> {
    let told: Verifier = answer
        .verifier_key
        .parse()
        .map_err(|error| format!("the key that the service names: {error}"))?;
    let origin = told.name().to_owned();
    let key = match key {
        Some(key) => key.named(&origin).map_err(|error| error.to_string())?,
        None => told,
    };
    let proof = TlogProof::parse(answer.proof.as_bytes()).map_err(|error| error.to_string())?;
    let (checkpoint, _) = proof
        .verify(&leaf_hash(&answer.leaf), &origin, &key, &[])
        .map_err(|error| error.to_string())?;
    says_its_place(&origin, proof.index, &answer.leaf)?;
    let leaf = Leaf::decode(&*answer.leaf).map_err(|_| "the leaf cannot be read".to_owned())?;
    let is_asked_for = match asked {
        By::Index(index) => leaf.index == *index,
        By::Place(place) => leaf.log == place.log && leaf.log_index == place.log_index,
    };
    if !is_asked_for {
        return Err(format!(
            "it is about {}/{}, number {} of the record, which was not asked for",
            leaf.log, leaf.log_index, leaf.index
        ));
    }
    Ok(Held {
        answer,
        origin,
        index: proof.index,
        size: checkpoint.size(),
    })
}

/// The proof, and the leaf that it is about beside it.
fn keep(out: &Path, held: &Held<'_>) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    fs::write(out, &held.answer.proof).map_err(|error| failed(out, error))?;
    let leaf = leaf_file(out);
    fs::write(&leaf, &held.answer.leaf).map_err(|error| failed(&leaf, error))
}

fn render(held: &Held<'_>, out: Option<&Path>) -> Answer {
    let mut lines = vec![
        ("log", held.answer.log.clone()),
        ("origin", held.origin.clone()),
        ("entry", format!("{} of {}", held.index, held.size)),
        ("verifier key", held.answer.verifier_key.clone()),
        ("result", "the proof holds".to_owned()),
    ];
    if let Some(out) = out {
        lines.push(("proof in", out.display().to_string()));
        lines.push(("leaf in", leaf_file(out).display().to_string()));
    }
    let mut text = list(lines);
    if out.is_none() {
        text.push_str("\n\n");
        text.push_str(held.answer.proof.trim_end());
    }
    Answer {
        text,
        json: json!({
            "log": held.answer.log,
            "origin": held.origin,
            "index": held.index,
            "size": held.size,
            "verifier_key": held.answer.verifier_key,
            "proof": held.answer.proof,
            "leaf": hex::encode(&held.answer.leaf),
            "holds": true,
        }),
        exit: Exit::Yes,
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{GetProofResponse, LogPlace, get_proof_request::By};

    use super::checked;
    use crate::copied::testing::{LOG, entries, entry, proof_of, signer};

    #[test]
    fn a_proof_of_another_event_than_the_one_asked_for_does_not_do() {
        // The testing leaves are every third of the record.
        let answer = GetProofResponse {
            log: LOG.to_owned(),
            proof: proof_of(&entries(300), 77),
            leaf: entry(77).into(),
            verifier_key: signer().verifier().to_string(),
        };
        let place = |log_index| {
            By::Place(LogPlace {
                log: LOG.to_owned(),
                log_index,
            })
        };
        for (asked, holds) in [
            (By::Index(231), true),
            (place(77), true),
            (By::Index(77), false),
            (place(78), false),
        ] {
            assert_eq!(checked(&answer, &asked, None).is_ok(), holds, "{asked:?}");
        }
        let other = hongyan_tlog::key::Signer::from_seed(
            "audit.example.org",
            hongyan_tlog::key::Algorithm::Ed25519,
            &[4; 32],
        );
        let other = other.unwrap();
        assert!(checked(&answer, &By::Index(231), Some(other.verifier())).is_err());
    }
}
