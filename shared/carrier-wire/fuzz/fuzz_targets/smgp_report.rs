//! Any octets as the body of a status report: read or refused, and what the document's form can say survives it.
#![no_main]

use hongyan_carrier_wire::smgp::report::Report;
use libfuzzer_sys::fuzz_target;

fn check(body: &[u8]) {
    let Ok(report) = Report::decode(body) else {
        return;
    };
    assert_eq!(body.get(3..13), Some(&report.msg_id.0[..]), "the id is taken by its place");
    assert!(report.stat_text().len() <= 7 && report.err_text().len() <= 3);
    let written = report.encode();
    assert_eq!(written.len(), Report::BODY_LEN);
    let again = Report::decode(written.as_slice()).expect("the document's form can be read");
    assert_eq!(again.msg_id, report.msg_id);
    // A value with a colon may look like a key where it now stands.
    let values = [
        report.sub.wire().as_slice(),
        report.dlvrd.wire(),
        report.submit_date.wire(),
        report.done_date.wire(),
        report.stat.wire(),
        report.err.wire(),
    ];
    if !values.concat().contains(&b':') {
        assert_eq!(again, report);
    }
}

fuzz_target!(|octets: &[u8]| {
    check(octets);
    let mut body = b"id:".to_vec();
    body.extend_from_slice(octets);
    check(&body);
});
