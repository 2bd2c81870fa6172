//! `range.json`: what proves that the entries of a part are all of them.

use hongyan_tlog::{HASH_OCTETS, Hash, range::RangeProof};
use serde::{Deserialize, Serialize};

/// The file's name.
pub(crate) const PART: &str = "range.json";

/// The entries `from` to before `until` of a log, and the roots of the complete subtrees on both sides (see
/// `hongyan_tlog::range`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) from: u64,
    pub(crate) until: u64,
    left_hashes: Vec<String>,
    right_hashes: Vec<String>,
}

impl Part {
    pub(crate) fn new(from: u64, until: u64, proof: &RangeProof) -> Self {
        let texts = |hashes: &[Hash]| hashes.iter().map(Hash::to_string).collect();
        Self {
            from,
            until,
            left_hashes: texts(&proof.left),
            right_hashes: texts(&proof.right),
        }
    }

    /// Reads the file.
    pub(crate) fn parse(octets: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(octets).map_err(|error| error.to_string())
    }

    /// The file.
    pub(crate) fn to_octets(&self) -> Vec<u8> {
        let mut octets = serde_json::to_vec_pretty(self).unwrap_or_default();
        octets.push(b'\n');
        octets
    }

    /// The hashes beside the entries.
    pub(crate) fn proof(&self) -> Result<RangeProof, String> {
        Ok(RangeProof {
            left: hashes("left_hashes", &self.left_hashes)?,
            right: hashes("right_hashes", &self.right_hashes)?,
        })
    }
}

fn hashes(field: &str, texts: &[String]) -> Result<Vec<Hash>, String> {
    let one = |text: &String| {
        let mut hash = [0; HASH_OCTETS];
        hex::decode_to_slice(text, &mut hash).ok().map(|()| Hash(hash))
    };
    let found: Option<Vec<_>> = texts.iter().map(one).collect();
    found.ok_or_else(|| format!("{field} must be hashes of {} hexadecimal digits", 2 * HASH_OCTETS))
}

#[cfg(test)]
mod tests {
    use hongyan_tlog::{leaf_hash, range::RangeProof};

    use super::Part;

    #[test]
    fn it_is_read_as_it_was_written_and_nothing_else_is() {
        let proof = RangeProof {
            left: vec![leaf_hash(b"l")],
            right: vec![leaf_hash(b"r"), leaf_hash(b"s")],
        };
        let part = Part::new(256, 512, &proof);
        let octets = part.to_octets();
        assert_eq!(Part::parse(&octets), Ok(part.clone()));
        assert_eq!(part.proof(), Ok(proof));
        let text = String::from_utf8(octets).unwrap();
        for (from, to) in [
            ("256", "-1"),
            ("256", "\"256\""),
            ("\"until\"", "\"to\""),
            ("\"from\"", "\"more\": 1, \"from\""),
        ] {
            assert!(
                Part::parse(text.replace(from, to).as_bytes()).is_err(),
                "{from} as {to}"
            );
        }
        let longer = text.replacen("\n    \"", "\n    \"00", 1);
        assert!(
            Part::parse(longer.as_bytes())
                .unwrap()
                .proof()
                .unwrap_err()
                .contains("left_hashes")
        );
    }
}
