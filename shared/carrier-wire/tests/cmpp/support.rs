//! The vectors of CMPP.

use hongyan_carrier_wire::cmpp::Version;

use crate::common::{Vector, of_protocol};

/// Those of CMPP.
pub(crate) fn cmpp() -> Vec<Vector> {
    of_protocol("CMPP", 23)
}

/// Those that are whole PDUs.
pub(crate) fn whole() -> Vec<Vector> {
    let is_whole = |vector: &Vector| !["C-19", "C-34"].contains(&vector.id.as_str());
    cmpp().into_iter().filter(is_whole).collect()
}

/// The one with this id.
pub(crate) fn of_id(id: &str) -> Vector {
    cmpp().into_iter().find(|vector| vector.id == id).unwrap()
}

/// The layouts in which a vector can be read.
pub(crate) fn versions(vector: &Vector) -> &'static [Version] {
    match vector.protocol.as_str() {
        "CMPP 3.0" => &[Version::V3],
        "CMPP" => &[Version::V2, Version::V3],
        other if other.starts_with("CMPP 2") => &[Version::V2],
        other => panic!("{}: no version of CMPP: {other}", vector.id),
    }
}
