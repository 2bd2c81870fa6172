//! A proof that travels by itself: place, way to the root, and the signed checkpoint, as text (C2SP `tlog-proof`).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Hash,
    checkpoint::{Checkpoint, CheckpointError, decimal, hash},
    key::Verifier,
    note::{MAX_NOTE_OCTETS, Note, NoteError, SignedBy},
    proof::{MAX_PROOF_HASHES, ProofError, verify_inclusion},
};

const HEAD: &str = "c2sp.org/tlog-proof@v1";
/// The most octets that a proof may carry besides, before base64.
pub const MAX_EXTRA_OCTETS: usize = 64 * 1024;
/// The longest text that is read.
const MAX_OCTETS: usize = MAX_NOTE_OCTETS + 2 * MAX_EXTRA_OCTETS + 64 * MAX_PROOF_HASHES;

/// Why a text is no proof, or proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Not UTF-8, too long, without the line in front, or without an empty line and a checkpoint behind.
    #[error("a proof is the line {HEAD}, an index, hashes, an empty line and a checkpoint")]
    Shape,
    /// The extra line is not base64, or too long.
    #[error("the extra data are not base64 of at most {MAX_EXTRA_OCTETS} octets")]
    Extra,
    /// No decimal number without leading zeros.
    #[error("the index is no decimal number without leading zeros")]
    Index,
    /// A hash is not 32 octets in base64, or there are more than any tree needs.
    #[error("hash {line} is not 32 octets in base64, or one too many")]
    Hash {
        /// Which, from 1.
        line: usize,
    },
    /// The note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// What the note says.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The way to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Where the leaf stands.
    pub index: u64,
    /// The way to the root, the sibling first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
    /// Whatever an application adds; nobody signed it.
    pub extra: Vec<u8>,
}

impl TlogProof {
    /// Reads a proof. Nothing is verified yet.
    pub fn parse(octets: &[u8]) -> Result<Self, TlogProofError> {
        if octets.len() > MAX_OCTETS {
            return Err(TlogProofError::Shape);
        }
        let text = std::str::from_utf8(octets).map_err(|_| TlogProofError::Shape)?;
        let (head, note) = text.split_once("\n\n").ok_or(TlogProofError::Shape)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(TlogProofError::Shape);
        }
        let mut line = lines.next().ok_or(TlogProofError::Shape)?;
        let mut extra = Vec::new();
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = STANDARD
                .decode(encoded)
                .ok()
                .filter(|extra| !extra.is_empty() && extra.len() <= MAX_EXTRA_OCTETS)
                .ok_or(TlogProofError::Extra)?;
            line = lines.next().ok_or(TlogProofError::Shape)?;
        }
        let index = line.strip_prefix("index ").ok_or(TlogProofError::Shape)?;
        let index = decimal(index).ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        for (nth, line) in lines.enumerate() {
            let found = hash(line).filter(|_| nth < MAX_PROOF_HASHES);
            hashes.push(found.ok_or(TlogProofError::Hash { line: nth + 1 })?);
        }
        Ok(Self {
            index,
            hashes,
            checkpoint: Note::parse(note.as_bytes())?,
            extra,
        })
    }

    /// Checks that the leaf with this hash stands at [`TlogProof::index`] of the log with this origin: a known key of
    /// the log signed the checkpoint, and the hashes lead from the leaf to its root. Gives the checkpoint, and which of
    /// the known keys signed; how many witnesses are enough, the caller decides.
    pub fn verify<'k>(
        &self,
        leaf: &Hash,
        origin: &str,
        log: &Verifier,
        known: &'k [Verifier],
    ) -> Result<(Checkpoint, SignedBy<'k>), TlogProofError> {
        self.checkpoint.verified_by(std::slice::from_ref(log))?;
        let cosigned = match self.checkpoint.verified_by(known) {
            Err(NoteError::NotSigned) => Vec::new(),
            found => found?,
        };
        let checkpoint = Checkpoint::parse_of(origin, self.checkpoint.text())?;
        verify_inclusion(
            leaf,
            self.index,
            checkpoint.size(),
            &self.hashes,
            checkpoint.root(),
        )?;
        Ok((checkpoint, cosigned))
    }
}

/// The proof as it is stored; its file ends in `.tlog-proof`.
impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::{TlogProof, TlogProofError};
    use crate::{
        Frontier, Hash,
        checkpoint::Checkpoint,
        key::{Algorithm, Signer},
        leaf_hash,
        note::{Note, NoteError},
    };

    const ORIGIN: &str = "audit.example/log";

    fn signer() -> Signer {
        Signer::from_seed(ORIGIN, Algorithm::Ed25519, &[5; 32]).unwrap()
    }

    /// Two leaves; the proof of the first is the hash of the second.
    fn proof(extra: &[u8]) -> (Hash, TlogProof) {
        let (first, second) = (leaf_hash(b"first"), leaf_hash(b"second"));
        let mut frontier = Frontier::new();
        frontier.push(first);
        frontier.push(second);
        let checkpoint = Checkpoint::new(ORIGIN, 2, frontier.root()).unwrap();
        let mut note = Note::sign(&checkpoint.to_string(), &signer(), 0).unwrap();
        let witness = Signer::from_seed("witness.example", Algorithm::CosignatureV1, &[6; 32]).unwrap();
        note.add(witness.sign(note.text(), 1_700_000_000)).unwrap();
        let proof = TlogProof {
            index: 0,
            hashes: vec![second],
            checkpoint: note,
            extra: extra.to_vec(),
        };
        (first, proof)
    }

    #[test]
    fn a_proof_is_read_as_it_was_written_and_holds() {
        for extra in [&b""[..], b"what an application adds"] {
            let (leaf, proof) = proof(extra);
            let text = proof.to_string();
            assert!(text.starts_with("c2sp.org/tlog-proof@v1\n"));
            let read = TlogProof::parse(text.as_bytes()).unwrap();
            assert_eq!(read, proof);
            let witness = Signer::from_seed("witness.example", Algorithm::CosignatureV1, &[6; 32]).unwrap();
            let known = [witness.verifier().clone()];
            let (checkpoint, by) = read.verify(&leaf, ORIGIN, signer().verifier(), &known).unwrap();
            assert_eq!((checkpoint.size(), by.len()), (2, 1));
        }
    }

    #[test]
    fn no_changed_bit_leaves_a_proof_that_holds() {
        let (leaf, proof) = proof(b"");
        let text = proof.to_string();
        // A witness whose line is damaged is an unknown one, and the log's own signature still holds.
        let behind = text.find("\u{2014} witness").unwrap();
        let text = text.into_bytes();
        let verifier = signer().verifier().clone();
        for at in 0..behind {
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                let holds = TlogProof::parse(&changed)
                    .is_ok_and(|proof| proof.verify(&leaf, ORIGIN, &verifier, &[]).is_ok());
                assert!(!holds, "octet {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn another_log_another_leaf_and_an_unknown_key_prove_nothing() {
        let (leaf, proof) = proof(b"");
        let verifier = signer().verifier().clone();
        assert!(matches!(
            proof.verify(&leaf, "other", &verifier, &[]),
            Err(TlogProofError::Checkpoint(_))
        ));
        assert!(matches!(
            proof.verify(&leaf_hash(b"second"), ORIGIN, &verifier, &[]),
            Err(TlogProofError::Proof(_))
        ));
        let stranger = Signer::from_seed(ORIGIN, Algorithm::Ed25519, &[9; 32]).unwrap();
        assert!(matches!(
            proof.verify(&leaf, ORIGIN, stranger.verifier(), &[]),
            Err(TlogProofError::Note(NoteError::NotSigned))
        ));
    }

    #[test]
    fn what_is_no_proof_says_why() {
        let (_, proof) = proof(b"");
        let text = proof.to_string();
        let (head, note) = text.split_once("\n\n").unwrap();
        let hash = head.rsplit('\n').next().unwrap();
        let with = |head: &str| format!("{head}\n\n{note}").into_bytes();
        let shape = TlogProofError::Shape;
        for (octets, why) in [
            (Vec::new(), shape),
            (b"c2sp.org/tlog-proof@v1\n".to_vec(), shape),
            (with("c2sp.org/tlog-proof@v1"), shape),
            (with("c2sp.org/tlog-proof@v2\nindex 0"), shape),
            (with("c2sp.org/tlog-proof@v1\nnumber 0"), shape),
            (with("c2sp.org/tlog-proof@v1\nextra AA=="), shape),
            (
                with("c2sp.org/tlog-proof@v1\nextra A\nindex 0"),
                TlogProofError::Extra,
            ),
            (
                with("c2sp.org/tlog-proof@v1\nextra \nindex 0"),
                TlogProofError::Extra,
            ),
            (with("c2sp.org/tlog-proof@v1\nindex 00"), TlogProofError::Index),
            (
                with("c2sp.org/tlog-proof@v1\nindex notanumber"),
                TlogProofError::Index,
            ),
            (
                with("c2sp.org/tlog-proof@v1\nindex 0\nAAAA"),
                TlogProofError::Hash { line: 1 },
            ),
            (
                with(&format!(
                    "c2sp.org/tlog-proof@v1\nindex 0{}",
                    format!("\n{hash}").repeat(65)
                )),
                TlogProofError::Hash { line: 65 },
            ),
            (
                b"c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n".to_vec(),
                TlogProofError::Note(NoteError::Shape),
            ),
        ] {
            assert_eq!(TlogProof::parse(&octets), Err(why));
        }
    }
}
