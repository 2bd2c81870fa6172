//! The bodies of the fuzz targets, which the tests of the crate call as well.

#[path = "../../tests/fuzz/bodies.rs"]
pub mod bodies;
