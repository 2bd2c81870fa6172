//! What the fuzz targets do, free of libFuzzer, so that a test can do the same with inputs of its own.
//!
//! A body takes any octets, panics when a promise is broken, and ends in a time that its input's length bounds.

mod cmpp;
mod concat;
mod frames;
mod reassembly;
mod session;
mod sgip;
mod smgp;
mod smpp;
mod source;
mod text;

/// What a fuzz target calls for each input.
pub(crate) type Body = fn(&[u8]);

/// Every target by name, which is also that of its file in `fuzz/fuzz_targets`.
pub(crate) const TARGETS: &[(&str, Body)] = &[
    ("cmpp_decode", cmpp::decoding),
    ("cmpp_session", cmpp::sessions),
    ("concat", concat::headers_and_parts),
    ("reassembly", reassembly::reassembling),
    ("sgip_decode", sgip::decoding),
    ("sgip_session", sgip::sessions),
    ("smgp_decode", smgp::decoding),
    ("smgp_report", smgp::reports),
    ("smgp_session", smgp::sessions),
    ("smpp_decode", smpp::decoding),
    ("smpp_receipt", smpp::receipts),
    ("smpp_session", smpp::sessions),
    ("text_ascii", text::ascii),
    ("text_gb18030", text::gb18030),
    ("text_gbk", text::gbk),
    ("text_gsm7", text::gsm7),
    ("text_gsm7_packed", text::gsm7_packed),
    ("text_latin1", text::latin1),
    ("text_ucs2", text::ucs2),
];

/// Calls the body of this name.
///
/// # Panics
///
/// When there is no such target, or a promise is broken.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "called by the libFuzzer targets, which are another crate"
)]
pub fn run(target: &str, octets: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target that exists");
    body(octets);
}
