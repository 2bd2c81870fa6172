//! Signed notes: a text and who signed it (C2SP `signed-note`).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::key::{Signed, Signer, Verifier, is_name};

/// The longest note that is read, in octets.
pub const MAX_NOTE_OCTETS: usize = 64 * 1024;
/// The most signatures that a note may carry; the specification asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

const SIGNATURE_MARK: &str = "\u{2014} ";
const ID_OCTETS: usize = 4;

/// Why octets are no note, or nobody known signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_OCTETS`].
    #[error("a note has at most {MAX_NOTE_OCTETS} octets")]
    TooLong,
    /// Not UTF-8, or with a control character other than a line end.
    #[error("a note is UTF-8 without control characters other than line ends")]
    Text,
    /// No text, then an empty line, then signatures, each with its line end.
    #[error("a note is a text, an empty line, and one or more signatures, each line with its end")]
    Shape,
    /// A signature's line is not dash, name and base64 of at least five octets.
    #[error("signature {line} is not a dash, a name, and an id with a signature in base64")]
    Signature {
        /// Which line, from 1.
        line: usize,
    },
    /// More than [`MAX_SIGNATURES`].
    #[error("a note has at most {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A known key's signature does not hold.
    #[error("a signature that names a known key does not hold")]
    BadSignature,
    /// No known key signed.
    #[error("no known key signed the note")]
    NotSigned,
}

/// One signature of a note: who says to have signed, and the octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: [u8; ID_OCTETS],
    octets: Vec<u8>,
}

impl Signature {
    pub(crate) fn new(name: String, id: [u8; ID_OCTETS], octets: Vec<u8>) -> Self {
        Self { name, id, octets }
    }

    /// The name of the key that is said to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of that key.
    pub fn id(&self) -> [u8; ID_OCTETS] {
        self.id
    }

    /// The signature.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The line of the note, with its end.
    fn line(&self) -> String {
        let encoded = STANDARD.encode([&self.id[..], &self.octets].concat());
        format!("{SIGNATURE_MARK}{} {encoded}\n", self.name)
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let octets = STANDARD.decode(encoded).ok()?;
        let (id, octets) = octets.split_first_chunk::<ID_OCTETS>()?;
        (is_name(name) && !octets.is_empty()).then(|| Self::new(name.to_owned(), *id, octets.to_vec()))
    }
}

/// Known keys whose signatures hold, in the note's order.
pub type SignedBy<'k> = Vec<(&'k Verifier, Signed)>;

/// A note that was read, or signed here. Its text may be believed only behind [`Note::verified_by`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// A note of this text, which ends in a line end, signed by one key. `unix_s` is the time a cosignature states.
    pub fn sign(text: &str, signer: &Signer, unix_s: u64) -> Result<Self, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Shape);
        }
        if !is_plain(text) {
            return Err(NoteError::Text);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures: vec![signer.sign(text, unix_s)],
        })
    }

    /// Reads a note. Nothing is verified yet.
    pub fn parse(octets: &[u8]) -> Result<Self, NoteError> {
        if octets.len() > MAX_NOTE_OCTETS {
            return Err(NoteError::TooLong);
        }
        let note = std::str::from_utf8(octets).map_err(|_| NoteError::Text)?;
        if !is_plain(note) {
            return Err(NoteError::Text);
        }
        // The text may hold empty lines: the last one divides.
        let divide = note.rfind("\n\n").ok_or(NoteError::Shape)?;
        let (text, signatures) = note.split_at_checked(divide + 1).ok_or(NoteError::Shape)?;
        let lines = signatures
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Shape)?;
        let mut found = Vec::new();
        for (nth, line) in lines.split('\n').enumerate() {
            if nth >= MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            found.push(Signature::parse(line).ok_or(NoteError::Signature { line: nth + 1 })?);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures: found,
        })
    }

    /// The text, with its last line end.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Everybody who says to have signed.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature, of a witness for example; one of the same key gives way.
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        self.signatures
            .retain(|other| other.name != signature.name || other.id != signature.id);
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Checks every signature of a known key: all must hold, and one there must be. Gives which of the keys signed, in
    /// the note's order, each once.
    pub fn verified_by<'k>(&self, known: &'k [Verifier]) -> Result<SignedBy<'k>, NoteError> {
        let mut by = SignedBy::new();
        for signature in &self.signatures {
            for key in known.iter().filter(|key| key.knows(signature)) {
                let signed = key
                    .verify(&self.text, signature)
                    .map_err(|_| NoteError::BadSignature)?;
                if !by.iter().any(|(other, _)| other == &key) {
                    by.push((key, signed));
                }
            }
        }
        if by.is_empty() {
            Err(NoteError::NotSigned)
        } else {
            Ok(by)
        }
    }
}

/// The note as it is stored and served.
impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        f.write_str("\n")?;
        self.signatures
            .iter()
            .try_for_each(|signature| f.write_str(&signature.line()))
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c >= ' ' || c == '\n')
}

#[cfg(test)]
mod tests {
    use super::{MAX_NOTE_OCTETS, MAX_SIGNATURES, Note, NoteError, Signature};
    use crate::key::{Algorithm, Signer, Verifier};

    /// The example of the documentation of Go's `sumdb/note`.
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                        then you don't know what your problem is.\n";
    const LINE: &str = "\u{2014} PeterNeumann \
                        x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn published() -> String {
        format!("{TEXT}\n{LINE}")
    }

    #[test]
    fn the_published_note_holds_and_is_written_as_it_was_read() {
        let note = Note::parse(published().as_bytes()).unwrap();
        let known = [PUBLIC.parse().unwrap()];
        assert_eq!(note.text(), TEXT);
        let by = note.verified_by(&known).unwrap();
        assert_eq!(by[0].0.name(), "PeterNeumann");
        assert_eq!(note.to_string(), published());
        let stranger = Signer::from_seed("PeterNeumann", Algorithm::Ed25519, &[3; 32]).unwrap();
        assert_eq!(
            note.verified_by(&[stranger.verifier().clone()]),
            Err(NoteError::NotSigned)
        );
    }

    #[test]
    fn any_change_of_text_or_signature_is_found() {
        let known: [Verifier; 1] = [PUBLIC.parse().unwrap()];
        let whole = published().into_bytes();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let holds = Note::parse(&changed).is_ok_and(|note| note.verified_by(&known).is_ok());
                assert!(!holds, "octet {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn the_last_empty_line_divides() {
        let signer = Signer::from_seed("a", Algorithm::Ed25519, &[1; 32]).unwrap();
        let note = Note::sign("one\n\n\ntwo\n", &signer, 0).unwrap();
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read, note);
        assert!(read.verified_by(&[signer.verifier().clone()]).is_ok());
    }

    #[test]
    fn every_signature_of_a_known_key_must_hold() {
        let good = Signer::from_seed("a", Algorithm::Ed25519, &[1; 32]).unwrap();
        let other = Signer::from_seed("b", Algorithm::Ed25519, &[2; 32]).unwrap();
        let mut note = Note::sign("text\n", &good, 0).unwrap();
        note.add(other.sign("another text\n", 0)).unwrap();
        let known = [good.verifier().clone(), other.verifier().clone()];
        assert_eq!(note.verified_by(&known), Err(NoteError::BadSignature));
        assert!(note.verified_by(&known[..1]).is_ok());
    }

    #[test]
    fn a_witness_states_its_time() {
        let log = Signer::from_seed("log", Algorithm::Ed25519, &[1; 32]).unwrap();
        let witness = Signer::from_seed("witness", Algorithm::CosignatureV1, &[2; 32]).unwrap();
        let mut note = Note::sign("text\n", &log, 0).unwrap();
        note.add(witness.sign("text\n", 1_679_315_147)).unwrap();
        let known = [witness.verifier().clone()];
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        let by = read.verified_by(&known).unwrap();
        assert_eq!(by[0].1.cosigned_at_unix_s, Some(1_679_315_147));
        let mut later = read.signatures()[1].octets().to_vec();
        later[7] ^= 1;
        let moved = Signature::new("witness".to_owned(), known[0].id(), later);
        note.add(moved).unwrap();
        assert_eq!(note.verified_by(&known), Err(NoteError::BadSignature));
    }

    #[test]
    fn what_is_no_note_says_why() {
        let line = LINE;
        let cases: Vec<(Vec<u8>, NoteError)> = vec![
            (b"".to_vec(), NoteError::Shape),
            (b"\n".to_vec(), NoteError::Shape),
            (b"text\n".to_vec(), NoteError::Shape),
            (format!("text{line}").into_bytes(), NoteError::Shape),
            (format!("text\n{line}").into_bytes(), NoteError::Shape),
            (
                format!("text\n\n{}", line.trim_end()).into_bytes(),
                NoteError::Shape,
            ),
            (b"text\n\n".to_vec(), NoteError::Shape),
            (b"text\r\n\n".to_vec(), NoteError::Text),
            (b"te\0xt\n\n".to_vec(), NoteError::Text),
            (b"te\xffxt\n\n".to_vec(), NoteError::Text),
            (
                b"text\n\n- name AAAAAAA=\n".to_vec(),
                NoteError::Signature { line: 1 },
            ),
            (
                format!("text\n\n{line}\u{2014} b\n").into_bytes(),
                NoteError::Signature { line: 2 },
            ),
            (
                "text\n\n\u{2014} n AAAAAA==\n".to_owned().into_bytes(),
                NoteError::Signature { line: 1 },
            ),
            (
                "text\n\n\u{2014} n+m AAAAAAA=\n".to_owned().into_bytes(),
                NoteError::Signature { line: 1 },
            ),
            (
                "text\n\n\u{2014} n AAAAAAA\n".to_owned().into_bytes(),
                NoteError::Signature { line: 1 },
            ),
            (
                format!("text\n\n{}", line.repeat(MAX_SIGNATURES + 1)).into_bytes(),
                NoteError::TooManySignatures,
            ),
            (vec![b'a'; MAX_NOTE_OCTETS + 1], NoteError::TooLong),
        ];
        for (octets, why) in cases {
            assert_eq!(
                Note::parse(&octets),
                Err(why),
                "{}",
                String::from_utf8_lossy(&octets[..octets.len().min(80)])
            );
        }
        let signer = Signer::from_seed("a", Algorithm::Ed25519, &[1; 32]).unwrap();
        assert_eq!(Note::sign("no end", &signer, 0), Err(NoteError::Shape));
        assert_eq!(Note::sign("a\tb\n", &signer, 0), Err(NoteError::Text));
    }
}
