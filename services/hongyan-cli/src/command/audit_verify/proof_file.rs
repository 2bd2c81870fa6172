//! A proof in a file, as `audit proof --out` keeps it: checked again, without any service.

use std::{fs, path::Path};

use hongyan_tlog::{checkpoint::Checkpoint, key::Verifier, leaf_hash, proof_text::TlogProof};
use serde_json::json;

use crate::{
    answer::{Answer, Failure},
    copied::says_its_place,
    exit::Exit,
    table::list,
};

/// Where the leaf of a proof stands.
pub(crate) fn leaf_file(proof: &Path) -> std::path::PathBuf {
    proof.with_extension("leaf")
}

/// A proof and the leaf beside it.
pub(super) fn run(path: &Path, keys: &[Verifier]) -> Result<Answer, Failure> {
    let read =
        |path: &Path| fs::read(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())));
    let (proof, leaf) = (read(path)?, read(&leaf_file(path))?);
    Ok(match held(&proof, &leaf, keys) {
        Ok((index, checkpoint)) => Answer {
            text: list([
                ("origin", checkpoint.origin().to_owned()),
                ("entry", format!("{index} of {}", checkpoint.size())),
                ("root", checkpoint.root().to_string()),
                ("result", "the proof holds".to_owned()),
            ]),
            json: json!({
                "ok": true,
                "origin": checkpoint.origin(),
                "index": index,
                "size": checkpoint.size(),
                "root": checkpoint.root().to_string(),
            }),
            exit: Exit::Yes,
        },
        Err(why) => Answer {
            text: format!("{}: WRONG: {why}", path.display()),
            json: json!({"ok": false, "why": why}),
            exit: Exit::No,
        },
    })
}

/// Where the leaf stands, and the checkpoint that one of the keys signed and that the proof leads to.
fn held(proof: &[u8], leaf: &[u8], keys: &[Verifier]) -> Result<(u64, Checkpoint), String> {
    let proof = TlogProof::parse(proof).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(proof.checkpoint.text()).map_err(|error| error.to_string())?;
    let origin = checkpoint.origin();
    let named: Vec<_> = keys.iter().filter_map(|key| key.named(origin).ok()).collect();
    let mut why = "none of the keys can sign such a log".to_owned();
    for key in &named {
        match proof.verify(&leaf_hash(leaf), origin, key, &[]) {
            Ok(_) => {
                says_its_place(origin, proof.index, leaf)?;
                return Ok((proof.index, checkpoint));
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::{
        copied::testing::{entries, entry, proof_of, signer},
        exit::Exit,
    };

    #[test]
    fn a_proof_holds_for_its_leaf_under_its_key_and_for_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let all = entries(300);
        let text = proof_of(&all, 77);
        let (file, leaf) = (dir.path().join("a.tlog-proof"), dir.path().join("a.leaf"));
        let keys = [signer().verifier().clone()];
        let checked = |proof: &str, entry: &[u8]| {
            std::fs::write(&file, proof).unwrap();
            std::fs::write(&leaf, entry).unwrap();
            run(&file, &keys).unwrap()
        };
        let right = checked(&text, &entry(77));
        assert_eq!(right.exit, Exit::Yes, "{}", right.text);
        assert!(right.text.contains("77 of 300"), "{}", right.text);
        let other_root = text.replace("\n300\n", "\n301\n");
        for (proof, leaf) in [
            (text.as_str(), entry(78)),
            (&text.replace("index 77", "index 78"), entry(77)),
            (&other_root, entry(77)),
            ("", entry(77)),
        ] {
            let wrong = checked(proof, &leaf);
            assert_eq!(wrong.exit, Exit::No, "{}", wrong.text);
            assert!(wrong.text.contains("WRONG"), "{}", wrong.text);
        }
        std::fs::remove_file(&leaf).unwrap();
        assert!(run(&file, &keys).is_err(), "without its leaf it proves nothing");
    }
}
