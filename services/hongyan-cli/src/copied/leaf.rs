//! What a leaf says of itself.

use prost::Message as _;

/// The fields of `hongyan.audit.v1.Leaf` that say where it stands; decoding passes over all others.
#[derive(Clone, PartialEq, prost::Message)]
struct PlaceOnly {
    #[prost(string, tag = "8")]
    log: String,
    #[prost(uint64, tag = "9")]
    log_index: u64,
}

/// A leaf of this record says where it stands; one that was moved says so.
pub(crate) fn says_its_place(origin: &str, index: u64, entry: &[u8]) -> Result<(), String> {
    let leaf = PlaceOnly::decode(entry).map_err(|_| "the entry is no leaf of this record".to_owned())?;
    if leaf.log_index != index {
        return Err(format!("the leaf says that it is number {}", leaf.log_index));
    }
    match origin.strip_suffix(leaf.log.as_str()) {
        Some(before) if before.ends_with('/') => Ok(()),
        _ => Err(format!("the leaf says that it is of the log {:?}", leaf.log)),
    }
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::{AuditEvent, Leaf};
    use prost::Message as _;

    use super::says_its_place;

    #[test]
    fn a_leaf_that_stands_elsewhere_says_so() {
        let origin = "audit.example.org/cdr/2026h2/0";
        let leaf = |log: &str, log_index| {
            Leaf {
                version: 2,
                index: 77,
                event: Some(AuditEvent::default()),
                log: log.to_owned(),
                log_index,
                ..Leaf::default()
            }
            .encode_to_vec()
        };
        assert_eq!(says_its_place(origin, 5, &leaf("cdr/2026h2/0", 5)), Ok(()));
        for (wrong, part) in [
            (leaf("cdr/2026h2/0", 6), "number 6"),
            (leaf("meta/2026h2/0", 5), "meta/2026h2/0"),
            (leaf("dr/2026h2/0", 5), "dr/2026h2/0"),
            (leaf("", 5), "\"\""),
            (b"\xff".to_vec(), "no leaf"),
            (Vec::new(), "number 0"),
        ] {
            let why = says_its_place(origin, 5, &wrong).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }
}
