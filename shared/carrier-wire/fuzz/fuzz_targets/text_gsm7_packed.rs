//! See `tests/fuzz/bodies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hongyan_carrier_wire_fuzz::bodies::run(
    "text_gsm7_packed",
    octets
));
