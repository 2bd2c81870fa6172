//! `hongyan audit proof`: an event with the proof that it is on record, checked here, for others to check again.

use std::{fs, path::Path};

use hongyan_proto::audit::v1::{GetProofRequest, GetProofResponse, LogPlace, get_proof_request::By};
use hongyan_tlog::{key::Verifier, leaf_hash, proof_text::TlogProof};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    args::Proof,
    clients::Clients,
    exit::Exit,
    table::list,
};

pub(crate) async fn run(args: Proof, clients: &Clients) -> Result<Answer, Failure> {
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
        .get_proof(GetProofRequest { by: Some(by) })
        .await
        .map_err(Failure::of("audit"))?
        .into_inner();
    let answer = checked(&answer, args.key.as_ref())?;
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

/// Nothing that the service says is believed: the proof is checked as anybody else would check it. Where no key is given
/// it is the service's own that is believed, and the answer says so.
fn checked<'a>(answer: &'a GetProofResponse, key: Option<&Verifier>) -> Result<Held<'a>, Failure> {
    let wrong = |why: String| Failure::Usage(format!("the proof does not hold: {why}"));
    let told: Verifier = answer
        .verifier_key
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    let origin = told.name().to_owned();
    let key = match key {
        Some(key) => key.named(&origin).map_err(|error| wrong(error.to_string()))?,
        None => told,
    };
    let proof = TlogProof::parse(answer.proof.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let (checkpoint, _) = proof
        .verify(&leaf_hash(&answer.leaf), &origin, &key, &[])
        .map_err(|error| wrong(error.to_string()))?;
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

fn leaf_file(out: &Path) -> std::path::PathBuf {
    out.with_extension("leaf")
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
