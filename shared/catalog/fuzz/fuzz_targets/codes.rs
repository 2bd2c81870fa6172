//! See `tests/fuzz/bodies.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hongyan_catalog_fuzz::bodies::codes(octets));
