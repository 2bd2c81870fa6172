//! `hongyan audit keygen`: makes the key that signs a record's checkpoints.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _};

use hongyan_tlog::key::{Algorithm, Signer};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    args::Keygen,
    exit::Exit,
};

pub(crate) fn run(args: &Keygen) -> Result<Answer, Failure> {
    // As audit-svc will want it.
    if !hongyan_config::is_domain(&args.organisation) {
        let why = "--organisation: must be a domain, e.g. example.org";
        return Err(Failure::Usage(why.to_owned()));
    }
    let mut seed = [0; 32];
    rand::RngCore::fill_bytes(&mut rand::rng(), &mut seed);
    let name = format!("audit.{}", args.organisation);
    let wrong = |why: String| Failure::Usage(why);
    let signer = Signer::from_seed(&name, Algorithm::Ed25519, &seed)
        .map_err(|error| wrong(format!("--organisation: {error}")))?;
    let private = Signer::private_text(&name, Algorithm::Ed25519, &seed)
        .map_err(|error| wrong(format!("--organisation: {error}")))?;
    let path = args.out.display();
    // A key that is there signs a record: it is never replaced.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.out)
        .map_err(|error| wrong(format!("{path}: {error}")))?;
    writeln!(file, "{}", *private)
        .and_then(|()| file.sync_all())
        .map_err(|error| wrong(format!("{path}: {error}")))?;
    let public = signer.verifier().to_string();
    Ok(Answer {
        text: format!(
            "The signing key is in {path}; keep it secret.\nGive this one to everybody who checks the record:\n{public}"
        ),
        json: json!({"file": args.out, "verifier_key": public}),
        exit: Exit::Yes,
    })
}
