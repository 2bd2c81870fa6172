//! The vectors.

use bytes::Bytes;
use serde::Deserialize;

/// One entry of `vectors/carriers.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) protocol: String,
    pub(crate) octets: Option<usize>,
    pub(crate) decoded: String,
    pub(crate) hex: Hex,
}

/// One PDU or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Hex {
    One(String),
    Many(Vec<String>),
}

impl Vector {
    /// The PDUs' octets.
    pub(crate) fn frames(&self) -> Vec<Bytes> {
        let frame = |hex: &String| Bytes::from(hex::decode(hex).unwrap());
        match &self.hex {
            Hex::One(one) => vec![frame(one)],
            Hex::Many(many) => many.iter().map(frame).collect(),
        }
    }
}

/// Those whose protocol begins with this name, of which there must be so many: one that is not there is not tested.
pub(crate) fn of_protocol(name: &str, expected: usize) -> Vec<Vector> {
    let all: Vec<Vector> = serde_json::from_str(include_str!("../vectors/carriers.json")).unwrap();
    let found: Vec<Vector> = all
        .into_iter()
        .filter(|vector| vector.protocol.starts_with(name))
        .collect();
    assert_eq!(found.len(), expected, "a vector that is not there is not tested");
    found
}

/// Compares what was read with what is written down, field by field in both directions; a value that is cut short
/// there ends in an ellipsis.
pub(crate) fn check_fields(id: &str, decoded: &str, read: &[(&'static str, String)]) {
    let written: Vec<(&str, &str)> = decoded
        .split("; ")
        .filter_map(|field| field.split_once('='))
        .collect();
    for (name, expected) in &written {
        let value = read.iter().find(|(read, _)| read == name);
        let (_, value) = value.unwrap_or_else(|| panic!("{id}: {name} was not read"));
        match expected.split_once('…') {
            Some((start, _)) => assert!(value.starts_with(start), "{id}: {name} is {value}"),
            None => assert_eq!(value, expected, "{id}: {name}"),
        }
    }
    for (name, value) in read {
        let known = written.iter().any(|(written, _)| written == name);
        assert!(known, "{id}: {name} was read as {value} and is not written down");
    }
}
