//! The built-in codes, as data: one file for each protocol, and one for the status words that they share.
//!
//! Sources: CMPP V3.0.0 (QB-GF-028-2003); SGIP 1.2 (2001); SMGP V3.0.3 (CT/T SN RC1, 2008); SMPP 3.4, Issue 1.2. What
//! these leave open and gateways and aggregators were seen to mean by it is marked as seen: it varies by province and
//! vendor, sources disagree, and a deployment may do without it or put its own in its place.

mod cmpp;
mod row;
mod sgip;
mod smgp;
mod smpp;
mod words;

use super::{CodeKind, CodeTable, Protocol};
use row::Row;

/// The built-in entries: those of the documents, and where `with_seen` the others above them.
pub(super) fn all(with_seen: bool) -> CodeTable {
    let mut table = CodeTable::default();
    let mut add = |protocol: Protocol, kind: CodeKind, rows: &[Row]| {
        for row in rows.iter().filter(|row| with_seen || !row.is_seen) {
            table.set(protocol, kind, row.code(), row.meaning());
        }
    };
    for protocol in Protocol::ALL {
        add(protocol, CodeKind::Receipt, words::RECEIPT);
    }
    for protocol in [Protocol::Cmpp, Protocol::Smgp] {
        add(protocol, CodeKind::Receipt, words::NETWORK);
    }
    add(Protocol::Cmpp, CodeKind::Submit, cmpp::SUBMIT);
    add(Protocol::Cmpp, CodeKind::Login, cmpp::LOGIN);
    add(Protocol::Cmpp, CodeKind::Receipt, cmpp::RECEIPT);
    add(Protocol::Sgip, CodeKind::Submit, sgip::SUBMIT);
    add(Protocol::Sgip, CodeKind::Receipt, sgip::RECEIPT);
    add(Protocol::Smgp, CodeKind::Submit, smgp::SUBMIT);
    add(Protocol::Smpp, CodeKind::Submit, smpp::SUBMIT);
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::Code, cmpp, row::Row, sgip, smgp, smpp, words};

    const ALL: [&[Row]; 9] = [
        words::RECEIPT,
        words::NETWORK,
        cmpp::SUBMIT,
        cmpp::LOGIN,
        cmpp::RECEIPT,
        sgip::SUBMIT,
        sgip::RECEIPT,
        smgp::SUBMIT,
        smpp::SUBMIT,
    ];

    #[test]
    fn every_row_is_a_code_of_its_own_with_a_sentence() {
        for rows in ALL {
            let codes: BTreeSet<_> = rows.iter().map(|row| row.code().to_string()).collect();
            assert_eq!(codes.len(), rows.len(), "{codes:?}");
            for row in rows {
                let advice = row.meaning().advice;
                assert!(advice.ends_with('.') && advice.len() <= 200, "{advice}");
            }
        }
    }

    #[test]
    fn words_and_prefixes_are_what_a_file_could_write() {
        for row in ALL.iter().copied().flatten() {
            let code = row.code();
            assert_eq!(code.to_string().parse(), Ok(code.clone()));
            assert!(!matches!(code, Code::Prefix(ref prefix) if prefix.is_empty()));
        }
    }
}
