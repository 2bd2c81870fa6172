//! What the tests of every protocol need: the vectors, and chance that repeats itself.

mod chance;
mod vector;

pub(crate) use chance::Chance;
pub(crate) use vector::{Vector, check_fields, of_protocol};
