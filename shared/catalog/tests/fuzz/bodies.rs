//! What the fuzz targets do, free of libFuzzer, so that a test can do the same with inputs of its own.
//!
//! A body takes any octets, panics when a promise is broken, and ends in a time that its input's length bounds.

use hongyan_catalog::{CODES_FILE, parse_codes};
use hongyan_domain::status::{Action, Code, CodeTable, MessageStatus, Protocol, SubmitAnswer};

/// Any text as codes.yaml, and any text as a carrier's code: each is a table or a list of mistakes with their lines,
/// and every code has a meaning that stays when it is kept and asked for again.
#[allow(
    unreachable_pub,
    reason = "called by the libFuzzer target, which is another crate"
)]
pub fn codes(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    match parse_codes(&text) {
        Ok(table) => meanings(&table, octets, &text),
        Err(errors) => {
            assert!(errors.iter().next().is_some());
            for error in errors.iter() {
                assert_eq!(error.place.file, CODES_FILE);
                assert!(!error.reason.is_empty() && !error.reason.contains('\n'));
            }
            meanings(CodeTable::built_in(), octets, &text);
        }
    }
    for line in text.lines().take(32) {
        if let Ok(code) = line.parse::<Code>() {
            assert_eq!(code.to_string().parse(), Ok(code));
        }
    }
}

fn meanings(table: &CodeTable, octets: &[u8], text: &str) {
    let (numbers, _) = octets.as_chunks::<4>();
    for protocol in Protocol::ALL {
        for number in numbers.iter().take(32).map(|octets| u32::from_be_bytes(*octets)) {
            match table.submit(protocol, number) {
                SubmitAnswer::Taken => assert_eq!(number, 0),
                SubmitAnswer::Throttled => {
                    assert_eq!(
                        table.refusal(&protocol.result_code(number)).action,
                        Action::SlowDown
                    );
                }
                SubmitAnswer::Refused(detail) => {
                    assert_eq!(detail.status, MessageStatus::Rejected);
                    assert_eq!(table.refusal(&detail.raw_code), detail);
                }
            }
            assert_eq!(table.login(protocol, number).is_none(), number == 0);
        }
        for line in text.lines().take(32) {
            let (stat, error) = line.split_once('/').unwrap_or((line, ""));
            let once = table.receipt(&protocol.receipt_code(stat, error));
            assert!(once.raw_code.len() <= 32 && !once.advice.is_empty());
            assert_eq!(table.receipt(&once.raw_code), once);
        }
    }
    let refusal = table.refusal(text);
    assert!(refusal.is_final && refusal.status == MessageStatus::Rejected);
}
