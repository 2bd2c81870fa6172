//! See `tests/fuzz/bodies.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hongyan_tlog_fuzz::bodies::run("range", octets));
