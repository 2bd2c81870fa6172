//! SMGP from outside: the vectors, what must hold for every PDU, and input that was damaged.
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

#[path = "../common/mod.rs"]
mod common;
mod mutations;
mod properties;
mod vectors;

use common::{Vector, of_protocol};
use hongyan_carrier_wire::smgp::Version;

/// The vectors of SMGP.
fn smgp() -> Vec<Vector> {
    of_protocol("SMGP", 10)
}

/// The one with this id.
fn of_id(id: &str) -> Vector {
    smgp().into_iter().find(|vector| vector.id == id).unwrap()
}

/// The layout that a vector has.
fn version_of(vector: &Vector) -> Version {
    match vector.protocol.as_str() {
        "SMGP 3.0" | "SMGP" => Version::V3,
        "SMGP 1.3 layout" => Version::V1,
        other => panic!("{}: no version of SMGP: {other}", vector.id),
    }
}

/// False for the entries that are a part of a PDU.
fn is_whole(vector: &Vector) -> bool {
    !["G-06", "G-08"].contains(&vector.id.as_str())
}
