//! Which witnesses there are, and how many of them a checkpoint needs.

use std::{path::PathBuf, str::FromStr, time::Duration};

use hongyan_config::Source;
use hongyan_tlog::key::{KeyError, Verifier};
use reqwest::Url;

/// Most witnesses: with the log's own signature they must fit in a note.
const MAX_WITNESSES: usize = 16;

/// Somebody who cosigns checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Checks its cosignatures.
    pub verifier: Verifier,
    /// What `/add-checkpoint` is put behind.
    pub url: Url,
}

/// Why a text names no witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoWitness {
    /// Not two pieces.
    #[error("a witness is its verifier's key, a space, and a URL")]
    Shape,
    /// The first piece.
    #[error("the witness' key: {0}")]
    Key(#[from] KeyError),
    /// The second piece.
    #[error("the witness' URL must be one of http or https, without a query")]
    Url,
}

impl FromStr for Witness {
    type Err = NoWitness;

    fn from_str(text: &str) -> Result<Self, NoWitness> {
        let (key, url) = text.split_once(' ').ok_or(NoWitness::Shape)?;
        let url: Url = url
            .trim()
            .trim_end_matches('/')
            .parse()
            .map_err(|_| NoWitness::Url)?;
        let is_plain =
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
        if !is_plain {
            return Err(NoWitness::Url);
        }
        Ok(Self {
            verifier: key.parse()?,
            url,
        })
    }
}

/// What a checkpoint needs before it is published.
#[derive(Debug, Clone)]
pub struct WitnessPolicy {
    /// Who is asked.
    pub witnesses: Vec<Witness>,
    /// How many of them must cosign; 0 publishes without asking.
    pub quorum: usize,
    /// How long each may take.
    pub timeout: Duration,
    /// Certificates (PEM) that their servers are checked by; the system's where there is none.
    pub ca_file: Option<PathBuf>,
}

impl WitnessPolicy {
    /// `witness.list`, `witness.quorum` (all of them), `witness.timeout_ms` (2,000; 100 to 5,000), `witness.ca_file`;
    /// mistakes are noted in the source.
    pub fn read(source: &mut Source) -> Self {
        let mut witnesses: Vec<Witness> = Vec::new();
        for text in source.list("witness.list") {
            match text.parse::<Witness>() {
                Ok(witness) if witnesses.iter().any(|other| other.verifier == witness.verifier) => {
                    source.note("witness.list", "names a witness twice");
                }
                Ok(witness) => witnesses.push(witness),
                Err(error) => source.note("witness.list", &error.to_string()),
            }
        }
        if witnesses.len() > MAX_WITNESSES {
            source.note("witness.list", &format!("must be at most {MAX_WITNESSES}"));
        }
        let all = witnesses.len() as u64;
        let quorum = source.within("witness.quorum", all, 0, all);
        Self {
            quorum: usize::try_from(quorum).unwrap_or(witnesses.len()),
            witnesses,
            timeout: Duration::from_millis(source.within("witness.timeout_ms", 2_000, 100, 5_000)),
            ca_file: source.optional("witness.ca_file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use hongyan_tlog::key::{Algorithm, Signer};

    use super::{NoWitness, Witness};

    #[test]
    fn a_witness_is_a_key_and_a_url() {
        let signer = Signer::from_seed("w.example/1", Algorithm::CosignatureV1, &[1; 32]).unwrap();
        let key = signer.verifier().to_string();
        let witness: Witness = format!("{key} https://w.example/a/").parse().unwrap();
        assert_eq!(&witness.verifier, signer.verifier());
        assert_eq!(witness.url.as_str(), "https://w.example/a");
        for (text, error) in [
            (key.clone(), NoWitness::Shape),
            (format!("{key} ftp://w.example"), NoWitness::Url),
            (format!("{key} w.example"), NoWitness::Url),
            (format!("{key} https://w.example/?a=b"), NoWitness::Url),
        ] {
            assert_eq!(text.parse::<Witness>(), Err(error), "{text}");
        }
        let wrong = "nobody https://w.example".parse::<Witness>();
        assert!(matches!(wrong, Err(NoWitness::Key(_))), "{wrong:?}");
    }
}
