//! What is said between a log and a witness (C2SP tlog-witness, "add-checkpoint"). No IO.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hongyan_tlog::{
    Hash,
    key::Verifier,
    note::{Note, NoteError, Signature},
};

/// The longest answer that is read: 64 KiB, as long as a note may be.
pub(super) const MAX_ANSWER_OCTETS: usize = hongyan_tlog::note::MAX_NOTE_OCTETS;

/// What a witness answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Status 200: lines of signatures.
    Cosigned(Vec<u8>),
    /// Status 409: the size that it has cosigned last.
    Has(u64),
    /// Any other status, or a 409 without a size.
    Refused(u16),
}

impl Answer {
    pub(super) fn of(status: u16, body: Vec<u8>) -> Self {
        match status {
            200 => Self::Cosigned(body),
            409 => size(&body).map_or(Self::Refused(status), Self::Has),
            _ => Self::Refused(status),
        }
    }
}

/// A decimal number without leading zeros, and its line end.
fn size(body: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let size: u64 = line.parse().ok()?;
    (size.to_string() == line).then_some(size)
}

/// The body of a request: from the size that the witness has, by this proof, to this note.
pub(super) fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let mut body = format!("old {old}\n");
    for hash in proof {
        body.push_str(&STANDARD.encode(hash.as_bytes()));
        body.push('\n');
    }
    body.push('\n');
    body.push_str(note);
    body
}

/// The signature of this witness among the lines that it answered with; those of others do not count.
pub(super) fn cosignature(text: &str, lines: &[u8], witness: &Verifier) -> Result<Signature, NoteError> {
    let note = [text.as_bytes(), b"\n", lines].concat();
    let note = Note::parse(&note)?;
    let by = note.verified_by(std::slice::from_ref(witness))?;
    // A plain signature says nothing of having seen the log before.
    if by.iter().any(|(_, signed)| signed.cosigned_at_unix_s.is_none()) {
        return Err(NoteError::NotSigned);
    }
    let known = note
        .signatures()
        .iter()
        .find(|signature| witness.knows(signature));
    known.cloned().ok_or(NoteError::NotSigned)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::any, prop_assert, proptest};

    use hongyan_tlog::{
        Hash,
        key::{Algorithm, Signer},
        note::{Note, NoteError},
    };

    use super::{Answer, cosignature, request};

    const TEXT: &str = "example.org/log\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn witness(name: &str, seed: u8) -> Signer {
        Signer::from_seed(name, Algorithm::CosignatureV1, &[seed; 32]).unwrap()
    }

    fn lines(text: &str, signer: &Signer) -> String {
        let note = Note::sign(text, signer, 1_700_000_000).unwrap().to_string();
        note.split_once("\n\n").unwrap().1.to_owned()
    }

    #[test]
    fn a_request_is_size_proof_empty_line_and_note() {
        assert_eq!(request(0, &[], "the note\n"), "old 0\n\nthe note\n");
        assert_eq!(
            request(256, &[Hash([0; 32]), Hash([255; 32])], "the note\n"),
            "old 256\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
             //////////////////////////////////////////8=\n\nthe note\n"
        );
    }

    #[test]
    fn an_answer_is_taken_by_its_status() {
        for (status, body, answer) in [
            (200, "lines", Answer::Cosigned(b"lines".to_vec())),
            (409, "17\n", Answer::Has(17)),
            (409, "0\n", Answer::Has(0)),
            (409, "17", Answer::Refused(409)),
            (409, "017\n", Answer::Refused(409)),
            (409, "+17\n", Answer::Refused(409)),
            (409, "another root\n", Answer::Refused(409)),
            (404, "17\n", Answer::Refused(404)),
            (204, "", Answer::Refused(204)),
        ] {
            assert_eq!(Answer::of(status, body.into()), answer, "{status} {body:?}");
        }
    }

    #[test]
    fn only_the_witness_own_cosignature_of_this_text_counts() {
        let (one, other) = (witness("w/1", 1), witness("w/2", 2));
        let right = lines(TEXT, &one);
        let both = format!("{}{right}", lines(TEXT, &other));
        for lines in [&right, &both] {
            let signature = cosignature(TEXT, lines.as_bytes(), one.verifier()).unwrap();
            assert_eq!(signature.name(), "w/1");
        }
        let plain = Signer::from_seed("w/1", Algorithm::Ed25519, &[1; 32]).unwrap();
        let found = cosignature(TEXT, lines(TEXT, &plain).as_bytes(), plain.verifier());
        assert_eq!(found, Err(NoteError::NotSigned));
        let imposter = witness("w/1", 3);
        for (lines, error) in [
            (lines(TEXT, &other), NoteError::NotSigned),
            (lines(TEXT, &imposter), NoteError::NotSigned),
            (lines("another\n", &one), NoteError::BadSignature),
            (String::new(), NoteError::Shape),
            ("no signature\n".to_owned(), NoteError::Signature { line: 1 }),
            (right.trim_end().to_owned(), NoteError::Shape),
        ] {
            assert_eq!(
                cosignature(TEXT, lines.as_bytes(), one.verifier()),
                Err(error),
                "{lines}"
            );
        }
    }

    proptest! {
        #[test]
        fn hostile_answers_are_refused_and_nothing_else(
            status in any::<u16>(),
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<proptest::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let one = witness("w/1", 1);
            if let Answer::Cosigned(lines) = Answer::of(status, noise) {
                prop_assert!(cosignature(TEXT, &lines, one.verifier()).is_err());
            }
            let mut changed = lines(TEXT, &one).into_bytes();
            let at = at.index(changed.len());
            changed[at] ^= 1 << bit;
            prop_assert!(cosignature(TEXT, &changed, one.verifier()).is_err());
        }
    }
}
